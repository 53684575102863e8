//! What became of a call about workers.

use gauntlet_model::id::WorkerId;
use gauntlet_orchestrator::DrainError;
use tonic::Status;

use super::{absent, precondition};

/// There is no such worker.
pub(crate) fn no_worker(id: WorkerId) -> Status {
    let message = format!("worker {id} does not exist; \"gauntlet workers\" shows those that do");
    absent("worker", id.to_string(), message)
}

/// A worker was not sent home.
#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
pub(crate) fn drain(error: DrainError) -> Status {
    let message = error.to_string();
    match error {
        DrainError::NoSuchWorker(id) => no_worker(id),
        DrainError::Detached(_) => precondition("WORKER_STATUS", "LOST", message),
    }
}
