//! The store in memory: for tests, and as the plainest statement of what every
//! store does. All aggregates share one state behind one lock, so every call is
//! a transaction.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use gauntlet_model::{
    id::{RunId, WorkerId},
    pool::ValuePool,
    run::Worker,
    target::{Sealed, Target},
    template::Template,
    time::Timestamp,
};

use crate::{Error, FeedSender, Idempotency, NameKey, PageQuery, Result, Stores, feed};

mod evidence;
mod intervals;
mod logs;
mod plane;
mod pools;
mod reports;
mod rollups;
mod runs;
mod samples;
mod targets;
mod templates;

/// A new, empty store.
#[must_use]
pub fn stores() -> Stores {
    let memory = Memory {
        state: Arc::default(),
        feed: feed(),
    };
    Stores {
        targets: Arc::new(memory.clone()),
        templates: Arc::new(memory.clone()),
        pools: Arc::new(memory.clone()),
        runs: Arc::new(memory.clone()),
        intervals: Arc::new(memory.clone()),
        rollups: Arc::new(memory.clone()),
        errors: Arc::new(memory.clone()),
        samples: Arc::new(memory.clone()),
        logs: Arc::new(memory.clone()),
        reports: Arc::new(memory.clone()),
        evidence: Arc::new(memory.clone()),
        workers: Arc::new(memory.clone()),
        health: Arc::new(memory.clone()),
        maintenance: Arc::new(memory.clone()),
        feed: Arc::new(memory),
    }
}

/// A handle on the state.
#[derive(Clone)]
struct Memory {
    state: Arc<Mutex<State>>,
    /// Silent: nobody else writes.
    feed: FeedSender,
}

#[derive(Default)]
struct State {
    targets: BTreeMap<NameKey, (Target, Option<Sealed>)>,
    /// All versions, oldest first; never empty.
    templates: BTreeMap<NameKey, Vec<Template>>,
    pools: BTreeMap<NameKey, ValuePool>,
    runs: BTreeMap<RunId, runs::RunRecord>,
    workers: BTreeMap<WorkerId, Worker>,
    requests: HashMap<String, Request>,
}

/// A create request that was carried out.
struct Request {
    fingerprint: String,
    /// What was made.
    id: String,
    at: Timestamp,
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("nothing that holds the lock can panic")
    }
}

impl State {
    /// The id of what the same request made before.
    fn repeated(&self, idempotency: Option<&Idempotency>) -> Result<Option<String>> {
        let Some(wanted) = idempotency else {
            return Ok(None);
        };
        match self.requests.get(&wanted.key) {
            None => Ok(None),
            Some(first) if first.fingerprint == wanted.fingerprint => Ok(Some(first.id.clone())),
            Some(_) => Err(Error::AlreadyExists(wanted.subject())),
        }
    }

    fn remember(&mut self, idempotency: Option<&Idempotency>, id: String, at: Timestamp) {
        if let Some(Idempotency { key, fingerprint }) = idempotency {
            let fingerprint = fingerprint.clone();
            let request = Request {
                fingerprint,
                id,
                at,
            };
            self.requests.insert(key.clone(), request);
        }
    }
}

/// The entries of a sorted list that a page asks for.
fn page<K: PartialOrd, T>(
    entries: impl Iterator<Item = (K, T)>,
    query: &PageQuery<K>,
    is_after: impl Fn(&K, &K) -> bool,
) -> Vec<T> {
    entries
        .filter(|(key, _)| query.after.as_ref().is_none_or(|last| is_after(key, last)))
        .map(|(_, entry)| entry)
        .take(query.limit as usize)
        .collect()
}
