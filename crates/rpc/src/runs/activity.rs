//! What a run's sessions did at the target, over time.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    evidence::{ActivityPoint, ActivitySeries, Found},
    time::Timestamp,
};
use gauntlet_store::{Error, PageQuery, Stores};
use gauntlet_wire::{decode, encode};
use tonic::{Response, Status};

use crate::{Backend, judged, status};

/// Pieces in memory at a time, a minute's samples each.
const PAGE: u32 = 20;

pub(super) async fn get_target_activity(
    backend: &Backend,
    request: pb::GetTargetActivityRequest,
) -> Result<Response<pb::GetTargetActivityResponse>, Status> {
    let request = decode::get_target_activity(&request)?;
    let run = judged::run(&backend.stores, request.run).await;
    run.map_err(status::control)?;
    let points = read(&backend.stores, &request).await;
    let points = points.map_err(status::store)?;
    Ok(Response::new(pb::GetTargetActivityResponse {
        samples: points.iter().map(encode::target_activity).collect(),
    }))
}

/// The samples as points. However many there are, the pieces of a page and the
/// points are all that is held.
async fn read(
    stores: &Stores,
    request: &decode::GetTargetActivity,
) -> Result<Vec<ActivityPoint>, Error> {
    let mut series = ActivitySeries::new(request.max_points as usize);
    let asked_after = request.after.unwrap_or(Timestamp(i64::MIN));
    let mut after = request.after;
    loop {
        let page = PageQuery { after, limit: PAGE };
        let pieces = stores.evidence.activity(request.run, page).await?;
        let Some(last) = pieces.last() else {
            return Ok(series.points());
        };
        after = Some(last.taken);
        let is_last = pieces.len() < PAGE as usize;
        for piece in pieces {
            // A piece of another kind is in no place of activity.
            if let Found::Activity(samples) = piece.found {
                let later = samples.into_iter().filter(|one| one.at > asked_after);
                later.for_each(|sample| series.push(sample));
            }
        }
        if is_last {
            return Ok(series.points());
        }
    }
}
