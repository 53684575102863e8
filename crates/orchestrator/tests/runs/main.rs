//! Runs from their start to their end, over the in-memory store, with
//! scripted workers, on a paused clock.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the message")]

mod began;
mod faults;
mod history;
mod limits;
mod losing;
mod panics;
mod place;
mod pool;
mod records;
mod reports;
mod rough;
mod script;
mod searches;
mod steer;
mod worker;
mod workers;

use std::time::Duration;

use gauntlet_model::{
    lifecycle::{ProcessingStatus, ShardStage, Status, StopReason},
    report::{ReasonCode, Report},
    run::{Run, WorkerStatus},
    template::{Load, Spec, WorkerLossPolicy},
};
use gauntlet_orchestrator::{ControlError, access::AccessError};
use gauntlet_store::{PageQuery, memory};
use script::{FakeTarget, Plane, in_status, measuring, spec};
use worker::{PER_INTERVAL, Script, Worker};

async fn report(plane: &Plane, run: &Run) -> Report {
    plane
        .services
        .stores
        .reports
        .get(run.id)
        .await
        .unwrap()
        .expect("a report")
}

fn sent(worker: &Worker) -> u64 {
    worker.memory.lock().unwrap().sent as u64 * PER_INTERVAL
}

fn lenient() -> Spec {
    Spec {
        worker_loss: WorkerLossPolicy::Continue,
        ..spec()
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_from_start_to_report() {
    let plane = Plane::new(spec()).await;
    let a = Worker::attach(&plane, 1, Script::default()).await;
    let b = Worker::attach(&plane, 2, Script::default()).await;
    let id = plane.run(7).await;
    let started = plane.orchestrator.start(id).await.unwrap();
    assert_eq!(started.status(), Status::Starting);
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    assert_eq!(run.state.processing(), ProcessingStatus::Completed);
    assert_eq!(
        run.state.measured().unwrap().length(),
        Duration::from_secs(5)
    );
    let report = report(&plane, &run).await;
    assert_eq!(report.total.succeeded, sent(&a) + sent(&b));
    for worker in [&a, &b] {
        let memory = worker.memory.lock().unwrap();
        let sequences: Vec<i64> = memory
            .commands
            .iter()
            .map(|command| command.sequence)
            .collect();
        assert_eq!(sequences, [1, 2, 3], "each command once, in order");
        assert!(memory.released);
    }
    assert!(
        plane
            .orchestrator
            .workers()
            .iter()
            .all(|worker| worker.status == WorkerStatus::Idle)
    );
}

#[tokio::test(start_paused = true)]
async fn everything_that_happened_is_an_event_without_gaps() {
    let plane = Plane::new(spec()).await;
    let _workers = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until_over(id).await;
    let page = PageQuery {
        after: None,
        limit: 1000,
    };
    let events = plane.services.stores.runs.events(id, page).await.unwrap();
    let sequences: Vec<i64> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(sequences, (1..=events.len() as i64).collect::<Vec<_>>());
    let messages: Vec<&str> = events.iter().map(|event| event.message.as_str()).collect();
    let text = messages.join(
        "
",
    );
    for expected in [
        "PREPARED",
        "STARTING",
        "READY",
        "START in WARMUP",
        "SET_PHASE MEASUREMENT",
        "STOP",
        "PROCESSING",
        "COMPLETED",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
}

async fn two(plane: &Plane, script: Script) -> (Worker, Worker) {
    (
        Worker::attach(plane, 1, script).await,
        Worker::attach(plane, 2, script).await,
    )
}

#[tokio::test(start_paused = true)]
async fn repeated_intervals_count_once() {
    let plane = Plane::new(spec()).await;
    let (a, b) = two(
        &plane,
        Script {
            repeats: true,
            ..Script::default()
        },
    )
    .await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let run = plane.until_over(id).await;
    assert_eq!(
        report(&plane, &run).await.total.succeeded,
        sent(&a) + sent(&b)
    );
}

#[tokio::test(start_paused = true)]
async fn inserts_are_held_against_the_rows_in_the_target() {
    for (missing, expected) in [(0, vec![]), (1, vec![ReasonCode::CountMismatch])] {
        let plane = Plane::new(Spec {
            workers: 1,
            ..spec()
        })
        .await;
        let a = Worker::attach(&plane, 1, Script::default()).await;
        let id = plane.run(7).await;
        let memory = a.memory.clone();
        let rows = move || memory.lock().unwrap().sent as u64 * PER_INTERVAL - missing;
        *plane.target.rows.lock().unwrap() = Some(Box::new(rows));
        plane.orchestrator.start(id).await.unwrap();
        let run = plane.until_over(id).await;
        let report = report(&plane, &run).await;
        let codes: Vec<ReasonCode> = report.reasons.iter().map(|reason| reason.code).collect();
        assert_eq!(codes, expected);
        assert_eq!(report.reconciliations[0].counted, sent(&a));
    }
}

#[tokio::test(start_paused = true)]
async fn too_few_workers_fail_the_run_with_one_sentence() {
    let plane = Plane::new(spec()).await;
    let _a = Worker::attach(&plane, 1, Script::default()).await;
    let id = plane.run(7).await;
    let error = plane.orchestrator.start(id).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the run needs 2 workers with 2 connections each, 1 of 1 attached workers are free; start more with \"gauntlet worker\""
    );
    let run = plane.get(id).await;
    assert_eq!(run.status(), Status::Failed);
    assert_eq!(run.state.end().unwrap().message, error.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_says_no_fails_the_run_and_reserves_nobody() {
    let refusal = AccessError::Refused("table t does not exist".to_owned());
    let target = FakeTarget {
        refuses: Some(refusal),
        ..FakeTarget::default()
    };
    let plane = Plane::with(memory::stores(), target, spec()).await;
    let _workers = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    let error = plane.orchestrator.start(id).await.unwrap_err();
    assert!(
        matches!(error, ControlError::SetupFailed(message) if message == "table t does not exist")
    );
    assert_eq!(plane.get(id).await.status(), Status::Failed);
    assert!(
        plane
            .orchestrator
            .workers()
            .iter()
            .all(|worker| worker.runs.is_empty())
    );
}

#[tokio::test(start_paused = true)]
async fn the_barrier_fails_the_run_naming_who_is_missing() {
    let plane = Plane::new(spec()).await;
    let _a = Worker::attach(&plane, 1, Script::default()).await;
    let b = Worker::attach(
        &plane,
        2,
        Script {
            never_ready: true,
            ..Script::default()
        },
    )
    .await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Failed);
    let message = &run.state.end().unwrap().message;
    assert!(message.contains(&b.id.to_string()), "{message}");
    assert_eq!(run.state.processing(), ProcessingStatus::Skipped);
    assert!(
        plane
            .orchestrator
            .workers()
            .iter()
            .all(|worker| worker.runs.is_empty())
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_worker_ends_the_run_or_not_as_the_policy_says() {
    for (spec, status) in [(spec(), Status::Failed), (lenient(), Status::Completed)] {
        let plane = Plane::new(spec).await;
        let (a, mut b) = two(&plane, Script::default()).await;
        let id = plane.run(7).await;
        plane.orchestrator.start(id).await.unwrap();
        plane.until(id, measuring).await;
        b.cut();
        let run = plane.until_over(id).await;
        assert_eq!(run.status(), status);
        assert_eq!(run.state.shards[1].stage, ShardStage::Lost);
        let report = report(&plane, &run).await;
        assert_eq!(report.reasons[0].code, ReasonCode::WorkerLost);
        let acked = b.memory.lock().unwrap().acked as u64 * PER_INTERVAL;
        assert_eq!(
            report.total.succeeded,
            sent(&a) + acked,
            "what was delivered counts"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_cut_stream_that_comes_back_loses_nothing() {
    let plane = Plane::new(spec()).await;
    let (a, mut b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    b.cut();
    // The next interval was measured while the stream was away.
    b.memory.lock().unwrap().sent += 1;
    tokio::time::advance(Duration::from_secs(2)).await;
    b.reattach(&plane).await;
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    assert_eq!(
        report(&plane, &run).await.total.succeeded,
        sent(&a) + sent(&b)
    );
    let commands = b.memory.lock().unwrap().commands.len();
    assert_eq!(
        commands, 3,
        "missed commands are sent again, others are not"
    );
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_control_plane_loses_nothing() {
    let plane = Plane::new(spec()).await;
    let (mut a, mut b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    let plane = plane.restarted().await;
    a.reattach(&plane).await;
    b.reattach(&plane).await;
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    assert_eq!(
        report(&plane, &run).await.total.succeeded,
        sent(&a) + sent(&b)
    );
}

#[tokio::test(start_paused = true)]
async fn the_live_view_survives_a_restart() {
    let plane = Plane::new(spec()).await;
    let (mut a, mut b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    let (_channel, before) = plane.orchestrator.metrics(id).await.unwrap();
    let plane = plane.restarted().await;
    a.reattach(&plane).await;
    b.reattach(&plane).await;
    let (_channel, after) = plane.orchestrator.metrics(id).await.unwrap();
    assert!(!before.history.is_empty());
    assert!(after.history.len() >= before.history.len());
}

#[tokio::test(start_paused = true)]
async fn workers_that_never_return_after_a_restart_end_the_run() {
    let plane = Plane::new(spec()).await;
    let (mut a, mut b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    a.cut();
    b.cut();
    let plane = plane.restarted().await;
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Failed);
    assert_eq!(run.state.end().unwrap().reason, StopReason::WorkerLost);
}

#[tokio::test(start_paused = true)]
async fn a_person_can_stop_and_abort_at_any_time() {
    let plane = Plane::new(spec()).await;
    let _workers = two(&plane, Script::default()).await;

    let prepared = plane.run(1).await;
    let run = plane
        .orchestrator
        .stop(prepared, "no need".to_owned())
        .await
        .unwrap();
    assert_eq!(run.status(), Status::Cancelled);

    let running = plane.run(2).await;
    plane.orchestrator.start(running).await.unwrap();
    plane.until(running, measuring).await;
    let run = plane
        .orchestrator
        .stop(running, "enough".to_owned())
        .await
        .unwrap();
    assert_eq!(run.status(), Status::Cancelling);
    let run = plane.until_over(running).await;
    assert_eq!(run.state.end().unwrap().message, "enough");
    let again = plane
        .orchestrator
        .stop(running, "again".to_owned())
        .await
        .unwrap();
    assert_eq!(again, run);

    let aborted = plane.run(3).await;
    plane.orchestrator.start(aborted).await.unwrap();
    plane.until(aborted, in_status(Status::Running)).await;
    plane
        .orchestrator
        .abort(aborted, "wrong".to_owned())
        .await
        .unwrap();
    let run = plane.until_over(aborted).await;
    assert_eq!(run.state.end().unwrap().reason, StopReason::UserAbort);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_started_once() {
    let plane = Plane::new(spec()).await;
    let _workers = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    let (first, second) = tokio::join!(plane.orchestrator.start(id), plane.orchestrator.start(id));
    assert_eq!(
        [first.is_ok(), second.is_ok()]
            .iter()
            .filter(|ok| **ok)
            .count(),
        1
    );
    plane.until_over(id).await;
    let late = plane.orchestrator.start(id).await.unwrap_err();
    assert_eq!(
        late.to_string(),
        "a run in status COMPLETED and phase DONE cannot be started"
    );
}

#[tokio::test(start_paused = true)]
async fn workers_are_not_shared_beyond_their_capacity() {
    // 60 of the 100 connections that a worker holds.
    let plane = Plane::new(Spec {
        load: Load::Concurrency {
            connections: 120,
            think_time: Duration::ZERO,
        },
        ..spec()
    })
    .await;
    let _workers = two(&plane, Script::default()).await;
    let (first, second) = (plane.run(1).await, plane.run(2).await);
    plane.orchestrator.start(first).await.unwrap();
    assert!(plane.orchestrator.start(second).await.is_err());
    assert_eq!(plane.until_over(first).await.status(), Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_run_is_no_run() {
    let plane = Plane::new(spec()).await;
    let unknown = gauntlet_model::id::RunId(uuid::Uuid::from_u128(99));
    for answer in [
        plane.orchestrator.start(unknown).await,
        plane.orchestrator.stop(unknown, String::new()).await,
    ] {
        assert!(matches!(answer, Err(ControlError::NoSuchRun(id)) if id == unknown));
    }
}

#[tokio::test(start_paused = true)]
async fn the_live_view_shows_every_second_once() {
    let plane = Plane::new(spec()).await;
    let (a, b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    let (_channel, early) = plane.orchestrator.metrics(id).await.unwrap();
    let mut live = early.live.expect("a run that is not over is live");
    plane.orchestrator.start(id).await.unwrap();
    plane.until_over(id).await;
    let mut shown = 0;
    let mut last = None;
    while let Ok(point) = live.try_recv() {
        assert!(last < Some(point.time), "a second comes once");
        last = Some(point.time);
        shown += point.total.succeeded;
    }
    assert_eq!(shown, sent(&a) + sent(&b));
    let (_channel, later) = plane.orchestrator.metrics(id).await.unwrap();
    assert_eq!(
        later
            .history
            .iter()
            .map(|point| point.total.succeeded)
            .sum::<u64>(),
        shown
    );
    assert!(later.live.is_none());
}
