//! What people change of a run.

use std::collections::HashMap;

use gauntlet_api::v1 as pb;
use gauntlet_model::{id::RunId, lifecycle::StopReason};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::{
    made::{create_named, ended, id, measuring},
    support::Plane,
};

fn precondition(status: &Status) -> (String, String) {
    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
    let details = status.get_details_precondition_failure().unwrap();
    let violation = &details.violations[0];
    (violation.r#type.clone(), violation.subject.clone())
}

fn run_status(status: &str) -> (String, String) {
    ("RUN_STATUS".to_owned(), status.to_owned())
}

fn update(run: &pb::Run) -> pb::UpdateRunRequest {
    pb::UpdateRunRequest {
        run_id: run.run_id.clone(),
        notes: Some("watch the cache".to_owned()),
        etag: run.etag.clone(),
        ..pb::UpdateRunRequest::default()
    }
}

#[tokio::test]
async fn labels_and_notes_change_each_alone() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    assert_ne!(run.etag, "");
    let noted = plane.runs().update_run(update(&run)).await.unwrap();
    let noted = noted.into_inner().run.unwrap();
    assert_eq!(noted.notes, "watch the cache");
    assert_ne!(noted.etag, run.etag);
    let labels: HashMap<String, String> = [("team".to_owned(), "core".to_owned())].into();
    let request = pb::UpdateRunRequest {
        run_id: run.run_id.clone(),
        labels: Some(pb::Labels {
            labels: labels.clone(),
        }),
        ..pb::UpdateRunRequest::default()
    };
    let labelled = plane.runs().update_run(request).await.unwrap();
    let labelled = labelled.into_inner().run.unwrap();
    assert_eq!(
        (labelled.notes.as_str(), &labelled.labels),
        ("watch the cache", &labels)
    );
    let read = plane.get_run(&run.run_id).await;
    assert_eq!((read.etag, read.labels), (labelled.etag, labels));
}

#[tokio::test]
async fn a_lost_race_is_aborted() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    plane.runs().update_run(update(&run)).await.unwrap();
    let late = pb::UpdateRunRequest {
        notes: Some("other".to_owned()),
        ..update(&run)
    };
    let status = plane.runs().update_run(late).await.unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "STALE_ETAG");
    let now = plane.get_run(&run.run_id).await;
    assert_eq!(info.metadata["etag"], now.etag);
    assert_eq!(now.notes, "watch the cache");
}

#[tokio::test]
async fn a_run_that_is_over_can_be_annotated() {
    let plane = Plane::ready().await;
    let run = create_named(&plane, "lookups", "over").await;
    ended(&plane, run, StopReason::DurationElapsed, 10).await;
    let run = plane.get_run(&run.to_string()).await;
    let noted = plane.runs().update_run(update(&run)).await.unwrap();
    let noted = noted.into_inner().run.unwrap();
    assert_eq!(noted.status(), pb::RunStatus::Completed);
    assert_eq!(noted.notes, "watch the cache");
}

#[tokio::test]
async fn a_run_is_deleted_unless_it_is_active() {
    let plane = Plane::ready().await;
    let delete = |run: RunId| pb::DeleteRunRequest {
        run_id: run.to_string(),
    };
    let prepared = create_named(&plane, "lookups", "prepared").await;
    let over = create_named(&plane, "lookups", "over").await;
    ended(&plane, over, StopReason::UserStop, 10).await;
    for run in [prepared, over] {
        plane.runs().delete_run(delete(run)).await.unwrap();
        let request = pb::GetRunRequest {
            run_id: run.to_string(),
        };
        let gone = plane.runs().get_run(request).await.unwrap_err();
        assert_eq!(gone.code(), Code::NotFound);
        let again = plane.runs().delete_run(delete(run)).await.unwrap_err();
        assert_eq!(again.code(), Code::NotFound);
    }
    let active = create_named(&plane, "lookups", "active").await;
    measuring(&plane, active).await;
    let status = plane.runs().delete_run(delete(active)).await.unwrap_err();
    assert_eq!(precondition(&status), run_status("RUNNING"));
}

#[tokio::test]
async fn a_rerun_is_the_same_work_again() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let request = pb::RerunRunRequest {
        request_id: "r1".to_owned(),
        run_id: run.run_id.clone(),
        name: "again".to_owned(),
        labels: HashMap::new(),
    };
    let made = plane.runs().rerun_run(request.clone()).await.unwrap();
    let made = made.into_inner().run.unwrap();
    assert_eq!((&made.spec, &made.rerun_of), (&run.spec, &run.run_id));
    assert_eq!(
        (made.name.as_str(), made.status()),
        ("again", pb::RunStatus::Prepared)
    );
    let repeated = plane.runs().rerun_run(request.clone()).await.unwrap();
    assert_eq!(repeated.into_inner().run.unwrap().run_id, made.run_id);
    let other = pb::RerunRunRequest {
        name: "third".to_owned(),
        ..request.clone()
    };
    let status = plane.runs().rerun_run(other).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);
    assert!(status.get_details_resource_info().is_some());
    let taken = pb::RerunRunRequest {
        request_id: String::new(),
        ..request
    };
    let status = plane.runs().rerun_run(taken).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);
}

#[tokio::test]
async fn a_load_is_adjusted_only_under_load() {
    use pb::adjust_run_request::Adjustment;
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let level = |level| Adjustment::Level(pb::LoadLevel { level: Some(level) });
    for adjustment in [
        Adjustment::Paused(true),
        Adjustment::Paused(false),
        level(pb::load_level::Level::Connections(2)),
    ] {
        let request = pb::AdjustRunRequest {
            run_id: run.run_id.clone(),
            adjustment: Some(adjustment),
            message: String::new(),
        };
        let status = plane.runs().adjust_run(request).await.unwrap_err();
        assert_eq!(precondition(&status), run_status("PREPARED"), "{status:?}");
    }
}

#[tokio::test]
async fn shards_that_are_not_there_are_not_found() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let get = pb::GetShardRequest {
        run_id: run.run_id.clone(),
        shard: 3,
    };
    let status = plane.runs().get_shard(get).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    let info = status.get_details_resource_info().unwrap();
    assert_eq!(info.resource_type, "shard");
    assert_eq!(info.resource_name, format!("{}/3", run.run_id));
    let abort = pb::AbortShardRequest {
        run_id: run.run_id.clone(),
        shard: 3,
        ..pb::AbortShardRequest::default()
    };
    let status = plane.runs().abort_shard(abort).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::NotFound | Code::FailedPrecondition),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_report_is_made_anew_only_of_an_ended_run() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await.run_id;
    let recompute = |run_id: String| pb::RecomputeReportRequest { run_id };
    let retry = |run_id: String| pb::RetryProcessingRequest { run_id };
    let early = plane.runs().recompute_report(recompute(run.clone())).await;
    assert_eq!(precondition(&early.unwrap_err()), run_status("PREPARED"));
    let early = plane.runs().retry_processing(retry(run.clone())).await;
    assert_eq!(precondition(&early.unwrap_err()), run_status("PREPARED"));
    ended(&plane, id(&run), StopReason::DurationElapsed, 10).await;
    let reported = plane.runs().retry_processing(retry(run)).await.unwrap_err();
    let expected = ("PROCESSING_STATUS".to_owned(), "COMPLETED".to_owned());
    assert_eq!(precondition(&reported), expected);
    let unknown = Uuid::from_u128(5).to_string();
    let unknown = plane.runs().recompute_report(recompute(unknown)).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
}
