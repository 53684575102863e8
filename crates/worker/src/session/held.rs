//! The one shard that a worker holds, from Assign to Release.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use gauntlet_engine::{Epoch, Snapshot};
use gauntlet_model::{
    lifecycle::{Action, Phase},
    session::{AttemptRef, Command, ResumePoint, ShardTotals, WorkerEvent},
    template::Phases,
    time::{Timestamp, micros},
};
use tracing::warn;

use super::Do;
use crate::{clock::ServerClock, measured::Measured, outbox::Outbox};

/// Commands that may wait for one before them. The server sends what is missing
/// again when the worker resumes, so one more is passed over.
const WAITING: usize = 64;

/// How long beyond its plan a load may go on while nobody ends it. A control
/// plane that comes back within this time loses nothing; one that does not
/// must not leave a load behind that nobody can stop.
pub(super) const ABANDONED_AFTER: Duration = Duration::from_mins(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) attempt: AttemptRef,
    plan: Phases,
    stage: Stage,
    /// When the load is ended if nobody has ended it, by the worker's clock.
    abandoned: Option<Timestamp>,
    /// The last command carried out.
    last_command: i64,
    /// Commands that came before their turn.
    waiting: BTreeMap<i64, Command>,
    /// How late each command was carried out; told again to a new session.
    lateness: Vec<(i64, Duration)>,
    /// By the engine's epoch.
    phases: Vec<Phase>,
    /// Phases that begin later, by the worker's clock.
    due: VecDeque<(Timestamp, Phase)>,
    /// When the measurement began and ended, by the worker's clock.
    measurement: (Option<Timestamp>, Option<Timestamp>),
    outbox: Outbox,
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

impl Held {
    pub(super) fn new(attempt: AttemptRef, plan: Phases) -> Self {
        Self {
            attempt,
            plan,
            stage: Stage::Preparing,
            abandoned: None,
            last_command: 0,
            waiting: BTreeMap::new(),
            lateness: Vec::new(),
            phases: Vec::new(),
            due: VecDeque::new(),
            measurement: (None, None),
            outbox: Outbox::new(attempt),
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
        clock: &ServerClock,
        now: Timestamp,
    ) -> Vec<Do> {
        if !matches!(self.stage, Stage::Preparing) {
            return Vec::new();
        }
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
                todo.push(self.carry_out(command.action, at, now));
            }
            self.lateness.push((command.sequence, late));
            todo.push(self.ack(command.sequence, late));
        }
        todo
    }

    /// `at` is by the worker's clock. What is late takes effect now.
    fn carry_out(&mut self, action: Action, at: Timestamp, now: Timestamp) -> Do {
        let begins = at.max(now);
        match action {
            Action::Start(phase) | Action::SetPhase(phase) => {
                let epoch = Epoch(self.phases.len() as u32);
                self.phases.push(phase);
                // As in the engine: a newer boundary takes the place of those
                // that were set for later.
                self.due.retain(|(due, _)| *due < begins);
                self.due.push_back((begins, phase));
                if let Action::SetPhase(_) = action {
                    return Do::Enter { at, epoch };
                }
                let planned = self.plan.warmup + self.plan.measurement;
                self.abandoned = Some(begins + planned + ABANDONED_AFTER);
                Do::Start { at, epoch }
            }
            Action::Stop { drain_us } => {
                self.abandoned = None;
                let cooling = self.measurement.1.is_some()
                    || self
                        .due
                        .iter()
                        .any(|(due, phase)| *phase == Phase::Cooldown && *due <= begins);
                if !cooling {
                    self.due.retain(|(due, _)| *due < begins);
                    self.due.push_back((begins, Phase::Cooldown));
                }
                let drain = Duration::from_micros(u64::try_from(drain_us).unwrap_or(0));
                Do::Stop { at, drain }
            }
        }
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
        self.abandoned.filter(|_| self.is_loaded())
    }

    /// Ends a load that nobody has ended in time.
    pub(super) fn give_up(&mut self, now: Timestamp) -> Option<Do> {
        self.abandoned_at().filter(|at| *at <= now)?;
        warn!(run = %self.attempt.run, shard = self.attempt.shard, "nobody ended the load: it ends itself");
        let drain_us = micros(self.plan.drain_timeout);
        Some(self.carry_out(Action::Stop { drain_us }, now, now))
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
        snapshot: Snapshot,
        start: Timestamp,
        end: Timestamp,
        clock: &ServerClock,
    ) {
        // An engine that was never started has one snapshot, of nothing.
        if self.phases.is_empty() {
            return;
        }
        let (start, end) = (clock.corrected(start), clock.corrected(end));
        let measured = Measured::new(snapshot, &self.phases, start, end);
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

    /// What the session is to be told now: intervals, and after the last one
    /// the end.
    pub(super) fn tell(&mut self) -> Vec<WorkerEvent> {
        let mut events = Vec::new();
        while let Some(interval) = self.outbox.next() {
            events.push(WorkerEvent::Interval(Box::new(interval.clone())));
        }
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
