//! Workers: how they are taken in, sent home and missed.

use std::{sync::Arc, time::Duration};

use gauntlet_model::{
    id::WorkerId,
    run::{Worker, WorkerStatus},
    session::{ControlMessage, Hello},
};
use tokio::sync::mpsc;

use super::{DrainError, Orchestrator, Shared};
use crate::{registry::AttachError, session::Session, task::Upward};

/// How often silent workers are looked for.
const SWEEP: Duration = Duration::from_secs(1);

impl Orchestrator {
    /// Takes a worker's session in. The session ends when it is dropped.
    pub async fn attach(
        &self,
        hello: Hello,
    ) -> Result<(Session, mpsc::Receiver<ControlMessage>), AttachError> {
        let shared = &self.shared;
        let draining = shared.was_draining(hello.worker).await;
        let now = shared.services.clock.now();
        let attached = shared.registry.attach(&hello, now)?;
        if draining {
            let message = "asked for before the control plane was started anew";
            // It has just attached: it is there.
            let _ = shared.registry.drain(hello.worker, message);
        }
        let session = Session::new(shared.clone(), hello.worker, attached.welcome);
        let known = shared.registry.get(hello.worker);
        let run = match hello.resume {
            Some(point) => Some(point.attempt.run),
            None => known.and_then(|worker| worker.run),
        };
        if let Some(run) = run {
            let attached = Upward::Attached {
                worker: hello.worker,
                resume: hello.resume,
            };
            let taken = match shared.known_task(run) {
                Some(task) => {
                    shared.registry.claim(hello.worker, run);
                    task.up.send(attached).await.is_ok()
                }
                None => false,
            };
            if let Some(point) = hello.resume.filter(|_| !taken) {
                let release = ControlMessage::Release {
                    attempt: point.attempt,
                };
                shared.registry.send(hello.worker, release);
            }
        }
        shared.remember(hello.worker).await;
        tracing::info!(worker = %hello.worker, name = hello.name, "worker attached");
        Ok((session, attached.down))
    }

    /// The workers that are attached to this process or were within the hour.
    #[must_use]
    pub fn workers(&self) -> Vec<Worker> {
        self.shared.registry.all()
    }

    /// Lets a worker finish what it holds, gives it nothing new, and sends it
    /// home. Asking again changes nothing.
    pub async fn drain(&self, worker: WorkerId, message: String) -> Result<Worker, DrainError> {
        let drained = self.shared.registry.drain(worker, &message)?;
        tracing::info!(%worker, name = drained.name, message, "worker is to leave");
        self.shared.remember(worker).await;
        Ok(drained)
    }
}

impl Shared {
    /// Whether a worker that this process does not know was to leave when
    /// another process knew it.
    async fn was_draining(&self, worker: WorkerId) -> bool {
        if self.registry.get(worker).is_some() {
            return false;
        }
        let stored = self.services.stores.workers.get(worker).await;
        matches!(stored, Ok(Some(worker)) if worker.status == WorkerStatus::Draining)
    }

    /// Stores a worker as it is now and tells of it. A store that is away is no
    /// reason to turn a worker down: the registry is what counts, the rows are
    /// for reading.
    pub(crate) async fn remember(&self, worker: WorkerId) {
        let Some(worker) = self.registry.get(worker) else {
            return;
        };
        if let Err(error) = self.services.stores.workers.put(&worker).await {
            tracing::warn!(worker = %worker.id, %error, "worker not stored");
        }
        self.hub.worker(worker);
    }

    /// Frees a worker that serves the run, and tells of it.
    pub(crate) fn free(&self, worker: WorkerId, run: gauntlet_model::id::RunId) {
        if let Some(worker) = self.registry.free(worker, run) {
            self.hub.worker(worker);
        }
    }
}

pub(super) async fn sweep(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(SWEEP);
    while shared.stop.run_until_cancelled(tick.tick()).await.is_some() {
        for worker in shared.registry.sweep(shared.services.clock.now()) {
            tracing::warn!(worker = %worker.id, name = worker.name, "worker lost: no sign of life");
            shared.remember(worker.id).await;
        }
    }
}
