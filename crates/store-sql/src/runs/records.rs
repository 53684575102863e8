//! Runs and what belongs to them, as rows and back.

use std::collections::BTreeMap;

use gauntlet_model::{
    id::{Project, RunId},
    lifecycle::{Phase, RunState, ShardStage},
    run::{Attempt, ControlEvent, PhaseEntry, PhaseTransition, Run, RunEvent, RunEventKind},
    session::KeyRange,
    time::Timestamp,
};
use gauntlet_store::{LoadMode, Result, RunSummary, Validity};

use super::list::scopes;
use crate::{
    columns::Columns,
    reports::verdict_of,
    script::Row,
    statement::{Statement, Value, id, json, nanos, query},
};

pub(super) fn insert(subject: &str, run: &Run) -> Result<Statement> {
    let [scope_1, scope_2, scope_3] = scopes(&run.project);
    let phase = run.state.phase().map(|phase| phase.as_str().to_owned());
    let values = [
        id(run.id),
        run.project.as_str().into(),
        run.name.as_str().into(),
        scope_1.into(),
        scope_2.into(),
        scope_3.into(),
        run.template.as_str().into(),
        run.template_version.into(),
        json(subject, &run.spec)?,
        run.status().as_str().into(),
        phase.into(),
        state(subject, run)?,
        1_i64.into(),
        json(subject, &run.labels)?,
        run.notes.as_str().into(),
        run.rerun_of.map(|run| run.to_string()).into(),
        LoadMode::of(&run.spec.load).as_str().into(),
        run.spec.workers.into(),
        run.created.into(),
        run.started.into(),
        run.ended.into(),
        // The event that it comes with, and no phase.
        1_i64.into(),
        0_i64.into(),
        search(subject, run)?,
        json(subject, &run.spec.load)?,
        i64::from(run.spec.control.search.is_some()).into(),
    ];
    Ok(Statement::rows(query!("runs/insert"), [values]))
}

/// The state without its search.
pub(super) fn state(subject: &str, run: &Run) -> Result<Value> {
    let state = RunState {
        search: None,
        ..run.state.clone()
    };
    json(subject, &state)
}

/// How far the search is.
pub(super) fn search(subject: &str, run: &Run) -> Result<Value> {
    match &run.state.search {
        Some(search) => json(subject, search),
        None => Ok(Value::Text(None)),
    }
}

pub(super) fn read(row: Row) -> Result<Run> {
    let mut columns = Columns::new("runs", row);
    let mut run = Run {
        id: columns.id()?,
        project: columns.named()?,
        name: columns.named()?,
        template: columns.named()?,
        template_version: columns.number()?,
        spec: columns.json()?,
        state: columns.json()?,
        revision: columns.integer()?,
        labels: columns.json()?,
        notes: columns.text()?,
        rerun_of: columns.optional_id()?,
        created: columns.time()?,
        started: columns.optional_time()?,
        ended: columns.optional_time()?,
    };
    run.state.search = columns.optional_json()?;
    Ok(run)
}

pub(super) fn read_summary(row: Row) -> Result<RunSummary> {
    let mut columns = Columns::new("runs", row);
    Ok(RunSummary {
        id: columns.id()?,
        project: columns.named()?,
        name: columns.named()?,
        template: columns.named()?,
        template_version: columns.number()?,
        load: columns.json()?,
        finds_max: columns.integer()? != 0,
        workers: columns.number()?,
        state: columns.json()?,
        revision: columns.integer()?,
        labels: columns.json()?,
        notes: columns.text()?,
        rerun_of: columns.optional_id()?,
        created: columns.time()?,
        started: columns.optional_time()?,
        ended: columns.optional_time()?,
        verdict: columns.optional_word(verdict_of)?,
        validity: columns.optional_word(Validity::parse)?,
    })
}

/// A row for each label and each project that a list of the run is in.
pub(super) fn label_rows(
    run: RunId,
    project: &Project,
    created: Timestamp,
    labels: &BTreeMap<String, String>,
) -> Vec<Vec<Value>> {
    let mut rows = Vec::new();
    for scope in scopes(project).into_iter().flatten() {
        for (key, value) in labels {
            rows.push(vec![
                id(run),
                key.as_str().into(),
                scope.as_str().into(),
                value.as_str().into(),
                created.into(),
            ]);
        }
    }
    rows
}

pub(super) fn attempt_row(run: RunId, revision: i64, attempt: &Attempt) -> [Value; 15] {
    [
        id(run),
        attempt.shard.into(),
        attempt.number.into(),
        id(attempt.worker),
        attempt.worker_text.as_str().into(),
        attempt.stage.as_str().into(),
        attempt.message.as_str().into(),
        attempt.keys.first.into(),
        attempt.keys.length.into(),
        attempt.assigned.into(),
        attempt.ended.into(),
        attempt.first_operation.into(),
        attempt.peak_cpu_permille.into(),
        nanos(attempt.clock_uncertainty),
        revision.into(),
    ]
}

pub(super) fn read_attempt(row: Row) -> Result<Attempt> {
    let mut columns = Columns::new("attempts", row);
    Ok(Attempt {
        shard: columns.number()?,
        number: columns.number()?,
        worker: columns.id()?,
        worker_text: columns.text()?,
        stage: columns.word(ShardStage::parse)?,
        message: columns.text()?,
        keys: KeyRange {
            first: columns.integer()?,
            length: columns.integer()?,
        },
        assigned: columns.time()?,
        ended: columns.optional_time()?,
        first_operation: columns.optional_time()?,
        peak_cpu_permille: columns.number()?,
        clock_uncertainty: columns.optional_nanos()?,
        revision: columns.integer()?,
    })
}

pub(super) fn shard_row(run: RunId, newest: &Attempt) -> [Value; 5] {
    [
        id(run),
        newest.shard.into(),
        newest.number.into(),
        id(newest.worker),
        newest.stage.as_str().into(),
    ]
}

pub(super) fn control_rows(run: RunId, controls: &[ControlEvent]) -> Result<Vec<[Value; 4]>> {
    let row = |control: &ControlEvent| {
        Ok([
            id(run),
            control.sequence.into(),
            control.at.into(),
            json("a command", &control.action)?,
        ])
    };
    controls.iter().map(row).collect()
}

pub(super) fn read_control(row: Row) -> Result<ControlEvent> {
    let mut columns = Columns::new("control_events", row);
    Ok(ControlEvent {
        sequence: columns.integer()?,
        at: columns.time()?,
        action: columns.json()?,
    })
}

pub(super) fn phase_rows(run: RunId, first: i64, phases: &[PhaseTransition]) -> Vec<Vec<Value>> {
    let row = |(place, entered): (i64, &PhaseTransition)| {
        vec![
            id(run),
            place.into(),
            entered.phase.as_str().into(),
            entered.at.into(),
        ]
    };
    (first..).zip(phases).map(row).collect()
}

pub(super) fn read_phase(row: Row) -> Result<PhaseTransition> {
    let mut columns = Columns::new("phase_transitions", row);
    Ok(PhaseTransition {
        phase: columns.word(Phase::parse)?,
        at: columns.time()?,
    })
}

/// Events with their numbers, the first of which is given.
pub(super) fn numbered(first: i64, events: &[RunEvent]) -> Vec<RunEvent> {
    let numbered = |(sequence, event): (i64, &RunEvent)| RunEvent {
        sequence,
        ..event.clone()
    };
    (first..).zip(events).map(numbered).collect()
}

pub(super) fn event_rows(run: RunId, events: &[RunEvent]) -> Result<Vec<Vec<Value>>> {
    let row = |event: &RunEvent| {
        let command = match event.kind.command() {
            Some(command) => json("a command", command)?,
            None => Value::Text(None),
        };
        let entered = match event.kind.entered() {
            Some(entered) => json("a phase entry", &entered)?,
            None => Value::Text(None),
        };
        Ok(vec![
            id(run),
            event.sequence.into(),
            event.time.into(),
            event.kind.as_str().into(),
            event.message.as_str().into(),
            event.shard.into(),
            command,
            entered,
        ])
    };
    events.iter().map(row).collect()
}

pub(super) fn read_event(row: Row) -> Result<RunEvent> {
    let mut columns = Columns::new("run_events", row);
    let command: Option<ControlEvent> = columns.optional_json()?;
    let entered: Option<PhaseEntry> = columns.optional_json()?;
    Ok(RunEvent {
        sequence: columns.integer()?,
        time: columns.time()?,
        kind: columns.word(|word| RunEventKind::parse(word, command.clone(), entered))?,
        message: columns.text()?,
        shard: columns.optional_number()?,
    })
}
