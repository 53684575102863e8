//! `RunService`.

mod activity;
mod change;
mod compare;
mod errors;
mod export;
mod history;
mod list;
mod operations;
mod preflight;
mod report;
mod rollups;
mod shards;
mod steps;

pub(crate) use export::FileError;
pub(crate) use history::HistoryError;
pub(crate) use list::{encode_summary, filter};
pub(crate) use report::ReportError;

use gauntlet_api::v1::{self as pb, run_service_server::RunService};
use gauntlet_model::{id::RunId, run::Run};
use gauntlet_orchestrator::{ControlError, CreateRun};
use gauntlet_store::PageQuery;
use gauntlet_wire::{decode, encode};
use tonic::{Request, Response, Status};

use crate::{
    Backend, catalog,
    judged::{self, Judged},
    logs,
    metrics::Metrics,
    pull::{self, Down},
    status,
    watch::Watch,
    watch_events, watch_runs, watch_shards,
};

pub(crate) use preflight::PreflightError;

pub(crate) struct RunApi(pub(crate) Backend);

impl RunApi {
    async fn answer(&self, run: Result<Run, ControlError>) -> Result<Option<pb::Run>, Status> {
        let run = answer(&self.0, run.map_err(status::control)?).await?;
        Ok(Some(run))
    }
}

#[tonic::async_trait]
impl RunService for RunApi {
    type WatchRunStream = Down<pb::WatchRunResponse>;
    type StreamMetricsStream = Down<pb::StreamMetricsResponse>;
    type WatchShardsStream = Down<pb::WatchShardsResponse>;
    type WatchEventsStream = Down<pb::WatchEventsResponse>;
    type StreamLogsStream = Down<pb::StreamLogsResponse>;
    type WatchRunsStream = Down<pb::WatchRunsResponse>;
    type ExportRunStream = Down<pb::ExportRunResponse>;

    async fn create_run(
        &self,
        request: Request<pb::CreateRunRequest>,
    ) -> Result<Response<pb::CreateRunResponse>, Status> {
        let request = decode::create_run(request.into_inner())?;
        let made = self
            .0
            .orchestrator
            .create(RunId((self.0.ids)()), to_create(request))
            .await;
        let run = self.answer(made).await?;
        Ok(Response::new(pb::CreateRunResponse { run }))
    }

    async fn get_run(
        &self,
        request: Request<pb::GetRunRequest>,
    ) -> Result<Response<pb::GetRunResponse>, Status> {
        let id = decode::get_run(request.get_ref())?;
        let found = Judged::load(&self.0.stores, id).await;
        let found = found.map_err(status::control)?;
        let run = Some(found.encode(&self.0));
        Ok(Response::new(pb::GetRunResponse { run }))
    }

    async fn list_runs(
        &self,
        request: Request<pb::ListRunsRequest>,
    ) -> Result<Response<pb::ListRunsResponse>, Status> {
        list::list_runs(&self.0, request.into_inner()).await
    }

    async fn start_run(
        &self,
        request: Request<pb::StartRunRequest>,
    ) -> Result<Response<pb::StartRunResponse>, Status> {
        let request = decode::start_run(request.into_inner())?;
        let allowed = preflight::gate(&self.0, &request).await;
        allowed.map_err(status::preflight)?;
        let started = self.0.orchestrator.start(request.run).await;
        let run = self.answer(started).await?;
        Ok(Response::new(pb::StartRunResponse { run }))
    }

    async fn stop_run(
        &self,
        request: Request<pb::StopRunRequest>,
    ) -> Result<Response<pb::StopRunResponse>, Status> {
        let request = decode::stop_run(request.into_inner())?;
        let stopped = self.0.orchestrator.stop(request.run, request.message).await;
        let run = self.answer(stopped).await?;
        Ok(Response::new(pb::StopRunResponse { run }))
    }

    async fn abort_run(
        &self,
        request: Request<pb::AbortRunRequest>,
    ) -> Result<Response<pb::AbortRunResponse>, Status> {
        let request = decode::abort_run(request.into_inner())?;
        let aborted = self
            .0
            .orchestrator
            .abort(request.run, request.message)
            .await;
        let run = self.answer(aborted).await?;
        Ok(Response::new(pb::AbortRunResponse { run }))
    }

    async fn watch_run(
        &self,
        request: Request<pb::WatchRunRequest>,
    ) -> Result<Response<Self::WatchRunStream>, Status> {
        let request = decode::watch_run(request.get_ref())?;
        Ok(pull::answer(Watch::open(self.0.clone(), request).await?))
    }

    async fn stream_metrics(
        &self,
        request: Request<pb::StreamMetricsRequest>,
    ) -> Result<Response<Self::StreamMetricsStream>, Status> {
        let request = decode::stream_metrics(request.get_ref())?;
        Ok(pull::answer(Metrics::open(self.0.clone(), request).await?))
    }

    async fn get_report(
        &self,
        request: Request<pb::GetReportRequest>,
    ) -> Result<Response<pb::GetReportResponse>, Status> {
        report::get_report(&self.0, request.into_inner()).await
    }

    async fn list_shards(
        &self,
        request: Request<pb::ListShardsRequest>,
    ) -> Result<Response<pb::ListShardsResponse>, Status> {
        shards::list_shards(&self.0, request.into_inner()).await
    }

    async fn list_steps(
        &self,
        request: Request<pb::ListStepsRequest>,
    ) -> Result<Response<pb::ListStepsResponse>, Status> {
        steps::list_steps(&self.0, request.into_inner()).await
    }

    async fn list_events(
        &self,
        request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        let request = decode::list_events(request.into_inner())?;
        let run = judged::run(&self.0.stores, request.run).await;
        run.map_err(status::control)?;
        let page = request.page;
        let query = PageQuery {
            after: page.after,
            limit: page.limit(),
        };
        let stored = self.0.stores.runs.events(request.run, query).await;
        let mut events = stored.map_err(status::store)?;
        let next_page_token = page.cut(&mut events, |last| last.sequence);
        Ok(Response::new(pb::ListEventsResponse {
            events: events.iter().map(encode::run_event).collect(),
            next_page_token,
        }))
    }

    async fn get_shard(
        &self,
        request: Request<pb::GetShardRequest>,
    ) -> Result<Response<pb::GetShardResponse>, Status> {
        shards::get_shard(&self.0, request.into_inner()).await
    }

    async fn abort_shard(
        &self,
        request: Request<pb::AbortShardRequest>,
    ) -> Result<Response<pb::AbortShardResponse>, Status> {
        shards::abort_shard(&self.0, request.into_inner()).await
    }

    async fn watch_shards(
        &self,
        request: Request<pb::WatchShardsRequest>,
    ) -> Result<Response<Self::WatchShardsStream>, Status> {
        watch_shards::watch_shards(&self.0, request.into_inner()).await
    }

    async fn watch_events(
        &self,
        request: Request<pb::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        watch_events::watch_events(&self.0, request.into_inner()).await
    }

    async fn stream_logs(
        &self,
        request: Request<pb::StreamLogsRequest>,
    ) -> Result<Response<Self::StreamLogsStream>, Status> {
        logs::stream_logs(&self.0, request.into_inner()).await
    }

    async fn update_run(
        &self,
        request: Request<pb::UpdateRunRequest>,
    ) -> Result<Response<pb::UpdateRunResponse>, Status> {
        change::update_run(&self.0, request.into_inner()).await
    }

    async fn delete_run(
        &self,
        request: Request<pb::DeleteRunRequest>,
    ) -> Result<Response<pb::DeleteRunResponse>, Status> {
        change::delete_run(&self.0, request.into_inner()).await
    }

    async fn rerun_run(
        &self,
        request: Request<pb::RerunRunRequest>,
    ) -> Result<Response<pb::RerunRunResponse>, Status> {
        change::rerun_run(&self.0, request.into_inner()).await
    }

    async fn preflight_run(
        &self,
        request: Request<pb::PreflightRunRequest>,
    ) -> Result<Response<pb::PreflightRunResponse>, Status> {
        preflight::preflight_run(&self.0, request.into_inner()).await
    }

    async fn adjust_run(
        &self,
        request: Request<pb::AdjustRunRequest>,
    ) -> Result<Response<pb::AdjustRunResponse>, Status> {
        change::adjust_run(&self.0, request.into_inner()).await
    }

    async fn watch_runs(
        &self,
        request: Request<pb::WatchRunsRequest>,
    ) -> Result<Response<Self::WatchRunsStream>, Status> {
        watch_runs::watch_runs(&self.0, request.into_inner()).await
    }

    async fn get_metrics(
        &self,
        request: Request<pb::GetMetricsRequest>,
    ) -> Result<Response<pb::GetMetricsResponse>, Status> {
        history::get_metrics(&self.0, request.into_inner()).await
    }

    async fn get_target_activity(
        &self,
        request: Request<pb::GetTargetActivityRequest>,
    ) -> Result<Response<pb::GetTargetActivityResponse>, Status> {
        activity::get_target_activity(&self.0, request.into_inner()).await
    }

    async fn recompute_report(
        &self,
        request: Request<pb::RecomputeReportRequest>,
    ) -> Result<Response<pb::RecomputeReportResponse>, Status> {
        report::recompute_report(&self.0, request.into_inner()).await
    }

    async fn retry_processing(
        &self,
        request: Request<pb::RetryProcessingRequest>,
    ) -> Result<Response<pb::RetryProcessingResponse>, Status> {
        report::retry_processing(&self.0, request.into_inner()).await
    }

    async fn get_error_summary(
        &self,
        request: Request<pb::GetErrorSummaryRequest>,
    ) -> Result<Response<pb::GetErrorSummaryResponse>, Status> {
        errors::get_error_summary(&self.0, request.into_inner()).await
    }

    async fn list_operations(
        &self,
        request: Request<pb::ListOperationsRequest>,
    ) -> Result<Response<pb::ListOperationsResponse>, Status> {
        operations::list_operations(&self.0, request.into_inner()).await
    }

    async fn compare_runs(
        &self,
        request: Request<pb::CompareRunsRequest>,
    ) -> Result<Response<pb::CompareRunsResponse>, Status> {
        compare::compare_runs(&self.0, request.into_inner()).await
    }

    async fn export_run(
        &self,
        request: Request<pb::ExportRunRequest>,
    ) -> Result<Response<Self::ExportRunStream>, Status> {
        export::export_run(&self.0, request.into_inner()).await
    }
}

fn to_create(request: decode::CreateRun) -> CreateRun {
    let idempotency = catalog::idempotency(
        "CreateRun",
        &request.project,
        request.request_id.as_deref(),
        request.fingerprint(),
    );
    CreateRun {
        project: request.project,
        template: request.template,
        version: request.template_version,
        name: request.name,
        labels: request.labels,
        idempotency,
    }
}

/// A run as it is now, with what its report says of it.
async fn answer(backend: &Backend, run: Run) -> Result<pb::Run, Status> {
    let judged = Judged::of(&backend.stores, run).await;
    Ok(judged.map_err(status::control)?.encode(backend))
}
