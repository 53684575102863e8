//! News of workers that change the run: they come, they are ready, they end,
//! they leave.

use gauntlet_model::{
    id::WorkerId,
    lifecycle::{Event, ShardStage},
    run::{Attempt, RunEventKind},
    session::{AttemptRef, Command, ControlMessage, ResumePoint, ShardTotals, WorkerEvent},
};

use gauntlet_store::RunChange;

use super::{Task, Upward, ask::only, change::ENDED_EARLY};

impl Task {
    pub(super) async fn news(&mut self, news: Upward) {
        match news {
            Upward::Attached { worker, resumes } => self.attached(worker, &resumes).await,
            Upward::Left { worker, message } => self.left(worker, &message).await,
            Upward::Event { worker, event } => self.event(worker, event).await,
        }
    }

    async fn event(&mut self, worker: WorkerId, event: WorkerEvent) {
        match event {
            WorkerEvent::Ready {
                attempt,
                target_version,
            } => {
                self.target_version = target_version;
                self.ready(attempt.shard, attempt.attempt).await;
            }
            WorkerEvent::ShardFinished(totals) => self.finished(totals).await,
            WorkerEvent::ShardFailed { attempt, message } => {
                let (shard, attempt) = (attempt.shard, attempt.attempt);
                self.happen(Event::ShardFailed {
                    shard,
                    attempt,
                    message,
                })
                .await;
            }
            // What is only told is taken in batches, and the session keeps the rest.
            WorkerEvent::Interval { .. }
            | WorkerEvent::Samples { .. }
            | WorkerEvent::Logs { .. }
            | WorkerEvent::Ack { .. }
            | WorkerEvent::PhaseEntered { .. }
            | WorkerEvent::Hello(_)
            | WorkerEvent::Heartbeat(_)
            | WorkerEvent::Goodbye { .. } => {
                tracing::warn!(run = %self.run.id, %worker, "message in the wrong place");
            }
        }
    }

    /// A worker came back. It is told what it does not know yet; when it has
    /// forgotten a shard that is under load, that shard is lost.
    async fn attached(&mut self, worker: WorkerId, resumes: &[ResumePoint]) {
        let held = self
            .shard_of(worker)
            .filter(|(_, _, stage)| stage.is_live());
        let expected = held.map(|(shard, number, _)| self.reference(shard, number));
        let mut resumed = false;
        for point in resumes {
            let attempt = point.attempt;
            if Some(attempt) == expected {
                resumed = true;
                self.send_commands_after(attempt, point.last_command).await;
            } else {
                let release = ControlMessage::Release { attempt };
                self.shared.registry.send(worker, release);
            }
        }
        match held {
            Some((shard, _, ShardStage::Assigned)) if !resumed => self.assign(shard).await,
            Some((shard, attempt, _)) if !resumed => {
                let message = "the worker came back without its shard".to_owned();
                self.happen(Event::WorkerLost {
                    shard,
                    attempt,
                    message,
                })
                .await;
            }
            _ => {}
        }
    }

    async fn send_commands_after(&self, attempt: AttemptRef, last: i64) {
        match self
            .shared
            .services
            .stores
            .runs
            .controls(self.run.id, last)
            .await
        {
            Ok(controls) => {
                let known = |sequence| self.run.state.is_for(attempt.shard, sequence);
                for control in controls.into_iter().filter(|one| known(one.sequence)) {
                    let (sequence, at, action) = (control.sequence, control.at, control.action);
                    let command = Command {
                        attempt,
                        sequence,
                        at,
                        action,
                    };
                    self.send(attempt, ControlMessage::Command(command));
                }
            }
            Err(error) => {
                tracing::warn!(run = %self.run.id, %error, "commands not read; the worker stays behind");
            }
        }
    }

    async fn left(&mut self, worker: WorkerId, why: &str) {
        let message = format!("the worker left: {why}");
        self.say_why_it_ended(worker, &message).await;
        let Some((shard, attempt, _)) = self.shard_of(worker) else {
            return;
        };
        self.happen(Event::WorkerLost {
            shard,
            attempt,
            message,
        })
        .await;
    }

    /// A worker that leaves ends its shard first, and then says why.
    async fn say_why_it_ended(&mut self, worker: WorkerId, why: &str) {
        let mut attempts = self.attempts.clone();
        let early = |one: &&mut Attempt| one.worker == worker && one.message == ENDED_EARLY;
        let Some(attempt) = attempts.iter_mut().find(early) else {
            return;
        };
        why.clone_into(&mut attempt.message);
        let shard = Some(attempt.shard);
        let change = RunChange {
            attempts: vec![attempt.clone()],
            events: vec![self.note(RunEventKind::Worker(None), shard, why.to_owned())],
            ..only(self.run.clone())
        };
        if let Err(error) = self.save(change, attempts).await {
            self.warn("why a worker left is not stored", error);
        }
    }

    /// All intervals of the attempt came before this on the same stream and
    /// are stored.
    async fn finished(&mut self, totals: ShardTotals) {
        let AttemptRef { shard, attempt, .. } = totals.attempt;
        let stored = self.stored.get(&totals.attempt).copied().unwrap_or(0);
        if stored < totals.intervals {
            let sent = totals.intervals;
            self.warn(
                "intervals are missing",
                format!("shard {shard} sent {sent}, {stored} are stored"),
            );
            return;
        }
        let mut attempts = self.attempts.iter_mut();
        if let Some(entry) = attempts.find(|entry| (entry.shard, entry.number) == (shard, attempt))
        {
            // Who tells of none at the end cannot take back what was known.
            entry.first_operation = totals.first_operation.or(entry.first_operation);
            entry.peak_cpu_permille = (totals.peak_cpu * 1e3) as u32;
        }
        self.rolling.forget_shard(shard);
        self.happen(Event::ShardFinished { shard, attempt }).await;
    }
}
