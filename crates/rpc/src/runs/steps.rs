//! The levels that a run's search has tried.

use gauntlet_api::v1 as pb;
use gauntlet_model::{id::RunId, search::Step};
use gauntlet_orchestrator::ControlError;
use gauntlet_store::Stores;
use gauntlet_wire::{decode, encode};
use tonic::{Response, Status};

use crate::{Backend, judged, status};

pub(super) async fn list_steps(
    backend: &Backend,
    request: pb::ListStepsRequest,
) -> Result<Response<pb::ListStepsResponse>, Status> {
    let run = decode::list_steps(&request)?;
    let steps = steps(&backend.stores, run).await;
    let steps = steps.map_err(status::control)?;
    Ok(Response::new(pb::ListStepsResponse {
        steps: steps.iter().map(encode::step).collect(),
    }))
}

/// The report's figures are of everything that was delivered; those of the
/// run's state are what was known when each window was over.
async fn steps(stores: &Stores, id: RunId) -> Result<Vec<Step>, ControlError> {
    let run = judged::run(stores, id).await?;
    let over = run.status().is_terminal();
    let Some(progress) = run.state.search else {
        return Ok(Vec::new());
    };
    if !over {
        return Ok(progress.steps);
    }
    let report = stores.reports.get(id).await?;
    let findings = report.and_then(|report| report.search);
    Ok(findings.map_or(progress.steps, |findings| findings.steps))
}
