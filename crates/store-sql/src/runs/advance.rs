//! A change of a run: one transaction, bound to the revision that it rests on.

use std::collections::BTreeMap;

use gauntlet_model::run::Attempt;
use gauntlet_store::{Error, Result, RunChange};

use super::records::{attempt_row, control_rows, event_rows, phase_rows, shard_row};
use crate::{
    columns::Columns,
    database::{Sql, Transaction},
    dialect::Dialect,
    statement::{Statement, id, json, query},
};

/// Stores a change, all or nothing; gives the new revision.
pub(super) async fn advance<D: Dialect>(sql: &Sql<D>, change: &RunChange) -> Result<i64> {
    let run = change.run.id;
    let subject = format!("run {run}");
    let update = update(&subject, change)?;
    let controls = control_rows(run, &change.controls)?;
    let mut transaction = sql.begin().await?;
    let rows = transaction.fetch(&subject, update).await?;
    let Some(row) = rows.first() else {
        return Err(not_advanced(&mut transaction, change, subject).await?);
    };
    let mut columns = Columns::<D>::new("runs", row);
    let revision = columns.integer()?;
    let first_event = columns.integer()? - change.events.len() as i64 + 1;
    let first_phase = columns.integer()? - change.phases.len() as i64 + 1;

    put_attempts(&mut transaction, &subject, change).await?;
    let phases = phase_rows(run, first_phase, &change.phases);
    transaction
        .insert_rows(&subject, query!("phase_transitions/insert"), phases)
        .await?;
    let events = event_rows(run, first_event, &change.events);
    transaction
        .insert_rows(&subject, query!("run_events/insert"), events)
        .await?;
    transaction
        .insert_rows(&subject, query!("control_events/insert"), controls)
        .await
        .map_err(|error| match error {
            Error::AlreadyExists(_) => Error::Conflict(format!("a command of run {run}")),
            error => error,
        })?;
    transaction.commit().await?;
    Ok(revision)
}

fn update(subject: &str, change: &RunChange) -> Result<Statement> {
    let run = &change.run;
    let phase = run.state.phase().map(|phase| phase.as_str().to_owned());
    let values = [
        id(run.id),
        run.revision.into(),
        run.status().as_str().into(),
        phase.into(),
        json(subject, &run.state)?,
        json(subject, &run.labels)?,
        run.started.into(),
        run.ended.into(),
        (change.events.len() as i64).into(),
        (change.phases.len() as i64).into(),
    ];
    Ok(Statement::new(query!("runs/advance"), values))
}

/// Why the update found no row: the run moved on, or it is not there.
async fn not_advanced<D: Dialect>(
    transaction: &mut Transaction<D>,
    change: &RunChange,
    subject: String,
) -> Result<Error> {
    let exists = Statement::new(query!("runs/exists"), [id(change.run.id)]);
    let rows = transaction.fetch(&subject, exists).await?;
    Ok(if rows.is_empty() {
        Error::Missing(subject)
    } else {
        Error::Conflict(subject)
    })
}

async fn put_attempts<D: Dialect>(
    transaction: &mut Transaction<D>,
    subject: &str,
    change: &RunChange,
) -> Result<()> {
    let run = change.run.id;
    // One statement may not write a row twice: the last word counts.
    let attempts: BTreeMap<(u32, u32), &Attempt> = change
        .attempts
        .iter()
        .map(|attempt| ((attempt.shard, attempt.number), attempt))
        .collect();
    let newest: BTreeMap<u32, &Attempt> = attempts
        .values()
        .map(|attempt| (attempt.shard, *attempt))
        .collect();
    let rows = attempts.values().map(|one| attempt_row(run, one)).collect();
    transaction
        .insert_rows(subject, query!("attempts/put"), rows)
        .await?;
    let rows = newest.values().map(|one| shard_row(run, one)).collect();
    transaction
        .insert_rows(subject, query!("shards/put"), rows)
        .await
}
