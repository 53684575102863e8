//! A worker's session: what it says finds its way to its run.

use std::sync::Arc;

use gauntlet_model::{
    id::WorkerId,
    run::WorkerStatus,
    session::{ControlMessage, Welcome, WorkerEvent},
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

/// A worker's session. Dropping it detaches the worker; a run that it serves
/// waits for its return for as long as its deadlines allow.
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
        let attempt = match &event {
            WorkerEvent::Hello(_) => return Err(SessionError::SecondHello),
            WorkerEvent::Heartbeat(heartbeat) => {
                shared
                    .registry
                    .heartbeat(self.worker, self.welcome.generation, heartbeat);
                let replied = shared.services.clock.now();
                let reply = ControlMessage::HeartbeatReply {
                    sent: heartbeat.sent,
                    received: now,
                    replied,
                };
                shared.registry.send(self.worker, reply);
                return Ok(());
            }
            WorkerEvent::Goodbye { message } => {
                self.left = true;
                let run = shared
                    .registry
                    .get(self.worker)
                    .and_then(|worker| worker.run);
                shared
                    .registry
                    .detach(self.worker, self.welcome.generation, true);
                if let Some(task) = run.and_then(|run| shared.known_task(run)) {
                    let left = Upward::Left {
                        worker: self.worker,
                        message: message.clone(),
                    };
                    // An error means that the run has just ended.
                    let _ = task.up.send(left).await;
                }
                return Ok(());
            }
            WorkerEvent::Interval(interval) => interval.attempt,
            WorkerEvent::ShardFinished(totals) => totals.attempt,
            WorkerEvent::Ready { attempt, .. }
            | WorkerEvent::Ack { attempt, .. }
            | WorkerEvent::PhaseEntered { attempt, .. }
            | WorkerEvent::ShardFailed { attempt, .. } => *attempt,
        };
        let sent = match shared.known_task(attempt.run) {
            Some(task) => task
                .up
                .send(Upward::Event {
                    worker: self.worker,
                    event,
                })
                .await
                .is_ok(),
            None => false,
        };
        if !sent {
            // The run is over; the worker need not keep anything of it.
            shared
                .registry
                .send(self.worker, ControlMessage::Release { attempt });
        }
        Ok(())
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
