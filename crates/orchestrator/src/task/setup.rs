//! Fail fast: everything that can be known before a worker starts.

use gauntlet_model::{
    lifecycle::{Event, Refused, ShardStage, Stage, Status},
    run::{Attempt, Worker},
    session::KeyRange,
    template::Launcher,
    time::Timestamp,
};

use super::Task;
use crate::{access::Login, keys, orchestrator::ControlError, pools, registry::Need};

impl Task {
    pub(super) async fn start(&mut self) -> Result<(), ControlError> {
        if matches!(self.run.state.stage, Stage::Waiting { .. }) {
            return Err(ControlError::Refused(Refused {
                status: self.run.status(),
                phase: self.run.state.phase(),
                event: "be started",
                why: Some("it was, and waits for workers"),
            }));
        }
        if self.run.status() != Status::Prepared {
            // The state machine says no in its own words.
            let workers = Vec::new();
            return self.apply(Event::Start { workers }).await;
        }
        match self.set_up().await {
            Ok(()) => Ok(()),
            Err(ControlError::SetupFailed(message)) => {
                let failed = Event::SetupFailed {
                    message: message.clone(),
                };
                self.apply(failed).await?;
                Err(ControlError::SetupFailed(message))
            }
            Err(error) => Err(error),
        }
    }

    /// Checks everything in the order in which a person would want to know, and
    /// asks for workers last: nothing needs to be undone.
    async fn set_up(&mut self) -> Result<(), ControlError> {
        let login = self.check().await.map_err(ControlError::SetupFailed)?;
        let control = &self.run.spec.control;
        if control.launcher == Launcher::Local || !control.worker_wait.is_zero() {
            return self.queue_up(&login).await;
        }
        let (registry, need) = (&self.shared.registry, Need::of(&self.run));
        let reserved = registry.reserve(self.run.id, &need, self.now());
        let workers = reserved.map_err(|lack| ControlError::SetupFailed(lack.to_string()))?;
        self.begin(&login, workers).await
    }

    /// Whether the run could be sent to its target now.
    pub(super) async fn check(&mut self) -> Result<Login, String> {
        let login = self.login().await?;
        self.pools = Some(pools::read(&self.shared.services.stores, &self.run).await?);
        let access = &self.shared.services.access;
        let version = access
            .check(&login, &self.run.spec)
            .await
            .map_err(|error| error.to_string())?;
        self.target_version = version.version;
        Ok(login)
    }

    /// Starts with workers that are reserved. They are free again when it fails.
    pub(super) async fn begin(
        &mut self,
        login: &Login,
        workers: Vec<Worker>,
    ) -> Result<(), ControlError> {
        for worker in &workers {
            self.shared.hub.worker(worker.clone());
        }
        let shards = self.run.spec.workers;
        let begun = match keys::take(&self.shared, &self.run, login, shards).await {
            Ok(keys) => self.begin_with(&workers, &keys).await,
            Err(message) => Err(ControlError::SetupFailed(message)),
        };
        if begun.is_err() {
            self.attempts.clear();
            for worker in workers {
                self.shared.free(worker.id, self.run.id);
            }
        }
        begun
    }

    async fn begin_with(
        &mut self,
        workers: &[Worker],
        keys: &[KeyRange],
    ) -> Result<(), ControlError> {
        let now = self.now();
        let given = workers.iter().zip(keys).zip(0..);
        self.attempts = given
            .map(|((worker, keys), shard)| new_attempt((shard, 1), worker, *keys, now))
            .collect();
        self.silence_from = now;
        let workers = workers.iter().map(|worker| worker.id).collect();
        self.apply(Event::Start { workers }).await
    }
}

/// The row of an attempt that is given to a worker now.
pub(super) fn new_attempt(
    (shard, number): (u32, u32),
    worker: &Worker,
    keys: KeyRange,
    now: Timestamp,
) -> Attempt {
    Attempt {
        shard,
        number,
        worker: worker.id,
        worker_text: format!(
            "{} ({} processors, gauntlet {})",
            worker.name, worker.processors, worker.version
        ),
        stage: ShardStage::Assigned,
        message: String::new(),
        keys,
        assigned: now,
        ended: None,
        first_operation: None,
        peak_cpu_permille: 0,
        clock_uncertainty: None,
        revision: 0,
    }
}
