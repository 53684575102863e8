//! Runs: made, listed, refused.

use gauntlet_api::v1 as pb;
use tonic::Code;
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::support::{Plane, create_run};

fn by_id(run: &pb::Run) -> pb::StartRunRequest {
    pb::StartRunRequest {
        run_id: run.run_id.clone(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_run_is_made_once_per_request_id() {
    let plane = Plane::ready().await;
    let mut runs = plane.runs();
    let first = runs.create_run(create_run("r1")).await.unwrap();
    let first = first.into_inner().run.unwrap();
    assert_eq!(first.status(), pb::RunStatus::Prepared);
    assert!(first.spec.is_some());
    let again = runs.create_run(create_run("r1")).await.unwrap();
    assert_eq!(again.into_inner().run.unwrap().run_id, first.run_id);

    let other = pb::CreateRunRequest {
        name: "other".to_owned(),
        ..create_run("r1")
    };
    let status = runs.create_run(other).await.unwrap_err();
    assert_eq!(status.code(), Code::AlreadyExists);
}

#[tokio::test]
async fn a_run_needs_its_template() {
    let plane = Plane::ready().await;
    for (template, version) in [("nope", 0), ("lookups", 9)] {
        let request = pb::CreateRunRequest {
            template: template.to_owned(),
            template_version: version,
            ..create_run("")
        };
        let status = plane.runs().create_run(request).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{}", status.message());
    }
}

#[tokio::test]
async fn an_unknown_run_is_not_found_by_any_call() {
    let plane = Plane::ready().await;
    let run_id = Uuid::from_u128(5).to_string();
    let mut runs = plane.runs();
    macro_rules! code {
        ($method:ident, $request:ident) => {{
            let request = pb::$request {
                run_id: run_id.clone(),
                ..Default::default()
            };
            runs.$method(request)
                .await
                .err()
                .map(|status| status.code())
        }};
    }
    #[allow(clippy::needless_update, reason = "some requests are only an id")]
    let codes = [
        code!(get_run, GetRunRequest),
        code!(start_run, StartRunRequest),
        code!(stop_run, StopRunRequest),
        code!(abort_run, AbortRunRequest),
        code!(watch_run, WatchRunRequest),
        code!(stream_metrics, StreamMetricsRequest),
        code!(get_report, GetReportRequest),
        code!(list_shards, ListShardsRequest),
        code!(list_events, ListEventsRequest),
        code!(get_shard, GetShardRequest),
        code!(abort_shard, AbortShardRequest),
        code!(delete_run, DeleteRunRequest),
        code!(rerun_run, RerunRunRequest),
        code!(get_metrics, GetMetricsRequest),
        code!(recompute_report, RecomputeReportRequest),
        code!(retry_processing, RetryProcessingRequest),
        code!(get_error_summary, GetErrorSummaryRequest),
        code!(list_operations, ListOperationsRequest),
        code!(list_steps, ListStepsRequest),
        code!(preflight_run, PreflightRunRequest),
        code!(watch_shards, WatchShardsRequest),
        code!(watch_events, WatchEventsRequest),
        code!(stream_logs, StreamLogsRequest),
    ];
    assert_eq!(codes, [Some(Code::NotFound); 23]);
    let update = pb::UpdateRunRequest {
        run_id: run_id.clone(),
        notes: Some(String::new()),
        ..pb::UpdateRunRequest::default()
    };
    let status = runs.update_run(update).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(
        status.get_details_resource_info().unwrap().resource_name,
        run_id
    );
    let adjust = pb::AdjustRunRequest {
        run_id,
        adjustment: Some(pb::adjust_run_request::Adjustment::Paused(true)),
        message: String::new(),
    };
    let status = runs.adjust_run(adjust).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_filtered() {
    let plane = Plane::ready().await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.insert(0, plane.create_run().await.run_id);
    }
    let mut runs = plane.runs();
    let list = |statuses: Vec<pb::RunStatus>, page_token: String| pb::ListRunsRequest {
        project: "acme".to_owned(),
        filter: Some(pb::RunFilter {
            statuses: statuses.into_iter().map(Into::into).collect(),
            template: "lookups".to_owned(),
            ..Default::default()
        }),
        order_by: String::new(),
        page: Some(pb::PageRequest {
            page_size: 2,
            page_token,
        }),
    };
    let first = runs.list_runs(list(vec![], String::new())).await;
    let first = first.unwrap().into_inner();
    let rest = runs.list_runs(list(vec![], first.next_page_token.clone()));
    let rest = rest.await.unwrap().into_inner();
    assert_eq!(rest.next_page_token, "");
    let ids: Vec<String> = first
        .runs
        .iter()
        .chain(&rest.runs)
        .map(|run| run.run_id.clone())
        .collect();
    assert_eq!(ids, made);
    assert!(first.runs.iter().all(|run| run.spec.is_none()));

    // A token is good for its own query only.
    let failed = vec![pb::RunStatus::Failed];
    let other = runs.list_runs(list(failed.clone(), first.next_page_token));
    assert_eq!(other.await.unwrap_err().code(), Code::InvalidArgument);
    let none = runs.list_runs(list(failed, String::new())).await;
    assert_eq!(none.unwrap().into_inner().runs, []);
}

#[tokio::test]
async fn a_start_without_workers_fails_the_run_and_says_why() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    let report = |run_id: String| pb::GetReportRequest { run_id };
    let early = plane.runs().get_report(report(run.run_id.clone())).await;
    let early = early.unwrap_err();
    assert_eq!(early.code(), Code::FailedPrecondition);
    assert!(
        early.message().contains("it is PREPARED"),
        "{}",
        early.message()
    );

    let status = plane.runs().start_run(by_id(&run)).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(
        status.message().contains("needs 1 worker"),
        "{}",
        status.message()
    );
    let failed = plane.get_run(&run.run_id).await;
    assert_eq!(failed.status(), pb::RunStatus::Failed);
    assert_eq!(failed.stop_message, status.message());

    let late = plane.runs().get_report(report(run.run_id.clone())).await;
    let late = late.unwrap_err();
    assert_eq!(late.code(), Code::FailedPrecondition);
    assert!(
        late.message().contains("no load was sent"),
        "{}",
        late.message()
    );

    let again = plane.runs().start_run(by_id(&run)).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition);
    let details = again.get_details_precondition_failure().unwrap();
    let violation = &details.violations[0];
    assert_eq!(
        (violation.r#type.as_str(), violation.subject.as_str()),
        ("RUN_STATUS", "FAILED")
    );
}

#[tokio::test]
async fn events_are_listed_in_their_order() {
    let plane = Plane::ready().await;
    let run = plane.create_run().await;
    plane.runs().start_run(by_id(&run)).await.unwrap_err();
    let mut sequences = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = pb::ListEventsRequest {
            run_id: run.run_id.clone(),
            page: Some(pb::PageRequest {
                page_size: 1,
                page_token,
            }),
        };
        let answer = plane.runs().list_events(request).await.unwrap();
        let answer = answer.into_inner();
        sequences.extend(answer.events.iter().map(|event| event.sequence));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert!(sequences.len() >= 2);
    assert_eq!(sequences, (1..=sequences.len() as i64).collect::<Vec<_>>());
}
