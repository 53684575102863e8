//! Runs and all that is recorded of them, measurements aside.

use std::collections::BTreeMap;

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project, RunId},
    lifecycle::{RunState, Status},
    run::{Attempt, ControlEvent, PhaseTransition, Run, RunEvent},
    template::Load,
    time::Timestamp,
    verdict::Verdict,
};

use crate::{
    Idempotency, PageQuery, Result, RunCursor, RunFilter, RunKey, RunOrder, RunOrderBy, Validity,
};

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

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advanced {
    /// The run's revision now.
    pub revision: i64,
    /// The change's events as they are stored: numbered.
    pub events: Vec<RunEvent>,
}

/// A run as lists show it: all but what it is made from, and how it was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSummary {
    /// The run's id.
    pub id: RunId,
    /// The template's project.
    pub project: Project,
    /// Unique in its project.
    pub name: Name,
    /// The template's name.
    pub template: Name,
    /// The template's version.
    pub template_version: i32,
    /// How much load.
    pub load: Load,
    /// Whether it looks for the highest level that the target sustains.
    pub finds_max: bool,
    /// How many workers share it.
    pub workers: u32,
    /// Where the run is in its life, its search left out: that has all its
    /// steps.
    pub state: RunState,
    /// Grows by one with every stored change.
    pub revision: i64,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
    /// What people want to remember of it.
    pub notes: String,
    /// The run whose snapshot it repeats.
    pub rerun_of: Option<RunId>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The report's verdict; `None` without a report or without objectives.
    pub verdict: Option<Verdict>,
    /// Whether the report's numbers can be trusted; `None` without a report.
    pub validity: Option<Validity>,
}

impl RunSummary {
    /// The summary of a run; its report says the verdict and the validity.
    #[must_use]
    pub fn of(run: &Run, judged: Option<crate::Judged>) -> Self {
        Self {
            id: run.id,
            project: run.project.clone(),
            name: run.name.clone(),
            template: run.template.clone(),
            template_version: run.template_version,
            load: run.spec.load,
            finds_max: run.spec.control.search.is_some(),
            workers: run.spec.workers,
            state: RunState {
                search: None,
                ..run.state.clone()
            },
            revision: run.revision,
            labels: run.labels.clone(),
            notes: run.notes.clone(),
            rerun_of: run.rerun_of,
            created: run.created,
            started: run.started,
            ended: run.ended,
            verdict: judged.and_then(|(verdict, _)| verdict),
            validity: judged.map(|(_, validity)| validity),
        }
    }

    /// Where the run is in its life, in one word.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state.status()
    }

    /// Where this run stands in a list of an order.
    #[must_use]
    pub fn cursor(&self, order: RunOrder) -> RunCursor {
        match order.by {
            RunOrderBy::Created => RunCursor::Created(self.created, self.id),
            RunOrderBy::Name => RunCursor::Name(self.name.clone(), self.id),
            RunOrderBy::Ended => RunCursor::Ended(self.ended, self.id),
        }
    }
}

/// Runs and all that is recorded of them, measurements aside.
#[async_trait]
pub trait Runs: Send + Sync {
    /// Stores a new run, revision 1, with its first event.
    /// [`AlreadyExists`](crate::Error::AlreadyExists) when the project has one
    /// of that name. Returns what is stored: with a repeated `idempotency`, the
    /// run of the first call as it is now.
    async fn insert(
        &self,
        run: &Run,
        event: &RunEvent,
        idempotency: Option<&Idempotency>,
    ) -> Result<Run>;
    /// Stores a change if the run's revision is still `change.run.revision`,
    /// else [`Conflict`](crate::Error::Conflict), as when a command's sequence
    /// is taken; [`Missing`](crate::Error::Missing) when there is no such run.
    /// Of the run itself only state, labels, notes, `started` and `ended` can
    /// change. The changed attempts get the new revision.
    async fn advance(&self, change: &RunChange) -> Result<Advanced>;
    /// Appends events that change nothing else; gives them numbered.
    /// [`Missing`](crate::Error::Missing) when there is no such run.
    async fn append_events(&self, run: RunId, events: &[RunEvent]) -> Result<Vec<RunEvent>>;
    /// One run.
    async fn get(&self, id: RunId) -> Result<Option<Run>>;
    /// Runs in an order. The cursor of another order is
    /// [`Conflict`](crate::Error::Conflict).
    async fn list(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        page: PageQuery<RunCursor>,
    ) -> Result<Vec<RunSummary>>;
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
    /// Removes a run and everything that belongs to it.
    /// [`Conflict`](crate::Error::Conflict) unless it is PREPARED or over;
    /// [`Missing`](crate::Error::Missing) when there is none. Of a run with
    /// much detail that goes first, in several transactions: after a crash in
    /// between, the run is there with less detail and can be removed again.
    async fn delete(&self, run: RunId) -> Result<()>;
    /// Runs that are over and ended before an instant, of every project, by
    /// that instant and id.
    async fn ended(
        &self,
        ended_before: Timestamp,
        page: PageQuery<RunKey>,
    ) -> Result<Vec<(Timestamp, RunId, Project)>>;
    /// Removes runs that ended before an instant, the oldest first and no more
    /// than `limit`, each as [`delete`](Self::delete) does; gives their ids.
    /// Fewer than `limit` means that no more are left.
    async fn prune(&self, ended_before: Timestamp, limit: u32) -> Result<Vec<RunId>>;
}
