//! What happens in a run, from its first event to its end.

use std::{collections::VecDeque, sync::Arc};

use gauntlet_api::v1::{self as pb, watch_events_response::Update};
use gauntlet_model::{id::RunId, run::RunEvent};
use gauntlet_orchestrator::hub::{Channel, RunSnapshot};
use gauntlet_store::PageQuery;
use gauntlet_wire::{decode, encode};
use tokio::sync::{
    broadcast::{self, error::TryRecvError},
    watch,
};
use tonic::{Response, Status};

use crate::{
    Backend, HEARTBEAT, judged,
    pull::{self, Down, Pull, deleted, stopping},
    status,
};

/// Events read from the store at a time.
const PAGE: u32 = 256;

pub(crate) async fn watch_events(
    backend: &Backend,
    request: pb::WatchEventsRequest,
) -> Result<Response<Down<pb::WatchEventsResponse>>, Status> {
    let request = decode::watch_events(&request)?;
    Ok(pull::answer(
        WatchEvents::open(backend.clone(), request).await?,
    ))
}

/// One watcher. It holds one page of events at most; what it cannot keep up
/// with it reads from the store, so nothing is left out.
struct WatchEvents {
    backend: Backend,
    run: RunId,
    channel: Arc<Channel>,
    states: watch::Receiver<Option<RunSnapshot>>,
    live: broadcast::Receiver<Arc<RunEvent>>,
    waiting: VecDeque<Update>,
    /// The last event that was sent or that the caller has seen.
    sent: i64,
    /// Events after `sent` are to be read from the store before anything else.
    behind: bool,
    /// `SnapshotDone` has not been said yet.
    snapshot: bool,
    over: bool,
}

impl WatchEvents {
    /// Subscribes first and reads the store then: an event between the two is
    /// seen twice, and its sequence tells the repeat.
    async fn open(backend: Backend, request: decode::WatchRun) -> Result<Self, Status> {
        let channel = backend.orchestrator.channel(request.run);
        let (states, live) = (channel.states(), channel.events());
        let run = judged::run(&backend.stores, request.run).await;
        let run = run.map_err(status::control)?;
        let mut watch = Self {
            backend,
            run: request.run,
            channel,
            states,
            live,
            waiting: VecDeque::new(),
            sent: request.seen,
            behind: true,
            snapshot: true,
            over: run.status().is_terminal(),
        };
        if request.seen > 0 && !watch.is_stored(request.seen).await? {
            let why = "the event to resume from is not in this store";
            watch.waiting.push_back(Update::Resync(encode::resync(why)));
            watch.sent = 0;
        }
        Ok(watch)
    }

    async fn is_stored(&self, sequence: i64) -> Result<bool, Status> {
        let page = PageQuery {
            after: Some(sequence - 1),
            limit: 1,
        };
        let found = self.backend.stores.runs.events(self.run, page).await;
        Ok(!found.map_err(status::store)?.is_empty())
    }

    /// Reads the next page after what was sent.
    async fn catch_up(&mut self) -> Result<(), Status> {
        let page = PageQuery {
            after: Some(self.sent),
            limit: PAGE,
        };
        let read = self.backend.stores.runs.events(self.run, page).await;
        let read = read.map_err(status::store)?;
        self.behind = read.len() == PAGE as usize;
        for event in &read {
            self.take(event);
        }
        if !self.behind && self.snapshot {
            self.snapshot = false;
            let done = encode::snapshot_done(self.sent);
            self.waiting.push_back(Update::SnapshotDone(done));
        }
        Ok(())
    }

    /// Queues an event that follows what was sent; a gap is read from the store.
    fn take(&mut self, event: &RunEvent) {
        if event.sequence == self.sent + 1 {
            self.sent = event.sequence;
            let event = encode::run_event(event);
            self.waiting.push_back(Update::Event(event));
        } else if event.sequence > self.sent {
            self.behind = true;
        }
    }

    /// Queues what is in the channel.
    fn take_live(&mut self) {
        while !self.behind {
            match self.live.try_recv() {
                Ok(event) => self.take(&event),
                Err(TryRecvError::Lagged(_)) => self.behind = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn notice_end(&mut self) {
        let newest = self.states.borrow_and_update().clone();
        self.over = newest.is_some_and(|now| now.run.status().is_terminal());
    }
}

impl Pull for WatchEvents {
    type Message = pb::WatchEventsResponse;

    async fn next(&mut self) -> Option<Result<Self::Message, Status>> {
        let send = |update| {
            Some(Ok(pb::WatchEventsResponse {
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
            if self.behind {
                if let Err(error) = self.catch_up().await {
                    return Some(Err(error));
                }
                continue;
            }
            self.take_live();
            if self.behind || !self.waiting.is_empty() {
                continue;
            }
            // Events are published before the state that they led to.
            if self.over {
                return None;
            }
            tokio::select! {
                biased;
                event = self.live.recv() => match event {
                    Ok(event) => self.take(&event),
                    Err(_) => self.behind = true,
                },
                Ok(()) = self.states.changed() => self.notice_end(),
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
