//! The shards of a run.

use gauntlet_api::v1 as pb;
use gauntlet_model::id::RunId;
use gauntlet_wire::{decode, encode};
use tonic::{Response, Status};

use crate::{Backend, judged, status};

pub(super) async fn list_shards(
    backend: &Backend,
    request: pb::ListShardsRequest,
) -> Result<Response<pb::ListShardsResponse>, Status> {
    let run = decode::list_shards(&request)?;
    let shards = shards(backend, run).await?;
    Ok(Response::new(pb::ListShardsResponse { shards }))
}

pub(super) async fn get_shard(
    backend: &Backend,
    request: pb::GetShardRequest,
) -> Result<Response<pb::GetShardResponse>, Status> {
    let request = decode::get_shard(&request)?;
    let shard = shard(backend, request.run, request.shard).await?;
    Ok(Response::new(pb::GetShardResponse { shard: Some(shard) }))
}

pub(super) async fn abort_shard(
    backend: &Backend,
    request: pb::AbortShardRequest,
) -> Result<Response<pb::AbortShardResponse>, Status> {
    let decode::AbortShard {
        run,
        shard: index,
        attempt,
        message,
    } = decode::abort_shard(request)?;
    let aborted = backend
        .orchestrator
        .abort_shard(run, index, attempt, message)
        .await;
    let aborted = aborted.map_err(status::control)?;
    Ok(Response::new(pb::AbortShardResponse {
        shard: Some(shard(backend, run, index).await?),
        run: Some(super::answer(backend, aborted).await?),
    }))
}

async fn shards(backend: &Backend, run: RunId) -> Result<Vec<pb::Shard>, Status> {
    let attempts = backend.stores.runs.attempts(run).await;
    let attempts = attempts.map_err(status::store)?;
    if attempts.is_empty() {
        // A run that was not started has no shards yet; one that is not there has none ever.
        let found = judged::run(&backend.stores, run).await;
        found.map_err(status::control)?;
    }
    Ok(encode::shards(&attempts))
}

async fn shard(backend: &Backend, run: RunId, index: u32) -> Result<pb::Shard, Status> {
    let shards = shards(backend, run).await?;
    let count = shards.len();
    let found = shards.into_iter().find(|shard| shard.index == index);
    found.ok_or_else(|| status::no_shard(run, index, count))
}
