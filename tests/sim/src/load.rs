//! A worker's load generator as the simulation has it: it executes what is
//! due, at instants that follow from the level, and measures it as the real one
//! does: snapshots every second from the start.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use gauntlet_engine::Epoch;
use gauntlet_model::{
    session::{Assign, AttemptRef, KeyRange},
    template::{self, share},
    time::Timestamp,
};

use crate::target::Target;

/// Operations per second of one connection of a closed loop.
const PER_CONNECTION: f64 = 5.0;
/// How long an operation takes while the target has room, nanoseconds.
const SERVICE_NS: u64 = 1_000_000;
/// How finely time is cut.
const QUANTUM: Duration = Duration::from_millis(20);
/// The length of an interval.
const SECOND: Duration = Duration::from_secs(1);

/// One second of measurements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// When it began, by the worker's clock.
    pub start: Timestamp,
    /// When it ended.
    pub end: Timestamp,
    /// By epoch: how many operations were due, and how long each took.
    pub operations: BTreeMap<u32, (u64, u64)>,
    /// Whether it is the last.
    pub last: bool,
}

/// What changes at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    Enter(Epoch),
    PerSecond(f64),
    Paused(bool),
    EndInterval,
    Stop,
}

/// One shard's load. Instants are by the worker's clock.
#[derive(Debug)]
pub struct Load {
    attempt: AttemptRef,
    keys: KeyRange,
    shards: u32,
    per_second: f64,
    paused: bool,
    epoch: Option<Epoch>,
    changes: VecDeque<(Timestamp, Change)>,
    /// Up to when everything was executed; `None` before the start.
    at: Option<Timestamp>,
    began: Timestamp,
    due: f64,
    second: Second,
    pub first_operation: Option<Timestamp>,
    ended: bool,
}

impl Load {
    /// The load of an assignment, not started.
    #[must_use]
    pub fn new(assign: &Assign) -> Self {
        let (shard, shards) = (assign.attempt.shard, assign.shards);
        let per_second = match assign.spec.load {
            template::Load::Concurrency { connections, .. } => {
                share(u64::from(connections), shard, shards) as f64 * PER_CONNECTION
            }
            template::Load::Rate { per_second, .. } => per_second / f64::from(shards.max(1)),
        };
        Self {
            attempt: assign.attempt,
            keys: assign.keys,
            shards,
            per_second,
            paused: false,
            epoch: None,
            changes: VecDeque::new(),
            at: None,
            began: Timestamp(0),
            due: 0.0,
            second: Second::default(),
            first_operation: None,
            ended: false,
        }
    }

    /// The load begins.
    pub fn start(&mut self, at: Timestamp, epoch: Epoch, now: Timestamp) {
        let at = at.max(now);
        self.began = at;
        self.at = Some(at);
        self.second.start = at;
        self.plan(at, Change::Enter(epoch));
    }

    /// A boundary takes the place of those that were set for later.
    pub fn enter(&mut self, at: Timestamp, epoch: Epoch, now: Timestamp) {
        let at = at.max(now);
        self.changes
            .retain(|(when, change)| !matches!(change, Change::Enter(_)) || *when < at);
        self.plan(at, Change::Enter(epoch));
    }

    /// So many connections send.
    pub fn set_connections(&mut self, at: Timestamp, connections: u32, now: Timestamp) {
        let per_second = f64::from(connections) * PER_CONNECTION;
        self.plan(at.max(now), Change::PerSecond(per_second));
    }

    /// So many operations are due in 1,000 seconds of the schedule of which
    /// this shard takes each `shards`-th.
    pub fn set_rate(&mut self, at: Timestamp, milli_per_s: u64, now: Timestamp) {
        let per_second = milli_per_s as f64 / 1e3 / f64::from(self.shards.max(1));
        self.plan(at.max(now), Change::PerSecond(per_second));
    }

    /// Nothing is due, or again.
    pub fn set_paused(&mut self, at: Timestamp, paused: bool, now: Timestamp) {
        self.plan(at.max(now), Change::Paused(paused));
    }

    /// An interval ends.
    pub fn end_interval(&mut self, at: Timestamp, now: Timestamp) {
        self.plan(at.max(now), Change::EndInterval);
    }

    /// Nothing is due from then on.
    pub fn stop(&mut self, at: Timestamp, now: Timestamp) {
        self.plan(at.max(now), Change::Stop);
    }

    fn plan(&mut self, at: Timestamp, change: Change) {
        let place = self.changes.partition_point(|(when, _)| *when <= at);
        self.changes.insert(place, (at, change));
    }

    /// When [`Self::advance`] has something to give.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        let at = self.at?;
        if self.ended {
            return None;
        }
        let ends = |change: &Change| matches!(change, Change::Stop | Change::EndInterval);
        let end = self.changes.iter().find(|(_, change)| ends(change));
        let second = self.second.start + SECOND;
        // What was to end before the start ends with it.
        Some(end.map_or(second, |(end, _)| second.min(*end).max(at)))
    }

    /// Executes everything that is due until `now`; gives the seconds that are
    /// complete.
    pub fn advance(&mut self, now: Timestamp, target: &Target) -> Vec<Second> {
        let mut seconds = Vec::new();
        while let Some(at) = self.at.filter(|at| *at < now && !self.ended) {
            let until = (at + QUANTUM).min(self.second.start + SECOND).min(now);
            let until = match self.changes.front() {
                Some((when, _)) if *when > at => until.min(*when),
                _ => until,
            };
            while let Some((_, change)) = self.changes.pop_front_if(|(when, _)| *when <= at) {
                if change == Change::EndInterval && self.second.start < at {
                    seconds.push(self.close(at, false));
                }
                self.apply(change);
            }
            if self.ended {
                seconds.push(self.close(at, true));
                break;
            }
            self.execute(at, until, target);
            self.at = Some(until);
            if until == self.second.start + SECOND {
                seconds.push(self.close(until, false));
            }
        }
        seconds
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::Enter(epoch) => self.epoch = Some(epoch),
            Change::PerSecond(per_second) => self.per_second = per_second,
            Change::Paused(paused) => self.paused = paused,
            Change::EndInterval => {}
            Change::Stop => self.ended = true,
        }
    }

    fn execute(&mut self, from: Timestamp, to: Timestamp, target: &Target) {
        let Some(epoch) = self.epoch.filter(|_| !self.paused) else {
            return;
        };
        self.due += self.per_second * to.since(from).as_secs_f64();
        let count = self.due.floor();
        self.due -= count;
        if count < 1.0 {
            return;
        }
        self.first_operation.get_or_insert(from);
        for _ in 0..count as u64 {
            target.insert(self.attempt, self.keys);
        }
        let entry = self.second.operations.entry(epoch.0).or_default();
        entry.0 += count as u64;
        entry.1 = Target::latency_ns(self.per_second).max(SERVICE_NS);
    }

    fn close(&mut self, end: Timestamp, last: bool) -> Second {
        let next = Second {
            start: end,
            ..Second::default()
        };
        let mut second = std::mem::replace(&mut self.second, next);
        second.end = end;
        second.last = last;
        second
    }
}
