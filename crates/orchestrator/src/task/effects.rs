//! What follows from a stored change. Every effect may be performed again.

use std::time::Duration;

use gauntlet_model::{
    lifecycle::{Action, Effect},
    session::{Assign, AttemptRef, Command, ControlMessage},
};
use gauntlet_store::{Judged, judged};
use tokio_util::task::AbortOnDropHandle;

use super::{Task, transient};
use crate::{
    access::Login,
    login::{login, price},
    orchestrator::Services,
    pools::{self, Pools},
    report::{self, Inputs, ReportError},
    rollups,
};

/// How long to wait before a report that the store could not take is made again.
const AGAIN: Duration = Duration::from_secs(1);

impl Task {
    pub(super) async fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Assign => {
                for shard in 0..self.run.state.shards.len() {
                    self.assign(shard as u32).await;
                }
            }
            Effect::AssignShard { shard } => self.assign(shard).await,
            Effect::Command {
                sequence,
                at,
                action,
            } => {
                if let Action::Step(plan) = &action {
                    let settle = Duration::from_micros(plan.settle_us.unsigned_abs());
                    self.settles.insert(sequence, settle);
                }
                for attempt in self.attempts_for(sequence) {
                    let action = action.clone();
                    let command = Command {
                        attempt,
                        sequence,
                        at,
                        action,
                    };
                    self.send(attempt, ControlMessage::Command(command));
                }
            }
            Effect::Release => {
                self.pools = None;
                for (shard, index) in self.run.state.shards.iter().zip(0..) {
                    self.release(index, shard.attempt);
                }
                self.vacate();
            }
            Effect::ReleaseShard { shard, attempt } => self.release(shard, attempt),
            Effect::MakeReport => self.make_report().await,
        }
    }

    fn release(&self, shard: u32, attempt: u32) {
        let attempt = self.reference(shard, attempt);
        self.send(attempt, ControlMessage::Release { attempt });
        if let Some(shard) = self.run.state.shards.get(shard as usize) {
            self.shared.free(shard.worker, self.run.id);
        }
    }

    /// Gives a shard to its worker. One that is not attached gets it when it is.
    pub(super) async fn assign(&mut self, shard: u32) {
        let given = match (self.login().await, self.pools().await) {
            (Ok(login), Ok(pools)) => Ok((login, pools)),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        let (login, pools) = match given {
            Ok(given) => given,
            Err(error) => {
                self.warn("shard not assigned", error);
                return;
            }
        };
        let newest = self
            .attempts
            .iter()
            .filter(|attempt| attempt.shard == shard)
            .max_by_key(|attempt| attempt.number);
        let Some(attempt) = newest else { return };
        let reference = self.reference(shard, attempt.number);
        let assign = Assign {
            attempt: reference,
            run_name: self.run.name.clone(),
            spec: self.run.spec.clone(),
            address: login.address,
            password: login.password,
            shards: self.run.state.shards.len() as u32,
            keys: attempt.keys,
            pools,
        };
        self.send(reference, ControlMessage::Assign(Box::new(assign)));
    }

    /// The values of the pools that the run's operations draw from. Read once:
    /// every worker gets the same.
    async fn pools(&mut self) -> Result<Pools, String> {
        if let Some(pools) = &self.pools {
            return Ok(pools.clone());
        }
        let pools = pools::read(&self.shared.services.stores, &self.run).await?;
        self.pools = Some(pools.clone());
        Ok(pools)
    }

    async fn make_report(&mut self) {
        if self.report.is_some() {
            return;
        }
        let login = self.login().await;
        if self.target_version.is_empty()
            && let Ok(login) = &login
            && let Ok(version) = self.shared.services.access.test(login).await
        {
            self.target_version = version.version;
        }
        let services = self.shared.services.clone();
        let price_per_hour = price(&services, &self.run).await;
        let inputs = Inputs {
            run: self.run.clone(),
            attempts: self.attempts.clone(),
            command_lateness: self.command_lateness,
            target_version: self.target_version.clone(),
            login,
            version: services.version.clone(),
            price_per_hour,
            before: None,
        };
        let rebuild = self.rolling.is_doubtful();
        let gathered = self.gatherer.finished();
        let making = async move {
            gathered.await;
            loop {
                match make_once(&services, &inputs, rebuild).await {
                    // The run's deadline ends this.
                    Err(ReportError::Store(error)) if transient(&error) => {
                        tokio::time::sleep(AGAIN).await;
                    }
                    made => return made.map_err(|error| error.to_string()),
                }
            }
        };
        self.report = Some(AbortOnDropHandle::new(tokio::spawn(making)));
    }

    /// The target's address and opened password, or why there are none.
    pub(super) async fn login(&self) -> Result<Login, String> {
        login(&self.shared.services, &self.run).await
    }

    pub(super) fn send(&self, attempt: AttemptRef, message: ControlMessage) {
        let Some(shard) = self.run.state.shards.get(attempt.shard as usize) else {
            return;
        };
        if !self.shared.registry.send(shard.worker, message) {
            tracing::warn!(run = %self.run.id, shard = attempt.shard, "worker not attached; told when it is");
        }
    }

    pub(super) fn reference(&self, shard: u32, attempt: u32) -> AttemptRef {
        AttemptRef {
            run: self.run.id,
            shard,
            attempt,
        }
    }

    /// The attempts that a command is for.
    fn attempts_for(&self, sequence: i64) -> Vec<AttemptRef> {
        let state = &self.run.state;
        let shards = state.shards.iter().zip(0..);
        shards
            .filter(|(_, index)| state.is_for(*index, sequence))
            .map(|(shard, index)| self.reference(index, shard.attempt))
            .collect()
    }
}

/// Makes and stores the report, and before it the rollups if they may lack something.
async fn make_once(
    services: &Services,
    inputs: &Inputs,
    rebuild: bool,
) -> Result<Judged, ReportError> {
    let stores = &services.stores;
    if rebuild {
        rollups::rebuild_all(stores, &inputs.run).await?;
    }
    let sums = report::sums(stores, &inputs.run).await?;
    let report = report::make(services, inputs, sums).await?;
    stores.reports.put(&report).await?;
    Ok(judged(&report))
}
