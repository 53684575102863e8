//! Parts of a store that can be away or broken.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use gauntlet_model::{
    history::{Resolution, Rollup},
    id::RunId,
    logs::LogLine,
    report::Report,
};
use gauntlet_store::{
    Error, LogFilter, Logs, PageQuery, Reports, Result, RollupKey, Rollups, Stores, TimeRange,
    memory,
};

/// What every write of the faulty parts answers, if anything.
#[derive(Clone, Default)]
pub struct Fault(Arc<Mutex<Option<Error>>>);

impl Fault {
    pub fn set(&self, error: Option<Error>) {
        *self.0.lock().unwrap() = error;
    }

    fn check(&self) -> Result<()> {
        match &*self.0.lock().unwrap() {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
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
    stores.rollups = Arc::new(Faulty {
        inner: stores.rollups,
        fault: fault.clone(),
    });
    stores.reports = Arc::new(Faulty {
        inner: stores.reports,
        fault: fault.clone(),
    });
    stores.logs = Arc::new(Faulty {
        inner: stores.logs,
        fault: fault.clone(),
    });
    (stores, fault)
}

#[async_trait]
impl Rollups for Faulty<dyn Rollups> {
    async fn put(&self, rollups: &[Rollup]) -> Result<()> {
        self.fault.check()?;
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
        self.fault.check()?;
        self.inner.put(report).await
    }

    async fn get(&self, run: RunId) -> Result<Option<Report>> {
        self.inner.get(run).await
    }
}

#[async_trait]
impl Logs for Faulty<dyn Logs> {
    async fn append(&self, run: RunId, lines: &[LogLine]) -> Result<Vec<LogLine>> {
        self.fault.check()?;
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
