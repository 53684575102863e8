//! Loads that are judged while they run: steady, beyond a limit, too much for
//! the generator.

use std::time::Duration;

use gauntlet_model::{
    lifecycle::{Action, Adjustment, ShardStage, Status, StopReason},
    report::ReasonCode,
    run::Run,
    search::{Outcome, SearchEnd},
    template::{
        Control, GuardrailMode, Guardrails, Level, Limit, Load, Phases, Scaling, ScalingMode,
        Scope, Slo, Spec, UntilSteady,
    },
};

use crate::{
    pool::{Pool, PoolWorker, succeeded},
    report,
    script::{Plane, measuring, reading},
    searches::{attached, bisect, intervals, searching},
};

fn phases(warmup: u64, measurement: u64) -> Phases {
    Phases {
        warmup: Duration::from_secs(warmup),
        measurement: Duration::from_secs(measurement),
        ..reading().phases
    }
}

fn closed(connections: u32) -> Load {
    Load::Concurrency {
        connections,
        think_time: Duration::ZERO,
    }
}

#[tokio::test(start_paused = true)]
async fn a_warmup_ends_when_the_load_is_steady_or_with_its_time() {
    let until = UntilSteady {
        window: Duration::from_secs(5),
        tolerance: 0.05,
    };
    for (warm_up_s, steady) in [(2.0, true), (30.0, false)] {
        let plane = Plane::new(Spec {
            phases: Phases {
                until_steady: Some(until),
                ..phases(40, 5)
            },
            ..reading()
        })
        .await;
        let pool = Pool {
            warm_up_s,
            ..Pool::default()
        };
        let _workers = attached(&plane, 2, pool).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        let run = plane.until_over(id).await;
        assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
        assert_eq!(run.state.warmup_steady, Some(steady));
        let began = run.state.measured().unwrap().from;
        let warm = began.since(run.state.load_started.unwrap());
        if steady {
            assert!(warm < Duration::from_secs(25), "{warm:?}");
        } else {
            assert_eq!(warm, Duration::from_secs(40));
        }
        let report = report(&plane, &run).await;
        let flagged = report
            .reasons
            .iter()
            .any(|one| one.code == ReasonCode::NeverSteady);
        assert_eq!(flagged, !steady, "{:?}", report.reasons);
    }
}

#[tokio::test(start_paused = true)]
async fn steadiness_is_not_forgotten_in_a_restart() {
    let until = UntilSteady {
        window: Duration::from_secs(10),
        tolerance: 0.05,
    };
    let plane = Plane::new(Spec {
        phases: Phases {
            until_steady: Some(until),
            ..phases(60, 5)
        },
        ..reading()
    })
    .await;
    let mut workers = attached(&plane, 2, Pool::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    tokio::time::sleep(Duration::from_secs(8)).await; // allow-sleep: time is paused
    let plane = plane.restarted().await;
    for worker in &mut workers {
        worker.reattach(&plane).await;
    }
    let run = plane.until(id, measuring).await;
    let began = run.state.phase_started().unwrap();
    let warm = began.since(run.state.load_started.unwrap());
    assert!(warm <= Duration::from_secs(14), "{warm:?}");
}

fn guarded(mode: GuardrailMode, limits: Guardrails) -> Control {
    Control {
        guardrails: Some(Guardrails { mode, ..limits }),
        ..Control::default()
    }
}

const NO_LIMITS: Guardrails = Guardrails {
    mode: GuardrailMode::Hard,
    max_worker_cpu: None,
    max_worker_memory_bytes: None,
    max_error_ratio: None,
    max_queue_ratio: None,
    patience_s: 3,
};

#[tokio::test(start_paused = true)]
async fn a_limit_of_the_whole_run_ends_it() {
    for mode in [GuardrailMode::Hard, GuardrailMode::Soft] {
        let limits = Guardrails {
            max_error_ratio: Some(0.05),
            ..NO_LIMITS
        };
        let plane = Plane::new(Spec {
            control: guarded(mode, limits),
            phases: phases(0, 60),
            ..reading()
        })
        .await;
        let pool = Pool {
            failures: 0.2,
            ..Pool::default()
        };
        let _workers = attached(&plane, 2, pool).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        let run = plane.until_over(id).await;
        assert_eq!(run.status(), Status::Stopped);
        let end = run.state.end().unwrap();
        assert_eq!(end.reason, StopReason::Guardrail, "{}", end.message);
        assert!(
            end.message.contains("20.0 % of the operations failed"),
            "{}",
            end.message
        );
        let measured = run.state.measured().unwrap().length();
        assert!(measured < Duration::from_secs(5), "{measured:?}");
        assert!(report(&plane, &run).await.total.succeeded > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_beyond_a_soft_limit_gets_less_load() {
    let limits = Guardrails {
        max_worker_cpu: Some(0.9),
        ..NO_LIMITS
    };
    let plane = Plane::apart(Spec {
        control: guarded(GuardrailMode::Soft, limits),
        phases: phases(0, 30),
        load: closed(100),
        ..reading()
    })
    .await;
    let weak = Pool {
        cpu_per_connection: 0.02,
        ..Pool::default()
    };
    let a = PoolWorker::attach(&plane, 1, weak).await;
    let b = PoolWorker::attach(&plane, 2, Pool::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    let parts = [0, 1].map(|shard| {
        run.state
            .split
            .part(Level::Concurrency { connections: 100 }, shard, 2)
    });
    assert_eq!(
        parts,
        [40, 60].map(|connections| Level::Concurrency { connections })
    );
    let stored = intervals(&plane, id).await;
    assert_eq!(succeeded(&stored), a.made() + b.made());
    let report = report(&plane, &run).await;
    let codes: Vec<ReasonCode> = report.reasons.iter().map(|one| one.code).collect();
    assert!(codes.contains(&ReasonCode::Degraded), "{codes:?}");
}

#[tokio::test(start_paused = true)]
async fn where_all_workers_are_beyond_a_soft_limit_one_is_added_if_that_is_allowed() {
    for (mode, status) in [
        (ScalingMode::Auto, Status::Completed),
        (ScalingMode::Fixed, Status::Stopped),
    ] {
        let limits = Guardrails {
            max_worker_cpu: Some(0.5),
            ..NO_LIMITS
        };
        let mut spec = scaled(mode, 40);
        spec.control.guardrails = Some(Guardrails {
            mode: GuardrailMode::Soft,
            ..limits
        });
        let plane = Plane::apart(spec).await;
        let _workers = attached(&plane, 2, hungry()).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        let run = plane.until_over(id).await;
        let end = run.state.end().unwrap();
        assert_eq!(run.status(), status, "{end:?}");
        if status == Status::Stopped {
            assert_eq!(end.reason, StopReason::Guardrail);
        } else {
            assert_eq!(run.state.shards.len(), 2);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_objective_can_end_the_run() {
    let slo = |abort_on_fail| Slo {
        name: "few errors".to_owned(),
        scope: Scope::All,
        limit: Limit::ErrorRatio(0.01),
        confidence: 0.95,
        abort_on_fail,
    };
    for (abort, status) in [(true, Status::Stopped), (false, Status::Completed)] {
        let plane = Plane::new(Spec {
            slos: vec![slo(abort)],
            phases: phases(2, 30),
            ..reading()
        })
        .await;
        let pool = Pool {
            failures: 0.1,
            ..Pool::default()
        };
        let mut workers = attached(&plane, 2, pool).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        plane.until(id, measuring).await;
        tokio::time::sleep(Duration::from_secs(3)).await; // allow-sleep: time is paused
        let plane = plane.restarted().await;
        for worker in &mut workers {
            worker.reattach(&plane).await;
        }
        let run = plane.until_over(id).await;
        assert_eq!(run.status(), status);
        let measured = run.state.measured().unwrap().length();
        if abort {
            let end = run.state.end().unwrap();
            assert_eq!(end.reason, StopReason::SloAbort, "{}", end.message);
            assert!(measured >= Duration::from_secs(5) && measured < Duration::from_secs(7));
        }
    }
}

fn scaled(mode: ScalingMode, connections: u32) -> Spec {
    Spec {
        workers: 1,
        load: closed(connections),
        phases: phases(0, 30),
        control: Control {
            scaling: Scaling {
                mode,
                ..Scaling::default()
            },
            ..Control::default()
        },
        ..reading()
    }
}

/// 50 connections use up a worker.
fn hungry() -> Pool {
    Pool {
        servers: 1_000.0,
        cpu_per_connection: 0.02,
        ..Pool::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_added_when_the_generator_is_the_limit() {
    let plane = Plane::apart(scaled(ScalingMode::Auto, 60)).await;
    let workers = attached(&plane, 3, hungry()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let two = |run: &Run| {
        let running =
            |shard: &&gauntlet_model::lifecycle::ShardState| shard.stage == ShardStage::Running;
        run.state.shards.iter().filter(running).count() == 2
    };
    plane.until(id, two).await;
    let adjustment = Adjustment::Level(Level::Concurrency { connections: 70 });
    let (adjusted, at) = plane
        .orchestrator
        .adjust(id, adjustment, "a little more".to_owned())
        .await
        .unwrap();
    assert_eq!(adjusted.state.shards.len(), 2);
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    assert_eq!(
        run.state.shards.len(),
        2,
        "35 connections each are not too many"
    );
    assert_eq!(
        run.state.shards[0].worker, workers[0].id,
        "shards keep their place"
    );
    let stored = intervals(&plane, id).await;
    let made: u64 = workers.iter().map(PoolWorker::made).sum();
    assert_eq!(succeeded(&stored), made);
    // Of 70 connections each has half: 100 operations a second per connection.
    let after = stored
        .iter()
        .filter(|one| one.start > at + Duration::from_secs(1));
    let whole = after.filter(|one| one.end.since(one.start) == Duration::from_secs(1));
    for one in whole {
        assert_eq!(
            succeeded(std::slice::from_ref(one)),
            3_500,
            "{:?}",
            one.attempt
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_needs_more_workers_than_it_may_have_ends() {
    let mode = ScalingMode::Bounded { max_workers: 2 };
    let plane = Plane::apart(scaled(mode, 150)).await;
    let _workers = attached(&plane, 3, hungry()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let run = plane.until_over(id).await;
    let end = run.state.end().unwrap();
    assert_eq!(
        (run.status(), end.reason),
        (Status::Stopped, StopReason::BoundReached),
        "{end:?}"
    );
    assert_eq!(run.state.shards.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_search_is_not_fooled_by_its_own_generator() {
    // The pool holds 100 connections, a worker 50 without being the limit.
    let pool = Pool {
        servers: 100.0,
        cpu_per_connection: 0.014,
        ..Pool::default()
    };
    for mode in [ScalingMode::Auto, ScalingMode::Fixed] {
        let mut spec = searching(bisect());
        spec.workers = 1;
        spec.control.scaling.mode = mode;
        let plane = Plane::apart(spec).await;
        let workers = attached(&plane, 4, pool).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        let run = plane.until_over(id).await;
        assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
        let report = report(&plane, &run).await;
        let findings = report.search.unwrap();
        let steps = &findings.steps;
        if mode == ScalingMode::Fixed {
            assert_eq!(findings.end, SearchEnd::Generator, "{}", findings.message);
            assert_eq!(steps.last().unwrap().outcome, Outcome::Generator);
        } else {
            assert_eq!(findings.end, SearchEnd::Found, "{}", findings.message);
            let Some(Level::Concurrency { connections }) = findings.best else {
                panic!("{findings:#?}");
            };
            assert!((97..=100).contains(&connections), "{connections}");
            assert!(run.state.shards.len() >= 2);
        }
        let made: u64 = workers.iter().map(PoolWorker::made).sum();
        assert_eq!(succeeded(&intervals(&plane, id).await), made);
    }
}

#[tokio::test(start_paused = true)]
async fn a_level_that_the_workers_cannot_hold_says_so() {
    let mut spec = searching(bisect());
    spec.control.scaling.mode = ScalingMode::Auto;
    let plane = Plane::new(spec).await;
    let _a = PoolWorker::with_capacity(&plane, 1, hungry(), 30).await;
    let _b = PoolWorker::with_capacity(&plane, 2, hungry(), 30).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let run = plane.until_over(id).await;
    let progress = run.state.search.as_ref().unwrap();
    let (end, message) = progress.end.clone().unwrap();
    assert_eq!(end, SearchEnd::Generator, "{message}");
    let last = progress.steps.last().unwrap();
    assert!(
        last.message.contains("holds at most 30 connections"),
        "{}",
        last.message
    );
    assert_eq!(
        progress.best().unwrap().trial.level,
        Level::Concurrency { connections: 32 }
    );
    let controls = plane.services.stores.runs.controls(id, 0).await.unwrap();
    let steps = controls
        .iter()
        .filter(|one| matches!(one.action, Action::Step(_)));
    assert_eq!(steps.count(), progress.steps.len());
}
