//! Runs and what is recorded of them.

use std::collections::BTreeMap;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::{Name, Project, RunId},
    lifecycle::{Action, Phase, ProcessingStatus, RunState, ShardStage, Status, StopReason},
    run::{Attempt, ControlEvent, PhaseEntry, Run, RunEvent, RunEventKind, etag},
    session::KeyRange,
    template::{Level, Load},
    time::Timestamp,
};

use super::{instant, search};

/// What lists show of a run.
#[derive(Clone, Copy, Debug)]
pub struct RunHead<'a> {
    /// The run's id.
    pub id: RunId,
    /// The template's project.
    pub project: &'a Project,
    /// Unique in its project.
    pub name: &'a Name,
    /// The template's name.
    pub template: &'a Name,
    /// The template's version.
    pub template_version: i32,
    /// Where the run is in its life.
    pub state: &'a RunState,
    /// How much load.
    pub load: &'a Load,
    /// Whether it looks for the highest level that the target sustains.
    pub finds_max: bool,
    /// How many workers share it.
    pub workers: u32,
    /// Grows by one with every stored change.
    pub revision: i64,
    /// Free key-value pairs.
    pub labels: &'a BTreeMap<String, String>,
    /// What people want to remember of it.
    pub notes: &'a str,
    /// The run whose snapshot it repeats.
    pub rerun_of: Option<RunId>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

/// A run, as it is at the server's `now`.
#[must_use]
pub fn run(run: &Run, now: Timestamp) -> pb::Run {
    let head = RunHead {
        id: run.id,
        project: &run.project,
        name: &run.name,
        template: &run.template,
        template_version: run.template_version,
        state: &run.state,
        load: &run.spec.load,
        finds_max: run.spec.control.search.is_some(),
        workers: run.spec.workers,
        revision: run.revision,
        labels: &run.labels,
        notes: &run.notes,
        rerun_of: run.rerun_of,
        created: run.created,
        started: run.started,
        ended: run.ended,
    };
    let described = run.spec.control.search.as_ref();
    let described = described.map(|search| (search, run.spec.load.level()));
    let progress = run.state.search.as_ref();
    pb::Run {
        spec: Some(super::spec(&run.spec)),
        search: progress.map(|progress| search::progress(progress, described)),
        ..run_head(&head, now)
    }
}

/// A run without its description and its search, as lists give it. Its place in
/// the queue is not known here.
#[must_use]
pub fn run_head(run: &RunHead<'_>, now: Timestamp) -> pb::Run {
    let state = run.state;
    let end = state.end();
    let ready = state.shards.iter().filter(|shard| is_ready(shard.stage));
    pb::Run {
        run_id: run.id.to_string(),
        project: run.project.to_string(),
        name: run.name.to_string(),
        template: run.template.to_string(),
        template_version: run.template_version,
        spec: None,
        load: Some(super::spec::load(run.load)),
        finds_max: run.finds_max,
        status: status(state.status()).into(),
        phase: optional_phase(state.phase()).into(),
        phase_started_us: instant(state.phase_started()),
        phase_ends_us: instant(state.phase_ends()),
        stop_reason: end
            .map_or(pb::StopReason::Unspecified, |end| stop_reason(end.reason))
            .into(),
        stop_message: end.map_or_else(String::new, |end| end.message.clone()),
        processing: processing(state.processing()).into(),
        revision: run.revision,
        labels: run.labels.clone().into_iter().collect(),
        created_us: run.created.0,
        started_us: instant(run.started),
        ended_us: instant(run.ended),
        server_time_us: now.0,
        shards_ready: ready.count() as u32,
        // Shards that joined under load come on top of those that were planned.
        shards_total: run.workers.max(state.shards.len() as u32),
        notes: run.notes.to_owned(),
        etag: etag(run.labels, run.notes),
        rerun_of: run.rerun_of.map_or_else(String::new, |run| run.to_string()),
        paused: state.paused,
        level: state.level.map(level),
        verdict: pb::Verdict::Unspecified.into(),
        validity: pb::Validity::Unspecified.into(),
        search: None,
        queue_position: 0,
        warmup_steady: state.warmup_steady,
    }
}

pub(super) fn level(level: Level) -> pb::LoadLevel {
    use pb::load_level::Level as P;
    pb::LoadLevel {
        level: Some(match level {
            Level::Concurrency { connections } => P::Connections(connections),
            Level::Rate { milli_per_s } => P::PerSecond(milli_per_s as f64 / 1e3),
        }),
    }
}

/// Whether a shard is ready or beyond, and neither failed nor lost.
fn is_ready(stage: ShardStage) -> bool {
    matches!(
        stage,
        ShardStage::Ready | ShardStage::Running | ShardStage::Finished
    )
}

/// A run's shards with their attempts, from all its attempts in any order.
#[must_use]
pub fn shards(attempts: &[Attempt]) -> Vec<pb::Shard> {
    let mut sorted: Vec<&Attempt> = attempts.iter().collect();
    sorted.sort_by_key(|attempt| (attempt.shard, attempt.number));
    sorted
        .chunk_by(|one, other| one.shard == other.shard)
        .map(|tries| pb::Shard {
            index: tries[0].shard,
            status: attempt_status(tries[tries.len() - 1].stage).into(),
            attempts: tries.iter().map(|tried| attempt(tried)).collect(),
        })
        .collect()
}

/// One worker's try at a shard.
#[must_use]
pub fn attempt(attempt: &Attempt) -> pb::Attempt {
    pb::Attempt {
        number: attempt.number,
        worker_id: attempt.worker.to_string(),
        status: attempt_status(attempt.stage).into(),
        message: attempt.message.clone(),
        keys: Some(key_range(attempt.keys)),
        assigned_us: attempt.assigned.0,
        ended_us: instant(attempt.ended),
        first_operation_us: instant(attempt.first_operation),
    }
}

/// Something that happened in a run.
#[must_use]
pub fn run_event(event: &RunEvent) -> pb::RunEvent {
    let kind = match &event.kind {
        RunEventKind::Status => pb::RunEventKind::Status,
        RunEventKind::Phase => pb::RunEventKind::Phase,
        RunEventKind::Control(_) => pb::RunEventKind::Control,
        RunEventKind::Worker(_) => pb::RunEventKind::Worker,
        RunEventKind::Error => pb::RunEventKind::Error,
    };
    pb::RunEvent {
        sequence: event.sequence,
        time_us: event.time.0,
        kind: kind.into(),
        message: event.message.clone(),
        shard: event.shard,
        command: event.kind.command().map(command),
        entered: event.kind.entered().map(phase_entry),
    }
}

fn phase_entry(entry: PhaseEntry) -> pb::PhaseEntry {
    pb::PhaseEntry {
        phase: phase(entry.phase).into(),
        at_us: entry.at.0,
        joined: entry.joined,
    }
}

fn command(event: &ControlEvent) -> pb::ControlCommand {
    let command = pb::ControlCommand {
        sequence: event.sequence,
        at_us: event.at.0,
        ..pb::ControlCommand::default()
    };
    let doing = |action: pb::ControlAction| pb::ControlCommand {
        action: action.into(),
        ..command
    };
    match &event.action {
        Action::Start(entered) => pb::ControlCommand {
            phase: phase(*entered).into(),
            ..doing(pb::ControlAction::Start)
        },
        Action::SetPhase(entered) => pb::ControlCommand {
            phase: phase(*entered).into(),
            ..doing(pb::ControlAction::SetPhase)
        },
        Action::SetTarget(aim) => pb::ControlCommand {
            level: Some(level(aim.level)),
            ..doing(pb::ControlAction::SetTarget)
        },
        Action::Step(plan) => pb::ControlCommand {
            level: Some(level(plan.aim.level)),
            step: plan.step,
            ..doing(pb::ControlAction::Step)
        },
        Action::Pause => doing(pb::ControlAction::Pause),
        Action::Resume => doing(pb::ControlAction::Resume),
        Action::Stop { .. } => doing(pb::ControlAction::Stop),
    }
}

pub(crate) fn key_range(keys: KeyRange) -> pb::KeyRange {
    pb::KeyRange {
        first: keys.first,
        length: keys.length,
    }
}

/// A status.
#[must_use]
pub fn status(status: Status) -> pb::RunStatus {
    match status {
        Status::Prepared => pb::RunStatus::Prepared,
        Status::Starting => pb::RunStatus::Starting,
        Status::Running => pb::RunStatus::Running,
        Status::Stopping => pb::RunStatus::Stopping,
        Status::Cancelling => pb::RunStatus::Cancelling,
        Status::Completed => pb::RunStatus::Completed,
        Status::Stopped => pb::RunStatus::Stopped,
        Status::Cancelled => pb::RunStatus::Cancelled,
        Status::Failed => pb::RunStatus::Failed,
    }
}

/// A phase.
#[must_use]
pub fn phase(phase: Phase) -> pb::RunPhase {
    match phase {
        Phase::Preparing => pb::RunPhase::Preparing,
        Phase::Warmup => pb::RunPhase::Warmup,
        Phase::Measurement => pb::RunPhase::Measurement,
        Phase::Cooldown => pb::RunPhase::Cooldown,
        Phase::Processing => pb::RunPhase::Processing,
        Phase::Done => pb::RunPhase::Done,
    }
}

fn optional_phase(known: Option<Phase>) -> pb::RunPhase {
    known.map_or(pb::RunPhase::Unspecified, phase)
}

fn stop_reason(reason: StopReason) -> pb::StopReason {
    match reason {
        StopReason::DurationElapsed => pb::StopReason::DurationElapsed,
        StopReason::SearchFinished => pb::StopReason::SearchFinished,
        StopReason::BoundReached => pb::StopReason::BoundReached,
        StopReason::SloAbort => pb::StopReason::SloAbort,
        StopReason::Guardrail => pb::StopReason::Guardrail,
        StopReason::UserStop => pb::StopReason::UserStop,
        StopReason::WorkerLost => pb::StopReason::WorkerLost,
        StopReason::SetupError => pb::StopReason::SetupError,
        StopReason::UserAbort => pb::StopReason::UserAbort,
    }
}

pub(super) fn processing(status: ProcessingStatus) -> pb::ProcessingStatus {
    match status {
        ProcessingStatus::Pending => pb::ProcessingStatus::Pending,
        ProcessingStatus::Running => pb::ProcessingStatus::Running,
        ProcessingStatus::Completed => pb::ProcessingStatus::Completed,
        ProcessingStatus::Failed => pb::ProcessingStatus::Failed,
        ProcessingStatus::Skipped => pb::ProcessingStatus::Skipped,
    }
}

fn attempt_status(stage: ShardStage) -> pb::AttemptStatus {
    match stage {
        ShardStage::Assigned => pb::AttemptStatus::Assigned,
        ShardStage::Ready => pb::AttemptStatus::Ready,
        ShardStage::Running => pb::AttemptStatus::Running,
        ShardStage::Finished => pb::AttemptStatus::Finished,
        ShardStage::Failed => pb::AttemptStatus::Failed,
        ShardStage::Lost => pb::AttemptStatus::Lost,
    }
}
