//! One shard that a worker holds, from Assign to Release.

use std::{collections::VecDeque, time::Duration};

use gauntlet_engine::{Replay, Snapshot};
use gauntlet_model::{
    lifecycle::Phase,
    session::{Assign, AttemptRef, ResumePoint, ShardTotals, WorkerEvent},
    template::Phases,
    time::Timestamp,
};

use super::{Do, Heard, course::Course, inbox::Inbox};
use crate::{
    clock::ServerClock,
    examples::Examples,
    measured::Measured,
    outbox::Outbox,
    plan::{connections, joins},
};

mod commands;

/// An interval so long speaks of the phase that it lies in even when nothing happened. Shorter ones, between the last
/// second and the end of the load or of a step, would look like seconds in which everything stood still.
const SPEAKS: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) attempt: AttemptRef,
    shards: u32,
    /// How many the template has.
    kinds: u32,
    /// Connections that it was assigned.
    connections: u32,
    /// The run is under way without it.
    joins: bool,
    plan: Phases,
    stage: Stage,
    course: Course,
    inbox: Inbox,
    /// Phases that begin later, by the worker's clock.
    due: VecDeque<(Timestamp, Phase)>,
    /// When the measurement began and ended, by the worker's clock.
    measurement: (Option<Timestamp>, Option<Timestamp>),
    outbox: Outbox,
    examples: Examples,
    operations: u64,
    /// When the first one was sent, by the worker's clock as it was corrected
    /// when this was heard of first: every interval tells the same.
    first_operation: Option<Timestamp>,
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
    pub(super) fn new(assign: &Assign) -> Self {
        let attempt = assign.attempt;
        Self {
            attempt,
            shards: assign.shards,
            kinds: assign.spec.operations.len() as u32,
            connections: connections(assign),
            joins: joins(assign),
            plan: assign.spec.phases,
            stage: Stage::Preparing,
            course: Course::default(),
            inbox: Inbox::default(),
            due: VecDeque::new(),
            measurement: (None, None),
            outbox: Outbox::new(attempt),
            examples: Examples::default(),
            operations: 0,
            first_operation: None,
            peak_cpu: 0.0,
            end_told: false,
        }
    }

    pub(super) fn resume_point(&self) -> ResumePoint {
        ResumePoint {
            attempt: self.attempt,
            last_command: self.inbox.last(),
        }
    }

    /// Connections that it takes of the worker's.
    pub(super) fn connections(&self) -> u32 {
        if self.is_over() { 0 } else { self.connections }
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
        let attempt = self.attempt;
        let acks = self.inbox.lateness();
        let acks = acks.map(|(sequence, late)| WorkerEvent::Ack {
            attempt,
            sequence,
            late,
        });
        self.ready().into_iter().chain(acks).collect()
    }

    /// That the shard is ready, if it is and was not told anything yet.
    pub(super) fn ready(&self) -> Option<WorkerEvent> {
        match &self.stage {
            Stage::Prepared { target_version } if self.inbox.last() == 0 => {
                Some(WorkerEvent::Ready {
                    attempt: self.attempt,
                    target_version: target_version.clone(),
                })
            }
            _ => None,
        }
    }

    /// Takes what the engine says.
    pub(super) fn heard(&mut self, heard: Heard, clock: &ServerClock, now: Timestamp) -> Vec<Do> {
        match heard {
            Heard::Prepared {
                target_version,
                replay,
            } => return self.prepared(target_version, *replay, clock, now),
            Heard::Measured {
                snapshot,
                start,
                end,
                first_operation,
            } => {
                let first = first_operation.map(|at| clock.corrected(at));
                self.first_operation = self.first_operation.or(first);
                self.measured(*snapshot, start, end, clock);
            }
            Heard::Ended { first_operation } => {
                let first_operation = first_operation.map(|at| clock.corrected(at));
                self.over(End::Finished { first_operation });
            }
            Heard::Failed { message } => self.over(End::Failed { message }),
        }
        Vec::new()
    }

    /// The connections are open. Commands that came early are carried out.
    fn prepared(
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

    /// When the next phase begins.
    pub(super) fn next_phase(&self) -> Option<Timestamp> {
        self.due.front().map(|(at, _)| *at)
    }

    /// When [`Self::give_up`] may have something to do.
    pub(super) fn abandoned_at(&self) -> Option<Timestamp> {
        self.course.abandoned_at().filter(|_| self.is_loaded())
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
    fn measured(
        &mut self,
        mut snapshot: Snapshot,
        start: Timestamp,
        end: Timestamp,
        clock: &ServerClock,
    ) {
        // An engine that was never started has one snapshot, of nothing.
        let stretches = self.course.stretches();
        if stretches.is_empty() {
            return;
        }
        let samples = std::mem::take(&mut snapshot.samples);
        self.examples.add(samples, snapshot.started, start);
        let middle = Timestamp(i64::midpoint(start.0, end.0));
        let lies_in = self.course.at(middle);
        let (start, end) = (clock.corrected(start), clock.corrected(end));
        let mut measured = Measured::new(snapshot, stretches, start, end);
        if let Some(stretch) = lies_in.filter(|_| end.since(start) >= SPEAKS) {
            measured.speak_of(self.kinds, stretch);
        }
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
    fn over(&mut self, end: End) {
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

    /// What the session is to be told now: intervals, of which at most `window`
    /// may be out and not acknowledged, examples, and after the last ones the end.
    pub(super) fn tell(
        &mut self,
        window: usize,
        clock: &ServerClock,
        now: Timestamp,
    ) -> Vec<WorkerEvent> {
        let mut events = Vec::new();
        while let Some(interval) = self.outbox.next(window) {
            events.push(WorkerEvent::Interval {
                interval: Box::new(interval.clone()),
                first_operation: self.first_operation,
            });
        }
        let (stretches, last) = (self.course.stretches(), self.is_over());
        let examples = self
            .examples
            .tell(self.attempt, stretches, clock, (now, last));
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
