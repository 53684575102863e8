//! Workers: how they are taken in, sent home and missed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gauntlet_model::{
    id::{RunId, WorkerId},
    lifecycle::Stage,
    run::{Run, Worker, WorkerStatus},
    session::{AttemptRef, ControlMessage, Hello, ResumePoint},
};
use tokio::sync::{mpsc, watch};

use super::{DrainError, Orchestrator, Shared};
use crate::{
    registry::{AttachError, Need},
    session::Session,
    task::Upward,
};

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
        shared.take_in(&hello).await;
        shared.remember(hello.worker).await;
        tracing::info!(worker = %hello.worker, name = hello.name, "worker attached");
        Ok((session, attached.down))
    }

    /// A run's place among those that wait for workers, from 1; 0 when it does
    /// not wait.
    #[must_use]
    pub fn queue_position(&self, run: RunId) -> u32 {
        self.shared.registry.position(run)
    }

    /// Changes whenever a run begins or ends to wait for workers, so that others
    /// may have another place.
    #[must_use]
    pub fn queue(&self) -> watch::Receiver<u64> {
        self.shared.registry.queue()
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
    /// Tells every run that a worker serves, or holds a shard of, that it is
    /// there. Shards of runs that are over are to be forgotten.
    async fn take_in(&self, hello: &Hello) {
        let worker = hello.worker;
        let mut held: BTreeMap<RunId, Vec<ResumePoint>> = BTreeMap::new();
        for run in self.registry.get(worker).map_or(Vec::new(), |one| one.runs) {
            held.entry(run).or_default();
        }
        for point in &hello.resumes {
            held.entry(point.attempt.run).or_default().push(*point);
        }
        for (run, resumes) in held {
            let attempts: Vec<AttemptRef> = resumes.iter().map(|one| one.attempt).collect();
            let attached = Upward::Attached { worker, resumes };
            let taken = match self.known_task(run) {
                Some(task) => task.up.send(attached).await.is_ok(),
                None => false,
            };
            let is_over = !taken && !self.stop.is_cancelled();
            for attempt in attempts.into_iter().filter(|_| is_over) {
                let release = ControlMessage::Release { attempt };
                self.registry.send(worker, release);
            }
        }
    }

    /// Restores what a run had of workers when the control plane last ended, and
    /// its place among those that wait.
    pub(super) fn restore(&self, run: &Run) {
        let (need, now) = (Need::of(run), self.services.clock.now());
        if let Stage::Waiting { since, .. } = run.state.stage {
            self.registry.wait(run.id, since, need, now);
            return;
        }
        let live = run.state.shards.iter().filter(|one| one.stage.is_live());
        for shard in live {
            self.registry.claim(shard.worker, run.id, need.connections);
        }
    }

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
    pub(crate) fn free(&self, worker: WorkerId, run: RunId) {
        let now = self.services.clock.now();
        if let Some(worker) = self.registry.free(worker, run, now) {
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
