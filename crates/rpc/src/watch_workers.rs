//! The states of the workers, until the caller goes.

use std::collections::VecDeque;

use gauntlet_api::v1::{self as pb, watch_workers_response::Update};
use gauntlet_model::run::Worker;
use gauntlet_orchestrator::hub::Forgotten;
use gauntlet_wire::{decode, encode};
use tonic::{Response, Status};

use crate::{
    Backend,
    feed::{Feed, Source},
    pull::{self, Down},
    roster,
};

pub(crate) async fn watch_workers(
    backend: &Backend,
    request: pb::WatchWorkersRequest,
) -> Result<Response<Down<pb::WatchWorkersResponse>>, Status> {
    let seen = decode::watch_workers(&request)?;
    let newest = backend.orchestrator.hub().workers().newest();
    let watch = Feed::open(backend.clone(), Workers, newest, seen).await?;
    Ok(pull::answer(watch))
}

struct Workers;

impl Source for Workers {
    type Message = pb::WatchWorkersResponse;

    async fn snapshot(
        &mut self,
        backend: &Backend,
        revision: i64,
        waiting: &mut VecDeque<Self::Message>,
    ) -> Result<(), Status> {
        let mut after = None;
        loop {
            let page = roster::page(backend, after.as_ref()).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(roster::key(last));
            waiting.extend(page.iter().map(|worker| is(revision, worker)));
        }
    }

    fn take(
        &mut self,
        backend: &Backend,
        after: i64,
        waiting: &mut VecDeque<Self::Message>,
    ) -> Result<i64, Forgotten> {
        let mut last = after;
        for (revision, _, worker) in backend.orchestrator.hub().workers().after(after)? {
            last = revision;
            waiting.push_back(is(revision, &worker));
        }
        Ok(last)
    }

    fn resync(resync: pb::Resync) -> Self::Message {
        sent(Update::Resync(resync))
    }

    fn done(done: pb::SnapshotDone) -> Self::Message {
        sent(Update::SnapshotDone(done))
    }

    fn heartbeat(heartbeat: pb::StreamHeartbeat) -> Self::Message {
        sent(Update::Heartbeat(heartbeat))
    }
}

fn is(revision: i64, worker: &Worker) -> pb::WatchWorkersResponse {
    let worker = Some(encode::worker(worker));
    sent(Update::Worker(pb::WorkerState { worker, revision }))
}

fn sent(update: Update) -> pb::WatchWorkersResponse {
    pb::WatchWorkersResponse {
        update: Some(update),
    }
}
