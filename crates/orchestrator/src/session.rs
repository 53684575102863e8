//! A worker's session: what it says finds its way to its run.

use std::sync::Arc;

use gauntlet_model::{
    id::WorkerId,
    interval::Interval,
    run::WorkerStatus,
    session::{ControlMessage, Heartbeat, Welcome, WorkerEvent},
    time::Timestamp,
};

use crate::{orchestrator::Shared, task::Upward};

/// Why a session ends.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The worker opened a newer session.
    #[error("the worker opened a newer session")]
    Superseded,
    /// A second hello.
    #[error("hello comes once, as the first message")]
    SecondHello,
}

/// A worker's session. Dropping it detaches the worker; the runs that it serves
/// wait for its return for as long as their deadlines allow.
pub struct Session {
    shared: Arc<Shared>,
    worker: WorkerId,
    welcome: Welcome,
    left: bool,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>, worker: WorkerId, welcome: Welcome) -> Self {
        Self {
            shared,
            worker,
            welcome,
            left: false,
        }
    }

    /// What the worker is to be told first.
    #[must_use]
    pub fn welcome(&self) -> Welcome {
        self.welcome
    }

    /// Takes one message of the worker. Waits while the run's queue is full:
    /// then the stream is not read and the worker keeps what it has.
    pub async fn receive(&mut self, event: WorkerEvent) -> Result<(), SessionError> {
        let shared = &self.shared;
        let now = shared.services.clock.now();
        if !shared
            .registry
            .seen(self.worker, self.welcome.generation, now)
        {
            return Err(SessionError::Superseded);
        }
        let (run, attempt) = match &event {
            WorkerEvent::Hello(_) => return Err(SessionError::SecondHello),
            WorkerEvent::Heartbeat(heartbeat) => {
                self.heartbeat(heartbeat, now);
                return Ok(());
            }
            WorkerEvent::Goodbye { message } => {
                self.goodbye(message.clone()).await;
                return Ok(());
            }
            WorkerEvent::Logs { run, .. } => (*run, None),
            WorkerEvent::Interval { interval, .. } => {
                self.measured(interval);
                (interval.attempt.run, Some(interval.attempt))
            }
            WorkerEvent::ShardFinished(totals) => (totals.attempt.run, Some(totals.attempt)),
            WorkerEvent::Ready { attempt, .. }
            | WorkerEvent::Ack { attempt, .. }
            | WorkerEvent::PhaseEntered { attempt, .. }
            | WorkerEvent::Samples { attempt, .. }
            | WorkerEvent::ShardFailed { attempt, .. } => (attempt.run, Some(*attempt)),
        };
        let upward = Upward::Event {
            worker: self.worker,
            event,
        };
        let sent = match shared.known_task(run) {
            Some(task) => task.up.send(upward).await.is_ok(),
            None => false,
        };
        // Where a control plane shuts down its tasks end, and their runs go on.
        if let Some(attempt) = attempt.filter(|_| !sent && !shared.stop.is_cancelled()) {
            // The run is over; the worker need not keep anything of it.
            let release = ControlMessage::Release { attempt };
            shared.registry.send(self.worker, release);
        }
        Ok(())
    }

    fn measured(&self, interval: &Interval) {
        // One that makes no sense is refused by its run.
        if let Ok(ended) = interval.ended() {
            let (registry, generation) = (&self.shared.registry, self.welcome.generation);
            registry.measured(self.worker, generation, interval, ended);
        }
    }

    fn heartbeat(&self, heartbeat: &Heartbeat, received: Timestamp) {
        let (shared, generation) = (&self.shared, self.welcome.generation);
        let news = shared
            .registry
            .heartbeat(self.worker, generation, heartbeat, received);
        if let Some(worker) = news {
            shared.hub.worker(worker);
        }
        let reply = ControlMessage::HeartbeatReply {
            sent: heartbeat.sent,
            received,
            replied: shared.services.clock.now(),
        };
        shared.registry.send(self.worker, reply);
    }

    async fn goodbye(&mut self, message: String) {
        self.left = true;
        let (shared, worker) = (&self.shared, self.worker);
        let known = shared.registry.get(worker);
        shared
            .registry
            .detach(worker, self.welcome.generation, true);
        for run in known.map_or(Vec::new(), |worker| worker.runs) {
            if let Some(task) = shared.known_task(run) {
                let message = message.clone();
                let left = Upward::Left { worker, message };
                // An error means that the run has just ended.
                let _ = task.up.send(left).await;
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.left {
            self.shared
                .registry
                .detach(self.worker, self.welcome.generation, false);
        }
        let still_newest =
            self.shared.registry.get(self.worker).is_some_and(|worker| {
                matches!(worker.status, WorkerStatus::Lost | WorkerStatus::Gone)
            });
        if still_newest && !self.shared.stop.is_cancelled() {
            let (shared, worker) = (self.shared.clone(), self.worker);
            self.shared
                .tracker
                .spawn(async move { shared.remember(worker).await });
        }
    }
}
