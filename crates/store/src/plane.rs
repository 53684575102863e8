//! Workers, and the store as a whole.

use std::path::Path;

use async_trait::async_trait;
use gauntlet_model::{id::WorkerId, run::Worker, time::Timestamp};

use crate::{Error, FeedReceiver, PageQuery, Result, WorkerKey};

/// Workers.
#[async_trait]
pub trait Workers: Send + Sync {
    /// Stores a worker, in place of what was there; its gauges are not stored.
    async fn put(&self, worker: &Worker) -> Result<()>;
    /// One worker.
    async fn get(&self, id: WorkerId) -> Result<Option<Worker>>;
    /// Workers seen at or after an instant, by name and id.
    async fn list(&self, seen_since: Timestamp, page: PageQuery<WorkerKey>) -> Result<Vec<Worker>>;
}

/// Whether the store can be worked with.
#[async_trait]
pub trait Health: Send + Sync {
    /// Whether the store answers, its schema is the one this binary needs, and
    /// changes by others are heard. [`Error::Unavailable`] says what is wrong
    /// and, where a command mends it, which one.
    async fn check(&self) -> Result<()>;
}

/// Why maintenance was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaintenanceError {
    /// This kind of store does it another way, which the sentence names.
    #[error("{0}")]
    Unsupported(&'static str),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// What an operator does with the store while it serves.
#[async_trait]
pub trait Maintenance: Send + Sync {
    /// Gives the room of what was deleted back to the disk.
    async fn vacuum(&self) -> std::result::Result<(), MaintenanceError>;
    /// Writes a copy of the store as it is at one instant to a new file. A file
    /// that is there already is [`Error::AlreadyExists`].
    async fn backup(&self, path: &Path) -> std::result::Result<(), MaintenanceError>;
    /// Forgets what is a day old by `now` and of no more use: ids of create
    /// requests, and workers that have not been seen since.
    async fn forget(&self, now: Timestamp) -> Result<Forgotten>;
}

/// How much was forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Ids of create requests.
    pub requests: u64,
    /// Workers.
    pub workers: u64,
}

/// What others change in the store.
pub trait Feed: Send + Sync {
    /// Changes that come from other processes, from now on. A store that has
    /// no other writers has a feed that stays silent.
    fn subscribe(&self) -> FeedReceiver;
}
