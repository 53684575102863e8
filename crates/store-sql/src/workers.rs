//! Workers in SQL.

use async_trait::async_trait;
use gauntlet_model::{
    run::{Worker, WorkerStatus},
    time::Timestamp,
};
use gauntlet_store::{PageQuery, Result, WorkerKey, Workers};

use crate::{
    columns::Columns,
    database::Sql,
    dialect::Dialect,
    statement::{Statement, id, json, nanos, query},
};

#[async_trait]
impl<D: Dialect> Workers for Sql<D> {
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
            worker.run.map(|run| run.to_string()).into(),
            worker.attached.into(),
            worker.seen.into(),
            worker.clock_offset_us.into(),
            nanos(worker.clock_uncertainty),
        ];
        let put = Statement::new(query!("workers/put"), values);
        let mut transaction = self.begin().await?;
        transaction.execute(&subject, put).await?;
        transaction.commit().await
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
        self.fetch(list).await?.iter().map(read::<D>).collect()
    }
}

fn read<D: Dialect>(row: &D::Row) -> Result<Worker> {
    let mut columns = Columns::<D>::new("workers", row);
    Ok(Worker {
        id: columns.id()?,
        name: columns.text()?,
        status: columns.word(WorkerStatus::parse)?,
        capacity: columns.number()?,
        processors: columns.number()?,
        labels: columns.json()?,
        version: columns.text()?,
        run: columns.optional_id()?,
        attached: columns.time()?,
        seen: columns.time()?,
        clock_offset_us: columns.integer()?,
        clock_uncertainty: columns.optional_nanos()?,
    })
}
