//! What can happen to a run, and what follows from it.

use std::time::Duration;

use super::{Action, Phase, RunState, Status, StopReason};
use crate::{
    id::WorkerId,
    search::Measured,
    template::{Level, Split},
    time::Timestamp,
};

/// What can happen to a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It was started, and no worker is free; or it starts some of its own.
    Wait {
        /// What it waits for.
        message: String,
    },
    /// The checks passed and these workers were chosen, one per shard.
    Start {
        /// By shard index.
        workers: Vec<WorkerId>,
    },
    /// A check before the start failed, or the control plane could not go on.
    SetupFailed {
        /// One clear sentence.
        message: String,
    },
    /// A shard is ready.
    ShardReady {
        /// Its index.
        shard: u32,
        /// Its attempt.
        attempt: u32,
    },
    /// A shard ended and its results are stored.
    ShardFinished {
        /// Its index.
        shard: u32,
        /// Its attempt.
        attempt: u32,
    },
    /// A shard could not go on.
    ShardFailed {
        /// Its index.
        shard: u32,
        /// Its attempt.
        attempt: u32,
        /// What happened and what to do.
        message: String,
    },
    /// A shard's worker went away.
    WorkerLost {
        /// The shard's index.
        shard: u32,
        /// Its attempt.
        attempt: u32,
        /// How it was noticed.
        message: String,
    },
    /// A person asked for a stop.
    Stop {
        /// Why.
        message: String,
    },
    /// A person asked for an abort.
    Abort {
        /// Why.
        message: String,
    },
    /// A person asked for another load.
    Adjust {
        /// Which.
        adjustment: Adjustment,
        /// Why; for the record, it changes nothing.
        message: String,
    },
    /// A person gave a shard up.
    AbortShard {
        /// Its index.
        shard: u32,
        /// Its attempt.
        attempt: u32,
        /// Who was given up and why.
        message: String,
    },
    /// A worker takes over a shard whose own was lost: one that
    /// [`is_vacant`](super::ShardState::is_vacant). Refused otherwise, so that
    /// whoever chose the worker knows that it is free.
    Replace {
        /// The shard's index.
        shard: u32,
        /// Who takes it over.
        worker: WorkerId,
    },
    /// A worker was added: it gets a shard of its own, the next index. Refused
    /// when scaling allows no more.
    ScaleOut {
        /// Who.
        worker: WorkerId,
        /// Why.
        message: String,
    },
    /// The load is split in another way.
    Rebalance {
        /// How; one weight per shard.
        split: Split,
        /// Why.
        message: String,
    },
    /// The load is steady.
    Steady {
        /// How that shows.
        message: String,
    },
    /// What the window of a step brought is known.
    StepMeasured {
        /// The step.
        step: u32,
        /// What.
        measured: Box<Measured>,
    },
    /// A condition ends the run: [`StopReason::Guardrail`],
    /// [`StopReason::SloAbort`] or [`StopReason::BoundReached`].
    Breach {
        /// Which.
        reason: StopReason,
        /// In words, with figures.
        message: String,
    },
    /// A shard carried a command out late.
    CommandLate {
        /// How long after the command's instant.
        late: Duration,
    },
    /// The state's deadline has come.
    DeadlineReached,
    /// The report is stored.
    ReportStored,
    /// The report of a run that is over was made anew and stored.
    ReportRemade,
    /// The report could not be made.
    ReportFailed {
        /// Why.
        message: String,
    },
}

/// What must be done after a change was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Every shard's worker has its assignment.
    Assign,
    /// This shard's worker has its assignment.
    AssignShard {
        /// The shard's index.
        shard: u32,
    },
    /// Every shard that [it is for](RunState::is_for) has this command.
    Command {
        /// Counts from 1, per run.
        sequence: i64,
        /// When it takes effect.
        at: Timestamp,
        /// What.
        action: Action,
    },
    /// Every shard's worker is free again.
    Release,
    /// This shard's worker is free again.
    ReleaseShard {
        /// The shard's index.
        shard: u32,
        /// Its attempt.
        attempt: u32,
    },
    /// The report is made and stored, then [`Event::ReportStored`] comes.
    MakeReport,
}

impl Effect {
    pub(super) fn is_command(&self) -> bool {
        matches!(self, Self::Command { .. })
    }
}

impl Event {
    /// What the event asks of a run, as a verb.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Wait { .. } => "wait for workers",
            Self::Start { .. } => "be started",
            Self::SetupFailed { .. } => "fail its setup",
            Self::ShardReady { .. } => "have a shard become ready",
            Self::ShardFinished { .. } => "have a shard finish",
            Self::ShardFailed { .. } => "have a shard fail",
            Self::WorkerLost { .. } => "lose a worker",
            Self::Stop { .. } => "be stopped",
            Self::Abort { .. } => "be aborted",
            Self::Adjust { adjustment, .. } => match adjustment {
                Adjustment::Level(_) => "have its load changed",
                Adjustment::Paused(true) => "be paused",
                Adjustment::Paused(false) => "be resumed",
            },
            Self::AbortShard { .. } => "have a shard aborted",
            Self::Replace { .. } => "have a worker replaced",
            Self::ScaleOut { .. } => "have a worker added",
            Self::Rebalance { .. } => "have its load split in another way",
            Self::Steady { .. } => "become steady",
            Self::StepMeasured { .. } => "have a step measured",
            Self::Breach { .. } => "be ended by a condition",
            Self::CommandLate { .. } => "have a command be late",
            Self::DeadlineReached => "reach a deadline",
            Self::ReportStored => "have its report stored",
            Self::ReportRemade => "have its report made anew",
            Self::ReportFailed { .. } => "have its report fail",
        }
    }
}

/// Another load for a run, from a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjustment {
    /// The load has this level; while it is paused, once it goes on.
    Level(Level),
    /// Whether nothing is due. A pause does not prolong the run: its phases end
    /// when they would have ended.
    Paused(bool),
}

/// The next state and what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The next state.
    pub state: RunState,
    /// In this order.
    pub effects: Vec<Effect>,
}

/// An event that makes no sense in a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a run in status {} and phase {} cannot {event}{}",
    .status.as_str(),
    .phase.map_or("-", Phase::as_str),
    .why.map_or(String::new(), |why| format!(": {why}"))
)]
pub struct Refused {
    /// The run's status.
    pub status: Status,
    /// The run's phase.
    pub phase: Option<Phase>,
    /// What was asked, as a verb.
    pub event: &'static str,
    /// What forbids it where the status does not.
    pub why: Option<&'static str>,
}
