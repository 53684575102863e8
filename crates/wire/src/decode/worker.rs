//! Requests of `WorkerService`; the stream is in [`crate::session`].

use gauntlet_api::v1 as pb;
use gauntlet_model::id::WorkerId;

use crate::{
    Violations,
    fields::read,
    page::{self, Page},
};

/// `ListWorkers`: which page, by name and id.
pub fn list_workers(
    request: pb::ListWorkersRequest,
) -> Result<Page<(String, WorkerId)>, Violations> {
    read(|fields| page::page(fields, request.page, "workers"))
}
