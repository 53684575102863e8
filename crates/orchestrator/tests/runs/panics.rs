//! A run's task that panics: the run is taken up again, loses nothing, and
//! fails with a reason where that does not help.

use std::{future::pending, time::Duration};

use gauntlet_model::{
    id::RunId,
    lifecycle::{ProcessingStatus, Status, StopReason},
    run::Run,
    template::Spec,
};

use crate::{
    faults::{self, Panics},
    report,
    script::{FakeTarget, Plane, measuring, spec},
    sent,
    worker::{Script, Worker},
};

/// Starts the run and serves it until it is over, with workers that come back
/// whenever the control plane hangs up.
async fn until_over(plane: &Plane, id: RunId, workers: &mut [Worker; 2]) -> Run {
    let [a, b] = workers;
    let over = async {
        // The answer may be lost with the task that should have given it.
        let _ = plane.orchestrator.start(id).await;
        plane.until_over(id).await
    };
    tokio::select! {
        run = over => run,
        () = a.keep_attached(plane) => pending().await,
        () = b.keep_attached(plane) => pending().await,
    }
}

async fn two(plane: &Plane) -> [Worker; 2] {
    [
        Worker::attach(plane, 1, Script::default()).await,
        Worker::attach(plane, 2, Script::default()).await,
    ]
}

async fn broken(panics: Panics, spec: Spec) -> (Run, bool) {
    let of = format!("{} after {}", panics.of, panics.after);
    let (stores, fault) = faults::all();
    let plane = Plane::with(stores, FakeTarget::default(), spec).await;
    let mut workers = two(&plane).await;
    let id = plane.run(7).await;
    fault.panic(panics);
    let run = until_over(&plane, id, &mut workers).await;
    let busy = plane.orchestrator.workers();
    assert!(busy.iter().all(|one| one.runs.is_empty()), "{of}: {busy:?}");
    let [a, b] = &workers;
    if run.status() == Status::Completed {
        if run.state.processing() == ProcessingStatus::Failed {
            // The report is made beside the task, and again by who asks for it.
            plane.orchestrator.retry_processing(id).await.unwrap();
        }
        let counted = report(&plane, &run).await.total.succeeded;
        assert_eq!(counted, sent(a) + sent(b), "{of}");
    }
    (run, fault.panics_left() == 0)
}

/// One panic in each call of the store that a run makes, one after the other.
#[tokio::test(start_paused = true)]
async fn a_run_whose_task_panics_is_taken_up_again_and_loses_nothing() {
    for after in 0.. {
        let panics = Panics {
            of: "",
            after,
            times: 1,
        };
        let (run, panicked) = broken(panics, spec()).await;
        if !panicked {
            assert!(after > 20, "a run makes more calls than {after}");
            return;
        }
        let end = run.state.end();
        assert_eq!(run.status(), Status::Completed, "{after}: {end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_task_panics_again_and_again_fails_with_a_reason() {
    for (of, after) in [
        ("intervals.append", 1),
        ("rollups.put", 1),
        ("runs.advance", 4),
    ] {
        let panics = Panics {
            of,
            after,
            times: 20,
        };
        let (run, _) = broken(panics, spec()).await;
        assert_eq!(run.status(), Status::Failed, "{of}");
        let end = run.state.end().unwrap();
        assert!(end.message.contains("the store is broken"), "{of}: {end:?}");
        assert_eq!(end.reason, StopReason::SetupError, "{of}");
    }
}

/// Panics that are far apart have nothing to do with each other.
#[tokio::test(start_paused = true)]
async fn a_panic_now_and_then_does_not_fail_a_run() {
    let mut spec = spec();
    spec.phases.measurement = Duration::from_mins(20);
    let (stores, fault) = faults::all();
    let plane = Plane::with(stores, FakeTarget::default(), spec).await;
    let mut workers = two(&plane).await;
    let id = plane.run(7).await;
    let trouble = async {
        plane.until(id, measuring).await;
        for _ in 0..8 {
            fault.panic(Panics {
                of: "intervals.append",
                after: 120,
                times: 1,
            });
            while fault.panics_left() > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await; // allow-sleep: time is paused
            }
        }
        pending::<()>().await;
    };
    let run = tokio::select! {
        run = until_over(&plane, id, &mut workers) => run,
        () = trouble => pending().await,
    };
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    assert_eq!(fault.panics_left(), 0);
}
