//! Workers that are to leave.

use std::time::Duration;

use gauntlet_model::{id::WorkerId, lifecycle::Status, run::WorkerStatus, session::WorkerEvent};
use gauntlet_orchestrator::DrainError;
use uuid::Uuid;

use crate::{
    script::{Plane, measuring, spec},
    two,
    worker::{Script, Worker},
};

fn status(plane: &Plane, worker: &Worker) -> WorkerStatus {
    let workers = plane.orchestrator.workers();
    let found = workers.iter().find(|known| known.id == worker.id);
    found.unwrap().status
}

#[tokio::test(start_paused = true)]
async fn a_drained_worker_finishes_and_is_not_chosen_again() {
    let plane = Plane::new(spec()).await;
    let (a, b) = two(&plane, Script::default()).await;
    let first = plane.run(1).await;
    plane.orchestrator.start(first).await.unwrap();
    plane.until(first, measuring).await;
    let drain = || plane.orchestrator.drain(a.id, "maintenance".to_owned());
    let drained = drain().await.unwrap();
    assert_eq!(
        (drained.status, &drained.runs),
        (WorkerStatus::Draining, &vec![first])
    );
    assert_eq!(drain().await, Ok(drained), "asking again changes nothing");
    assert_eq!(plane.until_over(first).await.status(), Status::Completed);
    let told = a.memory.lock().unwrap().drained.clone();
    assert_eq!(told.as_deref(), Some("maintenance"));
    assert_eq!(status(&plane, &a), WorkerStatus::Draining);
    assert_eq!(status(&plane, &b), WorkerStatus::Idle);
    let second = plane.run(2).await;
    let refused = plane.orchestrator.start(second).await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("1 of 2 attached workers are free"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_comes_back_is_still_to_leave() {
    let plane = Plane::new(spec()).await;
    let mut a = Worker::attach(&plane, 1, Script::default()).await;
    let drained = plane.orchestrator.drain(a.id, "maintenance".to_owned());
    drained.await.unwrap();
    let feed = plane.orchestrator.hub().workers();
    let begin = *feed.newest().borrow();
    a.memory.lock().unwrap().drained = None;
    a.reattach(&plane).await;
    assert_eq!(status(&plane, &a), WorkerStatus::Draining);
    assert!(!feed.after(begin).unwrap().is_empty(), "watchers are told");
    // As after a kill: what was stored last is that it is to leave.
    let plane = plane.restarted().await;
    a.memory.lock().unwrap().drained = None;
    a.reattach(&plane).await;
    assert_eq!(status(&plane, &a), WorkerStatus::Draining);
    tokio::time::sleep(Duration::from_secs(1)).await; // allow-sleep: time is paused
    assert!(a.memory.lock().unwrap().drained.is_some());
}

#[tokio::test(start_paused = true)]
async fn who_is_not_there_cannot_be_sent_home() {
    let plane = Plane::new(spec()).await;
    let a = Worker::attach(&plane, 1, Script::default()).await;
    let unknown = WorkerId(Uuid::from_u128(99));
    let drain = |worker| plane.orchestrator.drain(worker, String::new());
    assert_eq!(drain(unknown).await, Err(DrainError::NoSuchWorker(unknown)));
    let message = "done".to_owned();
    a.say(WorkerEvent::Goodbye { message }).await;
    tokio::time::sleep(Duration::from_secs(1)).await; // allow-sleep: time is paused
    assert_eq!(drain(a.id).await, Err(DrainError::Detached(a.id)));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_only_lives_is_told_of_now_and_then() {
    let plane = Plane::new(spec()).await;
    let _a = Worker::attach(&plane, 1, Script::default()).await;
    let feed = plane.orchestrator.hub().workers();
    let begin = *feed.newest().borrow();
    tokio::time::sleep(Duration::from_millis(30_500)).await; // allow-sleep: time is paused
    let told = *feed.newest().borrow() - begin;
    assert!((5..=6).contains(&told), "{told} times in 30 s");
}
