//! The states of one run, from now to its end.

use std::{collections::VecDeque, sync::Arc};

use gauntlet_api::v1::{self as pb, watch_run_response::Update};
use gauntlet_model::run::Run;
use gauntlet_orchestrator::{ControlError, hub::Channel};
use gauntlet_wire::{decode::WatchRun, encode};
use tokio::sync::watch;
use tonic::Status;

use crate::{
    Backend, HEARTBEAT,
    pull::{Pull, stopping},
    status,
};

/// One watcher.
pub(crate) struct Watch {
    backend: Backend,
    /// Keeps the newest state there after the run's task has ended.
    _channel: Arc<Channel>,
    states: watch::Receiver<Option<Arc<Run>>>,
    waiting: VecDeque<Update>,
    /// The newest revision that was sent or that the caller has seen.
    sent: i64,
    over: bool,
}

impl Watch {
    /// Subscribes first and reads the store then: a change between the two is
    /// seen twice, never missed, and the revision tells the repeat.
    pub(crate) async fn open(backend: Backend, request: WatchRun) -> Result<Self, Status> {
        let channel = backend.orchestrator.channel(request.run);
        let states = channel.states();
        let stored = backend.stores.runs.get(request.run).await;
        let run = stored
            .map_err(status::store)?
            .ok_or_else(|| status::control(ControlError::NoSuchRun(request.run)))?;
        let mut waiting = VecDeque::new();
        // A caller that has seen a later revision saw it in another store.
        if run.revision != request.seen {
            waiting.push_back(Update::Run(encode::run(&run, backend.clock.now())));
        }
        waiting.push_back(Update::SnapshotDone(encode::snapshot_done(run.revision)));
        Ok(Self {
            backend,
            _channel: channel,
            states,
            waiting,
            sent: run.revision,
            over: run.status().is_terminal(),
        })
    }

    /// The newest state, if it was not sent yet.
    fn newest(&mut self) -> Option<Update> {
        let run = self.states.borrow_and_update().clone()?;
        if run.revision <= self.sent {
            return None;
        }
        self.sent = run.revision;
        self.over = run.status().is_terminal();
        Some(Update::Run(encode::run(&run, self.backend.clock.now())))
    }
}

impl Pull for Watch {
    type Message = pb::WatchRunResponse;

    async fn next(&mut self) -> Option<Result<Self::Message, Status>> {
        let send = |update| {
            Some(Ok(pb::WatchRunResponse {
                update: Some(update),
            }))
        };
        if let Some(update) = self.waiting.pop_front() {
            return send(update);
        }
        if self.over {
            return None;
        }
        let quiet = tokio::time::sleep(HEARTBEAT);
        tokio::pin!(quiet);
        loop {
            tokio::select! {
                biased;
                Ok(()) = self.states.changed() => {
                    if let Some(update) = self.newest() {
                        return send(update);
                    }
                }
                () = self.backend.stop.cancelled() => return Some(Err(stopping())),
                () = &mut quiet => {
                    let now = self.backend.clock.now();
                    return send(Update::Heartbeat(encode::heartbeat(now)));
                }
            }
        }
    }
}
