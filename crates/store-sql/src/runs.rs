//! Runs in SQL.

use async_trait::async_trait;
use gauntlet_model::{
    id::RunId,
    run::{Attempt, ControlEvent, PhaseTransition, Run, RunEvent},
};
use gauntlet_store::{Error, Idempotency, PageQuery, Result, RunChange, RunFilter, RunKey, Runs};

use crate::{
    columns::Columns,
    database::Sql,
    dialect::Dialect,
    idempotency,
    statement::{Statement, id, query},
};

mod advance;
pub(crate) mod list;
mod records;

use records::{event_rows, read, read_attempt, read_control, read_event, read_phase};

#[async_trait]
impl<D: Dialect> Runs for Sql<D> {
    async fn insert(
        &self,
        run: &Run,
        event: &RunEvent,
        request: Option<&Idempotency>,
    ) -> Result<Run> {
        let subject = format!("run {}/{}", run.project, run.name);
        let insert = records::insert(&subject, run)?;
        let mut transaction = self.begin().await?;
        let claimed = idempotency::claim(&mut transaction, request, run.id.0, run.created).await?;
        if let Some(first) = claimed {
            let get = Statement::new(query!("runs/get"), [id(first)]);
            let rows = transaction.fetch(&subject, get).await?;
            let row = rows.first();
            return read::<D>(row.ok_or_else(|| Error::Missing(format!("run {first}")))?);
        }
        transaction.execute(&subject, insert).await?;
        let events = event_rows(run.id, 1, std::slice::from_ref(event));
        transaction
            .insert_rows(&subject, query!("run_events/insert"), events)
            .await?;
        transaction.commit().await?;
        Ok(Run {
            revision: 1,
            ..run.clone()
        })
    }

    async fn advance(&self, change: &RunChange) -> Result<i64> {
        advance::advance(self, change).await
    }

    async fn append_events(&self, run: RunId, events: &[RunEvent]) -> Result<()> {
        let subject = format!("run {run}");
        let count = [id(run), (events.len() as i64).into()];
        let count = Statement::new(query!("runs/count_events"), count);
        let mut transaction = self.begin().await?;
        let rows = transaction.fetch(&subject, count).await?;
        let Some(row) = rows.first() else {
            return Err(Error::Missing(subject));
        };
        let stored = Columns::<D>::new("runs", row).integer()?;
        let first = stored - events.len() as i64 + 1;
        let events = event_rows(run, first, events);
        transaction
            .insert_rows(&subject, query!("run_events/insert"), events)
            .await?;
        transaction.commit().await
    }

    async fn get(&self, run: RunId) -> Result<Option<Run>> {
        let get = Statement::new(query!("runs/get"), [id(run)]);
        self.fetch_optional(get)
            .await?
            .as_ref()
            .map(read::<D>)
            .transpose()
    }

    async fn list(&self, filter: &RunFilter, page: PageQuery<RunKey>) -> Result<Vec<Run>> {
        let list = list::statement(filter, &page);
        self.fetch(list).await?.iter().map(read::<D>).collect()
    }

    async fn active(&self) -> Result<Vec<Run>> {
        let list = Statement::new(query!("runs/list_active"), []);
        self.fetch(list).await?.iter().map(read::<D>).collect()
    }

    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>> {
        let list = Statement::new(query!("attempts/list"), [id(run)]);
        self.fetch(list)
            .await?
            .iter()
            .map(read_attempt::<D>)
            .collect()
    }

    async fn controls(&self, run: RunId, after: i64) -> Result<Vec<ControlEvent>> {
        let list = Statement::new(query!("control_events/list"), [id(run), after.into()]);
        self.fetch(list)
            .await?
            .iter()
            .map(read_control::<D>)
            .collect()
    }

    async fn phases(&self, run: RunId) -> Result<Vec<PhaseTransition>> {
        let list = Statement::new(query!("phase_transitions/list"), [id(run)]);
        self.fetch(list)
            .await?
            .iter()
            .map(read_phase::<D>)
            .collect()
    }

    async fn events(&self, run: RunId, page: PageQuery<i64>) -> Result<Vec<RunEvent>> {
        let after = page.after.unwrap_or(0);
        let values = [id(run), after.into(), page.limit.into()];
        let list = Statement::new(query!("run_events/list"), values);
        self.fetch(list)
            .await?
            .iter()
            .map(read_event::<D>)
            .collect()
    }
}
