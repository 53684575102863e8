//! The one shard that a worker holds, from Assign to Release.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use gauntlet_engine::{Replay, Snapshot};
use gauntlet_model::{
    lifecycle::{Action, Phase},
    session::{Assign, AttemptRef, Command, ResumePoint, ShardTotals, WorkerEvent},
    template::{Level, Phases},
    time::{Timestamp, micros},
};
use tracing::warn;

use super::{
    Do,
    course::{Course, Epochs},
};
use crate::{clock::ServerClock, examples::Examples, measured::Measured, outbox::Outbox};

/// Commands that may wait for one before them. The server sends what is missing
/// again when the worker resumes, so one more is passed over.
const WAITING: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) attempt: AttemptRef,
    shards: u32,
    plan: Phases,
    stage: Stage,
    course: Course,
    /// The last command carried out.
    last_command: i64,
    /// Commands that came before their turn.
    waiting: BTreeMap<i64, Command>,
    /// How late each command was carried out; told again to a new session.
    lateness: Vec<(i64, Duration)>,
    /// Phases that begin later, by the worker's clock.
    due: VecDeque<(Timestamp, Phase)>,
    /// When the measurement began and ended, by the worker's clock.
    measurement: (Option<Timestamp>, Option<Timestamp>),
    outbox: Outbox,
    examples: Examples,
    operations: u64,
    peak_cpu: f64,
    end_told: bool,
}

#[derive(Debug)]
enum Stage {
    /// Connections are being opened.
    Preparing,
    /// Ready for commands, or carrying them out.
    Prepared { target_version: String },
    /// The load has ended, or never began.
    Over(End),
}

/// How a shard ended.
#[derive(Debug)]
pub(super) enum End {
    /// As it was told to.
    Finished {
        /// When the first operation was sent, by the worker's corrected clock.
        first_operation: Option<Timestamp>,
    },
    /// Something went wrong.
    Failed {
        /// What happened and what to do.
        message: String,
    },
}

/// What makes the engine enter epochs, of which the first begins at a command's instant `at`.
fn entered(epochs: Epochs, at: Timestamp) -> Vec<Do> {
    let mut first = Some(at);
    let enter = |(begins, epoch)| Do::Enter {
        at: first.take().unwrap_or(begins),
        epoch,
    };
    epochs.into_iter().map(enter).collect()
}

impl Held {
    pub(super) fn new(assign: &Assign) -> Self {
        let attempt = assign.attempt;
        Self {
            attempt,
            shards: assign.shards,
            plan: assign.spec.phases,
            stage: Stage::Preparing,
            course: Course::default(),
            last_command: 0,
            waiting: BTreeMap::new(),
            lateness: Vec::new(),
            due: VecDeque::new(),
            measurement: (None, None),
            outbox: Outbox::new(attempt),
            examples: Examples::default(),
            operations: 0,
            peak_cpu: 0.0,
            end_told: false,
        }
    }

    pub(super) fn resume_point(&self) -> ResumePoint {
        ResumePoint {
            attempt: self.attempt,
            last_command: self.last_command,
        }
    }

    /// Whether there is load that could still be cut.
    pub(super) fn is_loaded(&self) -> bool {
        matches!(self.stage, Stage::Prepared { .. })
    }

    /// Whether the load has ended or never will begin.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over(_))
    }

    /// Whether the end was told in this session.
    pub(super) fn end_told(&self) -> bool {
        self.end_told
    }

    /// What a new session has to be told first.
    pub(super) fn reintroduce(&mut self) -> Vec<WorkerEvent> {
        self.outbox.rewind();
        self.examples.rewind();
        self.end_told = false;
        let lateness = self.lateness.iter();
        let attempt = self.attempt;
        let acks = lateness.map(|&(sequence, late)| WorkerEvent::Ack {
            attempt,
            sequence,
            late,
        });
        self.ready().into_iter().chain(acks).collect()
    }

    /// That the shard is ready, if it is and was not told anything yet.
    pub(super) fn ready(&self) -> Option<WorkerEvent> {
        match &self.stage {
            Stage::Prepared { target_version } if self.last_command == 0 => {
                Some(WorkerEvent::Ready {
                    attempt: self.attempt,
                    target_version: target_version.clone(),
                })
            }
            _ => None,
        }
    }

    /// The connections are open. Commands that came early are carried out.
    pub(super) fn prepared(
        &mut self,
        target_version: String,
        replay: Replay,
        clock: &ServerClock,
        now: Timestamp,
    ) -> Vec<Do> {
        if !matches!(self.stage, Stage::Preparing) {
            return Vec::new();
        }
        self.examples.prepared(replay);
        self.stage = Stage::Prepared { target_version };
        let ready = self.ready().map(Do::Send);
        ready
            .into_iter()
            .chain(self.carry_out_waiting(clock, now))
            .collect()
    }

    /// Takes a command. It is carried out in its turn and once; a repeat is
    /// acknowledged again.
    pub(super) fn command(
        &mut self,
        command: Command,
        clock: &ServerClock,
        now: Timestamp,
    ) -> Vec<Do> {
        let sequence = command.sequence;
        if let Some(&(_, late)) = self.lateness.iter().find(|(done, _)| *done == sequence) {
            return vec![self.ack(sequence, late)];
        }
        if sequence > self.last_command && self.waiting.len() < WAITING {
            self.waiting.insert(sequence, command);
        }
        self.carry_out_waiting(clock, now)
    }

    fn carry_out_waiting(&mut self, clock: &ServerClock, now: Timestamp) -> Vec<Do> {
        let mut todo = Vec::new();
        if matches!(self.stage, Stage::Preparing) {
            return todo;
        }
        while let Some(command) = self.waiting.remove(&(self.last_command + 1)) {
            self.last_command = command.sequence;
            let at = clock.local(command.at);
            let late = now.since(at);
            if self.is_loaded() {
                todo.extend(self.carry_out(command.action, at, now));
            }
            self.lateness.push((command.sequence, late));
            todo.push(self.ack(command.sequence, late));
        }
        todo
    }

    /// `at` is by the worker's clock. What is late takes effect now.
    fn carry_out(&mut self, action: Action, at: Timestamp, now: Timestamp) -> Vec<Do> {
        let begins = at.max(now);
        match action {
            Action::Start(phase) => {
                let planned = self.plan.warmup + self.plan.measurement;
                self.course.begins(begins, planned);
                let mut todo = self.begin(phase, at, begins);
                if let Some(Do::Enter { at, epoch }) = todo.first().cloned() {
                    todo[0] = Do::Start { at, epoch };
                }
                todo
            }
            Action::SetPhase(phase) => self.begin(phase, at, begins),
            Action::SetTarget(level) => {
                let mut todo = entered(self.course.level(begins), at);
                todo.push(match level.share(self.attempt.shard, self.shards) {
                    Level::Concurrency { connections } => Do::SetConnections { at, connections },
                    Level::Rate { milli_per_s } => Do::SetRate { at, milli_per_s },
                });
                todo
            }
            Action::Pause => {
                self.course.pauses(begins);
                let mut todo = entered(self.course.level(begins), at);
                todo.push(Do::Pause { at });
                todo
            }
            Action::Resume => {
                self.course.resumes(begins);
                let mut todo = entered(self.course.level(begins), at);
                todo.push(Do::Resume { at });
                todo
            }
            Action::Stop { drain_us } => vec![self.stop(drain_us, at, begins)],
        }
    }

    fn begin(&mut self, phase: Phase, at: Timestamp, begins: Timestamp) -> Vec<Do> {
        // As in the engine: a newer boundary takes the place of those that were
        // set for later.
        self.due.retain(|(due, _)| *due < begins);
        self.due.push_back((begins, phase));
        entered(self.course.phase(begins, phase), at)
    }

    fn stop(&mut self, drain_us: i64, at: Timestamp, begins: Timestamp) -> Do {
        self.course.ends();
        let mut due = self.due.iter();
        let cooling = self.measurement.1.is_some()
            || due.any(|(due, phase)| *phase == Phase::Cooldown && *due <= begins);
        if !cooling {
            self.due.retain(|(due, _)| *due < begins);
            self.due.push_back((begins, Phase::Cooldown));
        }
        let drain = Duration::from_micros(u64::try_from(drain_us).unwrap_or(0));
        Do::Stop { at, drain }
    }

    fn ack(&self, sequence: i64, late: Duration) -> Do {
        Do::Send(WorkerEvent::Ack {
            attempt: self.attempt,
            sequence,
            late,
        })
    }

    /// When the next phase begins.
    pub(super) fn next_phase(&self) -> Option<Timestamp> {
        self.due.front().map(|(at, _)| *at)
    }

    /// When [`Self::give_up`] may have something to do.
    pub(super) fn abandoned_at(&self) -> Option<Timestamp> {
        self.course.abandoned_at().filter(|_| self.is_loaded())
    }

    /// Ends a load that nobody has ended in time.
    pub(super) fn give_up(&mut self, now: Timestamp) -> Vec<Do> {
        if self.abandoned_at().is_none_or(|at| now < at) {
            return Vec::new();
        }
        warn!(run = %self.attempt.run, shard = self.attempt.shard, "nobody ended the load: it ends itself");
        let drain_us = micros(self.plan.drain_timeout);
        self.carry_out(Action::Stop { drain_us }, now, now)
    }

    /// The phases that have begun by now.
    pub(super) fn enter_phases(&mut self, clock: &ServerClock, now: Timestamp) -> Vec<WorkerEvent> {
        let mut entered = Vec::new();
        while let Some((at, phase)) = self.due.pop_front_if(|(at, _)| *at <= now) {
            match phase {
                Phase::Measurement => self.measurement.0 = Some(at),
                Phase::Cooldown => self.measurement.1 = Some(at),
                _ => {}
            }
            entered.push(WorkerEvent::PhaseEntered {
                attempt: self.attempt,
                phase,
                at: clock.corrected(at),
            });
        }
        entered
    }

    /// Takes a snapshot of the engine; its ends are by the worker's clock.
    pub(super) fn measured(
        &mut self,
        mut snapshot: Snapshot,
        start: Timestamp,
        end: Timestamp,
        clock: &ServerClock,
    ) {
        // An engine that was never started has one snapshot, of nothing.
        let phases = self.course.phases();
        if phases.is_empty() {
            return;
        }
        let samples = std::mem::take(&mut snapshot.samples);
        self.examples.add(samples, snapshot.started, start);
        let (start, end) = (clock.corrected(start), clock.corrected(end));
        let measured = Measured::new(snapshot, phases, start, end);
        self.operations += measured.ended();
        self.outbox.push(measured);
    }

    /// Takes the CPU share of the time since `since`, by the worker's clock. It
    /// counts when that time began in the measurement.
    pub(super) fn used(&mut self, cpu: f64, since: Timestamp) {
        let (began, ended) = self.measurement;
        let counts =
            began.is_some_and(|began| began <= since) && ended.is_none_or(|ended| since < ended);
        if counts {
            self.peak_cpu = self.peak_cpu.max(cpu);
        }
    }

    /// The load has ended; only the first end counts.
    pub(super) fn over(&mut self, end: End) {
        if !matches!(self.stage, Stage::Over(_)) {
            self.stage = Stage::Over(end);
            self.due.clear();
        }
    }

    /// Tells the end again, should it have been told.
    pub(super) fn retell_end(&mut self) {
        self.end_told = false;
    }

    /// The server has stored intervals.
    pub(super) fn acknowledge(&mut self, sequence: i64) {
        self.outbox.acknowledge(sequence);
    }

    /// What the session is to be told now: intervals and examples, and after
    /// the last ones the end.
    pub(super) fn tell(&mut self, clock: &ServerClock, now: Timestamp) -> Vec<WorkerEvent> {
        let mut events = Vec::new();
        while let Some(interval) = self.outbox.next() {
            events.push(WorkerEvent::Interval(Box::new(interval.clone())));
        }
        let (phases, last) = (self.course.phases(), self.is_over());
        let examples = self.examples.tell(self.attempt, phases, clock, (now, last));
        events.extend(examples);
        if self.end_told || !self.outbox.all_told() {
            return events;
        }
        if let Stage::Over(end) = &self.stage {
            self.end_told = true;
            events.push(match end {
                End::Finished { first_operation } => WorkerEvent::ShardFinished(ShardTotals {
                    attempt: self.attempt,
                    intervals: self.outbox.last(),
                    operations: self.operations,
                    first_operation: *first_operation,
                    peak_cpu: self.peak_cpu,
                }),
                End::Failed { message } => WorkerEvent::ShardFailed {
                    attempt: self.attempt,
                    message: message.clone(),
                },
            });
        }
        events
    }
}
