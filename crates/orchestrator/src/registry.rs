//! The workers that are attached: who they are, whom they serve, how to reach
//! them; and the runs that wait for some.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gauntlet_model::{
    id::{RunId, WorkerId},
    interval::Interval,
    run::{Gauges, Worker, WorkerStatus},
    session::{ControlMessage, Heartbeat, Hello, PROTOCOL, Welcome},
    time::Timestamp,
};
use tokio::sync::{mpsc, watch};

use crate::orchestrator::DrainError;

mod queue;
mod reserve;
#[cfg(test)]
mod tests;

pub(crate) use queue::Granted;
use queue::Queue;
use reserve::Reservations;
pub use reserve::{Need, NotEnoughWorkers};

/// How often a worker sends a heartbeat.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// A worker that is silent for longer is lost.
pub const LOST_AFTER: Duration = Duration::from_secs(3);
/// How often an idle worker's heartbeats are told to those who watch workers.
const TOLD_EVERY: Duration = Duration::from_secs(5);
/// How often those of a worker at work are.
const TOLD_AT_WORK: Duration = Duration::from_secs(2);
/// Messages that wait for a worker; one that does not read them is disconnected.
const DOWN_QUEUE: usize = 256;
/// How long a worker that has gone is remembered.
const REMEMBERED: Duration = Duration::from_hours(1);

/// Why a worker cannot attach.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// No protocol in common.
    #[error(
        "the worker speaks protocol {min} to {max}, this control plane speaks {PROTOCOL}; use the same version of gauntlet for both"
    )]
    Protocol {
        /// The worker's oldest.
        min: u32,
        /// The worker's newest.
        max: u32,
    },
}

/// One attached session: the queue down to the worker.
#[derive(Debug)]
pub struct Attached {
    /// What to say first.
    pub welcome: Welcome,
    /// Everything else that the worker is to be told. It ends when the worker
    /// is disconnected, by a newer session of its own or because it did not read.
    pub down: mpsc::Receiver<ControlMessage>,
}

/// The attached workers. Whatever makes a worker free, or one more of them,
/// gives the runs that wait their turn under the same lock.
#[derive(Debug, Default)]
pub struct Registry {
    inner: Mutex<Inner>,
    /// Counts the changes of the queue.
    queued: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: HashMap<WorkerId, Entry>,
    reserved: Reservations,
    queue: Queue,
}

#[derive(Debug)]
struct Entry {
    worker: Worker,
    generation: u64,
    down: Option<mpsc::Sender<ControlMessage>>,
    /// Why it is to leave, if it is.
    draining: Option<String>,
    /// When a heartbeat was last told to those who watch.
    told: Timestamp,
    /// Of each run that it serves, the end of the newest interval that came and
    /// the operations per second in it.
    rates: BTreeMap<RunId, (Timestamp, f64)>,
}

impl Entry {
    fn is_alive(&self, now: Timestamp) -> bool {
        self.down.is_some() && now.since(self.worker.seen) <= LOST_AFTER
    }

    /// What the worker serves, and the status that follows when it is attached.
    fn refresh(&mut self, reserved: &Reservations) {
        let held = reserved.of(self.worker.id);
        self.worker.runs = held.keys().copied().collect();
        self.worker.reserved = held.values().sum();
        self.sum_rates();
        if self.down.is_none() {
            return;
        }
        self.worker.status = match &self.draining {
            Some(_) => WorkerStatus::Draining,
            None if held.is_empty() => WorkerStatus::Idle,
            None => WorkerStatus::Busy,
        };
    }

    /// What it does for the runs that it serves; nothing while it is away.
    fn sum_rates(&mut self) {
        let (runs, is_there) = (&self.worker.runs, self.down.is_some());
        self.rates.retain(|run, _| is_there && runs.contains(run));
        let rates = self.rates.values().map(|(_, rate)| rate);
        // The sum of no floats is -0, which reads as something else than nothing.
        self.worker.gauges.operations_per_s = rates.fold(0.0, |sum, rate| sum + rate);
    }

    /// Puts a message into the worker's queue; disconnects a worker whose queue
    /// is full.
    fn send(&mut self, message: ControlMessage) -> bool {
        let down = self.down.as_ref();
        let sent = down.is_some_and(|down| down.try_send(message).is_ok());
        if !sent {
            self.hang_up();
        }
        sent
    }

    /// Ends the worker's session, if it has one.
    fn hang_up(&mut self) {
        self.down = None;
        self.sum_rates();
        if self.worker.status != WorkerStatus::Gone {
            self.worker.status = WorkerStatus::Lost;
        }
    }
}

impl Registry {
    /// Registers a worker's session; an older session of the same worker ends.
    pub fn attach(&self, hello: &Hello, now: Timestamp) -> Result<Attached, AttachError> {
        if hello.protocol_min > PROTOCOL || hello.protocol_max < PROTOCOL {
            return Err(AttachError::Protocol {
                min: hello.protocol_min,
                max: hello.protocol_max,
            });
        }
        let (sender, down) = mpsc::channel(DOWN_QUEUE);
        let mut inner = self.lock();
        let before = inner.entries.remove(&hello.worker);
        // Generations also grow over a restart of the control plane.
        let generation = before
            .as_ref()
            .map_or(now.0.unsigned_abs(), |entry| entry.generation + 1);
        let mut entry = Entry {
            worker: worker(hello, before.as_ref().map(|entry| &entry.worker), now),
            generation,
            down: Some(sender),
            draining: before.and_then(|entry| entry.draining),
            told: now,
            rates: BTreeMap::new(),
        };
        entry.refresh(&inner.reserved);
        if let Some(message) = entry.draining.clone() {
            entry.send(ControlMessage::Drain { message });
        }
        inner.entries.insert(hello.worker, entry);
        inner.settle(now);
        let welcome = Welcome {
            protocol: PROTOCOL,
            generation,
            heartbeat_period: HEARTBEAT,
            now,
        };
        Ok(Attached { welcome, down })
    }

    /// Notes a sign of life. False when the session is not the worker's newest.
    pub fn seen(&self, worker: WorkerId, generation: u64, now: Timestamp) -> bool {
        self.with_session(worker, generation, |entry| entry.worker.seen = now)
            .is_some()
    }

    /// Notes what a heartbeat says. Gives the worker when it is time to tell
    /// those who watch.
    pub fn heartbeat(
        &self,
        worker: WorkerId,
        generation: u64,
        heartbeat: &Heartbeat,
        now: Timestamp,
    ) -> Option<Worker> {
        self.with_session(worker, generation, |entry| {
            entry.worker.clock_offset_us = heartbeat.clock_offset_us;
            entry.worker.clock_uncertainty = heartbeat.clock_uncertainty;
            entry.worker.gauges = Gauges {
                cpu: heartbeat.cpu,
                memory_bytes: heartbeat.memory_bytes,
                in_flight: heartbeat.in_flight,
                backlog: heartbeat.backlog,
                ..entry.worker.gauges
            };
            let every = if entry.worker.runs.is_empty() {
                TOLD_EVERY
            } else {
                TOLD_AT_WORK
            };
            (now.since(entry.told) >= every).then(|| {
                entry.told = now;
                entry.worker.clone()
            })
        })?
    }

    /// Notes how many operations a worker ended for a run in an interval. One
    /// that comes again, or late, changes nothing.
    pub fn measured(&self, worker: WorkerId, generation: u64, interval: &Interval, ended: u64) {
        let length = interval.end.since(interval.start);
        if length.is_zero() {
            return;
        }
        self.with_session(worker, generation, |entry| {
            let newest = entry.rates.entry(interval.attempt.run).or_default();
            if interval.end > newest.0 {
                *newest = (interval.end, ended as f64 / length.as_secs_f64());
                entry.sum_rates();
            }
        });
    }

    /// Notes that a session's stream ended; with `goodbye`, for good.
    pub fn detach(&self, worker: WorkerId, generation: u64, goodbye: bool) {
        self.with_session(worker, generation, |entry| {
            entry.down = None;
            entry.sum_rates();
            entry.worker.status = if goodbye {
                WorkerStatus::Gone
            } else {
                WorkerStatus::Lost
            };
        });
    }

    /// Puts a message into a worker's queue. False when the worker is not
    /// attached; one whose queue is full is disconnected, never waited for.
    pub fn send(&self, worker: WorkerId, message: ControlMessage) -> bool {
        let mut inner = self.lock();
        let Some(entry) = inner.entries.get_mut(&worker) else {
            return false;
        };
        entry.send(message)
    }

    /// Tells a worker to take no shard any more and to leave when it holds none.
    pub fn drain(&self, worker: WorkerId, message: &str) -> Result<Worker, DrainError> {
        let mut inner = self.lock();
        let Inner {
            entries, reserved, ..
        } = &mut *inner;
        let found = entries.get_mut(&worker);
        let entry = found.ok_or(DrainError::NoSuchWorker(worker))?;
        if entry.down.is_none() {
            return Err(DrainError::Detached(worker));
        }
        if entry.draining.is_none() {
            let message = message.to_owned();
            entry.draining = Some(message.clone());
            entry.refresh(reserved);
            // One that does not read is told when it attaches again.
            entry.send(ControlMessage::Drain { message });
        }
        Ok(entry.worker.clone())
    }

    /// A worker as it is now; `None` when it never attached to this process.
    pub fn get(&self, worker: WorkerId) -> Option<Worker> {
        let inner = self.lock();
        inner.entries.get(&worker).map(|entry| entry.worker.clone())
    }

    /// All workers that ever attached to this process.
    pub fn all(&self) -> Vec<Worker> {
        let inner = self.lock();
        let entries = inner.entries.values();
        entries.map(|entry| entry.worker.clone()).collect()
    }

    /// Marks workers that have been silent for too long, and forgets those
    /// that have been gone for an hour. Returns those whose status changed.
    pub fn sweep(&self, now: Timestamp) -> Vec<Worker> {
        let mut inner = self.lock();
        inner
            .entries
            .retain(|_, entry| entry.down.is_some() || now.since(entry.worker.seen) < REMEMBERED);
        let lost = inner
            .entries
            .values_mut()
            .filter(|entry| entry.down.is_some() && !entry.is_alive(now))
            .map(|entry| {
                entry.hang_up();
                entry.worker.clone()
            })
            .collect();
        // A worker that was held for a run may be among them.
        inner.settle(now);
        lost
    }

    fn with_session<T>(
        &self,
        worker: WorkerId,
        generation: u64,
        change: impl FnOnce(&mut Entry) -> T,
    ) -> Option<T> {
        let mut inner = self.lock();
        let entry = inner.entries.get_mut(&worker)?;
        (entry.generation == generation).then(|| change(entry))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker that says hello, and what is known of it from before.
fn worker(hello: &Hello, before: Option<&Worker>, now: Timestamp) -> Worker {
    Worker {
        id: hello.worker,
        name: hello.name.clone(),
        status: WorkerStatus::Idle,
        capacity: hello.capacity,
        processors: hello.processors,
        labels: hello.labels.clone(),
        version: hello.version.clone(),
        runs: Vec::new(),
        reserved: 0,
        gauges: before.map_or_else(Gauges::default, |before| before.gauges),
        attached: before.map_or(now, |before| before.attached),
        seen: now,
        clock_offset_us: before.map_or(0, |before| before.clock_offset_us),
        clock_uncertainty: before.and_then(|before| before.clock_uncertainty),
    }
}
