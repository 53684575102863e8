//! Who serves which run, with how many connections.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
};

use gauntlet_model::{
    id::{RunId, WorkerId},
    run::{Run, Worker},
    template::{Launcher, RUN_LABEL},
    time::Timestamp,
};

use super::{Entry, Inner, Registry};

/// What a run needs of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// How many, each for one shard.
    pub workers: u32,
    /// Connections on each.
    pub connections: u32,
    /// What each must carry.
    pub labels: BTreeMap<String, String>,
}

impl Need {
    /// What a run needs at its start; a higher level reserves more, if there is
    /// more then ([`Registry::resize`]).
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let (spec, control) = (&run.spec, &run.spec.control);
        let mut labels = control.worker_labels.clone();
        if control.launcher == Launcher::Local {
            labels.insert(RUN_LABEL.to_owned(), run.id.to_string());
        }
        Self {
            workers: spec.workers,
            connections: spec.first_connections_each(),
            labels,
        }
    }

    /// Whether only workers will do that were started for the run.
    pub(super) fn is_for_own(&self) -> bool {
        self.labels.contains_key(RUN_LABEL)
    }

    /// Whether a worker may serve the run at all: by its labels, and by its
    /// capacity if it served nobody else.
    fn fits(&self, run: RunId, worker: &Worker) -> bool {
        let carried = |(key, value): (&String, &String)| worker.labels.get(key) == Some(value);
        let own = worker.labels.get(RUN_LABEL);
        self.labels.iter().all(carried)
            && own.is_none_or(|own| *own == run.to_string())
            && worker.capacity >= self.connections
    }
}

/// Not enough workers are free.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct NotEnoughWorkers {
    /// What is needed.
    pub need: Need,
    /// How many workers are free for the run.
    pub free: usize,
    /// How many are attached.
    pub attached: usize,
    /// How many runs wait that were started before.
    pub ahead: usize,
}

impl fmt::Display for NotEnoughWorkers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Need {
            workers,
            connections,
            labels,
        } = &self.need;
        write!(
            f,
            "the run needs {workers} workers with {connections} connections each"
        )?;
        let labels: Vec<String> = labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        if !labels.is_empty() {
            write!(f, " and the labels {}", labels.join(", "))?;
        }
        write!(
            f,
            ", {} of {} attached workers are free",
            self.free, self.attached
        )?;
        match self.ahead {
            0 => {}
            1 => write!(f, " and 1 run waits before it")?,
            ahead => write!(f, " and {ahead} runs wait before it")?,
        }
        write!(f, "; start more with \"gauntlet worker")?;
        for label in labels {
            write!(f, " --label {label}")?;
        }
        write!(f, "\"")
    }
}

/// The connections that runs have reserved. They outlive a worker's sessions,
/// and after a restart of the control plane they are there before the workers are.
#[derive(Debug, Default)]
pub(super) struct Reservations(HashMap<WorkerId, BTreeMap<RunId, u32>>);

impl Reservations {
    pub(super) fn of(&self, worker: WorkerId) -> &BTreeMap<RunId, u32> {
        static NONE: BTreeMap<RunId, u32> = BTreeMap::new();
        self.0.get(&worker).unwrap_or(&NONE)
    }

    /// Connections that others than the run have reserved.
    fn of_others(&self, worker: WorkerId, run: RunId) -> u32 {
        let held = self.of(worker).iter();
        held.filter(|(other, _)| **other != run)
            .map(|(_, connections)| connections)
            .sum()
    }

    fn set(&mut self, worker: WorkerId, run: RunId, connections: u32) {
        let held = self.0.entry(worker).or_default();
        held.insert(run, connections);
    }

    /// Whether there was anything to take back.
    fn take(&mut self, worker: WorkerId, run: RunId) -> bool {
        let Some(held) = self.0.get_mut(&worker) else {
            return false;
        };
        let there = held.remove(&run).is_some();
        if held.is_empty() {
            self.0.remove(&worker);
        }
        there
    }

    fn workers_of(&self, run: RunId) -> Vec<WorkerId> {
        let held = self.0.iter().filter(|(_, held)| held.contains_key(&run));
        held.map(|(worker, _)| *worker).collect()
    }
}

impl Registry {
    /// Reserves workers for a run that does not wait: of those that no waiting
    /// run could use the ones with the fewest runs, then by name; each serves
    /// one shard of the run, and none that is to leave is chosen.
    pub fn reserve(
        &self,
        run: RunId,
        need: &Need,
        now: Timestamp,
    ) -> Result<Vec<Worker>, NotEnoughWorkers> {
        let mut inner = self.lock();
        let (held, ahead) = inner.held_for_waiting(None, now);
        match inner.choose(run, need, &held, now) {
            Some(chosen) => Ok(inner.give(run, need, &chosen)),
            None => Err(inner.lack(run, need, (&held, ahead), now)),
        }
    }

    /// Reserves one more worker for a run that was started before every run
    /// that waits.
    pub fn reserve_one_more(&self, run: RunId, need: &Need, now: Timestamp) -> Option<Worker> {
        let need = Need {
            workers: 1,
            ..need.clone()
        };
        let mut inner = self.lock();
        let chosen = inner.choose(run, &need, &HashSet::new(), now)?;
        inner.give(run, &need, &chosen).pop()
    }

    /// Restores the reservation of a run that was started before a restart,
    /// whether the worker is attached or not.
    pub fn claim(&self, worker: WorkerId, run: RunId, connections: u32) {
        let mut inner = self.lock();
        inner.reserved.set(worker, run, connections);
        inner.refresh(worker);
    }

    /// Gives a run so many connections on a worker that serves it, or says how
    /// many it could have there at most. It never has fewer than before: those
    /// above a level rest, they are not closed.
    pub fn resize(&self, worker: WorkerId, run: RunId, connections: u32) -> Result<(), u32> {
        let mut inner = self.lock();
        let Some(entry) = inner.entries.get(&worker) else {
            // One that is not there takes what it is given when it is.
            return Ok(());
        };
        let taken = inner.reserved.of_others(worker, run);
        let most = entry.worker.capacity.saturating_sub(taken);
        if connections > most {
            return Err(most);
        }
        if let Some(before) = inner.reserved.of(worker).get(&run).copied() {
            inner.reserved.set(worker, run, before.max(connections));
            inner.refresh(worker);
        }
        Ok(())
    }

    /// Frees a worker that serves the run. Gives it, if it did.
    pub fn free(&self, worker: WorkerId, run: RunId, now: Timestamp) -> Option<Worker> {
        let mut inner = self.lock();
        if !inner.reserved.take(worker, run) {
            return None;
        }
        inner.refresh(worker);
        inner.settle(now);
        inner.entries.get(&worker).map(|entry| entry.worker.clone())
    }

    /// Disconnects every worker that serves the run. They come back with what
    /// they hold, and keep what they have reserved.
    pub(crate) fn disconnect(&self, run: RunId) {
        let mut inner = self.lock();
        for worker in inner.reserved.workers_of(run) {
            if let Some(entry) = inner.entries.get_mut(&worker) {
                entry.hang_up();
            }
        }
    }

    /// Takes the run out of the queue and frees every worker that serves it.
    /// Gives those that were freed.
    pub fn vacate(&self, run: RunId, now: Timestamp) -> Vec<Worker> {
        let mut inner = self.lock();
        self.leave(&mut inner, run);
        let workers = inner.reserved.workers_of(run);
        inner.take_back(run, &workers);
        inner.settle(now);
        let freed = workers.iter().filter_map(|id| inner.entries.get(id));
        freed.map(|entry| entry.worker.clone()).collect()
    }
}

impl Inner {
    /// The workers for a run, in the order of its shards; none that is held for
    /// another one. `None` when there are too few.
    pub(super) fn choose(
        &self,
        run: RunId,
        need: &Need,
        held: &HashSet<WorkerId>,
        now: Timestamp,
    ) -> Option<Vec<WorkerId>> {
        let mut free: Vec<&Worker> = self.free_for(run, need, held, now).collect();
        if free.len() < need.workers as usize {
            return None;
        }
        free.sort_by_key(|worker| (worker.runs.len(), &worker.name, worker.id));
        let chosen = free.into_iter().take(need.workers as usize);
        Some(chosen.map(|worker| worker.id).collect())
    }

    pub(super) fn lack(
        &self,
        run: RunId,
        need: &Need,
        (held, ahead): (&HashSet<WorkerId>, usize),
        now: Timestamp,
    ) -> NotEnoughWorkers {
        NotEnoughWorkers {
            need: need.clone(),
            free: self.free_for(run, need, held, now).count(),
            attached: self.alive(now).count(),
            ahead,
        }
    }

    fn free_for(
        &self,
        run: RunId,
        need: &Need,
        held: &HashSet<WorkerId>,
        now: Timestamp,
    ) -> impl Iterator<Item = &Worker> {
        self.could_serve(run, need, now).filter(move |worker| {
            let taken = self.reserved.of_others(worker.id, run);
            let free = worker.capacity.saturating_sub(taken);
            !held.contains(&worker.id) && free >= need.connections
        })
    }

    /// The workers that could serve the run if they were free.
    pub(super) fn could_serve(
        &self,
        run: RunId,
        need: &Need,
        now: Timestamp,
    ) -> impl Iterator<Item = &Worker> {
        self.alive(now)
            .filter(|entry| entry.draining.is_none())
            .map(|entry| &entry.worker)
            .filter(move |worker| {
                need.fits(run, worker) && !self.reserved.of(worker.id).contains_key(&run)
            })
    }

    pub(super) fn give(&mut self, run: RunId, need: &Need, chosen: &[WorkerId]) -> Vec<Worker> {
        for worker in chosen {
            self.reserved.set(*worker, run, need.connections);
            self.refresh(*worker);
        }
        let found = chosen.iter().filter_map(|worker| self.entries.get(worker));
        found.map(|entry| entry.worker.clone()).collect()
    }

    /// Takes back what was given to a run that has not begun with it.
    pub(super) fn take_back(&mut self, run: RunId, given: &[WorkerId]) {
        for worker in given {
            self.reserved.take(*worker, run);
            self.refresh(*worker);
        }
    }

    fn alive(&self, now: Timestamp) -> impl Iterator<Item = &Entry> {
        let entries = self.entries.values();
        entries.filter(move |entry| entry.is_alive(now))
    }

    fn refresh(&mut self, worker: WorkerId) {
        if let Some(entry) = self.entries.get_mut(&worker) {
            entry.refresh(&self.reserved);
        }
    }
}
