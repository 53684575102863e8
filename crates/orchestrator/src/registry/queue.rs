//! The runs that wait for workers, in the order of their starts.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use gauntlet_model::{
    id::{RunId, WorkerId},
    run::Worker,
    time::Timestamp,
};
use tokio::sync::{Notify, watch};

use super::{Inner, Need, NotEnoughWorkers, Registry};

/// Bounded by the runs that are active: each is in it once at most.
#[derive(Debug, Default)]
pub(super) struct Queue(BTreeMap<(Timestamp, RunId), Waiting>);

#[derive(Debug)]
struct Waiting {
    need: Need,
    /// Reserved for it already; its task has only to take them.
    given: Option<Vec<WorkerId>>,
    told: Arc<Notify>,
}

/// Tells the task of a waiting run that its workers are reserved.
#[derive(Clone, Debug)]
pub(crate) struct Granted(Arc<Notify>);

impl Granted {
    /// Waits for it. Safe to cancel.
    pub(crate) async fn wait(&self) {
        self.0.notified().await;
    }
}

impl Queue {
    fn key(&self, run: RunId) -> Option<(Timestamp, RunId)> {
        self.0.keys().find(|key| key.1 == run).copied()
    }
}

impl Registry {
    /// Puts a run into the queue, behind those that wait for longer. One that
    /// is in it keeps its place.
    pub(crate) fn wait(&self, run: RunId, since: Timestamp, need: Need, now: Timestamp) -> Granted {
        let mut inner = self.lock();
        let known = inner.queue.key(run);
        let key = known.unwrap_or((since, run));
        let waiting = inner.queue.0.entry(key).or_insert_with(|| Waiting {
            need,
            given: None,
            told: Arc::default(),
        });
        let granted = Granted(waiting.told.clone());
        inner.settle(now);
        if known.is_none() {
            self.queue_changed();
        }
        granted
    }

    /// The workers that were reserved for a run that waits, which it no longer
    /// does then; `None` while there are none.
    pub(crate) fn take_grant(&self, run: RunId, now: Timestamp) -> Option<Vec<Worker>> {
        let mut inner = self.lock();
        let key = inner.queue.key(run)?;
        if inner.take_back_from_the_gone(key, now) {
            inner.settle(now);
        }
        let given = inner.queue.0.get(&key)?.given.clone()?;
        inner.queue.0.remove(&key);
        self.queue_changed();
        let found = given.iter().filter_map(|id| inner.entries.get(id));
        Some(found.map(|entry| entry.worker.clone()).collect())
    }

    /// Ends a run's waiting, if it waits.
    pub(super) fn leave(&self, inner: &mut Inner, run: RunId) {
        if let Some(key) = inner.queue.key(run) {
            inner.queue.0.remove(&key);
            self.queue_changed();
        }
    }

    fn queue_changed(&self) {
        self.queued.send_modify(|changes| *changes += 1);
    }

    /// Changes whenever a run begins or ends to wait, so that others may have
    /// another [place](Self::position).
    pub fn queue(&self) -> watch::Receiver<u64> {
        self.queued.subscribe()
    }

    /// What a run that waits lacks; `None` when it does not wait.
    pub(crate) fn lack(&self, run: RunId, now: Timestamp) -> Option<NotEnoughWorkers> {
        let inner = self.lock();
        let key = inner.queue.key(run)?;
        let need = &inner.queue.0.get(&key)?.need;
        let (held, ahead) = inner.held_for_waiting(Some(key), now);
        Some(inner.lack(run, need, (&held, ahead), now))
    }

    /// A run's place in the queue, from 1; 0 when it is not in it. Those that
    /// wait for workers of their own stand in nobody's way.
    pub fn position(&self, run: RunId) -> u32 {
        let inner = self.lock();
        let mut shared = inner
            .queue
            .0
            .iter()
            .filter(|(_, one)| !one.need.is_for_own());
        let place = shared.position(|(key, _)| key.1 == run);
        place.map_or(0, |place| place as u32 + 1)
    }
}

impl Inner {
    /// Gives every run that waits its turn, in their order. A run that the
    /// attached workers could serve if they were free holds back all who would
    /// take one of those from it; a run that needs more than there are holds
    /// back nobody.
    pub(super) fn settle(&mut self, now: Timestamp) {
        if self.queue.0.is_empty() {
            return;
        }
        let mut held = HashSet::new();
        let order: Vec<(Timestamp, RunId)> = self.queue.0.keys().copied().collect();
        for key in order {
            let run = key.1;
            self.take_back_from_the_gone(key, now);
            let Some(waiting) = self.queue.0.get(&key).filter(|one| one.given.is_none()) else {
                continue;
            };
            let need = waiting.need.clone();
            let Some(chosen) = self.choose(run, &need, &held, now) else {
                held.extend(self.waited_for(run, &need, now));
                continue;
            };
            self.give(run, &need, &chosen);
            if let Some(waiting) = self.queue.0.get_mut(&key) {
                waiting.given = Some(chosen);
                waiting.told.notify_one();
            }
        }
    }

    /// The workers that runs hold back which wait, and how many runs those are;
    /// with `before` only those that come before it.
    pub(super) fn held_for_waiting(
        &self,
        before: Option<(Timestamp, RunId)>,
        now: Timestamp,
    ) -> (HashSet<WorkerId>, usize) {
        let mut count = 0;
        let held = self
            .queue
            .0
            .iter()
            .take_while(|(key, _)| before.is_none_or(|before| **key < before))
            .filter(|(_, one)| one.given.is_none() && !one.need.is_for_own())
            .inspect(|_| count += 1)
            .flat_map(|(key, one)| self.waited_for(key.1, &one.need, now))
            .collect();
        (held, count)
    }

    fn waited_for(&self, run: RunId, need: &Need, now: Timestamp) -> Vec<WorkerId> {
        let could: Vec<WorkerId> = self
            .could_serve(run, need, now)
            .map(|worker| worker.id)
            .collect();
        if could.len() < need.workers as usize {
            return Vec::new();
        }
        could
    }

    /// A run whose task has not begun yet waits again when one of its workers
    /// has gone. Whether that is so.
    fn take_back_from_the_gone(&mut self, key: (Timestamp, RunId), now: Timestamp) -> bool {
        let Some(given) = self.queue.0.get(&key).and_then(|one| one.given.clone()) else {
            return false;
        };
        let alive = |id: &WorkerId| self.entries.get(id).is_some_and(|one| one.is_alive(now));
        if given.iter().all(alive) {
            return false;
        }
        self.take_back(key.1, &given);
        if let Some(waiting) = self.queue.0.get_mut(&key) {
            waiting.given = None;
        }
        true
    }
}
