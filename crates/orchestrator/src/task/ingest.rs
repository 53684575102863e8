//! News of the workers: attachments, acknowledgements, measurements.

use std::{collections::BTreeSet, time::Duration};

use gauntlet_model::{
    id::WorkerId,
    interval::Interval,
    lifecycle::{Event, ShardStage, Stage},
    point::Points,
    run::RunEventKind,
    session::{AttemptRef, Command, ControlMessage, ResumePoint, ShardTotals, WorkerEvent},
    time::Timestamp,
};

use super::{Task, UP_QUEUE, Upward};

/// A second is published this long after its end even when a worker's part is missing.
const POINT_PATIENCE: Duration = Duration::from_secs(3);
/// A command carried out later than this is worth an event.
const NOTABLE_LATENESS: Duration = Duration::from_millis(5);

impl Task {
    /// Deals with all that waits, in its order. Stops where the store is away:
    /// the rest stays in the inbox for the next tick.
    pub(super) async fn work_off(&mut self) {
        while self.inbox.len() < UP_QUEUE
            && let Ok(next) = self.up.try_recv()
        {
            self.inbox.push_back(next);
        }
        while !self.inbox.is_empty() {
            let intervals = self.leading_intervals();
            if intervals.is_empty() {
                if let Some(news) = self.inbox.pop_front() {
                    self.news(news).await;
                }
            } else if let Err(error) = self.store(&intervals).await {
                tracing::warn!(run = %self.run.id, %error, "intervals not stored; tried again");
                return;
            } else {
                self.inbox.drain(..intervals.len());
            }
        }
        self.publish_points();
    }

    fn leading_intervals(&self) -> Vec<Interval> {
        self.inbox
            .iter()
            .map_while(|news| match news {
                Upward::Event {
                    event: WorkerEvent::Interval(interval),
                    ..
                } => Some(interval.as_ref().clone()),
                _ => None,
            })
            .collect()
    }

    async fn news(&mut self, news: Upward) {
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
            WorkerEvent::Ack {
                attempt,
                sequence,
                late,
            } => {
                self.command_lateness = self.command_lateness.max(late);
                if late > NOTABLE_LATENESS {
                    let message = format!(
                        "command {sequence} was carried out {} ms late",
                        late.as_millis()
                    );
                    self.record(RunEventKind::Worker, attempt.shard, message)
                        .await;
                }
            }
            WorkerEvent::PhaseEntered { attempt, phase, at } => {
                let message = format!("entered {} at {} us", phase.as_str(), at.0);
                self.record(RunEventKind::Worker, attempt.shard, message)
                    .await;
            }
            // These do not come here: the session keeps them.
            WorkerEvent::Interval(_)
            | WorkerEvent::Hello(_)
            | WorkerEvent::Heartbeat(_)
            | WorkerEvent::Goodbye { .. } => {
                tracing::warn!(run = %self.run.id, %worker, "message in the wrong place");
            }
        }
    }

    async fn record(&self, kind: RunEventKind, shard: u32, message: String) {
        let event = self.note(kind, Some(shard), message);
        let runs = &self.shared.services.stores.runs;
        if let Err(error) = runs.append_events(self.run.id, &[event]).await {
            tracing::warn!(run = %self.run.id, %error, "event not stored");
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
            tracing::warn!(run = %self.run.id, shard, stored, sent = totals.intervals, "intervals missing");
            return;
        }
        if let Some(entry) = self
            .attempts
            .iter_mut()
            .find(|entry| (entry.shard, entry.number) == (shard, attempt))
        {
            entry.first_operation = totals.first_operation;
            entry.peak_cpu_permille = (totals.peak_cpu * 1e3) as u32;
        }
        self.measured_until.remove(&shard);
        self.happen(Event::ShardFinished { shard, attempt }).await;
    }

    /// Stores intervals and acknowledges them. Those that make no sense for
    /// this run are dropped, and their shard fails.
    async fn store(&mut self, intervals: &[Interval]) -> Result<(), gauntlet_store::Error> {
        if matches!(
            self.run.state.stage,
            Stage::Processing { .. } | Stage::Done { .. }
        ) {
            return Ok(());
        }
        let (good, bad): (Vec<Interval>, Vec<Interval>) = intervals
            .iter()
            .cloned()
            .partition(|interval| self.makes_sense(interval));
        let new = self.shared.services.stores.intervals.append(&good).await?;
        let mut touched = BTreeSet::new();
        for (interval, new) in good.iter().zip(new) {
            touched.insert(interval.attempt);
            self.advance_stored(interval.attempt, interval.sequence)
                .await?;
            if new {
                self.add_to_points(interval);
            }
        }
        for attempt in touched {
            let sequence = self.stored.get(&attempt).copied().unwrap_or(0);
            self.send(attempt, ControlMessage::IntervalsAck { attempt, sequence });
        }
        for interval in bad {
            let AttemptRef { shard, attempt, .. } = interval.attempt;
            let message = "the worker sent measurements of an operation or attempt that the run does not have; use the same version of gauntlet for both".to_owned();
            self.happen(Event::ShardFailed {
                shard,
                attempt,
                message,
            })
            .await;
        }
        Ok(())
    }

    fn makes_sense(&self, interval: &Interval) -> bool {
        let AttemptRef { shard, attempt, .. } = interval.attempt;
        let operations = self.run.spec.operations.len() as u32;
        self.attempts
            .iter()
            .any(|known| (known.shard, known.number) == (shard, attempt))
            && interval.sequence > 0
            && interval
                .operations
                .iter()
                .all(|part| part.operation < operations)
            && interval
                .errors
                .iter()
                .all(|error| error.operation < operations)
    }

    async fn advance_stored(
        &mut self,
        attempt: AttemptRef,
        sequence: i64,
    ) -> Result<(), gauntlet_store::Error> {
        let stores = &self.shared.services.stores;
        let known = self.stored.get(&attempt).copied();
        let next = match known {
            Some(stored) if sequence == stored + 1 => sequence,
            Some(stored) if sequence <= stored => stored,
            _ => stores.intervals.contiguous(attempt).await?,
        };
        self.stored.insert(attempt, next);
        Ok(())
    }

    /// Begins the live view once the load has begun.
    pub(super) fn open_points(&mut self) {
        if self.points.is_none()
            && let Some(origin) = self.run.state.load_started
        {
            self.points = Some(Points::new(origin, self.run.spec.operations.len()));
        }
    }

    fn add_to_points(&mut self, interval: &Interval) {
        self.measured_until
            .insert(interval.attempt.shard, interval.end);
        if let Some(points) = &mut self.points
            && let Err(error) = points.add(interval)
        {
            tracing::warn!(run = %self.run.id, %error, "interval left out of the live view");
        }
    }

    /// Publishes the seconds that every worker has told of, or that are old
    /// enough not to wait for the rest.
    pub(super) fn publish_points(&mut self) {
        let Some(points) = &mut self.points else {
            return;
        };
        if matches!(
            self.run.state.stage,
            Stage::Processing { .. } | Stage::Done { .. }
        ) {
            self.channel
                .publish_points(points.take_all(), Timestamp(i64::MAX));
            return;
        }
        let live = self
            .run
            .state
            .shards
            .iter()
            .enumerate()
            .filter(|(_, s)| s.stage.is_live());
        let told = live
            .map(|(index, _)| {
                self.measured_until
                    .get(&(index as u32))
                    .copied()
                    .unwrap_or(Timestamp(i64::MIN))
            })
            .min();
        let old = self.shared.services.clock.now().before(POINT_PATIENCE);
        let until = told.unwrap_or(old).max(old);
        self.channel.publish_points(points.take_until(until), until);
    }
}
