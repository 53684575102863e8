//! Reports that are made after their run has ended.

use std::time::Duration;

use gauntlet_model::{
    lifecycle::{ProcessingStatus, Status},
    report::Report,
    run::Run,
    time::Timestamp,
};
use gauntlet_orchestrator::ControlError;
use gauntlet_store::Error;

use crate::{
    faults::{self, away},
    history::check,
    report,
    script::{FakeTarget, Plane, measuring, spec},
    sent, two,
    worker::Script,
};

/// A run that went well, with every row in the target.
async fn ended() -> (Plane, Run, Report) {
    let plane = Plane::new(spec()).await;
    let (a, _b) = two(&plane, Script::default()).await;
    let memory = a.memory.clone();
    let rows = move || memory.lock().unwrap().sent as u64 * crate::worker::PER_INTERVAL;
    *plane.target.rows.lock().unwrap() = Some(Box::new(rows));
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    let run = plane.until_over(id).await;
    let report = report(&plane, &run).await;
    (plane, run, report)
}

#[tokio::test(start_paused = true)]
async fn a_report_is_made_anew_from_the_intervals() {
    let (plane, run, original) = ended().await;
    let reports = &plane.services.stores.reports;
    let mut wrong = original.clone();
    wrong.total.succeeded -= 1;
    wrong.total.response = gauntlet_model::report::Summary::default();
    reports.put(&wrong).await.unwrap();
    // The rows of the target went long ago.
    *plane.target.rows.lock().unwrap() = None;
    let (after, made) = plane.orchestrator.recompute(run.id).await.unwrap();
    let expected = Report {
        created: made.created,
        ..original
    };
    assert_eq!(made, expected);
    assert_eq!(report(&plane, &after).await, made);
    assert_eq!(after.state, run.state);
    assert_eq!(after.revision, run.revision + 1, "watchers hear of it");
    check(&plane, &after).await;
}

#[tokio::test(start_paused = true)]
async fn pruned_measurements_are_not_taken_for_none() {
    let (plane, run, original) = ended().await;
    let intervals = &plane.services.stores.intervals;
    let end_of_time = Timestamp(i64::MAX);
    assert!(intervals.prune(run.id, end_of_time).await.unwrap() > 0);
    let refused = plane.orchestrator.recompute(run.id).await.unwrap_err();
    assert!(matches!(refused, ControlError::Pruned(id) if id == run.id));
    assert_eq!(report(&plane, &run).await, original);
    let (_channel, metrics) = plane.orchestrator.metrics(run.id).await.unwrap();
    let points = metrics.history.iter().map(|point| point.total.succeeded);
    assert_eq!(
        points.sum::<u64>(),
        original.total.succeeded,
        "history stays"
    );
}

#[tokio::test(start_paused = true)]
async fn only_a_run_that_ended_and_sent_load_has_a_report_to_make() {
    let plane = Plane::new(spec()).await;
    let _workers = two(&plane, Script::default()).await;
    let (given_up, active) = (plane.run(1).await, plane.run(2).await);
    let orchestrator = &plane.orchestrator;
    orchestrator.stop(given_up, String::new()).await.unwrap();
    orchestrator.start(active).await.unwrap();
    plane.until(active, measuring).await;
    for (id, sentence) in [
        (
            given_up,
            format!("run {given_up} sent no load, so there is nothing to report"),
        ),
        (
            active,
            "a run in status RUNNING and phase MEASUREMENT cannot have its report made anew"
                .to_owned(),
        ),
    ] {
        let refused = orchestrator.recompute(id).await.unwrap_err();
        assert_eq!(refused.to_string(), sentence);
        assert!(orchestrator.retry_processing(id).await.is_err());
    }
    plane.until_over(active).await;
    let there = orchestrator.retry_processing(active).await.unwrap_err();
    assert!(matches!(there, ControlError::Reported(id) if id == active));
}

#[tokio::test(start_paused = true)]
async fn a_report_that_failed_can_be_made_later() {
    let (stores, fault) = faults::stores();
    let plane = Plane::with(stores, FakeTarget::default(), spec()).await;
    let (a, b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    fault.set(Some(Error::Corrupt("no such column".to_owned())));
    let failed = plane.until_over(id).await;
    assert_eq!(failed.status(), Status::Completed);
    assert_eq!(failed.state.processing(), ProcessingStatus::Failed);
    assert!(plane.orchestrator.retry_processing(id).await.is_err());
    fault.set(None);
    let (run, made) = plane.orchestrator.retry_processing(id).await.unwrap();
    assert_eq!(run.state.processing(), ProcessingStatus::Completed);
    assert_eq!((run.status(), run.ended), (failed.status(), failed.ended));
    assert_eq!(made.total.succeeded, sent(&a) + sent(&b));
    assert_eq!(report(&plane, &run).await, made);
    check(&plane, &run).await;
    let again = plane.orchestrator.retry_processing(id).await;
    assert!(matches!(again, Err(ControlError::Reported(_))));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_while_delays_the_report() {
    let (stores, fault) = faults::stores();
    let plane = Plane::with(stores, FakeTarget::default(), spec()).await;
    let (a, b) = two(&plane, Script::default()).await;
    let id = plane.run(7).await;
    plane.orchestrator.start(id).await.unwrap();
    plane.until(id, measuring).await;
    tokio::time::sleep(Duration::from_secs(4)).await; // allow-sleep: time is paused
    fault.set(Some(away()));
    tokio::time::sleep(Duration::from_secs(8)).await; // allow-sleep: time is paused
    fault.set(None);
    let run = plane.until_over(id).await;
    assert_eq!(run.state.processing(), ProcessingStatus::Completed);
    let report = report(&plane, &run).await;
    assert_eq!(report.total.succeeded, sent(&a) + sent(&b));
    check(&plane, &run).await;
}
