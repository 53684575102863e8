//! Parts of a store that can be away or broken.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gauntlet_model::{
    history::{Resolution, Rollup},
    id::{Project, RunId},
    interval::Interval,
    logs::LogLine,
    report::Report,
    run::{Attempt, ControlEvent, PhaseTransition, Run, RunEvent},
    session::AttemptRef,
    time::Timestamp,
};
use gauntlet_store::{
    Advanced, Error, Idempotency, IntervalKey, Intervals, LogFilter, Logs, PageQuery, Reports,
    Result, RollupKey, Rollups, RunChange, RunCursor, RunFilter, RunKey, RunOrder, RunSummary,
    Runs, Stores, TimeRange, memory,
};

/// What every write of the faulty parts answers, if anything.
#[derive(Clone, Default)]
pub struct Fault(Arc<Mutex<Trouble>>);

#[derive(Default)]
struct Trouble {
    error: Option<Error>,
    panics: Option<Panics>,
}

/// Which calls of the faulty parts panic.
pub struct Panics {
    /// As "runs.advance"; any call when empty.
    pub of: &'static str,
    /// So many of those go well before.
    pub after: u32,
    /// So many of those panic then.
    pub times: u32,
}

impl Fault {
    pub fn set(&self, error: Option<Error>) {
        self.0.lock().unwrap().error = error;
    }

    pub fn panic(&self, panics: Panics) {
        self.0.lock().unwrap().panics = Some(panics);
    }

    /// How many panics are still to come.
    pub fn panics_left(&self) -> u32 {
        let trouble = self.0.lock().unwrap();
        trouble.panics.as_ref().map_or(0, |panics| panics.times)
    }

    fn check(&self, call: &str) -> Result<()> {
        let mut trouble = self.0.lock().unwrap();
        let due = trouble.panics.as_mut().is_some_and(|one| one.is_due(call));
        let error = trouble.error.clone();
        drop(trouble);
        assert!(!due, "the store is broken");
        error.map_or(Ok(()), Err)
    }
}

impl Panics {
    fn is_due(&mut self, call: &str) -> bool {
        if !self.of.is_empty() && self.of != call {
            return false;
        }
        let due = self.after == 0 && self.times > 0;
        self.times -= u32::from(due);
        self.after = self.after.saturating_sub(1);
        due
    }
}

pub fn away() -> Error {
    Error::Unavailable("no answer".to_owned())
}

struct Faulty<T: ?Sized> {
    inner: Arc<T>,
    fault: Fault,
}

/// An in-memory store whose rollups, reports and logs fail on demand.
pub fn stores() -> (Stores, Fault) {
    let (mut stores, fault) = (memory::stores(), Fault::default());
    let faulty = &fault;
    stores.rollups = Arc::new(Faulty::new(stores.rollups, faulty));
    stores.reports = Arc::new(Faulty::new(stores.reports, faulty));
    stores.logs = Arc::new(Faulty::new(stores.logs, faulty));
    (stores, fault)
}

/// The same, and nothing of a run can be written either.
pub fn all() -> (Stores, Fault) {
    let (mut stores, fault) = stores();
    stores.runs = Arc::new(Faulty::new(stores.runs, &fault));
    stores.intervals = Arc::new(Faulty::new(stores.intervals, &fault));
    (stores, fault)
}

impl<T: ?Sized> Faulty<T> {
    fn new(inner: Arc<T>, fault: &Fault) -> Self {
        let fault = fault.clone();
        Self { inner, fault }
    }
}

#[async_trait]
impl Intervals for Faulty<dyn Intervals> {
    async fn append(&self, intervals: &[Interval]) -> Result<Vec<bool>> {
        self.fault.check("intervals.append")?;
        self.inner.append(intervals).await
    }

    async fn contiguous(&self, attempt: AttemptRef) -> Result<i64> {
        self.fault.check("intervals.contiguous")?;
        self.inner.contiguous(attempt).await
    }

    async fn list(
        &self,
        run: RunId,
        ended: TimeRange,
        page: PageQuery<IntervalKey>,
    ) -> Result<Vec<Interval>> {
        self.inner.list(run, ended, page).await
    }

    async fn prune(&self, run: RunId, run_ended_before: Timestamp) -> Result<u64> {
        self.inner.prune(run, run_ended_before).await
    }
}

#[async_trait]
impl Runs for Faulty<dyn Runs> {
    async fn insert(
        &self,
        run: &Run,
        event: &RunEvent,
        idempotency: Option<&Idempotency>,
    ) -> Result<Run> {
        self.inner.insert(run, event, idempotency).await
    }

    async fn advance(&self, change: &RunChange) -> Result<Advanced> {
        self.fault.check("runs.advance")?;
        self.inner.advance(change).await
    }

    async fn append_events(&self, run: RunId, events: &[RunEvent]) -> Result<Vec<RunEvent>> {
        self.fault.check("runs.append_events")?;
        self.inner.append_events(run, events).await
    }

    async fn get(&self, id: RunId) -> Result<Option<Run>> {
        self.inner.get(id).await
    }

    async fn list(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        page: PageQuery<RunCursor>,
    ) -> Result<Vec<RunSummary>> {
        self.inner.list(filter, order, page).await
    }

    async fn active(&self) -> Result<Vec<Run>> {
        self.inner.active().await
    }

    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>> {
        // A task begins with this.
        self.fault.check("runs.attempts")?;
        self.inner.attempts(run).await
    }

    async fn controls(&self, run: RunId, after: i64) -> Result<Vec<ControlEvent>> {
        self.inner.controls(run, after).await
    }

    async fn phases(&self, run: RunId) -> Result<Vec<PhaseTransition>> {
        self.inner.phases(run).await
    }

    async fn events(&self, run: RunId, page: PageQuery<i64>) -> Result<Vec<RunEvent>> {
        self.inner.events(run, page).await
    }

    async fn delete(&self, run: RunId) -> Result<()> {
        self.inner.delete(run).await
    }

    async fn ended(
        &self,
        ended_before: Timestamp,
        page: PageQuery<RunKey>,
    ) -> Result<Vec<(Timestamp, RunId, Project)>> {
        self.inner.ended(ended_before, page).await
    }

    async fn prune(&self, ended_before: Timestamp, limit: u32) -> Result<Vec<RunId>> {
        self.inner.prune(ended_before, limit).await
    }
}

#[async_trait]
impl Rollups for Faulty<dyn Rollups> {
    async fn put(&self, rollups: &[Rollup]) -> Result<()> {
        self.fault.check("rollups.put")?;
        self.inner.put(rollups).await
    }

    async fn list(
        &self,
        run: RunId,
        resolution: Resolution,
        started: TimeRange,
        operations: &[u32],
        page: PageQuery<RollupKey>,
    ) -> Result<Vec<Rollup>> {
        let inner = &self.inner;
        inner.list(run, resolution, started, operations, page).await
    }
}

#[async_trait]
impl Reports for Faulty<dyn Reports> {
    async fn put(&self, report: &Report) -> Result<()> {
        self.fault.check("reports.put")?;
        self.inner.put(report).await
    }

    async fn get(&self, run: RunId) -> Result<Option<Report>> {
        self.inner.get(run).await
    }
}

#[async_trait]
impl Logs for Faulty<dyn Logs> {
    async fn append(&self, run: RunId, lines: &[LogLine]) -> Result<Vec<LogLine>> {
        self.fault.check("logs.append")?;
        self.inner.append(run, lines).await
    }

    async fn list(
        &self,
        run: RunId,
        filter: LogFilter,
        page: PageQuery<i64>,
    ) -> Result<Vec<LogLine>> {
        self.inner.list(run, filter, page).await
    }

    async fn dropped(&self, run: RunId) -> Result<i64> {
        self.inner.dropped(run).await
    }
}
