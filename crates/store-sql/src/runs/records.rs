//! Runs and what belongs to them, as rows and back.

use gauntlet_model::{
    id::RunId,
    lifecycle::{Phase, ShardStage},
    run::{Attempt, ControlEvent, PhaseTransition, Run, RunEvent, RunEventKind},
    session::KeyRange,
};
use gauntlet_store::Result;

use super::list::scopes;
use crate::{
    columns::Columns,
    dialect::Dialect,
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
        json(subject, &run.state)?,
        json(subject, &run.labels)?,
        run.created.into(),
        run.started.into(),
        run.ended.into(),
    ];
    Ok(Statement::new(query!("runs/insert"), values))
}

pub(super) fn read<D: Dialect>(row: &D::Row) -> Result<Run> {
    let mut columns = Columns::<D>::new("runs", row);
    Ok(Run {
        id: columns.id()?,
        project: columns.named()?,
        name: columns.named()?,
        template: columns.named()?,
        template_version: columns.number()?,
        spec: columns.json()?,
        state: columns.json()?,
        revision: columns.integer()?,
        labels: columns.json()?,
        created: columns.time()?,
        started: columns.optional_time()?,
        ended: columns.optional_time()?,
    })
}

pub(super) fn attempt_row(run: RunId, attempt: &Attempt) -> [Value; 14] {
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
    ]
}

pub(super) fn read_attempt<D: Dialect>(row: &D::Row) -> Result<Attempt> {
    let mut columns = Columns::<D>::new("attempts", row);
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

pub(super) fn read_control<D: Dialect>(row: &D::Row) -> Result<ControlEvent> {
    let mut columns = Columns::<D>::new("control_events", row);
    Ok(ControlEvent {
        sequence: columns.integer()?,
        at: columns.time()?,
        action: columns.json()?,
    })
}

pub(super) fn phase_rows(run: RunId, first: i64, phases: &[PhaseTransition]) -> Vec<[Value; 4]> {
    let row = |(place, entered): (i64, &PhaseTransition)| {
        [
            id(run),
            place.into(),
            entered.phase.as_str().into(),
            entered.at.into(),
        ]
    };
    (first..).zip(phases).map(row).collect()
}

pub(super) fn read_phase<D: Dialect>(row: &D::Row) -> Result<PhaseTransition> {
    let mut columns = Columns::<D>::new("phase_transitions", row);
    Ok(PhaseTransition {
        phase: columns.word(Phase::parse)?,
        at: columns.time()?,
    })
}

pub(super) fn event_rows(run: RunId, first: i64, events: &[RunEvent]) -> Vec<[Value; 6]> {
    let row = |(sequence, event): (i64, &RunEvent)| {
        [
            id(run),
            sequence.into(),
            event.time.into(),
            event.kind.as_str().into(),
            event.message.as_str().into(),
            event.shard.into(),
        ]
    };
    (first..).zip(events).map(row).collect()
}

pub(super) fn read_event<D: Dialect>(row: &D::Row) -> Result<RunEvent> {
    let mut columns = Columns::<D>::new("run_events", row);
    Ok(RunEvent {
        sequence: columns.integer()?,
        time: columns.time()?,
        kind: columns.word(RunEventKind::parse)?,
        message: columns.text()?,
        shard: columns.optional_number()?,
    })
}
