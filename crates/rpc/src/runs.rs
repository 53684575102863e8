//! `RunService`.

use gauntlet_api::v1::{self as pb, run_service_server::RunService};
use gauntlet_model::{
    id::RunId,
    lifecycle::{ProcessingStatus, Status as RunStatus},
    report::Report,
    run::Run,
};
use gauntlet_orchestrator::{ControlError, CreateRun};
use gauntlet_store::{Error as StoreError, PageQuery, RunFilter, Stores};
use gauntlet_wire::{decode, encode};
use tonic::{Request, Response, Status};

use crate::{
    Backend, catalog,
    metrics::Metrics,
    pull::{self, Down},
    status,
    watch::Watch,
};

pub(crate) struct RunApi(pub(crate) Backend);

impl RunApi {
    fn encode(&self, run: &Run) -> pb::Run {
        encode::run(run, self.0.clock.now())
    }
}

#[tonic::async_trait]
impl RunService for RunApi {
    type WatchRunStream = Down<pb::WatchRunResponse>;
    type StreamMetricsStream = Down<pb::StreamMetricsResponse>;

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
        let run = Some(self.encode(&made.map_err(status::control)?));
        Ok(Response::new(pb::CreateRunResponse { run }))
    }

    async fn get_run(
        &self,
        request: Request<pb::GetRunRequest>,
    ) -> Result<Response<pb::GetRunResponse>, Status> {
        let id = decode::get_run(request.get_ref())?;
        let found = run(&self.0.stores, id).await.map_err(status::control)?;
        let run = Some(self.encode(&found));
        Ok(Response::new(pb::GetRunResponse { run }))
    }

    async fn list_runs(
        &self,
        request: Request<pb::ListRunsRequest>,
    ) -> Result<Response<pb::ListRunsResponse>, Status> {
        let request = decode::list_runs(request.into_inner())?;
        let page = request.page;
        let filter = RunFilter {
            project: request.project,
            statuses: request.statuses,
            template: request.template,
        };
        let query = PageQuery {
            after: page.after,
            limit: page.limit(),
        };
        let stored = self.0.stores.runs.list(&filter, query).await;
        let mut runs = stored.map_err(status::store)?;
        let next_page_token = page.cut(&mut runs, |last| (last.created, last.id));
        let now = self.0.clock.now();
        Ok(Response::new(pb::ListRunsResponse {
            runs: runs
                .iter()
                .map(|run| encode::run_for_list(run, now))
                .collect(),
            next_page_token,
        }))
    }

    async fn start_run(
        &self,
        request: Request<pb::StartRunRequest>,
    ) -> Result<Response<pb::StartRunResponse>, Status> {
        let id = decode::start_run(request.get_ref())?;
        let started = self.0.orchestrator.start(id).await;
        let run = Some(self.encode(&started.map_err(status::control)?));
        Ok(Response::new(pb::StartRunResponse { run }))
    }

    async fn stop_run(
        &self,
        request: Request<pb::StopRunRequest>,
    ) -> Result<Response<pb::StopRunResponse>, Status> {
        let request = decode::stop_run(request.into_inner())?;
        let stopped = self.0.orchestrator.stop(request.run, request.message).await;
        let run = Some(self.encode(&stopped.map_err(status::control)?));
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
        let run = Some(self.encode(&aborted.map_err(status::control)?));
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
        let id = decode::get_report(request.get_ref())?;
        let (run, report) = report(&self.0.stores, id).await.map_err(status::report)?;
        Ok(Response::new(pb::GetReportResponse {
            run: Some(self.encode(&run)),
            report: Some(encode::report(&report)),
        }))
    }

    async fn list_shards(
        &self,
        request: Request<pb::ListShardsRequest>,
    ) -> Result<Response<pb::ListShardsResponse>, Status> {
        let id = decode::list_shards(request.get_ref())?;
        run(&self.0.stores, id).await.map_err(status::control)?;
        let attempts = self.0.stores.runs.attempts(id).await;
        Ok(Response::new(pb::ListShardsResponse {
            shards: encode::shards(&attempts.map_err(status::store)?),
        }))
    }

    async fn list_events(
        &self,
        request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        let request = decode::list_events(request.into_inner())?;
        run(&self.0.stores, request.run)
            .await
            .map_err(status::control)?;
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

async fn run(stores: &Stores, id: RunId) -> Result<Run, ControlError> {
    let found = stores.runs.get(id).await?;
    found.ok_or(ControlError::NoSuchRun(id))
}

/// Why there is no report to give.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// There is no such run.
    #[error(transparent)]
    NoSuchRun(ControlError),
    /// The run is not over.
    #[error("run {0} has no report yet: it is {status}; wait until it is over", status = .1.as_str())]
    NotOver(RunId, RunStatus),
    /// No load was sent.
    #[error("run {0} has no report because no load was sent: {1}")]
    Skipped(RunId, String),
    /// It could not be made.
    #[error(
        "the report of run {0} could not be made; the control plane's log and the run's events say why"
    )]
    Failed(RunId),
    /// It should be there and is not.
    #[error("the report of run {0} is not in the store")]
    Lost(RunId),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

async fn report(stores: &Stores, id: RunId) -> Result<(Run, Report), ReportError> {
    let run = stores.runs.get(id).await?;
    let run = run.ok_or(ReportError::NoSuchRun(ControlError::NoSuchRun(id)))?;
    let status = run.status();
    if !status.is_terminal() {
        return Err(ReportError::NotOver(id, status));
    }
    match run.state.processing() {
        ProcessingStatus::Skipped => {
            let why = run.state.end().map(|end| end.message.clone());
            Err(ReportError::Skipped(id, why.unwrap_or_default()))
        }
        ProcessingStatus::Failed => Err(ReportError::Failed(id)),
        ProcessingStatus::Pending | ProcessingStatus::Running | ProcessingStatus::Completed => {
            let stored = stores.reports.get(id).await?;
            Ok((run, stored.ok_or(ReportError::Lost(id))?))
        }
    }
}
