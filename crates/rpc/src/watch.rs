//! The states of one run, from now to its end.

use std::{collections::VecDeque, sync::Arc};

use gauntlet_api::v1::{self as pb, watch_run_response::Update};
use gauntlet_model::lifecycle::Stage;
use gauntlet_orchestrator::hub::{Channel, RunSnapshot};
use gauntlet_wire::{decode::WatchRun, encode};
use tokio::sync::watch;
use tonic::Status;

use crate::{
    Backend, HEARTBEAT,
    judged::Judged,
    pull::{Pull, deleted, stopping},
    status,
};

/// One watcher.
pub(crate) struct Watch {
    backend: Backend,
    /// Keeps the newest state there after the run's task has ended.
    channel: Arc<Channel>,
    states: watch::Receiver<Option<RunSnapshot>>,
    /// Changes when the places of the runs that wait may have.
    queue: watch::Receiver<u64>,
    /// What was sent last.
    newest: Judged,
    /// The place in the queue that was sent last.
    place: u32,
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
        let queue = backend.orchestrator.queue();
        let run = Judged::load(&backend.stores, request.run).await;
        let run = run.map_err(status::control)?;
        let mut waiting = VecDeque::new();
        if request.seen > run.run.revision {
            let why = "the revision to resume from is not of this store";
            waiting.push_back(Update::Resync(encode::resync(why)));
        }
        let message = run.encode(&backend);
        let place = message.queue_position;
        if run.run.revision != request.seen {
            waiting.push_back(Update::Run(message));
        }
        let revision = run.run.revision;
        waiting.push_back(Update::SnapshotDone(encode::snapshot_done(revision)));
        Ok(Self {
            backend,
            channel,
            states,
            queue,
            place,
            waiting,
            sent: revision,
            over: run.run.status().is_terminal(),
            newest: run,
        })
    }

    /// The newest state, if it was not sent yet.
    fn newest(&mut self) -> Option<Update> {
        let snapshot = self.states.borrow_and_update().clone()?;
        if snapshot.run.revision <= self.sent {
            return None;
        }
        self.sent = snapshot.run.revision;
        self.over = snapshot.run.status().is_terminal();
        self.newest = Judged {
            run: snapshot.run,
            judged: snapshot.judged,
        };
        Some(self.run())
    }

    fn run(&mut self) -> Update {
        let message = self.newest.encode(&self.backend);
        self.place = message.queue_position;
        Update::Run(message)
    }

    /// Whether the run waits for workers, as far as the caller knows.
    fn waits(&self) -> bool {
        matches!(self.newest.run.state.stage, Stage::Waiting { .. })
    }

    /// The state once more, if the run has another place in the queue. That it
    /// has none any more is told by the next state.
    fn moved(&mut self) -> Option<Update> {
        let place = self.backend.orchestrator.queue_position(self.newest.run.id);
        (place != 0 && place != self.place).then(|| self.run())
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
        let channel = self.channel.clone();
        loop {
            tokio::select! {
                biased;
                Ok(()) = self.states.changed() => {
                    if let Some(update) = self.newest() {
                        return send(update);
                    }
                }
                Ok(()) = self.queue.changed(), if self.waits() => {
                    if let Some(update) = self.moved() {
                        return send(update);
                    }
                }
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
