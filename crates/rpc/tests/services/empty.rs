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
    get_shard: runs.get_shard(pb::GetShardRequest) => ["run_id"];
    abort_shard: runs.abort_shard(pb::AbortShardRequest) => ["run_id"];
    update_run: runs.update_run(pb::UpdateRunRequest) => ["run_id", "labels"];
    delete_run: runs.delete_run(pb::DeleteRunRequest) => ["run_id"];
    rerun_run: runs.rerun_run(pb::RerunRunRequest) => ["run_id"];
    adjust_run: runs.adjust_run(pb::AdjustRunRequest) => ["adjustment", "run_id"];
    get_metrics: runs.get_metrics(pb::GetMetricsRequest) => ["run_id"];
    get_target_activity: runs.get_target_activity(pb::GetTargetActivityRequest) => ["run_id"];
    recompute_report: runs.recompute_report(pb::RecomputeReportRequest) => ["run_id"];
    retry_processing: runs.retry_processing(pb::RetryProcessingRequest) => ["run_id"];
    get_error_summary: runs.get_error_summary(pb::GetErrorSummaryRequest) => ["run_id"];
    list_operations: runs.list_operations(pb::ListOperationsRequest) => ["run_id"];
    compare_runs: runs.compare_runs(pb::CompareRunsRequest) => ["run_ids"];
    export_run: runs.export_run(pb::ExportRunRequest) => ["run_id", "format"];
    create_template: templates.create_template(pb::CreateTemplateRequest) => ["project", "name", "spec"];
    get_template: templates.get_template(pb::GetTemplateRequest) => ["project", "name"];
    list_templates: templates.list_templates(pb::ListTemplatesRequest) => ["project"];
    update_template: templates.update_template(pb::UpdateTemplateRequest) => ["project", "name", "spec"];
    validate_template: templates.validate_template(pb::ValidateTemplateRequest) => ["spec"];
    format_template: templates.format_template(pb::FormatTemplateRequest) => ["name", "spec"];
    create_target: targets.create_target(pb::CreateTargetRequest) => ["target"];
    get_target: targets.get_target(pb::GetTargetRequest) => ["project", "name"];
    list_targets: targets.list_targets(pb::ListTargetsRequest) => ["project"];
    test_target: targets.test_target(pb::TestTargetRequest) => ["project", "name"];
    load_dataset: targets.load_dataset(pb::LoadDatasetRequest) => ["project", "name", "dataset"];
    update_target: targets.update_target(pb::UpdateTargetRequest) => ["target"];
    delete_target: targets.delete_target(pb::DeleteTargetRequest) => ["project", "name"];
    get_capabilities: targets.get_capabilities(pb::GetCapabilitiesRequest) => ["project", "name"];
    list_catalog: targets.list_catalog(pb::ListCatalogRequest) => ["project", "name"];
    profile_table: targets.profile_table(pb::ProfileTableRequest) => ["project", "name", "table"];
    list_template_versions: templates.list_template_versions(pb::ListTemplateVersionsRequest) => ["project", "name"];
    clone_template: templates.clone_template(pb::CloneTemplateRequest) => ["project", "name", "new_name"];
    delete_template: templates.delete_template(pb::DeleteTemplateRequest) => ["project", "name"];
    prepare_template: templates.prepare_template(pb::PrepareTemplateRequest) => ["project", "name"];
    create_value_pool: templates.create_value_pool(pb::CreateValuePoolRequest) => ["pool"];
    get_value_pool: templates.get_value_pool(pb::GetValuePoolRequest) => ["project", "name"];
    list_value_pools: templates.list_value_pools(pb::ListValuePoolsRequest) => ["project"];
    delete_value_pool: templates.delete_value_pool(pb::DeleteValuePoolRequest) => ["project", "name"];
    get_worker: workers.get_worker(pb::GetWorkerRequest) => ["worker_id"];
    drain_worker: workers.drain_worker(pb::DrainWorkerRequest) => ["worker_id"];
    preflight_run: runs.preflight_run(pb::PreflightRunRequest) => ["run_id"];
    list_steps: runs.list_steps(pb::ListStepsRequest) => ["run_id"];
    watch_runs: runs.watch_runs(pb::WatchRunsRequest) => ["project"];
    watch_shards: runs.watch_shards(pb::WatchShardsRequest) => ["run_id"];
    watch_events: runs.watch_events(pb::WatchEventsRequest) => ["run_id"];
    stream_logs: runs.stream_logs(pb::StreamLogsRequest) => ["run_id"];
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
