//! A run's failures.

use gauntlet_api::v1 as pb;
use gauntlet_model::errors::ErrorSummary;
use gauntlet_wire::{decode, encode};
use tonic::{Response, Status};

use super::operations::places;
use crate::{Backend, judged, status};

/// The most kinds that one answer has.
const MOST: usize = 1_000;

pub(super) async fn get_error_summary(
    backend: &Backend,
    request: pb::GetErrorSummaryRequest,
) -> Result<Response<pb::GetErrorSummaryResponse>, Status> {
    let request = decode::get_error_summary(&request)?;
    let run = judged::run(&backend.stores, request.run).await;
    let run = run.map_err(status::control)?;
    let places = places(&run.spec, &request.operations)?;
    let stored = backend.stores.errors.list(run.id).await;
    let mut summary = ErrorSummary::default();
    for group in stored.map_err(status::store)? {
        if places.is_empty() || places.contains(&group.operation) {
            summary.merge(group);
        }
    }
    // Shares are those of all failures of an operation, whatever the phase asked for.
    let mut groups = summary.groups();
    groups.retain(|(group, _)| request.phase.is_none_or(|phase| phase == group.phase));
    let failed = groups.iter().map(|(group, _)| group.count);
    Ok(Response::new(pb::GetErrorSummaryResponse {
        failed: failed.fold(0, u64::saturating_add),
        errors: groups
            .iter()
            .take(MOST)
            .map(|(group, share)| encode::error_summary(group, *share, &run.spec))
            .collect(),
    }))
}
