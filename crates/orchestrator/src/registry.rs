//! The workers that are attached: who they are, what they serve, how to reach them.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gauntlet_model::{
    id::{RunId, WorkerId},
    run::{Worker, WorkerStatus},
    session::{ControlMessage, Heartbeat, Hello, PROTOCOL, Welcome},
    time::Timestamp,
};
use tokio::sync::mpsc;

use crate::orchestrator::DrainError;

/// How often a worker sends a heartbeat.
pub const HEARTBEAT: Duration = Duration::from_secs(1);
/// A worker that is silent for longer is lost.
pub const LOST_AFTER: Duration = Duration::from_secs(3);
/// How often a worker's heartbeats are told to those who watch workers.
const TOLD_EVERY: Duration = Duration::from_secs(5);
/// Messages that wait for a worker; one that does not read them is disconnected.
const DOWN_QUEUE: usize = 64;

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

/// Not enough workers are free.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the run needs {needed} workers with {connections} connections each, {free} of {attached} attached workers are free; start more with \"gauntlet worker\""
)]
pub struct NotEnoughWorkers {
    needed: u32,
    connections: u32,
    free: usize,
    attached: usize,
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

/// The attached workers.
#[derive(Debug, Default)]
pub struct Registry {
    entries: Mutex<HashMap<WorkerId, Entry>>,
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
}

impl Entry {
    /// The status of a worker that is attached.
    fn refresh(&mut self) {
        self.worker.status = match (&self.draining, self.worker.run) {
            (Some(_), _) => WorkerStatus::Draining,
            (None, Some(_)) => WorkerStatus::Busy,
            (None, None) => WorkerStatus::Idle,
        };
    }

    /// Puts a message into the worker's queue; disconnects a worker whose queue
    /// is full.
    fn send(&mut self, message: ControlMessage) -> bool {
        let down = self.down.as_ref();
        let sent = down.is_some_and(|down| down.try_send(message).is_ok());
        if !sent {
            self.down = None;
            if self.worker.status != WorkerStatus::Gone {
                self.worker.status = WorkerStatus::Lost;
            }
        }
        sent
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
        let mut entries = self.lock();
        let before = entries.remove(&hello.worker);
        // Generations also grow over a restart of the control plane.
        let generation = before
            .as_ref()
            .map_or(now.0.unsigned_abs(), |entry| entry.generation + 1);
        let run = before.as_ref().and_then(|entry| entry.worker.run);
        let worker = Worker {
            id: hello.worker,
            name: hello.name.clone(),
            status: WorkerStatus::Idle,
            capacity: hello.capacity,
            processors: hello.processors,
            labels: hello.labels.clone(),
            version: hello.version.clone(),
            run,
            attached: before.as_ref().map_or(now, |entry| entry.worker.attached),
            seen: now,
            clock_offset_us: before
                .as_ref()
                .map_or(0, |entry| entry.worker.clock_offset_us),
            clock_uncertainty: before
                .as_ref()
                .and_then(|entry| entry.worker.clock_uncertainty),
        };
        let mut entry = Entry {
            worker,
            generation,
            down: Some(sender),
            draining: before.and_then(|entry| entry.draining),
            told: now,
        };
        entry.refresh();
        if let Some(message) = entry.draining.clone() {
            entry.send(ControlMessage::Drain { message });
        }
        entries.insert(hello.worker, entry);
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

    /// Notes a heartbeat's clock sample. Gives the worker when it is time to
    /// tell those who watch.
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
            (now.since(entry.told) >= TOLD_EVERY).then(|| {
                entry.told = now;
                entry.worker.clone()
            })
        })?
    }

    /// Notes that a session's stream ended; with `goodbye`, for good.
    pub fn detach(&self, worker: WorkerId, generation: u64, goodbye: bool) {
        self.with_session(worker, generation, |entry| {
            entry.down = None;
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
        let mut entries = self.lock();
        let Some(entry) = entries.get_mut(&worker) else {
            return false;
        };
        entry.send(message)
    }

    /// Tells a worker to take no shard any more and to leave when it holds none.
    pub fn drain(&self, worker: WorkerId, message: &str) -> Result<Worker, DrainError> {
        let mut entries = self.lock();
        let found = entries.get_mut(&worker);
        let entry = found.ok_or(DrainError::NoSuchWorker(worker))?;
        if entry.down.is_none() {
            return Err(DrainError::Detached(worker));
        }
        if entry.draining.is_none() {
            let message = message.to_owned();
            entry.draining = Some(message.clone());
            entry.refresh();
            // One that does not read is told when it attaches again.
            entry.send(ControlMessage::Drain { message });
        }
        Ok(entry.worker.clone())
    }

    /// Reserves idle workers for a run, by name; never one that is to leave.
    pub fn reserve(
        &self,
        run: RunId,
        needed: u32,
        connections: u32,
        now: Timestamp,
    ) -> Result<Vec<Worker>, NotEnoughWorkers> {
        let mut entries = self.lock();
        let alive =
            |entry: &&mut Entry| entry.down.is_some() && now.since(entry.worker.seen) <= LOST_AFTER;
        let attached = entries.values_mut().filter(alive).count();
        let mut free: Vec<&mut Entry> = entries
            .values_mut()
            .filter(alive)
            .filter(|entry| entry.worker.run.is_none() && entry.draining.is_none())
            .filter(|entry| entry.worker.capacity >= connections)
            .collect();
        if free.len() < needed as usize {
            return Err(NotEnoughWorkers {
                needed,
                connections,
                free: free.len(),
                attached,
            });
        }
        free.sort_by(|a, b| (&a.worker.name, a.worker.id).cmp(&(&b.worker.name, b.worker.id)));
        Ok(free
            .into_iter()
            .take(needed as usize)
            .map(|entry| {
                entry.worker.run = Some(run);
                entry.refresh();
                entry.worker.clone()
            })
            .collect())
    }

    /// Marks a worker as serving a run that was started before a restart.
    pub fn claim(&self, worker: WorkerId, run: RunId) {
        if let Some(entry) = self.lock().get_mut(&worker) {
            entry.worker.run = Some(run);
            entry.refresh();
        }
    }

    /// Frees a worker that serves the run. Gives it, if it did.
    pub fn free(&self, worker: WorkerId, run: RunId) -> Option<Worker> {
        let mut entries = self.lock();
        let entry = entries
            .get_mut(&worker)
            .filter(|entry| entry.worker.run == Some(run))?;
        entry.worker.run = None;
        if entry.worker.status == WorkerStatus::Busy {
            entry.worker.status = WorkerStatus::Idle;
        }
        Some(entry.worker.clone())
    }

    /// A worker as it is now; `None` when it never attached to this process.
    pub fn get(&self, worker: WorkerId) -> Option<Worker> {
        self.lock().get(&worker).map(|entry| entry.worker.clone())
    }

    /// All workers that ever attached to this process.
    pub fn all(&self) -> Vec<Worker> {
        self.lock()
            .values()
            .map(|entry| entry.worker.clone())
            .collect()
    }

    /// Marks workers that have been silent for too long, and forgets those
    /// that have been gone for an hour. Returns those whose status changed.
    pub fn sweep(&self, now: Timestamp) -> Vec<Worker> {
        let mut entries = self.lock();
        entries.retain(|_, entry| {
            entry.down.is_some() || now.since(entry.worker.seen) < Duration::from_hours(1)
        });
        entries
            .values_mut()
            .filter(|entry| entry.down.is_some() && now.since(entry.worker.seen) > LOST_AFTER)
            .map(|entry| {
                entry.down = None;
                entry.worker.status = WorkerStatus::Lost;
                entry.worker.clone()
            })
            .collect()
    }

    fn with_session<T>(
        &self,
        worker: WorkerId,
        generation: u64,
        change: impl FnOnce(&mut Entry) -> T,
    ) -> Option<T> {
        let mut entries = self.lock();
        let entry = entries.get_mut(&worker)?;
        (entry.generation == generation).then(|| change(entry))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WorkerId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn hello(id: u128, name: &str) -> Hello {
        Hello {
            protocol_min: 1,
            protocol_max: 1,
            worker: WorkerId(Uuid::from_u128(id)),
            name: name.to_owned(),
            capacity: 10,
            labels: std::collections::BTreeMap::new(),
            processors: 2,
            version: "1".to_owned(),
            resume: None,
        }
    }

    fn run() -> RunId {
        RunId(Uuid::from_u128(7))
    }

    #[test]
    fn workers_are_reserved_by_name_and_only_once() {
        let registry = Registry::default();
        let _b = registry.attach(&hello(1, "b"), NOW).unwrap();
        let _a = registry.attach(&hello(2, "a"), NOW).unwrap();
        let names = |workers: Vec<Worker>| workers.into_iter().map(|w| w.name).collect::<Vec<_>>();
        assert_eq!(names(registry.reserve(run(), 1, 10, NOW).unwrap()), ["a"]);
        let refused = registry.reserve(run(), 2, 10, NOW).unwrap_err();
        assert_eq!(
            refused,
            NotEnoughWorkers {
                needed: 2,
                connections: 10,
                free: 1,
                attached: 2
            }
        );
        registry.free(WorkerId(Uuid::from_u128(2)), run());
        assert_eq!(
            names(registry.reserve(run(), 2, 10, NOW).unwrap()),
            ["a", "b"]
        );
    }

    #[test]
    fn a_silent_or_small_worker_is_not_reserved() {
        let registry = Registry::default();
        let _a = registry.attach(&hello(1, "a"), NOW).unwrap();
        assert!(registry.reserve(run(), 1, 11, NOW).is_err());
        assert!(
            registry
                .reserve(run(), 1, 1, NOW + Duration::from_secs(4))
                .is_err()
        );
    }

    #[test]
    fn a_newer_session_ends_the_older_one() {
        let registry = Registry::default();
        let mut old = registry.attach(&hello(1, "a"), NOW).unwrap();
        let new = registry.attach(&hello(1, "a"), NOW).unwrap();
        let id = WorkerId(Uuid::from_u128(1));
        assert!(new.welcome.generation > old.welcome.generation);
        assert!(!registry.seen(id, old.welcome.generation, NOW));
        assert!(registry.seen(id, new.welcome.generation, NOW));
        assert_eq!(
            old.down.try_recv(),
            Err(mpsc::error::TryRecvError::Disconnected)
        );
        registry.detach(id, old.welcome.generation, false);
        assert_eq!(registry.get(id).unwrap().status, WorkerStatus::Idle);
    }

    #[test]
    fn a_worker_that_does_not_read_is_disconnected() {
        let registry = Registry::default();
        let attached = registry.attach(&hello(1, "a"), NOW).unwrap();
        let id = WorkerId(Uuid::from_u128(1));
        let message = || ControlMessage::HeartbeatReply {
            sent: NOW,
            received: NOW,
            replied: NOW,
        };
        for _ in 0..DOWN_QUEUE {
            assert!(registry.send(id, message()));
        }
        assert!(!registry.send(id, message()));
        assert_eq!(registry.get(id).unwrap().status, WorkerStatus::Lost);
        drop(attached);
    }

    #[test]
    fn foreign_protocols_are_refused() {
        let registry = Registry::default();
        let newer = Hello {
            protocol_min: 2,
            protocol_max: 3,
            ..hello(1, "a")
        };
        assert_eq!(
            registry.attach(&newer, NOW).unwrap_err(),
            AttachError::Protocol { min: 2, max: 3 }
        );
    }
}
