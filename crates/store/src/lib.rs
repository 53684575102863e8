//! What the control plane keeps: one trait per aggregate, their errors, the
//! in-memory store, and the battery of tests that every store passes.
//!
//! A write proves itself: it names what it expects to find and changes that or
//! nothing. What belongs together is written in one transaction.

use std::sync::Arc;

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project, RunId, WorkerId},
    interval::Interval,
    lifecycle::Status,
    report::Report,
    run::{Attempt, ControlEvent, PhaseTransition, Run, RunEvent, Worker},
    session::AttemptRef,
    target::{Sealed, Target},
    template::Template,
    time::Timestamp,
};

pub mod battery;
pub mod memory;

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
    /// Runs and all that is recorded of them, measurements aside.
    pub runs: Arc<dyn Runs>,
    /// Measurements.
    pub intervals: Arc<dyn Intervals>,
    /// Reports.
    pub reports: Arc<dyn Reports>,
    /// Workers.
    pub workers: Arc<dyn Workers>,
    /// The store as a whole.
    pub health: Arc<dyn Health>,
}

/// The store as a whole.
#[async_trait]
pub trait Health: Send + Sync {
    /// Whether the store answers and its schema is the one this binary needs.
    /// [`Error::Unavailable`] says what is wrong and which command mends it.
    async fn check(&self) -> Result<()>;
}

/// Makes a create call repeatable. The same key with the same fingerprint
/// returns the first result; with another one it is [`Error::AlreadyExists`].
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

/// The order of targets and templates: by project, then name.
pub type NameKey = (Project, Name);
/// The order of runs: newest first, then by id, greatest first.
pub type RunKey = (Timestamp, RunId);
/// The order of workers: by name, then id.
pub type WorkerKey = (String, WorkerId);

/// Databases under test.
#[async_trait]
pub trait Targets: Send + Sync {
    /// Stores a new target with its sealed password.
    /// [`Error::AlreadyExists`] when the project has one of that name.
    /// Returns what is stored: with a repeated `idempotency`, the first one.
    async fn insert(
        &self,
        target: &Target,
        password: Option<&Sealed>,
        idempotency: Option<&Idempotency>,
    ) -> Result<Target>;
    /// One target.
    async fn get(&self, project: &Project, name: &Name) -> Result<Option<Target>>;
    /// One target's sealed password; `None` when it has none or is not there.
    async fn password(&self, project: &Project, name: &Name) -> Result<Option<Sealed>>;
    /// The targets of a project and of what is below it.
    async fn list(&self, project: &Project, page: PageQuery<NameKey>) -> Result<Vec<Target>>;
}

/// Benchmark descriptions.
#[async_trait]
pub trait Templates: Send + Sync {
    /// Stores version 1 of a new template.
    /// [`Error::AlreadyExists`] when the project has one of that name.
    /// Returns what is stored: with a repeated `idempotency`, version 1 as it
    /// was made by the first call.
    async fn insert(
        &self,
        template: &Template,
        idempotency: Option<&Idempotency>,
    ) -> Result<Template>;
    /// Stores the next version; `template.version` is one more than the newest,
    /// else [`Error::Conflict`]. [`Error::Missing`] when there is no template of
    /// that id. Project, name and creation stay those of version 1.
    async fn append(&self, template: &Template) -> Result<()>;
    /// One version; the newest when `version` is `None`.
    async fn get(
        &self,
        project: &Project,
        name: &Name,
        version: Option<i32>,
    ) -> Result<Option<Template>>;
    /// The newest versions of the templates of a project and of what is below it.
    async fn list(&self, project: &Project, page: PageQuery<NameKey>) -> Result<Vec<Template>>;
}

/// Which runs to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFilter {
    /// The project; what is below it counts too.
    pub project: Project,
    /// Only these; all when empty.
    pub statuses: Vec<Status>,
    /// Only runs of this template.
    pub template: Option<Name>,
}

/// A change of a run: stored whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct RunChange {
    /// The run as it is afterwards; its `revision` is the one that was read.
    /// The store adds one.
    pub run: Run,
    /// Attempts that are new or changed, by (shard, number).
    pub attempts: Vec<Attempt>,
    /// Commands given.
    pub controls: Vec<ControlEvent>,
    /// Phases entered.
    pub phases: Vec<PhaseTransition>,
    /// What happened; the store numbers them.
    pub events: Vec<RunEvent>,
}

/// Runs and all that is recorded of them, measurements aside.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Stores a new run, revision 1, with its first event.
    /// [`Error::AlreadyExists`] when the project has one of that name.
    /// Returns what is stored: with a repeated `idempotency`, the run of the
    /// first call as it is now.
    async fn insert(
        &self,
        run: &Run,
        event: &RunEvent,
        idempotency: Option<&Idempotency>,
    ) -> Result<Run>;
    /// Stores a change if the run's revision is still `change.run.revision`,
    /// else [`Error::Conflict`], as when a command's sequence is taken;
    /// [`Error::Missing`] when there is no such run. Returns the new revision.
    /// Of the run itself only state, labels, `started` and `ended` can change.
    async fn advance(&self, change: &RunChange) -> Result<i64>;
    /// Appends events that change nothing else. [`Error::Missing`] when there
    /// is no such run.
    async fn append_events(&self, run: RunId, events: &[RunEvent]) -> Result<()>;
    /// One run.
    async fn get(&self, id: RunId) -> Result<Option<Run>>;
    /// Runs, newest first.
    async fn list(&self, filter: &RunFilter, page: PageQuery<RunKey>) -> Result<Vec<Run>>;
    /// Every run that has a task (see [`Status::is_active`]), oldest first.
    async fn active(&self) -> Result<Vec<Run>>;
    /// All attempts of a run, by shard and number.
    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>>;
    /// A run's commands after a sequence, by sequence.
    async fn controls(&self, run: RunId, after: i64) -> Result<Vec<ControlEvent>>;
    /// A run's phases, in their order.
    async fn phases(&self, run: RunId) -> Result<Vec<PhaseTransition>>;
    /// A run's events after a sequence, by sequence.
    async fn events(&self, run: RunId, page: PageQuery<i64>) -> Result<Vec<RunEvent>>;
}

/// Where a scan of intervals goes on: (end, shard, attempt, sequence).
pub type IntervalKey = (Timestamp, u32, u32, i64);

/// Measurements.
#[async_trait]
pub trait Intervals: Send + Sync {
    /// Stores intervals; those that are there already (by run, shard, attempt
    /// and sequence) are passed over. All or none: [`Error::Missing`] when there
    /// is no such run. Returns, for each, whether it was new.
    async fn append(&self, intervals: &[Interval]) -> Result<Vec<bool>>;
    /// The highest sequence up to which an attempt's intervals are stored
    /// without a gap; 0 for none.
    async fn contiguous(&self, attempt: AttemptRef) -> Result<i64>;
    /// A run's intervals by (end, shard, attempt, sequence).
    async fn list(&self, run: RunId, page: PageQuery<IntervalKey>) -> Result<Vec<Interval>>;
}

/// Reports.
#[async_trait]
pub trait Reports: Send + Sync {
    /// Stores a run's report, in place of an earlier one. [`Error::Missing`]
    /// when there is no such run.
    async fn put(&self, report: &Report) -> Result<()>;
    /// A run's report.
    async fn get(&self, run: RunId) -> Result<Option<Report>>;
}

/// Workers.
#[async_trait]
pub trait Workers: Send + Sync {
    /// Stores a worker, in place of what was there.
    async fn put(&self, worker: &Worker) -> Result<()>;
    /// Workers seen at or after an instant, by name and id.
    async fn list(&self, seen_since: Timestamp, page: PageQuery<WorkerKey>) -> Result<Vec<Worker>>;
}
