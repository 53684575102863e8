//! When each worker's first operation was due, while the run goes on.

use std::time::Duration;

use gauntlet_model::{
    id::RunId,
    lifecycle::{Phase, Status},
    run::{Attempt, Run},
    session::WorkerEvent,
    template::{Phases, Spec},
    time::Timestamp,
};

use crate::{
    report,
    script::{Plane, in_status, measuring, spec},
    two,
    worker::{Began, Script, Worker, interval},
};

fn long() -> Spec {
    Spec {
        phases: Phases {
            measurement: Duration::from_mins(1),
            ..spec().phases
        },
        ..spec()
    }
}

async fn attempts(plane: &Plane, run: RunId) -> Vec<Attempt> {
    plane.services.stores.runs.attempts(run).await.unwrap()
}

fn began(attempts: &[Attempt]) -> Vec<Option<Timestamp>> {
    let attempts = attempts.iter();
    attempts.map(|attempt| attempt.first_operation).collect()
}

/// Waits until whoever watches the run's shards sees when all of them began.
async fn watched(plane: &Plane, run: RunId) -> (Run, Vec<Attempt>) {
    let channel = plane.orchestrator.channel(run);
    let mut states = channel.states();
    let told = states.wait_for(|seen| {
        let seen = seen.as_ref();
        seen.is_some_and(|seen| began(&seen.attempts).iter().all(Option::is_some))
    });
    let told = tokio::time::timeout(Duration::from_mins(1), told).await;
    let told = told.expect("all are told").unwrap();
    let seen = told.as_ref().unwrap();
    (Run::clone(&seen.run), seen.attempts.to_vec())
}

#[tokio::test(start_paused = true)]
async fn a_watcher_sees_it_before_the_end_and_a_restart_keeps_it() {
    let plane = Plane::new(long()).await;
    let (mut a, mut b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, in_status(Status::Running)).await;
    let (run, seen) = watched(&plane, id).await;
    assert_eq!(run.state.phase(), Some(Phase::Warmup));
    assert_eq!(began(&seen), [run.state.load_started; 2]);
    assert!(seen.iter().any(|attempt| attempt.revision == run.revision));
    assert_eq!(attempts(&plane, id).await, seen);

    let plane = plane.restarted().await;
    a.reattach(&plane).await;
    b.reattach(&plane).await;
    plane.until(id, measuring).await;
    tokio::time::sleep(Duration::from_secs(5)).await; // allow-sleep: time is paused
    // It is stored once: what intervals tell again is no news.
    assert_eq!(attempts(&plane, id).await, seen);
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    assert_eq!(began(&attempts(&plane, id).await), began(&seen));
    assert_eq!(report(&plane, &run).await.start_skew_us, 0);
}

#[tokio::test(start_paused = true)]
async fn nonsense_and_second_thoughts_change_nothing() {
    let plane = Plane::new(long()).await;
    let silent = Script {
        began: Began::AtItsEnd,
        ..Script::default()
    };
    let (a, _b) = two(&plane, silent).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let run = plane.until(id, measuring).await;
    let origin = run.state.load_started.unwrap();
    let shard = a.attempt().shard as usize;
    let mut sequence = 1_000;
    let mut say = async |worker: &Worker, at: Timestamp| {
        sequence += 1;
        let stretch = (origin, origin + Duration::from_secs(1));
        let interval = interval(worker.attempt(), sequence, stretch, Phase::Warmup);
        let told = WorkerEvent::Interval {
            interval: Box::new(interval),
            first_operation: Some(at),
        };
        worker.say(told).await;
        tokio::time::sleep(Duration::from_secs(1)).await; // allow-sleep: time is paused
        attempts(&plane, id).await.swap_remove(shard)
    };
    let hour = Duration::from_hours(1);
    for nonsense in [
        Timestamp(i64::MIN),
        Timestamp(-5),
        origin.before(Duration::from_secs(10)),
        origin + hour,
        Timestamp(i64::MAX),
    ] {
        assert_eq!(say(&a, nonsense).await.first_operation, None);
    }
    // A clock may be off by a little.
    let first = origin.before(Duration::from_millis(3));
    let known = say(&a, first).await;
    assert_eq!(known.first_operation, Some(first));
    for other in [origin, Timestamp(-5)] {
        assert_eq!(say(&a, other).await, known);
    }
    // The end has the last word; the other worker tells only then.
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    assert_eq!(began(&attempts(&plane, id).await), [Some(origin); 2]);
}

#[tokio::test(start_paused = true)]
async fn what_was_told_of_a_worker_that_is_lost_stays() {
    let plane = Plane::new(long()).await;
    let (_a, mut b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let (run, seen) = watched(&plane, id).await;
    b.cut();
    let over = plane.until_over(id).await;
    assert_eq!(over.status(), Status::Failed);
    assert_eq!(began(&attempts(&plane, id).await), began(&seen));
    assert_eq!(began(&seen)[1], run.state.load_started);
}
