//! The report of a run.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::RunId,
    lifecycle::{ProcessingStatus, Status as RunStatus},
    report::Report,
    run::Run,
    time::Timestamp,
};
use gauntlet_orchestrator::ControlError;
use gauntlet_store::{Error as StoreError, Stores, Validity};
use gauntlet_wire::{decode, encode};
use tonic::{Response, Status};

use crate::{Backend, judged, status};

/// Why there is no report to give.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// There is no such run.
    #[error(transparent)]
    Run(ControlError),
    /// The run is not over.
    #[error("run {0} has no report yet: it is {status}; wait until it is over", status = .1.as_str())]
    NotOver(RunId, RunStatus),
    /// No load was sent.
    #[error("run {0} has no report because no load was sent: {1}")]
    Skipped(RunId, String),
    /// It could not be made.
    #[error(
        "the report of run {0} could not be made; the run's events say why, RetryProcessing tries again"
    )]
    Failed(RunId),
    /// It should be there and is not.
    #[error("the report of run {0} is not in the store")]
    Lost(RunId),
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) async fn get_report(
    backend: &Backend,
    request: pb::GetReportRequest,
) -> Result<Response<pb::GetReportResponse>, Status> {
    let id = decode::get_report(&request)?;
    let (run, report) = report(&backend.stores, id).await.map_err(status::report)?;
    let now = backend.clock.now();
    Ok(Response::new(pb::GetReportResponse {
        run: Some(reported(&run, &report, now)),
        report: Some(encode::report(&report)),
    }))
}

pub(super) async fn recompute_report(
    backend: &Backend,
    request: pb::RecomputeReportRequest,
) -> Result<Response<pb::RecomputeReportResponse>, Status> {
    let id = decode::recompute_report(&request)?;
    let made = backend.orchestrator.recompute(id).await;
    let (run, report) = made.map_err(status::control)?;
    let now = backend.clock.now();
    Ok(Response::new(pb::RecomputeReportResponse {
        run: Some(reported(&run, &report, now)),
        report: Some(encode::report(&report)),
    }))
}

pub(super) async fn retry_processing(
    backend: &Backend,
    request: pb::RetryProcessingRequest,
) -> Result<Response<pb::RetryProcessingResponse>, Status> {
    let id = decode::retry_processing(&request)?;
    let made = backend.orchestrator.retry_processing(id).await;
    let (run, report) = made.map_err(status::control)?;
    let now = backend.clock.now();
    Ok(Response::new(pb::RetryProcessingResponse {
        run: Some(reported(&run, &report, now)),
        report: Some(encode::report(&report)),
    }))
}

fn reported(run: &Run, report: &Report, now: Timestamp) -> pb::Run {
    let mut message = encode::run(run, now);
    let valid = Validity::of(report) == Validity::Valid;
    encode::judge(&mut message, report.verdict, valid);
    message
}

async fn report(stores: &Stores, id: RunId) -> Result<(Run, Report), ReportError> {
    let run = judged::run(stores, id).await.map_err(ReportError::Run)?;
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
