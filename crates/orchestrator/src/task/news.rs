//! News of workers that change the run: they come, they are ready, they end,
//! they leave.

use gauntlet_model::{
    id::WorkerId,
    lifecycle::{Event, ShardStage},
    session::{AttemptRef, Command, ControlMessage, ResumePoint, ShardTotals, WorkerEvent},
};

use super::{Task, Upward};

impl Task {
    pub(super) async fn news(&mut self, news: Upward) {
        match news {
            Upward::Attached { worker, resume } => self.attached(worker, resume).await,
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
                let (shard, attempt) = (attempt.shard, attempt.attempt);
                self.happen(Event::ShardReady { shard, attempt }).await;
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
            WorkerEvent::Interval(_)
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
    async fn attached(&mut self, worker: WorkerId, resume: Option<ResumePoint>) {
        let Some((shard, number, stage)) = self.shard_of(worker) else {
            return;
        };
        let expected = self.reference(shard, number);
        match resume {
            Some(point) if point.attempt == expected && stage.is_live() => {
                self.send_commands_after(expected, point.last_command).await;
            }
            Some(point) => {
                self.send(
                    expected,
                    ControlMessage::Release {
                        attempt: point.attempt,
                    },
                );
            }
            None if stage == ShardStage::Assigned => self.assign(shard).await,
            None if stage.is_live() => {
                let message = "the worker came back without its shard".to_owned();
                self.happen(Event::WorkerLost {
                    shard,
                    attempt: number,
                    message,
                })
                .await;
            }
            None => {}
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
                for control in controls {
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
        let Some((shard, attempt, _)) = self.shard_of(worker) else {
            return;
        };
        let message = format!("the worker left: {why}");
        self.happen(Event::WorkerLost {
            shard,
            attempt,
            message,
        })
        .await;
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
            entry.first_operation = totals.first_operation;
            entry.peak_cpu_permille = (totals.peak_cpu * 1e3) as u32;
        }
        self.rolling.forget_shard(shard);
        self.happen(Event::ShardFinished { shard, attempt }).await;
    }
}
