//! A change of a run: one transaction, bound to the revision that it rests on.

use std::collections::BTreeMap;

use gauntlet_model::{
    id::{Project, RunId},
    run::{Attempt, PhaseTransition, RunEvent},
    time::Timestamp,
};
use gauntlet_store::{Advanced, Error, Result, RunChange};

use super::records::{
    attempt_row, control_rows, event_rows, label_rows, numbered, phase_rows, search, shard_row,
    state,
};
use crate::{
    columns::Columns,
    database::{Sql, run_exists},
    script::{Done, Script, Step, send},
    statement::{Statement, Value, id, json, query},
};

/// Stores a change, all or nothing.
pub(super) async fn advance(sql: &Sql, change: &RunChange) -> Result<Advanced> {
    let run = change.run.id;
    let subject = format!("run {run}");
    let moved_on = Error::Conflict(subject.clone());
    let parts = Parts::of(change);
    // They do not depend on what is there, and a number that is taken is found
    // by the statement itself.
    let controls = format!("a command of run {run}");
    let controls_row = control_rows(run, &change.controls)?;
    let script = Script::of(&subject, update(&subject, change)?)
        .then(move |updated| {
            let updated = Updated::read(updated)?.ok_or_else(|| moved_on.clone())?;
            parts.steps(&updated)
        })
        .send(
            &controls,
            Statement::rows(query!("control_events/insert"), controls_row),
        );
    let done = match sql.write(script).await.map_err(Error::from) {
        Ok(done) => done,
        Err(Error::AlreadyExists(taken)) => return Err(Error::Conflict(taken)),
        Err(Error::Conflict(subject)) => {
            return Err(sql.missing_or_changed(run_exists(run), subject).await);
        }
        Err(error) => return Err(error),
    };
    let updated = Updated::read(&done[0])?;
    let updated = updated.ok_or_else(|| Error::Corrupt(format!("{subject} without a row")))?;
    sql.announce(run, &updated.project, Some(updated.revision));
    let first = updated.events - change.events.len() as i64 + 1;
    Ok(Advanced {
        revision: updated.revision,
        events: numbered(first, &change.events),
    })
}

fn update(subject: &str, change: &RunChange) -> Result<Statement> {
    let run = &change.run;
    let phase = run.state.phase().map(|phase| phase.as_str().to_owned());
    let values = [
        id(run.id),
        run.revision.into(),
        run.status().as_str().into(),
        phase.into(),
        state(subject, run)?,
        json(subject, &run.labels)?,
        run.notes.as_str().into(),
        run.started.into(),
        run.ended.into(),
        (change.events.len() as i64).into(),
        (change.phases.len() as i64).into(),
        search(subject, run)?,
    ];
    Ok(Statement::new(query!("runs/advance"), values))
}

/// The run's row after the change.
struct Updated {
    revision: i64,
    /// How many there are now.
    events: i64,
    /// How many there are now.
    phases: i64,
    labels_changed: bool,
    project: Project,
    created: Timestamp,
}

impl Updated {
    fn read(done: &Done) -> Result<Option<Self>> {
        let Some(row) = done.rows.first() else {
            return Ok(None);
        };
        let mut columns = Columns::new("runs", row.clone());
        let revision = columns.integer()?;
        Ok(Some(Self {
            revision,
            events: columns.integer()?,
            phases: columns.integer()?,
            labels_changed: columns.integer()? == revision,
            project: columns.named()?,
            created: columns.time()?,
        }))
    }
}

/// What comes with the change, once the run's row says how it is numbered.
struct Parts {
    run: RunId,
    labels: BTreeMap<String, String>,
    /// One statement may not write a row twice: the last word counts.
    attempts: BTreeMap<(u32, u32), Attempt>,
    phases: Vec<PhaseTransition>,
    events: Vec<RunEvent>,
}

impl Parts {
    fn of(change: &RunChange) -> Self {
        let keyed = |attempt: &Attempt| ((attempt.shard, attempt.number), attempt.clone());
        Self {
            run: change.run.id,
            labels: change.run.labels.clone(),
            attempts: change.attempts.iter().map(keyed).collect(),
            phases: change.phases.clone(),
            events: change.events.clone(),
        }
    }

    fn steps(&self, updated: &Updated) -> Result<Vec<Step>> {
        let run = self.run;
        let subject = format!("run {run}");
        let mut steps = Vec::new();
        let mut insert = |text: &'static str, rows: Vec<Vec<Value>>| {
            if !rows.is_empty() {
                steps.push(send(&subject, Statement::rows(text, rows)));
            }
        };
        let newest: BTreeMap<u32, &Attempt> = self
            .attempts
            .values()
            .map(|attempt| (attempt.shard, attempt))
            .collect();
        insert(
            query!("attempts/put"),
            self.attempts
                .values()
                .map(|one| attempt_row(run, updated.revision, one).into())
                .collect(),
        );
        insert(
            query!("shards/put"),
            newest
                .values()
                .map(|one| shard_row(run, one).into())
                .collect(),
        );
        let first = updated.phases - self.phases.len() as i64 + 1;
        insert(
            query!("phase_transitions/insert"),
            phase_rows(run, first, &self.phases),
        );
        let first = updated.events - self.events.len() as i64 + 1;
        insert(
            query!("run_events/insert"),
            event_rows(run, &numbered(first, &self.events))?,
        );
        if updated.labels_changed {
            let rows = label_rows(run, &updated.project, updated.created, &self.labels);
            let delete = Statement::new(query!("run_labels/delete"), [id(run)]);
            steps.push(send(&subject, delete));
            let insert = Statement::rows(query!("run_labels/insert"), rows);
            steps.push(send(&subject, insert));
        }
        Ok(steps)
    }
}
