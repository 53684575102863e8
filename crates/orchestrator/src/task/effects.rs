//! What follows from a stored change. Every effect may be performed again.

use gauntlet_model::{
    lifecycle::Effect,
    session::{Assign, AttemptRef, Command, ControlMessage},
};

use super::Task;
use crate::{
    access::Login,
    report::{self, Inputs},
};

impl Task {
    pub(super) async fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Assign => {
                for shard in 0..self.run.state.shards.len() {
                    self.assign(shard as u32).await;
                }
            }
            Effect::Command {
                sequence,
                at,
                action,
            } => {
                for attempt in self.live_attempts() {
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
                for (index, shard) in self.run.state.shards.iter().enumerate() {
                    let attempt = self.reference(index as u32, shard.attempt);
                    self.send(attempt, ControlMessage::Release { attempt });
                    self.shared.registry.free(shard.worker, self.run.id);
                }
            }
            Effect::MakeReport => self.make_report().await,
        }
    }

    /// Gives a shard to its worker. One that is not attached gets it when it is.
    pub(super) async fn assign(&self, shard: u32) {
        let login = match self.login().await {
            Ok(login) => login,
            Err(error) => {
                tracing::warn!(run = %self.run.id, error, "shard not assigned");
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
        };
        self.send(reference, ControlMessage::Assign(Box::new(assign)));
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
        let inputs = Inputs {
            run: self.run.clone(),
            attempts: self.attempts.clone(),
            measured: self.run.state.measured(),
            command_lateness: self.command_lateness,
            target_version: self.target_version.clone(),
            login,
            version: self.shared.services.version.clone(),
        };
        let services = self.shared.services.clone();
        self.report = Some(tokio::spawn(async move {
            let now = services.clock.now();
            report::make(&services.stores, services.access.as_ref(), inputs, now)
                .await
                .map(|_| ())
                .map_err(|error| error.to_string())
        }));
    }

    /// The target's address and opened password, or why there are none.
    pub(super) async fn login(&self) -> Result<Login, String> {
        let services = &self.shared.services;
        let (project, name) = (&self.run.project, &self.run.spec.target);
        let target = services
            .stores
            .targets
            .get(project, name)
            .await
            .map_err(|error| error.to_string())?
            .ok_or_else(|| {
                format!("target {name} does not exist in project {project}; add it with \"gauntlet target add\"")
            })?;
        let sealed = services
            .stores
            .targets
            .password(project, name)
            .await
            .map_err(|error| error.to_string())?;
        let password = match sealed {
            Some(sealed) => Some(
                services
                    .vault
                    .open(&sealed)
                    .map_err(|error| error.to_string())?,
            ),
            None => None,
        };
        Ok(Login {
            address: target.address,
            password,
        })
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

    fn live_attempts(&self) -> Vec<AttemptRef> {
        let shards = self.run.state.shards.iter().enumerate();
        shards
            .filter(|(_, shard)| shard.stage.is_live())
            .map(|(index, shard)| self.reference(index as u32, shard.attempt))
            .collect()
    }
}
