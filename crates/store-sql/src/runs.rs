//! Runs in SQL.

use async_trait::async_trait;
use gauntlet_model::{
    id::{Project, RunId},
    run::{Attempt, ControlEvent, PhaseTransition, Run, RunEvent},
    time::Timestamp,
};
use gauntlet_store::{
    Advanced, Error, Idempotency, PageQuery, Result, RunChange, RunCursor, RunFilter, RunKey,
    RunOrder, RunSummary, Runs,
};

use crate::{
    columns::Columns,
    database::{Created, Sql, run_exists},
    script::{Done, Script, send},
    statement::{Statement, id, query},
};

mod advance;
pub(crate) mod list;
mod records;
mod remove;

use records::{
    event_rows, label_rows, numbered, read, read_attempt, read_control, read_event, read_phase,
    read_summary,
};

#[async_trait]
impl Runs for Sql {
    async fn insert(
        &self,
        run: &Run,
        event: &RunEvent,
        request: Option<&Idempotency>,
    ) -> Result<Run> {
        let subject = format!("run {}/{}", run.project, run.name);
        let events = numbered(1, std::slice::from_ref(event));
        let events = Statement::rows(query!("run_events/insert"), event_rows(run.id, &events)?);
        let labels = label_rows(run.id, &run.project, run.created, &run.labels);
        let labels = Statement::rows(query!("run_labels/insert"), labels);
        let script = Script::of(&subject, records::insert(&subject, run)?)
            .send(&subject, events)
            .send(&subject, labels)
            .only_inserts();
        let made = run.id.to_string();
        match self.create(request, &made, run.created, script).await? {
            Created::New => {
                self.announce(run.id, &run.project, Some(1));
                Ok(Run {
                    revision: 1,
                    ..run.clone()
                })
            }
            Created::Before(first) => {
                let get = Statement::new(query!("runs/get"), [first.as_str().into()]);
                let row = self.fetch_optional(get).await?;
                read(row.ok_or_else(|| Error::Missing(format!("run {first}")))?)
            }
        }
    }

    async fn advance(&self, change: &RunChange) -> Result<Advanced> {
        advance::advance(self, change).await
    }

    async fn append_events(&self, run: RunId, events: &[RunEvent]) -> Result<Vec<RunEvent>> {
        let subject = format!("run {run}");
        let count = [id(run), (events.len() as i64).into()];
        let count = Statement::new(query!("runs/count_events"), count);
        let (given, missing) = (events.to_vec(), Error::Missing(subject.clone()));
        let script = Script::of(&subject, count).then(move |counted| {
            let first = first_event(counted, given.len())?.ok_or_else(|| missing.clone())?;
            let rows = event_rows(run, &numbered(first, &given))?;
            let insert = Statement::rows(query!("run_events/insert"), rows);
            Ok(vec![send(&format!("run {run}"), insert)])
        });
        let mut done = self.write(script).await?;
        let first = first_event(&done[0], events.len())?.unwrap_or(1);
        for row in done.swap_remove(0).rows {
            let mut columns = Columns::new("runs", row);
            let (_, revision) = (columns.integer()?, columns.integer()?);
            self.announce(run, &columns.named()?, Some(revision));
        }
        Ok(numbered(first, events))
    }

    async fn get(&self, run: RunId) -> Result<Option<Run>> {
        let get = Statement::new(query!("runs/get"), [id(run)]);
        self.fetch_optional(get).await?.map(read).transpose()
    }

    async fn list(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        page: PageQuery<RunCursor>,
    ) -> Result<Vec<RunSummary>> {
        let Some(list) = list::statement(filter, order, &page)? else {
            return Ok(Vec::new());
        };
        self.fetch(list)
            .await?
            .into_iter()
            .map(read_summary)
            .collect()
    }

    async fn active(&self) -> Result<Vec<Run>> {
        let list = Statement::new(query!("runs/list_active"), []);
        self.fetch(list).await?.into_iter().map(read).collect()
    }

    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>> {
        let list = Statement::new(query!("attempts/list"), [id(run)]);
        self.fetch(list)
            .await?
            .into_iter()
            .map(read_attempt)
            .collect()
    }

    async fn controls(&self, run: RunId, after: i64) -> Result<Vec<ControlEvent>> {
        let list = Statement::new(query!("control_events/list"), [id(run), after.into()]);
        self.fetch(list)
            .await?
            .into_iter()
            .map(read_control)
            .collect()
    }

    async fn phases(&self, run: RunId) -> Result<Vec<PhaseTransition>> {
        let list = Statement::new(query!("phase_transitions/list"), [id(run)]);
        self.fetch(list)
            .await?
            .into_iter()
            .map(read_phase)
            .collect()
    }

    async fn events(&self, run: RunId, page: PageQuery<i64>) -> Result<Vec<RunEvent>> {
        let after = page.after.unwrap_or(0);
        let values = [id(run), after.into(), page.limit.into()];
        let list = Statement::new(query!("run_events/list"), values);
        self.fetch(list)
            .await?
            .into_iter()
            .map(read_event)
            .collect()
    }

    async fn delete(&self, run: RunId) -> Result<()> {
        if self.remove(run).await? {
            return Ok(());
        }
        Err(self
            .missing_or_changed(run_exists(run), format!("run {run}"))
            .await)
    }

    async fn ended(
        &self,
        ended_before: Timestamp,
        page: PageQuery<RunKey>,
    ) -> Result<Vec<(Timestamp, RunId, Project)>> {
        // No id is empty, so every run comes after this.
        let (at, last) = page
            .after
            .map_or((Timestamp(i64::MIN), String::new()), |(at, run)| {
                (at, run.to_string())
            });
        let values = [
            ended_before.into(),
            at.into(),
            last.as_str().into(),
            page.limit.into(),
        ];
        let rows = self.fetch(Statement::new(query!("runs/list_ended"), values));
        let read = |row| {
            let mut columns = Columns::new("runs", row);
            Ok((columns.time()?, columns.id()?, columns.named()?))
        };
        rows.await?.into_iter().map(read).collect()
    }

    async fn prune(&self, ended_before: Timestamp, limit: u32) -> Result<Vec<RunId>> {
        let first = PageQuery { after: None, limit };
        let mut removed = Vec::new();
        for (_, run, _) in self.ended(ended_before, first).await? {
            // Somebody else may have removed it meanwhile.
            if self.remove(run).await? {
                removed.push(run);
            }
        }
        Ok(removed)
    }
}

/// The number of the first of some events, by the row of the run that was
/// counted up for them; `None` without a row.
fn first_event(counted: &Done, events: usize) -> Result<Option<i64>> {
    let Some(row) = counted.rows.first() else {
        return Ok(None);
    };
    let last = Columns::new("runs", row.clone()).integer()?;
    Ok(Some(last - events as i64 + 1))
}
