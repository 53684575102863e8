//! The newest state of each of many things, in the order in which they changed.
//!
//! A change takes the place of the one before of the same thing, so a reader
//! that was away gets the newest state of everything that changed meanwhile and
//! nothing twice. The feed remembers a bounded number of things; who was away
//! for longer is told to begin anew.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use gauntlet_model::time::Timestamp;
use tokio::sync::watch;

/// Things that a feed remembers.
pub const REMEMBERED: usize = 4_096;
/// Changes that a reader gets at a time: what it holds is bounded by them.
pub const BATCH: usize = 64;

/// See the module.
#[derive(Debug)]
pub struct Feed<K, V> {
    ring: Mutex<Ring<K, V>>,
    newest: watch::Sender<i64>,
    capacity: usize,
}

#[derive(Debug)]
struct Ring<K, V> {
    /// By revision.
    changes: BTreeMap<i64, (K, V)>,
    /// The revision of each thing's change.
    places: HashMap<K, i64>,
    /// Changes up to this revision may be forgotten.
    forgotten: i64,
    newest: i64,
}

/// What the reader resumes from is forgotten, or is not of this feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten;

/// A change at a revision.
pub type Numbered<K, V> = (i64, K, V);

impl<K: Copy + Eq + Hash, V: Clone> Feed<K, V> {
    /// A feed without changes. Its revisions begin at the instant that it is
    /// made, so those of another process are told apart.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self::with_capacity(now, REMEMBERED)
    }

    fn with_capacity(now: Timestamp, capacity: usize) -> Self {
        // A million changes for each millisecond of life: no process gets to
        // the first revision of one that began later.
        let first = (now.0.max(0) / 1_000) << 20;
        Self {
            ring: Mutex::new(Ring {
                changes: BTreeMap::new(),
                places: HashMap::new(),
                forgotten: first,
                newest: first,
            }),
            newest: watch::Sender::new(first),
            capacity,
        }
    }

    /// Notes the newest state of a thing; returns the change's revision.
    pub fn publish(&self, key: K, value: V) -> i64 {
        let mut ring = self.lock();
        ring.newest += 1;
        let revision = ring.newest;
        if let Some(before) = ring.places.insert(key, revision) {
            ring.changes.remove(&before);
        }
        ring.changes.insert(revision, (key, value));
        if ring.changes.len() > self.capacity
            && let Some((revision, (key, _))) = ring.changes.pop_first()
        {
            ring.places.remove(&key);
            ring.forgotten = revision;
        }
        // Sent while the ring is locked, so that revisions come in their order.
        self.newest.send_replace(revision);
        revision
    }

    /// Forgets everything: who reads has to begin anew.
    pub fn forget(&self) {
        let mut ring = self.lock();
        ring.changes.clear();
        ring.places.clear();
        ring.newest += 1;
        ring.forgotten = ring.newest;
        self.newest.send_replace(ring.newest);
    }

    /// The newest revision, now and at each change.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<i64> {
        self.newest.subscribe()
    }

    /// The first changes after a revision, oldest first, at most [`BATCH`].
    pub fn after(&self, revision: i64) -> Result<Vec<Numbered<K, V>>, Forgotten> {
        let ring = self.lock();
        if revision < ring.forgotten || revision > ring.newest {
            return Err(Forgotten);
        }
        Ok(ring
            .changes
            .range(revision + 1..)
            .take(BATCH)
            .map(|(revision, (key, value))| (*revision, *key, value.clone()))
            .collect())
    }

    fn lock(&self) -> MutexGuard<'_, Ring<K, V>> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BIRTH: Timestamp = Timestamp(1_700_000_000_000_000);

    fn values(changes: &[Numbered<u32, u32>]) -> Vec<(u32, u32)> {
        changes
            .iter()
            .map(|(_, key, value)| (*key, *value))
            .collect()
    }

    #[test]
    fn a_reader_gets_the_newest_state_of_each_thing_in_the_order_of_the_changes() {
        let feed = Feed::new(BIRTH);
        let begin = *feed.newest().borrow();
        for (key, value) in [(1, 10), (2, 20), (1, 11), (3, 30), (2, 21)] {
            feed.publish(key, value);
        }
        let changes = feed.after(begin).unwrap();
        assert_eq!(values(&changes), [(1, 11), (3, 30), (2, 21)]);
        assert_eq!(values(&feed.after(changes[1].0).unwrap()), [(2, 21)]);
        assert_eq!(feed.after(changes[2].0), Ok(vec![]));
    }

    #[test]
    fn who_was_away_for_too_long_begins_anew() {
        let feed = Feed::with_capacity(BIRTH, 2);
        let begin = *feed.newest().borrow();
        feed.publish(1, 1);
        let one = feed.publish(1, 2);
        assert!(feed.after(begin).is_ok(), "a repeated key forgets nothing");
        feed.publish(2, 1);
        feed.publish(3, 1);
        assert_eq!(feed.after(begin), Err(Forgotten));
        assert_eq!(values(&feed.after(one).unwrap()), [(2, 1), (3, 1)]);
        feed.forget();
        assert_eq!(feed.after(one), Err(Forgotten));
    }

    #[test]
    fn revisions_of_another_process_are_told_apart() {
        let before = Feed::<u32, u32>::new(BIRTH);
        let later = Feed::new(Timestamp(BIRTH.0 + 1_000));
        let (old, new) = (before.publish(1, 1), later.publish(1, 1));
        assert_eq!(later.after(old), Err(Forgotten));
        assert_eq!(before.after(new), Err(Forgotten));
        assert_eq!(before.after(0), Err(Forgotten));
    }

    proptest! {
        /// Whatever a reader has seen when it goes away, coming back leaves it
        /// with the newest state of everything, or it is told to begin anew.
        #[test]
        fn a_reader_that_comes_back_misses_nothing(
            changes in prop::collection::vec((0_u32..9, 0_u32..100), 0..60),
            pauses in prop::collection::vec(any::<bool>(), 60),
        ) {
            let feed = Feed::with_capacity(BIRTH, 5);
            let mut seen = *feed.newest().borrow();
            let mut known = HashMap::new();
            let mut truth = HashMap::new();
            let catch_up = |seen: &mut i64, known: &mut HashMap<u32, u32>, truth: &HashMap<u32, u32>| {
                let Ok(changes) = feed.after(*seen) else {
                    *seen = *feed.newest().borrow();
                    known.clone_from(truth);
                    return;
                };
                for (revision, key, value) in changes {
                    assert!(revision > *seen);
                    *seen = revision;
                    known.insert(key, value);
                }
            };
            for ((key, value), away) in changes.into_iter().zip(pauses) {
                feed.publish(key, value);
                truth.insert(key, value);
                if !away {
                    catch_up(&mut seen, &mut known, &truth);
                    prop_assert_eq!(&known, &truth);
                }
            }
            catch_up(&mut seen, &mut known, &truth);
            prop_assert_eq!(known, truth);
        }
    }
}
