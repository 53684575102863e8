//! What workers measure and say, on its way to the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use gauntlet_model::{
    id::WorkerId,
    interval::Interval,
    lifecycle::Event,
    logs::LogLine,
    run::{PhaseEntry, RunEvent, RunEventKind},
    sample::{OperationSample, SampleKind},
    session::{AttemptRef, ControlMessage, WorkerEvent},
    time::Timestamp,
};
use gauntlet_store::Error;

use super::{Task, UP_QUEUE, Upward, lines::LINES, transient};

/// Intervals that are stored at a time.
const INTERVALS: usize = 256;
/// A command carried out later than this is worth an event.
const NOTABLE_LATENESS: Duration = Duration::from_millis(5);
/// Samples that are kept of one operation, attempt and kind.
const SAMPLES: usize = 200;
/// The longest text of a sample, in characters.
const SAMPLE_TEXT: usize = 1_000;

/// What was taken from the inbox and is not yet stored. What fails stays and is
/// tried again before anything else is taken.
#[derive(Default)]
pub(super) struct Batch {
    intervals: Vec<Interval>,
    /// Stored, not yet acknowledged.
    stored: BTreeSet<AttemptRef>,
    /// When attempts began of which that was not known.
    pub(super) began: BTreeMap<AttemptRef, Timestamp>,
    events: Vec<RunEvent>,
    /// The newest of each attempt and operation.
    samples: BTreeMap<(AttemptRef, u32), Vec<OperationSample>>,
    /// The latest command among those that were told.
    late: Duration,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.intervals.is_empty()
            && self.stored.is_empty()
            && self.began.is_empty()
            && self.events.is_empty()
            && self.samples.is_empty()
            && self.late.is_zero()
    }
}

impl Task {
    /// Deals with all that waits, in its order. Stops where the store is away:
    /// the rest waits for the next tick.
    pub(super) async fn work_off(&mut self) {
        while self.inbox.len() < UP_QUEUE
            && let Ok(next) = self.up.try_recv()
        {
            self.inbox.push_back(next);
        }
        loop {
            self.gather();
            if !self.flush().await {
                return;
            }
            match self.inbox.pop_front_if(|news| !is_told(news)) {
                Some(news) => self.news(news).await,
                None if self.inbox.is_empty() => break,
                // More than one batch waits.
                None => {}
            }
        }
        // An error is tried again at the next tick.
        let _ = self.close_buckets().await;
        self.drive().await;
    }

    /// Takes what can be stored together: all up to the first message that
    /// changes the run.
    fn gather(&mut self) {
        while self.batch.intervals.len() < INTERVALS
            && self.lines.len() < LINES
            && let Some(Upward::Event { worker, event }) =
                self.inbox.pop_front_if(|news| is_told(news))
        {
            self.take(worker, event);
        }
    }

    fn take(&mut self, worker: WorkerId, event: WorkerEvent) {
        match event {
            WorkerEvent::Interval {
                interval,
                first_operation,
            } => {
                if let Some(at) = first_operation {
                    self.take_began(interval.attempt, at);
                }
                self.batch.intervals.push(*interval);
            }
            WorkerEvent::Samples { attempt, samples } => self.take_samples(attempt, samples),
            WorkerEvent::Logs { lines, .. } => self.take_lines(worker, lines),
            WorkerEvent::Ack {
                attempt,
                sequence,
                late,
            } => {
                // What comes within the time to settle shows in no window.
                let settle = self.settles.get(&sequence).copied().unwrap_or_default();
                let late = late.saturating_sub(settle);
                self.command_lateness = self.command_lateness.max(late);
                if late > NOTABLE_LATENESS {
                    self.batch.late = self.batch.late.max(late);
                    let late = late.as_millis();
                    let message = format!("command {sequence} was carried out {late} ms late");
                    self.take_event(attempt.shard, None, message);
                }
            }
            WorkerEvent::PhaseEntered { attempt, phase, at } => {
                let shards = &self.run.state.shards;
                let shard = shards.get(attempt.shard as usize);
                // Those that come later enter a phase when it is theirs to.
                let joined = shard.is_some_and(|shard| shard.joined_after > 0);
                let entry = PhaseEntry { phase, at, joined };
                self.take_event(attempt.shard, Some(entry), entry_text(entry));
            }
            // These are dealt with one by one, or by the session.
            WorkerEvent::Ready { .. }
            | WorkerEvent::ShardFinished(_)
            | WorkerEvent::ShardFailed { .. }
            | WorkerEvent::Hello(_)
            | WorkerEvent::Heartbeat(_)
            | WorkerEvent::Goodbye { .. } => {
                tracing::warn!(run = %self.run.id, %worker, "message in the wrong place");
            }
        }
    }

    fn take_event(&mut self, shard: u32, entered: Option<PhaseEntry>, message: String) {
        let event = self.note(RunEventKind::Worker(entered), Some(shard), message);
        self.batch.events.push(event);
    }

    fn take_lines(&mut self, worker: WorkerId, lines: Vec<LogLine>) {
        if self.attempts.iter().all(|attempt| attempt.worker != worker) {
            return;
        }
        let shards = self.run.state.shards.len() as u32;
        self.lines.extend(lines.into_iter().map(|line| LogLine {
            sequence: 0,
            worker: Some(worker),
            shard: line.shard.filter(|shard| *shard < shards),
            message: LogLine::cut(&line.message),
            ..line
        }));
    }

    /// Samples of operations that the run does not have are passed over, and so
    /// are more than a worker keeps.
    fn take_samples(&mut self, attempt: AttemptRef, samples: Vec<OperationSample>) {
        if !self.knows(attempt) {
            return;
        }
        let operations = self.run.spec.operations.len() as u32;
        let mut told: BTreeMap<u32, Vec<OperationSample>> = BTreeMap::new();
        for mut sample in samples {
            if sample.operation >= operations {
                continue;
            }
            let kept = told.entry(sample.operation).or_default();
            let alike = |kind: SampleKind| kept.iter().filter(|kept| kept.kind == kind).count();
            if alike(sample.kind) < SAMPLES {
                sample.attempt = attempt;
                cut(&mut sample.parameters);
                if let Some(error) = &mut sample.error {
                    cut(&mut error.message);
                }
                kept.push(sample);
            }
        }
        let told = told.into_iter();
        self.batch
            .samples
            .extend(told.map(|(operation, samples)| ((attempt, operation), samples)));
    }

    /// Stores the batch and the lines. False when the store cannot take
    /// something now.
    async fn flush(&mut self) -> bool {
        if let Err(error) = self.flush_intervals().await {
            self.warn("intervals not stored; tried again", error);
            return false;
        }
        self.flush_began().await;
        let (id, stores) = (self.run.id, self.shared.services.stores.clone());
        if !self.batch.events.is_empty() {
            let stored = stores.runs.append_events(id, &self.batch.events).await;
            match self.unless_transient("events not stored", stored) {
                Err(()) => return false,
                Ok(numbered) => {
                    self.batch.events.clear();
                    self.channel.publish_events(numbered.unwrap_or_default());
                }
            }
        }
        if !self.batch.samples.is_empty() {
            let samples: Vec<_> = self.batch.samples.values().flatten().cloned().collect();
            let stored = stores.samples.put(&samples).await;
            if self.unless_transient("samples not stored", stored).is_err() {
                return false;
            }
            self.batch.samples.clear();
        }
        let late = std::mem::take(&mut self.batch.late);
        if late > Duration::from_micros(self.run.state.command_lateness_us.unsigned_abs()) {
            self.happen(Event::CommandLate { late }).await;
        }
        self.flush_lines().await
    }

    /// What cannot be stored later either is given up, with a warning.
    fn unless_transient<T>(
        &mut self,
        cause: &'static str,
        stored: Result<T, Error>,
    ) -> Result<Option<T>, ()> {
        match stored {
            Ok(stored) => Ok(Some(stored)),
            Err(error) => {
                let again = transient(&error);
                self.warn(cause, error);
                if again { Err(()) } else { Ok(None) }
            }
        }
    }

    /// Stores intervals, then their rollups where those were closed before,
    /// then acknowledges them. Those that make no sense for this run are
    /// dropped, and their shard fails.
    async fn flush_intervals(&mut self) -> Result<(), Error> {
        if self.is_settled() {
            self.batch.intervals.clear();
            self.batch.stored.clear();
            return Ok(());
        }
        if !self.batch.intervals.is_empty() {
            self.open_rolling().await;
            self.open_drive().await?;
            self.append_intervals().await?;
            // The next step of a search does not wait for the rollups.
            self.measure_step().await;
        }
        if self.batch.stored.is_empty() {
            return Ok(());
        }
        if !self.close_buckets().await {
            // The worker keeps what is not acknowledged and sends it again:
            // so a crash before the rollups are stored loses nothing.
            return Err(Error::Unavailable("rollups are not stored".to_owned()));
        }
        for attempt in std::mem::take(&mut self.batch.stored) {
            let sequence = self.stored.get(&attempt).copied().unwrap_or(0);
            self.send(attempt, ControlMessage::IntervalsAck { attempt, sequence });
        }
        Ok(())
    }

    async fn append_intervals(&mut self) -> Result<(), Error> {
        let intervals = std::mem::take(&mut self.batch.intervals);
        let (good, bad): (Vec<Interval>, Vec<Interval>) = intervals
            .into_iter()
            .partition(|interval| self.makes_sense(interval));
        for interval in bad {
            self.fail(interval.attempt, "the worker sent measurements of an operation or attempt that the run does not have; use the same version of gauntlet for both").await;
        }
        let stores = self.shared.services.stores.clone();
        let new = match stores.intervals.append(&good).await {
            Ok(new) => new,
            Err(error) => {
                self.batch.intervals = good;
                return Err(error);
            }
        };
        for (interval, new) in good.iter().zip(new) {
            if new && let Err(error) = self.drive.add(interval) {
                self.warn("an interval makes no sense", error);
            }
            if let Err(error) = self.roll(interval, new) {
                self.warn("an interval makes no sense", error);
                self.give_rolling_up();
            }
            self.batch.stored.insert(interval.attempt);
        }
        for interval in &good {
            let (attempt, sequence) = (interval.attempt, interval.sequence);
            if let Err(error) = self.advance_stored(attempt, sequence).await {
                // Those that are stored are passed over the next time.
                self.batch.intervals = good;
                return Err(error);
            }
        }
        Ok(())
    }

    async fn fail(&mut self, attempt: AttemptRef, message: &str) {
        let AttemptRef { shard, attempt, .. } = attempt;
        let message = message.to_owned();
        self.happen(Event::ShardFailed {
            shard,
            attempt,
            message,
        })
        .await;
    }

    fn knows(&self, attempt: AttemptRef) -> bool {
        let mut known = self.attempts.iter();
        known.any(|known| (known.shard, known.number) == (attempt.shard, attempt.attempt))
    }

    fn makes_sense(&self, interval: &Interval) -> bool {
        let operations = self.run.spec.operations.len() as u32;
        let known = |operation: u32| operation < operations;
        self.knows(interval.attempt)
            && interval.sequence > 0
            && interval.operations.iter().all(|part| known(part.operation))
            && interval.errors.iter().all(|error| known(error.operation))
    }

    async fn advance_stored(&mut self, attempt: AttemptRef, sequence: i64) -> Result<(), Error> {
        let intervals = &self.shared.services.stores.intervals;
        let next = match self.stored.get(&attempt).copied() {
            Some(stored) if sequence == stored + 1 => sequence,
            Some(stored) if sequence <= stored => stored,
            _ => intervals.contiguous(attempt).await?,
        };
        self.stored.insert(attempt, next);
        Ok(())
    }
}

/// Whether a message changes nothing of the run itself.
fn is_told(news: &Upward) -> bool {
    matches!(
        news,
        Upward::Event {
            event: WorkerEvent::Interval { .. }
                | WorkerEvent::Samples { .. }
                | WorkerEvent::Logs { .. }
                | WorkerEvent::Ack { .. }
                | WorkerEvent::PhaseEntered { .. },
            ..
        }
    )
}

fn entry_text(entry: PhaseEntry) -> String {
    let verb = if entry.joined { "joined" } else { "entered" };
    let (phase, at) = (entry.phase.as_str(), entry.at.time_of_day());
    format!("{verb} {phase} at {at}")
}

fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(SAMPLE_TEXT) {
        text.truncate(end);
    }
}
