//! Requests of `WorkerService`; the stream is in [`crate::session`].

use gauntlet_api::v1 as pb;
use gauntlet_model::id::WorkerId;

use crate::{
    Violations,
    fields::{Fields, read},
    page::{self, Page},
    rules::check,
};

const LONGEST_MESSAGE: usize = 1_000;

/// `ListWorkers`: which page, by name and id.
pub fn list_workers(
    request: pb::ListWorkersRequest,
) -> Result<Page<(String, WorkerId)>, Violations> {
    read(check(&request), |fields| {
        page::page(fields, request.page, "workers")
    })
}

/// A worker to send home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrainWorker {
    /// Which one.
    pub worker: WorkerId,
    /// Why; may be empty.
    pub message: String,
}

/// `GetWorker`.
pub fn get_worker(request: &pb::GetWorkerRequest) -> Result<WorkerId, Violations> {
    read(check(request), |fields| {
        worker_id(fields, &request.worker_id)
    })
}

/// `DrainWorker`.
pub fn drain_worker(request: pb::DrainWorkerRequest) -> Result<DrainWorker, Violations> {
    read(check(&request), |fields| {
        let worker = worker_id(fields, &request.worker_id);
        let message = fields.text("message", request.message, LONGEST_MESSAGE);
        Some(DrainWorker {
            worker: worker?,
            message: message?,
        })
    })
}

fn worker_id(fields: &mut Fields<'_>, text: &str) -> Option<WorkerId> {
    fields.uuid("worker_id", text).map(WorkerId)
}
