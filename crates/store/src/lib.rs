//! What the control plane keeps: one trait per aggregate, their errors, the
//! in-memory store, and the battery of tests that every store passes.
//!
//! A write proves itself: it names what it expects to find and changes that or
//! nothing. What belongs together is written in one transaction.

use std::sync::Arc;

use gauntlet_model::{
    id::{Name, Project, RunId, WorkerId},
    time::Timestamp,
};

pub mod battery;
mod catalog;
mod feed;
mod filter;
mod measured;
pub mod memory;
mod metered;
mod plane;
mod runs;

pub use catalog::{PasswordChange, Targets, Templates, ValuePools};
pub use feed::{ChangedRun, FeedEvent, FeedReceiver, FeedSender, feed};
pub use filter::{
    Judged, LoadMode, RunCursor, RunFilter, RunOrder, RunOrderBy, RunTerm, TimeRange, Validity,
    judged,
};
pub use measured::{
    Errors, Evidence, IntervalKey, Intervals, LogFilter, Logs, MOST_LOG_LINES, Reports, RollupKey,
    Rollups, SampleFilter, SampleKey, Sampled, Samples,
};
pub use metered::{Witness, metered};
pub use plane::{Feed, Forgotten, Health, Maintenance, MaintenanceError, Workers};
pub use runs::{Advanced, RunChange, RunSummary, Runs};

/// Why a store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name or the request id is taken by something else.
    #[error("{0} exists already")]
    AlreadyExists(String),
    /// What a write expected to find is not there: somebody else was faster.
    #[error("{0} was changed by somebody else; read it again")]
    Conflict(String),
    /// What a write belongs to is not there.
    #[error("{0} does not exist")]
    Missing(String),
    /// The store's disk is full.
    #[error("the store is full: {0}; make room on its disk")]
    Full(String),
    /// The store does not answer.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// What was read makes no sense.
    #[error("the store holds what it should not: {0}")]
    Corrupt(String),
}

/// What a store answers.
pub type Result<T> = std::result::Result<T, Error>;

/// All aggregates of one store.
#[derive(Clone)]
pub struct Stores {
    /// Databases under test.
    pub targets: Arc<dyn Targets>,
    /// Benchmark descriptions.
    pub templates: Arc<dyn Templates>,
    /// Named lists of values.
    pub pools: Arc<dyn ValuePools>,
    /// Runs and all that is recorded of them, measurements aside.
    pub runs: Arc<dyn Runs>,
    /// Measurements, one second of one worker each.
    pub intervals: Arc<dyn Intervals>,
    /// Measurements of all workers, over longer times.
    pub rollups: Arc<dyn Rollups>,
    /// Failures, grouped.
    pub errors: Arc<dyn Errors>,
    /// Single operations kept as examples.
    pub samples: Arc<dyn Samples>,
    /// What workers say.
    pub logs: Arc<dyn Logs>,
    /// Reports.
    pub reports: Arc<dyn Reports>,
    /// What targets say of runs.
    pub evidence: Arc<dyn Evidence>,
    /// Workers.
    pub workers: Arc<dyn Workers>,
    /// The store as a whole.
    pub health: Arc<dyn Health>,
    /// What an operator does with the store.
    pub maintenance: Arc<dyn Maintenance>,
    /// What others change.
    pub feed: Arc<dyn Feed>,
}

/// Makes a create call repeatable. The same key with the same fingerprint
/// returns the first result; with another one it is [`Error::AlreadyExists`].
/// It is forgotten after a day, see [`Maintenance::forget`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The caller's request id, made unique per method and project by the caller.
    pub key: String,
    /// A digest of the request's content.
    pub fingerprint: String,
}

impl Idempotency {
    /// How [`Error::AlreadyExists`] names a key that came with other content.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("request {:?} with other content", self.key)
    }
}

/// A page of a list: keyset, so every page costs the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageQuery<K> {
    /// The key of the last entry of the page before; `None` for the first page.
    pub after: Option<K>,
    /// The most entries to return.
    pub limit: u32,
}

/// The order of targets, templates and value pools: by project, then name.
pub type NameKey = (Project, Name);
/// The order of runs by an instant of theirs, then by id.
pub type RunKey = (Timestamp, RunId);
/// The order of workers: by name, then id.
pub type WorkerKey = (String, WorkerId);
