//! The life of a run: state is data, change is a pure function.
//!
//! [`RunState::on`] folds an event into the next state and the effects to
//! perform. Every state has one deadline ([`RunState::deadline`]), so a run
//! always ends. Effects are idempotent: they say what must hold, and performing
//! one twice changes nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    id::WorkerId,
    template::WorkerLossPolicy,
    time::{Timestamp, micros},
};

mod step;
#[cfg(test)]
mod tests;
mod words;

pub use words::{Phase, ProcessingStatus, ShardStage, Status, StopReason};

/// How long before its instant a planned command is sent.
pub const LEAD: Duration = Duration::from_millis(200);
/// How long before its instant a stop asked for by a person is sent.
pub const STOP_LEAD: Duration = Duration::from_millis(50);
/// How long, beyond the drain timeout, workers may take to deliver their last results.
pub const DELIVERY: Duration = Duration::from_secs(10);
/// How long the report may take.
pub const PROCESSING: Duration = Duration::from_mins(2);

/// The durations and the policy that a run's life goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Load that does not count; zero for none.
    pub warmup: Duration,
    /// Load that counts.
    pub measurement: Duration,
    /// How long operations in flight may take to end.
    pub drain: Duration,
    /// How long the workers may take to be ready.
    pub start: Duration,
    /// What happens when a worker is lost.
    pub worker_loss: WorkerLossPolicy,
}

/// Where a run is in its life, with what is known there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// The stage.
    pub stage: Stage,
    /// The shards, by index; empty before the start.
    pub shards: Vec<ShardState>,
    /// The number of commands given so far.
    pub commands: i64,
    /// When the load began at the workers; `None` before the barrier.
    pub load_started: Option<Timestamp>,
}

/// The stages of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Created, not started.
    Prepared,
    /// Workers connect to the target; the barrier is not yet passed.
    Starting {
        /// Since when.
        since: Timestamp,
        /// Who is not ready by then fails the run.
        deadline: Timestamp,
    },
    /// Load that does not count.
    Warmup {
        /// When it begins at the workers.
        since: Timestamp,
        /// When it ends.
        ends: Timestamp,
    },
    /// Load that counts.
    Measurement {
        /// When it begins at the workers.
        since: Timestamp,
        /// When it ends.
        ends: Timestamp,
    },
    /// Nothing new is due; what is in flight ends and is delivered.
    Cooldown {
        /// When the last operation was due.
        since: Timestamp,
        /// Who has not delivered by then is lost.
        deadline: Timestamp,
        /// What was measured; `None` when the measurement never began.
        measured: Option<Window>,
        /// Why the load ended.
        end: End,
    },
    /// The report is being made.
    Processing {
        /// Since when.
        since: Timestamp,
        /// What was measured.
        measured: Option<Window>,
        /// Why the load ended.
        end: End,
    },
    /// Over.
    Done {
        /// When it ended.
        at: Timestamp,
        /// What was measured.
        measured: Option<Window>,
        /// Why it ended.
        end: End,
        /// What became of the report.
        processing: ProcessingStatus,
    },
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

impl Window {
    /// How long it lasts.
    #[must_use]
    pub fn length(self) -> Duration {
        self.to.since(self.from)
    }
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// The reason.
    pub reason: StopReason,
    /// In words.
    pub message: String,
}

/// One shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardState {
    /// The worker of its newest attempt.
    pub worker: WorkerId,
    /// The number of its newest attempt.
    pub attempt: u32,
    /// The state of that attempt.
    pub stage: ShardStage,
}

/// What can happen to a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
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
    /// The state's deadline has come.
    DeadlineReached,
    /// The report is stored.
    ReportStored,
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
    /// Every live shard has this command.
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
    /// The report is made and stored, then [`Event::ReportStored`] comes.
    MakeReport,
}

/// What a command makes a worker do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Begin the load, in this phase.
    Start(Phase),
    /// Operations due from then on belong to this phase.
    SetPhase(Phase),
    /// End the load; what is in flight may take this many microseconds.
    Stop {
        /// Zero cuts at once.
        drain_us: i64,
    },
}

impl Action {
    /// A stop with a drain timeout.
    #[must_use]
    pub fn stop(drain: Duration) -> Self {
        Self::Stop {
            drain_us: micros(drain),
        }
    }
}

/// The next state and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The next state.
    pub state: RunState,
    /// In this order.
    pub effects: Vec<Effect>,
}

/// An event that makes no sense in a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a run in status {} and phase {} cannot {event}", .status.as_str(), .phase.map_or("-", Phase::as_str))]
pub struct Refused {
    /// The run's status.
    pub status: Status,
    /// The run's phase.
    pub phase: Option<Phase>,
    /// What was asked, as a verb.
    pub event: &'static str,
}

impl RunState {
    /// A new run's state.
    #[must_use]
    pub fn prepared() -> Self {
        Self {
            stage: Stage::Prepared,
            shards: Vec::new(),
            commands: 0,
            load_started: None,
        }
    }

    /// Where the run is, in one word.
    #[must_use]
    pub fn status(&self) -> Status {
        match &self.stage {
            Stage::Prepared => Status::Prepared,
            Stage::Starting { .. } => Status::Starting,
            Stage::Warmup { .. } | Stage::Measurement { .. } => Status::Running,
            Stage::Cooldown { end, .. } | Stage::Processing { end, .. } => {
                if end.reason.outcome() == Status::Cancelled {
                    Status::Cancelling
                } else {
                    Status::Stopping
                }
            }
            Stage::Done { end, .. } => end.reason.outcome(),
        }
    }

    /// What the load does; `None` before the start.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        match &self.stage {
            Stage::Prepared => None,
            Stage::Starting { .. } => Some(Phase::Preparing),
            Stage::Warmup { .. } => Some(Phase::Warmup),
            Stage::Measurement { .. } => Some(Phase::Measurement),
            Stage::Cooldown { .. } => Some(Phase::Cooldown),
            Stage::Processing { .. } => Some(Phase::Processing),
            Stage::Done { .. } => Some(Phase::Done),
        }
    }

    /// When the phase began.
    #[must_use]
    pub fn phase_started(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Prepared => None,
            Stage::Starting { since, .. }
            | Stage::Warmup { since, .. }
            | Stage::Measurement { since, .. }
            | Stage::Cooldown { since, .. }
            | Stage::Processing { since, .. } => Some(*since),
            Stage::Done { at, .. } => Some(*at),
        }
    }

    /// When the phase will end by itself; `None` where that is not known.
    #[must_use]
    pub fn phase_ends(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Warmup { ends, .. } | Stage::Measurement { ends, .. } => Some(*ends),
            _ => None,
        }
    }

    /// When [`Event::DeadlineReached`] is to be sent; `None` where a run may
    /// stay for ever. A phase's next command goes out [`LEAD`] ahead of its end.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Prepared | Stage::Done { .. } => None,
            Stage::Starting { deadline, .. } | Stage::Cooldown { deadline, .. } => Some(*deadline),
            Stage::Warmup { ends, .. } | Stage::Measurement { ends, .. } => Some(ends.before(LEAD)),
            Stage::Processing { since, .. } => Some(*since + PROCESSING),
        }
    }

    /// Why the load ended; `None` before it did.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        match &self.stage {
            Stage::Cooldown { end, .. }
            | Stage::Processing { end, .. }
            | Stage::Done { end, .. } => Some(end),
            _ => None,
        }
    }

    /// What was measured; `None` before the measurement ended.
    #[must_use]
    pub fn measured(&self) -> Option<Window> {
        match &self.stage {
            Stage::Cooldown { measured, .. }
            | Stage::Processing { measured, .. }
            | Stage::Done { measured, .. } => *measured,
            _ => None,
        }
    }

    /// The state of the report.
    #[must_use]
    pub fn processing(&self) -> ProcessingStatus {
        match &self.stage {
            Stage::Processing { .. } => ProcessingStatus::Running,
            Stage::Done { processing, .. } => *processing,
            _ => ProcessingStatus::Pending,
        }
    }
}

impl Event {
    /// What the event asks of a run, as a verb.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Start { .. } => "be started",
            Self::SetupFailed { .. } => "fail its setup",
            Self::ShardReady { .. } => "have a shard become ready",
            Self::ShardFinished { .. } => "have a shard finish",
            Self::ShardFailed { .. } => "have a shard fail",
            Self::WorkerLost { .. } => "lose a worker",
            Self::Stop { .. } => "be stopped",
            Self::Abort { .. } => "be aborted",
            Self::DeadlineReached => "reach a deadline",
            Self::ReportStored => "have its report stored",
            Self::ReportFailed { .. } => "have its report fail",
        }
    }
}
