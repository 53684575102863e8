//! Workers that are lost under load, and those that take their place.

use std::time::Duration;

use gauntlet_model::{
    lifecycle::{Action, Phase, ShardStage, Stage, Status, StopReason},
    report::ReasonCode,
    run::Run,
    search::Outcome,
    session::WorkerEvent,
    template::{Control, Level, Load, Spec, WorkerLossPolicy},
    time::Timestamp,
};

use crate::{
    pool::{Pool, PoolWorker, succeeded},
    report,
    script::{Plane, measuring, reading, spec},
    searches::{attached, bisect, intervals, searching},
};

/// Four workers for eight connections, ten seconds of measurement.
fn four(worker_loss: WorkerLossPolicy, spec: Spec) -> Spec {
    Spec {
        workers: 4,
        worker_loss,
        start_timeout: Duration::from_secs(5),
        load: Load::Concurrency {
            connections: 8,
            think_time: Duration::ZERO,
        },
        phases: gauntlet_model::template::Phases {
            measurement: Duration::from_secs(15),
            ..spec.phases
        },
        ..spec
    }
}

fn now(plane: &Plane) -> Timestamp {
    plane.services.clock.now()
}

fn lost(shard: usize) -> impl Fn(&Run) -> bool {
    move |run| !run.state.shards[shard].stage.is_live()
}

/// What the workers made that are still there is stored, each interval once,
/// and so is what the lost one delivered.
async fn check_counts(plane: &Plane, run: &Run, workers: &[PoolWorker]) {
    let stored = intervals(plane, run.id).await;
    for worker in workers {
        let memory = worker.memory.lock().unwrap();
        for made in &memory.made {
            let found = stored
                .iter()
                .filter(|one| (one.attempt, one.sequence) == (made.attempt, made.sequence));
            assert_eq!(found.count(), 1, "{:?} {}", made.attempt, made.sequence);
        }
    }
    let report = report(plane, run).await;
    let measured = stored.iter().flat_map(|one| &one.operations);
    let measured = measured.filter(|part| part.phase == Phase::Measurement);
    let count: u64 = measured
        .map(|part| part.succeeded.response.decode().unwrap().len())
        .sum();
    assert_eq!(report.total.succeeded, count);
    assert!(count > 0 && succeeded(&stored) > count);
}

#[tokio::test(start_paused = true)]
async fn one_of_four_that_is_killed_ends_the_run_or_not_as_the_policy_says() {
    for (policy, status) in [
        (WorkerLossPolicy::Fail, Status::Failed),
        (WorkerLossPolicy::Continue, Status::Completed),
        // Nobody is there to take over.
        (WorkerLossPolicy::Replace, Status::Failed),
    ] {
        let plane = Plane::new(four(policy, reading())).await;
        let mut workers = attached(&plane, 4, Pool::default()).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        plane.until(id, measuring).await;
        tokio::time::sleep(Duration::from_millis(2_345)).await; // allow-sleep: time is paused
        let killed = now(&plane);
        workers[1].kill();
        let run = plane.until(id, lost(1)).await;
        let seen = now(&plane).since(killed);
        assert!(seen <= Duration::from_secs(3), "{policy:?}: {seen:?}");
        assert_eq!(run.state.shards[1].stage, ShardStage::Lost);
        let run = plane.until_over(id).await;
        assert_eq!(run.status(), status, "{policy:?}: {:?}", run.state.end());
        check_counts(&plane, &run, &workers).await;
        let report = report(&plane, &run).await;
        let codes: Vec<ReasonCode> = report.reasons.iter().map(|reason| reason.code).collect();
        assert!(
            codes.contains(&ReasonCode::WorkerLost),
            "{policy:?}: {codes:?}"
        );
        if policy == WorkerLossPolicy::Replace {
            let message = &run.state.end().unwrap().message;
            assert!(
                message.contains("no worker could take over shard 1"),
                "{message}"
            );
        }
        let rest = plane.orchestrator.workers();
        assert!(rest.iter().all(|worker| worker.runs.is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_free_worker_takes_over_with_keys_of_its_own() {
    let plane = Plane::new(four(WorkerLossPolicy::Replace, spec())).await;
    let mut workers = attached(&plane, 5, Pool::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    tokio::time::sleep(Duration::from_millis(2_345)).await; // allow-sleep: time is paused
    let killed = now(&plane);
    workers[1].kill();
    let replaced = |run: &Run| {
        let shard = run.state.shards[1];
        (shard.attempt, shard.stage) == (2, ShardStage::Running)
    };
    let run = plane.until(id, replaced).await;
    let took = now(&plane).since(killed);
    assert!(took <= Duration::from_millis(3_100), "{took:?}");
    assert_eq!(run.state.shards[1].worker, workers[4].id);
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    check_counts(&plane, &run, &workers).await;
    // It began in the phase of the moment, and did the rest of the work.
    let began = {
        let memory = workers[4].memory.lock().unwrap();
        let first = memory.made.first().unwrap();
        assert!(
            first
                .operations
                .iter()
                .all(|part| part.phase == Phase::Measurement)
        );
        first.start
    };
    assert!(began.since(killed) <= Duration::from_secs(5));
    let attempts = plane.services.stores.runs.attempts(id).await.unwrap();
    let mut keys: Vec<i64> = attempts.iter().map(|attempt| attempt.keys.first).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 5, "each attempt has keys of its own");
    let report = report(&plane, &run).await;
    let degraded = |code| report.reasons.iter().any(|reason| reason.code == code);
    assert!(degraded(ReasonCode::Degraded), "{:?}", report.reasons);
    assert!(!degraded(ReasonCode::WorkerLost), "{:?}", report.reasons);
    let parts: Vec<(u32, u32)> = report
        .shards
        .iter()
        .map(|one| (one.shard, one.attempt))
        .collect();
    assert_eq!(parts, [(0, 1), (1, 1), (1, 2), (2, 1), (3, 1)]);
    assert!(
        report.phase_skew_us < 1_000,
        "a joiner is no skew: {}",
        report.phase_skew_us
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_lost_can_take_over_itself() {
    let plane = Plane::new(four(WorkerLossPolicy::Replace, reading())).await;
    let mut workers = attached(&plane, 4, Pool::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    workers[1].cut();
    plane.until(id, lost(1)).await;
    workers[1].reattach(&plane).await;
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    assert_eq!(
        (run.state.shards[1].worker, run.state.shards[1].attempt),
        (workers[1].id, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_looked_for_again_after_a_restart() {
    let plane = Plane::new(four(WorkerLossPolicy::Replace, reading())).await;
    let mut workers = attached(&plane, 4, Pool::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    workers[1].kill();
    plane.until(id, lost(1)).await;
    let plane = plane.restarted().await;
    for number in [0, 2, 3] {
        workers[number].reattach(&plane).await;
    }
    workers.push(PoolWorker::attach(&plane, 5, Pool::default()).await);
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    assert_eq!(
        (run.state.shards[1].worker, run.state.shards[1].attempt),
        (workers[4].id, 2)
    );
    check_counts(&plane, &run, &workers).await;
}

#[tokio::test(start_paused = true)]
async fn a_loss_before_the_barrier_is_replaced_too() {
    let plane = Plane::new(four(WorkerLossPolicy::Replace, reading())).await;
    // One is never ready: its clock is not known.
    let mut workers = attached(&plane, 3, Pool::default()).await;
    let dumb = Pool {
        clock: |_| None,
        ..Pool::default()
    };
    workers.push(PoolWorker::attach(&plane, 4, dumb).await);
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await; // allow-sleep: time is paused
    workers[3].kill();
    workers.push(PoolWorker::attach(&plane, 5, Pool::default()).await);
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    assert_eq!(
        (run.state.shards[3].worker, run.state.shards[3].attempt),
        (workers[4].id, 2)
    );
    let report = report(&plane, &run).await;
    assert!(report.reasons.is_empty(), "{:?}", report.reasons);
}

#[tokio::test(start_paused = true)]
async fn a_search_repeats_the_step_that_lost_a_worker() {
    for policy in [WorkerLossPolicy::Replace, WorkerLossPolicy::Continue] {
        let plane = Plane::new(Spec {
            worker_loss: policy,
            ..searching(bisect())
        })
        .await;
        let mut workers = attached(&plane, 3, Pool::default()).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        let second = |run: &Run| {
            let search = run.state.search.as_ref();
            search.is_some_and(|search| search.steps.len() == 1)
        };
        plane.until(id, second).await;
        workers[0].kill();
        let run = plane.until_over(id).await;
        assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
        let steps = &run.state.search.as_ref().unwrap().steps;
        let broken: Vec<u32> = steps
            .iter()
            .filter(|step| step.outcome == Outcome::Abandoned)
            .map(|step| step.trial.step)
            .collect();
        // Detection takes longer than a window: more than one may be broken off.
        assert!(!broken.is_empty() && broken.len() <= 2, "{steps:#?}");
        let report = report(&plane, &run).await;
        let findings = report.search.as_ref().unwrap();
        assert_eq!(
            findings.best,
            Some(Level::Concurrency { connections: 20 }),
            "{findings:#?}"
        );
        assert!((report.total.throughput_per_s - 2_000.0).abs() < 2.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_end_a_worker_did_not_live_to_see_says_nothing() {
    for restarts in [false, true] {
        let mut plane = Plane::new(Spec {
            worker_loss: WorkerLossPolicy::Replace,
            ..searching(bisect())
        })
        .await;
        let mut workers = attached(&plane, 3, Pool::default()).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        let second = |run: &Run| {
            let current = run.state.search.as_ref().and_then(|search| search.current);
            current.is_some_and(|current| current.trial.step == 2)
        };
        let run = plane.until(id, second).await;
        let to = run.state.search.unwrap().current.unwrap().to;
        let until = to.before(Duration::from_millis(200)).since(now(&plane));
        tokio::time::sleep(until).await; // allow-sleep: time is paused
        workers[0].kill();
        if restarts {
            plane = plane.restarted().await;
            for worker in &mut workers[1..] {
                worker.reattach(&plane).await;
            }
        }
        let run = plane.until_over(id).await;
        let steps = &run.state.search.as_ref().unwrap().steps;
        assert_eq!(steps[1].outcome, Outcome::Abandoned, "{steps:#?}");
        assert_eq!(steps[2].trial.level, steps[1].trial.level);
        let best = run.state.search.as_ref().unwrap().best().unwrap();
        assert_eq!(best.trial.level, Level::Concurrency { connections: 20 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_leaves_under_load_is_missed_as_the_policy_says_but_not_lost() {
    for (policy, status) in [
        (WorkerLossPolicy::Fail, Status::Failed),
        (WorkerLossPolicy::Continue, Status::Completed),
        (WorkerLossPolicy::Replace, Status::Completed),
    ] {
        let plane = Plane::new(four(policy, reading())).await;
        let workers = attached(&plane, 5, Pool::default()).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        plane.until(id, measuring).await;
        tokio::time::sleep(Duration::from_millis(500)).await; // allow-sleep: time is paused
        let message = "its machine goes down".to_owned();
        workers[1].say(WorkerEvent::Goodbye { message }).await;
        let run = plane.until_over(id).await;
        assert_eq!(run.status(), status, "{:?}", run.state.end());
        let attempts = plane.services.stores.runs.attempts(id).await.unwrap();
        let left = attempts
            .iter()
            .find(|one| (one.shard, one.number) == (1, 1))
            .unwrap();
        assert_eq!(left.message, "the worker left: its machine goes down");
        assert_eq!(left.stage, ShardStage::Finished, "all it had was delivered");
        check_counts(&plane, &run, &workers).await;
        let report = report(&plane, &run).await;
        let codes: Vec<ReasonCode> = report.reasons.iter().map(|one| one.code).collect();
        assert!(!codes.contains(&ReasonCode::WorkerLost), "{codes:?}");
        assert!(codes.contains(&ReasonCode::Degraded) || policy == WorkerLossPolicy::Fail);
    }
}

#[tokio::test(start_paused = true)]
async fn no_load_begins_before_the_clocks_are_good_enough() {
    let worse = |second: u64| Some(Duration::from_millis(if second < 3 { 30 } else { 1 }));
    let late = Pool {
        clock: worse,
        ..Pool::default()
    };
    let never = Pool {
        clock: |_| Some(Duration::from_millis(30)),
        ..Pool::default()
    };
    for (pool, status) in [(late, Status::Completed), (never, Status::Failed)] {
        let plane = Plane::new(reading()).await;
        let _a = PoolWorker::attach(&plane, 1, Pool::default()).await;
        let _b = PoolWorker::attach(&plane, 2, pool).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        let run = plane.until_over(id).await;
        let end = run.state.end().unwrap();
        assert_eq!(run.status(), status, "{end:?}");
        if status == Status::Failed {
            assert_eq!(end.reason, StopReason::SetupError);
            assert!(
                end.message.starts_with(
                    "the clock of worker w2 is uncertain by 30.000 ms, 20 ms are allowed"
                ),
                "{}",
                end.message
            );
        } else {
            let began = run.state.load_started.unwrap().since(run.started.unwrap());
            assert!(began >= Duration::from_secs(3), "{began:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_goes_on_waiting_after_a_restart() {
    let plane = Plane::new(Spec {
        control: Control {
            worker_wait: Duration::from_mins(1),
            ..Control::default()
        },
        ..reading()
    })
    .await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let waits = |run: &Run| matches!(run.state.stage, Stage::Waiting { .. });
    plane.until(id, waits).await;
    let plane = plane.restarted().await;
    tokio::time::sleep(Duration::from_secs(20)).await; // allow-sleep: time is paused
    assert!(waits(&plane.get(id).await));
    let workers = attached(&plane, 2, Pool::default()).await;
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    let alone = plane.run(8).await;
    drop(workers);
    plane.orchestrator.start(alone).await.unwrap();
    let plane = plane.restarted().await;
    let run = plane.until_over(alone).await;
    assert_eq!(run.state.end().unwrap().reason, StopReason::SetupError);
}

#[tokio::test(start_paused = true)]
async fn a_restart_while_workers_connect_loses_nobody() {
    let late = Pool {
        clock: |second| (second >= 2).then_some(Duration::from_millis(1)),
        ..Pool::default()
    };
    let plane = Plane::new(reading()).await;
    let mut workers = attached(&plane, 2, late).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await; // allow-sleep: time is paused
    let plane = plane.restarted().await;
    for worker in &mut workers {
        worker.reattach(&plane).await;
    }
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    let starts = workers[0].memory.lock().unwrap().made.len();
    assert!(starts > 0);
    let controls = plane.services.stores.runs.controls(id, 0).await.unwrap();
    let starts = controls
        .iter()
        .filter(|one| matches!(one.action, Action::Start(_)));
    assert_eq!(starts.count(), 1);
}
