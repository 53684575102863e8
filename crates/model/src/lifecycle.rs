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
    template::{Level, WorkerLossPolicy},
    time::{Timestamp, micros},
};

mod changes;
mod event;
mod step;
#[cfg(test)]
mod tests;
mod words;

pub use event::{Adjustment, Change, Effect, Event, Refused};
pub use words::{Phase, ProcessingStatus, ShardStage, Status, StopReason};

/// How long before its instant a planned command is sent.
pub const LEAD: Duration = Duration::from_millis(200);
/// How long before its instant a stop asked for by a person is sent.
pub const STOP_LEAD: Duration = Duration::from_millis(50);
/// How long before its instant an adjustment asked for by a person is sent.
pub const ADJUST_LEAD: Duration = Duration::from_millis(50);
/// How often the load of one run can be adjusted.
pub const MOST_ADJUSTMENTS: u32 = 1_000;
/// How long, beyond the drain timeout, workers may take to deliver their last results.
pub const DELIVERY: Duration = Duration::from_secs(10);
/// How long the report of a short run may take; that of a long one takes the
/// longer, see [`RunState::deadline`].
pub const PROCESSING: Duration = Duration::from_mins(2);
/// The share of the time under load that the report may take beyond that.
const PROCESSING_SHARE: u32 = 20;

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
    /// The level that was asked for last; `None` while it is the template's.
    #[serde(default)]
    pub level: Option<Level>,
    /// Whether nothing is due for now.
    #[serde(default)]
    pub paused: bool,
    /// How often the load was adjusted. When and how is in the commands.
    #[serde(default)]
    pub adjustments: u32,
    /// When the last adjustment takes effect.
    #[serde(default)]
    pub adjusted: Option<Timestamp>,
    /// The latest that a command is known to have been carried out after its
    /// instant, microseconds.
    #[serde(default)]
    pub command_lateness_us: i64,
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

/// What a command makes a worker do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Begin the load, in this phase.
    Start(Phase),
    /// Operations due from then on belong to this phase.
    SetPhase(Phase),
    /// The load has this level from then on; while it is paused, once it goes on.
    SetTarget(Level),
    /// Nothing is due from then on.
    Pause,
    /// The load goes on.
    Resume,
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

impl RunState {
    /// A new run's state.
    #[must_use]
    pub fn prepared() -> Self {
        Self {
            stage: Stage::Prepared,
            shards: Vec::new(),
            commands: 0,
            load_started: None,
            level: None,
            paused: false,
            adjustments: 0,
            adjusted: None,
            command_lateness_us: 0,
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
    /// stay for ever. A phase's next command goes out [`LEAD`] ahead of its end. A
    /// report is made from every second under load, so it may take a twentieth of it.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Prepared | Stage::Done { .. } => None,
            Stage::Starting { deadline, .. } | Stage::Cooldown { deadline, .. } => Some(*deadline),
            Stage::Warmup { ends, .. } | Stage::Measurement { ends, .. } => Some(ends.before(LEAD)),
            Stage::Processing { since, .. } => {
                let began = self.load_started.unwrap_or(*since);
                Some(*since + PROCESSING + since.since(began) / PROCESSING_SHARE)
            }
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
