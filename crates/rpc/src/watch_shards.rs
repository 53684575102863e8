//! The states of a run's shards, from now to the run's end.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use gauntlet_api::v1::{self as pb, watch_shards_response::Update};
use gauntlet_model::run::Attempt;
use gauntlet_orchestrator::hub::{Channel, RunSnapshot};
use gauntlet_wire::{decode, encode};
use tokio::sync::watch;
use tonic::{Response, Status};

use crate::{
    Backend, HEARTBEAT, judged,
    pull::{self, Down, Pull, deleted, stopping},
    status,
};

pub(crate) async fn watch_shards(
    backend: &Backend,
    request: pb::WatchShardsRequest,
) -> Result<Response<Down<pb::WatchShardsResponse>>, Status> {
    let request = decode::watch_shards(&request)?;
    Ok(pull::answer(
        WatchShards::open(backend.clone(), request).await?,
    ))
}

/// One watcher. What it holds is bounded by the run's shards.
struct WatchShards {
    backend: Backend,
    channel: Arc<Channel>,
    states: watch::Receiver<Option<RunSnapshot>>,
    waiting: VecDeque<Update>,
    /// By shard: the revision of what was sent.
    sent: BTreeMap<u32, i64>,
    /// The run's revision that the shards sent are of.
    seen: i64,
    over: bool,
}

impl WatchShards {
    /// Subscribes first and reads the store then, the run before its attempts:
    /// a change between the two is seen twice, and the revisions tell the repeat.
    async fn open(backend: Backend, request: decode::WatchRun) -> Result<Self, Status> {
        let channel = backend.orchestrator.channel(request.run);
        let states = channel.states();
        let run = judged::run(&backend.stores, request.run).await;
        let run = run.map_err(status::control)?;
        let attempts = backend.stores.runs.attempts(request.run).await;
        let attempts = attempts.map_err(status::store)?;
        let mut watch = Self {
            backend,
            channel,
            states,
            waiting: VecDeque::new(),
            sent: BTreeMap::new(),
            seen: request.seen,
            over: run.status().is_terminal(),
        };
        if request.seen > run.revision {
            let why = "the revision to resume from is not of this store";
            let resync = Update::Resync(encode::resync(why));
            watch.waiting.push_back(resync);
            watch.seen = 0;
        }
        watch.take(&attempts);
        watch.seen = run.revision;
        let done = encode::snapshot_done(run.revision);
        watch.waiting.push_back(Update::SnapshotDone(done));
        Ok(watch)
    }

    /// Queues the shards that changed since what was sent.
    fn take(&mut self, attempts: &[Attempt]) {
        let mut revisions: BTreeMap<u32, i64> = BTreeMap::new();
        for attempt in attempts {
            let newest = revisions.entry(attempt.shard).or_default();
            *newest = (*newest).max(attempt.revision);
        }
        for shard in encode::shards(attempts) {
            let revision = revisions.get(&shard.index).copied().unwrap_or(0);
            let known = self.sent.get(&shard.index).copied().unwrap_or(self.seen);
            if revision > known {
                self.sent.insert(shard.index, revision);
                let state = pb::ShardState {
                    shard: Some(shard),
                    revision,
                };
                self.waiting.push_back(Update::Shard(state));
            }
        }
    }

    fn newest(&mut self) {
        let Some(snapshot) = self.states.borrow_and_update().clone() else {
            return;
        };
        self.over = snapshot.run.status().is_terminal();
        self.take(&snapshot.attempts);
        self.seen = self.seen.max(snapshot.run.revision);
    }
}

impl Pull for WatchShards {
    type Message = pb::WatchShardsResponse;

    async fn next(&mut self) -> Option<Result<Self::Message, Status>> {
        let send = |update| {
            Some(Ok(pb::WatchShardsResponse {
                update: Some(update),
            }))
        };
        let quiet = tokio::time::sleep(HEARTBEAT);
        tokio::pin!(quiet);
        let channel = self.channel.clone();
        loop {
            if let Some(update) = self.waiting.pop_front() {
                return send(update);
            }
            if self.over {
                return None;
            }
            tokio::select! {
                biased;
                Ok(()) = self.states.changed() => self.newest(),
                () = channel.gone() => return Some(Err(deleted())),
                () = self.backend.stop.cancelled() => return Some(Err(stopping())),
                () = &mut quiet => {
                    let now = self.backend.clock.now();
                    return send(Update::Heartbeat(encode::heartbeat(now)));
                }
            }
        }
    }
}
