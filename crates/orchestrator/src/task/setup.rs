//! Fail fast: everything that can be known before a worker starts.

use gauntlet_model::{
    lifecycle::{Event, ShardStage, Status},
    run::{Attempt, Worker},
    session::KeyRange,
};

use super::Task;
use crate::{access::Login, keys::BLOCK, orchestrator::ControlError, pools, report::insert_tables};

struct Setup {
    workers: Vec<Worker>,
    keys: Vec<KeyRange>,
    target_version: String,
}

impl Task {
    pub(super) async fn start(&mut self) -> Result<(), ControlError> {
        if self.run.status() != Status::Prepared {
            // The state machine says no in its own words.
            return self
                .apply(Event::Start {
                    workers: Vec::new(),
                })
                .await;
        }
        let setup = match self.set_up().await {
            Ok(setup) => setup,
            Err(message) => {
                self.apply(Event::SetupFailed {
                    message: message.clone(),
                })
                .await?;
                return Err(ControlError::SetupFailed(message));
            }
        };
        let now = self.now();
        self.target_version = setup.target_version;
        self.attempts = setup
            .workers
            .iter()
            .zip(&setup.keys)
            .enumerate()
            .map(|(shard, (worker, keys))| Attempt {
                shard: shard as u32,
                number: 1,
                worker: worker.id,
                worker_text: format!(
                    "{} ({} processors, gauntlet {})",
                    worker.name, worker.processors, worker.version
                ),
                stage: ShardStage::Assigned,
                message: String::new(),
                keys: *keys,
                assigned: now,
                ended: None,
                first_operation: None,
                peak_cpu_permille: 0,
                clock_uncertainty: None,
                revision: 0,
            })
            .collect();
        self.silence_from = now;
        let workers = setup.workers.iter().map(|worker| worker.id).collect();
        let started = self.apply(Event::Start { workers }).await;
        if started.is_err() {
            self.attempts.clear();
            for worker in setup.workers {
                self.shared.free(worker.id, self.run.id);
            }
        }
        started
    }

    /// Checks everything in the order in which a person would want to know, and
    /// reserves the workers last: nothing needs to be undone.
    async fn set_up(&mut self) -> Result<Setup, String> {
        let login = self.login().await?;
        self.pools = Some(pools::read(&self.shared.services.stores, &self.run).await?);
        let access = &self.shared.services.access;
        let version = access
            .check(&login, &self.run.spec)
            .await
            .map_err(|error| error.to_string())?;
        let keys = self.key_ranges(&login).await?;
        let shards = self.run.spec.workers;
        let connections = self.run.spec.load.connections().div_ceil(shards);
        let workers = self
            .shared
            .registry
            .reserve(self.run.id, shards, connections, self.now())
            .map_err(|error| error.to_string())?;
        for worker in &workers {
            self.shared.hub.worker(worker.clone());
        }
        Ok(Setup {
            workers,
            keys,
            target_version: version.version,
        })
    }

    async fn key_ranges(&self, login: &Login) -> Result<Vec<KeyRange>, String> {
        let shards = self.run.spec.workers;
        let tables = insert_tables(&self.run);
        if tables.is_empty() {
            return Ok(vec![
                KeyRange {
                    first: 1,
                    length: BLOCK
                };
                shards as usize
            ]);
        }
        let mut free = 1;
        for (table, key, _) in tables {
            let access = &self.shared.services.access;
            let next = access.next_free_key(login, &table, &key).await;
            free = free.max(next.map_err(|error| error.to_string())?);
        }
        self.shared
            .keys
            .take(&login.address, free, shards)
            .map_err(|error| error.to_string())
    }
}
