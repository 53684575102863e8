//! What people change of a run.

use gauntlet_api::v1 as pb;
use gauntlet_model::{id::RunId, lifecycle::Adjustment};
use gauntlet_orchestrator::RerunRun;
use gauntlet_wire::decode;
use tonic::{Response, Status};

use crate::{Backend, catalog, judged, status};

pub(super) async fn update_run(
    backend: &Backend,
    request: pb::UpdateRunRequest,
) -> Result<Response<pb::UpdateRunResponse>, Status> {
    let decode::UpdateRun {
        run,
        labels,
        notes,
        etag,
    } = decode::update_run(request)?;
    let changed = backend.orchestrator.annotate(run, labels, notes, etag);
    let changed = changed.await.map_err(status::control)?;
    let run = Some(super::answer(backend, changed).await?);
    Ok(Response::new(pb::UpdateRunResponse { run }))
}

pub(super) async fn delete_run(
    backend: &Backend,
    request: pb::DeleteRunRequest,
) -> Result<Response<pb::DeleteRunResponse>, Status> {
    let run = decode::delete_run(&request)?;
    let deleted = backend.orchestrator.delete(run).await;
    deleted.map_err(status::control)?;
    Ok(Response::new(pb::DeleteRunResponse {}))
}

pub(super) async fn rerun_run(
    backend: &Backend,
    request: pb::RerunRunRequest,
) -> Result<Response<pb::RerunRunResponse>, Status> {
    let request = decode::rerun_run(request)?;
    let repeated = judged::run(&backend.stores, request.run).await;
    let repeated = repeated.map_err(status::control)?;
    let idempotency = catalog::idempotency(
        "RerunRun",
        &repeated.project,
        request.request_id.as_deref(),
        request.fingerprint(),
    );
    let rerun = RerunRun {
        run: request.run,
        name: request.name,
        labels: request.labels,
        idempotency,
    };
    let made = backend.orchestrator.rerun(RunId((backend.ids)()), rerun);
    let made = made.await.map_err(status::control)?;
    let run = Some(super::answer(backend, made).await?);
    Ok(Response::new(pb::RerunRunResponse { run }))
}

pub(super) async fn adjust_run(
    backend: &Backend,
    request: pb::AdjustRunRequest,
) -> Result<Response<pb::AdjustRunResponse>, Status> {
    let request = decode::adjust_run(request)?;
    let adjustment = match request.change {
        decode::LoadChange::Level(level) => Adjustment::Level(level),
        decode::LoadChange::Paused(paused) => Adjustment::Paused(paused),
    };
    let adjusted = backend
        .orchestrator
        .adjust(request.run, adjustment, request.message)
        .await;
    let (run, effective) = adjusted.map_err(status::control)?;
    Ok(Response::new(pb::AdjustRunResponse {
        run: Some(super::answer(backend, run).await?),
        effective_us: effective.0,
    }))
}
