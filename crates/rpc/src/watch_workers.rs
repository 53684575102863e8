//! The states of the workers, until the caller goes.

use std::collections::VecDeque;

use gauntlet_api::v1::{self as pb, watch_workers_response::Update};
use gauntlet_orchestrator::hub::Forgotten;
use gauntlet_wire::{decode, encode};
use tokio::sync::watch;
use tonic::{Response, Status};

use crate::{
    Backend, HEARTBEAT,
    pull::{self, Down, Pull, stopping},
    roster,
};

pub(crate) async fn watch_workers(
    backend: &Backend,
    request: pb::WatchWorkersRequest,
) -> Result<Response<Down<pb::WatchWorkersResponse>>, Status> {
    let seen = decode::watch_workers(&request)?;
    let mut watch = WatchWorkers {
        backend: backend.clone(),
        newest: backend.orchestrator.hub().workers().newest(),
        waiting: VecDeque::new(),
        sent: seen,
    };
    watch.open().await?;
    Ok(pull::answer(watch))
}

struct WatchWorkers {
    backend: Backend,
    newest: watch::Receiver<i64>,
    waiting: VecDeque<Update>,
    /// The feed's revision that the caller has.
    sent: i64,
}

impl WatchWorkers {
    async fn open(&mut self) -> Result<(), Status> {
        if self.sent > 0 {
            if self.take().is_ok() {
                let done = encode::snapshot_done(self.sent);
                self.waiting.push_back(Update::SnapshotDone(done));
                return Ok(());
            }
            return self.resync().await;
        }
        self.snapshot().await
    }

    async fn resync(&mut self) -> Result<(), Status> {
        let why = "the changes since that revision are not remembered";
        self.waiting.clear();
        self.waiting.push_back(Update::Resync(encode::resync(why)));
        self.snapshot().await
    }

    /// Reads where the feed is, and the list of workers then: a change between
    /// the two is sent twice, never missed.
    async fn snapshot(&mut self) -> Result<(), Status> {
        self.sent = *self.newest.borrow_and_update();
        let mut after = None;
        loop {
            let page = roster::page(&self.backend, after.as_ref()).await?;
            let Some(last) = page.last() else { break };
            after = Some(roster::key(last));
            for worker in &page {
                self.is(self.sent, encode::worker(worker));
            }
        }
        let done = encode::snapshot_done(self.sent);
        self.waiting.push_back(Update::SnapshotDone(done));
        Ok(())
    }

    /// Queues the next changes after what was sent.
    fn take(&mut self) -> Result<(), Forgotten> {
        let feed = self.backend.orchestrator.clone();
        for (revision, _, worker) in feed.hub().workers().after(self.sent)? {
            self.sent = revision;
            self.is(revision, encode::worker(&worker));
        }
        Ok(())
    }

    fn is(&mut self, revision: i64, worker: pb::Worker) {
        let worker = Some(worker);
        let state = pb::WorkerState { worker, revision };
        self.waiting.push_back(Update::Worker(state));
    }
}

impl Pull for WatchWorkers {
    type Message = pb::WatchWorkersResponse;

    async fn next(&mut self) -> Option<Result<Self::Message, Status>> {
        let send = |update| {
            Some(Ok(pb::WatchWorkersResponse {
                update: Some(update),
            }))
        };
        let quiet = tokio::time::sleep(HEARTBEAT);
        tokio::pin!(quiet);
        loop {
            if let Some(update) = self.waiting.pop_front() {
                return send(update);
            }
            let newest = *self.newest.borrow_and_update();
            if newest != self.sent {
                if self.take().is_err()
                    && let Err(error) = self.resync().await
                {
                    return Some(Err(error));
                }
                continue;
            }
            tokio::select! {
                biased;
                Ok(()) = self.newest.changed() => {}
                () = self.backend.stop.cancelled() => return Some(Err(stopping())),
                () = &mut quiet => {
                    let now = self.backend.clock.now();
                    return send(Update::Heartbeat(encode::heartbeat(now)));
                }
            }
        }
    }
}
