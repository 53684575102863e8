//! The store in memory: for tests, and as the plainest statement of what every
//! store does. All aggregates share one state behind one lock, so every call is
//! a transaction.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use gauntlet_model::{
    id::{RunId, WorkerId},
    run::Worker,
    target::{Sealed, Target},
    template::Template,
};
use uuid::Uuid;

use crate::{Error, Health, Idempotency, NameKey, PageQuery, Result, Stores};

mod intervals;
mod reports;
mod runs;
mod targets;
mod templates;
mod workers;

/// A new, empty store.
#[must_use]
pub fn stores() -> Stores {
    let memory = Memory::default();
    Stores {
        targets: Arc::new(memory.clone()),
        templates: Arc::new(memory.clone()),
        runs: Arc::new(memory.clone()),
        intervals: Arc::new(memory.clone()),
        reports: Arc::new(memory.clone()),
        workers: Arc::new(memory.clone()),
        health: Arc::new(memory),
    }
}

/// A handle on the state.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    targets: BTreeMap<NameKey, (Target, Option<Sealed>)>,
    /// All versions, oldest first; never empty.
    templates: BTreeMap<NameKey, Vec<Template>>,
    runs: BTreeMap<RunId, runs::RunRecord>,
    workers: BTreeMap<WorkerId, Worker>,
    /// By key: the fingerprint and the id of what was made.
    idempotency: HashMap<String, (String, Uuid)>,
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .expect("nothing that holds the lock can panic")
    }
}

impl State {
    /// The id of what the same request made before.
    fn repeated(&self, idempotency: Option<&Idempotency>) -> Result<Option<Uuid>> {
        let Some(wanted) = idempotency else {
            return Ok(None);
        };
        match self.idempotency.get(&wanted.key) {
            None => Ok(None),
            Some((fingerprint, id)) if *fingerprint == wanted.fingerprint => Ok(Some(*id)),
            Some(_) => Err(Error::AlreadyExists(wanted.subject())),
        }
    }

    fn remember(&mut self, idempotency: Option<&Idempotency>, id: Uuid) {
        if let Some(Idempotency { key, fingerprint }) = idempotency {
            self.idempotency
                .insert(key.clone(), (fingerprint.clone(), id));
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

#[async_trait]
impl Health for Memory {
    async fn check(&self) -> Result<()> {
        Ok(())
    }
}
