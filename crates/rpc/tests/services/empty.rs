//! An empty request is the caller's mistake and says which field is missing.

use gauntlet_api::v1 as pb;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::Plane;

fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_details_bad_request().expect("a bad request");
    let fields = details.field_violations.into_iter();
    fields.map(|violation| violation.field).collect()
}

macro_rules! refused {
    ($($name:ident: $service:ident.$method:ident(pb::$request:ident) => $fields:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let plane = Plane::new();
            let answer = plane.$service().$method(pb::$request::default()).await;
            let status = answer.err().expect("an empty request is refused");
            assert_eq!(fields(&status), $fields);
        }
    )*};
}

refused! {
    create_run: runs.create_run(pb::CreateRunRequest) => ["project", "template"];
    get_run: runs.get_run(pb::GetRunRequest) => ["run_id"];
    list_runs: runs.list_runs(pb::ListRunsRequest) => ["project"];
    start_run: runs.start_run(pb::StartRunRequest) => ["run_id"];
    stop_run: runs.stop_run(pb::StopRunRequest) => ["run_id"];
    abort_run: runs.abort_run(pb::AbortRunRequest) => ["run_id"];
    watch_run: runs.watch_run(pb::WatchRunRequest) => ["run_id"];
    stream_metrics: runs.stream_metrics(pb::StreamMetricsRequest) => ["run_id"];
    get_report: runs.get_report(pb::GetReportRequest) => ["run_id"];
    list_shards: runs.list_shards(pb::ListShardsRequest) => ["run_id"];
    list_events: runs.list_events(pb::ListEventsRequest) => ["run_id"];
    create_template: templates.create_template(pb::CreateTemplateRequest) => ["project", "name", "spec"];
    get_template: templates.get_template(pb::GetTemplateRequest) => ["project", "name"];
    list_templates: templates.list_templates(pb::ListTemplatesRequest) => ["project"];
    update_template: templates.update_template(pb::UpdateTemplateRequest) => ["project", "name", "spec"];
    validate_template: templates.validate_template(pb::ValidateTemplateRequest) => ["spec"];
    create_target: targets.create_target(pb::CreateTargetRequest) => ["target"];
    get_target: targets.get_target(pb::GetTargetRequest) => ["project", "name"];
    list_targets: targets.list_targets(pb::ListTargetsRequest) => ["project"];
    test_target: targets.test_target(pb::TestTargetRequest) => ["project", "name"];
    load_dataset: targets.load_dataset(pb::LoadDatasetRequest) => ["project", "name", "dataset"];
}

#[tokio::test]
async fn an_empty_worker_message() {
    let plane = Plane::new();
    let messages = tokio_stream::once(pb::WorkerMessage::default());
    let status = plane.workers().attach(messages).await.unwrap_err();
    assert_eq!(fields(&status), ["message"]);
}

#[tokio::test]
async fn a_list_of_workers_needs_nothing() {
    let plane = Plane::new();
    let request = pb::ListWorkersRequest::default();
    let answer = plane.workers().list_workers(request).await.unwrap();
    assert_eq!(answer.into_inner(), pb::ListWorkersResponse::default());
}
