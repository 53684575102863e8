//! Workers in SQL, and the store as a whole.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use gauntlet_model::{
    id::WorkerId,
    run::{Gauges, Worker, WorkerStatus},
    time::Timestamp,
};
use gauntlet_store::{
    Feed, FeedReceiver, Forgotten, Health, Maintenance, MaintenanceError, PageQuery, Result,
    WorkerKey, Workers,
};

use crate::{
    columns::Columns,
    database::Sql,
    schema,
    script::{Row, Script},
    statement::{Statement, id, json, nanos, query},
};

/// How long ids of create requests are remembered, and workers that are gone.
const REMEMBERED: Duration = Duration::from_hours(24);
/// The most ids that are forgotten in one transaction.
const FORGOTTEN_TOGETHER: i64 = 5_000;

#[async_trait]
impl Workers for Sql {
    async fn put(&self, worker: &Worker) -> Result<()> {
        let subject = format!("worker {}", worker.id);
        let values = [
            id(worker.id),
            worker.name.as_str().into(),
            worker.status.as_str().into(),
            worker.capacity.into(),
            worker.processors.into(),
            json(&subject, &worker.labels)?,
            worker.version.as_str().into(),
            json(&subject, &worker.runs)?,
            worker.reserved.into(),
            worker.attached.into(),
            worker.seen.into(),
            worker.clock_offset_us.into(),
            nanos(worker.clock_uncertainty),
        ];
        let put = Statement::new(query!("workers/put"), values);
        self.write(Script::of(&subject, put)).await?;
        Ok(())
    }

    async fn get(&self, worker: WorkerId) -> Result<Option<Worker>> {
        let get = Statement::new(query!("workers/get"), [id(worker)]);
        self.fetch_optional(get).await?.map(read).transpose()
    }

    async fn list(&self, seen_since: Timestamp, page: PageQuery<WorkerKey>) -> Result<Vec<Worker>> {
        // A name may be empty, but no id is: nothing comes before two empty texts.
        let (name, worker) = match page.after {
            Some((name, worker)) => (name, worker.to_string()),
            None => (String::new(), String::new()),
        };
        let values = [
            seen_since.into(),
            name.as_str().into(),
            worker.as_str().into(),
            page.limit.into(),
        ];
        let list = Statement::new(query!("workers/list"), values);
        self.fetch(list).await?.into_iter().map(read).collect()
    }
}

fn read(row: Row) -> Result<Worker> {
    let mut columns = Columns::new("workers", row);
    Ok(Worker {
        id: columns.id()?,
        name: columns.text()?,
        status: columns.word(WorkerStatus::parse)?,
        capacity: columns.number()?,
        processors: columns.number()?,
        labels: columns.json()?,
        version: columns.text()?,
        runs: columns.json()?,
        reserved: columns.number()?,
        gauges: Gauges::default(),
        attached: columns.time()?,
        seen: columns.time()?,
        clock_offset_us: columns.integer()?,
        clock_uncertainty: columns.optional_nanos()?,
    })
}

#[async_trait]
impl Health for Sql {
    async fn check(&self) -> Result<()> {
        schema::check(self).await?;
        self.dialect.hears().await
    }
}

#[async_trait]
impl Maintenance for Sql {
    async fn vacuum(&self) -> std::result::Result<(), MaintenanceError> {
        self.dialect.vacuum().await
    }

    async fn backup(&self, path: &Path) -> std::result::Result<(), MaintenanceError> {
        self.dialect.backup(path).await
    }

    async fn forget(&self, now: Timestamp) -> Result<Forgotten> {
        let yesterday = now.before(REMEMBERED);
        let workers = Statement::new(query!("workers/forget"), [yesterday.into()]);
        let workers = self.write(Script::of("", workers)).await?[0].changed;
        let mut requests = 0;
        loop {
            let values = [yesterday.into(), FORGOTTEN_TOGETHER.into()];
            let some = Statement::new(query!("idempotency/forget"), values);
            let forgotten = self.write(Script::of("", some)).await?[0].changed;
            requests += forgotten;
            if forgotten < FORGOTTEN_TOGETHER.unsigned_abs() {
                return Ok(Forgotten { requests, workers });
            }
        }
    }
}

impl Feed for Sql {
    fn subscribe(&self) -> FeedReceiver {
        self.dialect.subscribe()
    }
}
