//! The life of a run: state is data, change is a pure function.
//!
//! [`RunState::on`] folds an event into the next state and the effects to
//! perform. Every active state has a deadline ([`RunState::deadline`]), so a run
//! always ends. Effects are idempotent: they say what must hold, and performing
//! one twice changes nothing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    id::WorkerId,
    search::Progress,
    template::{Level, Scaling, Search, Split, WorkerLossPolicy},
    time::{Timestamp, micros},
};

mod changes;
mod event;
mod step;
#[cfg(test)]
mod tests;
mod view;
mod words;

pub use event::{Adjustment, Change, Effect, Event, Refused};
pub use words::{Phase, ProcessingStatus, ShardStage, Status, StopReason};

/// How long before its instant a planned command is sent.
pub const LEAD: Duration = Duration::from_millis(200);
/// How long before its instant a stop asked for by a person is sent.
pub const STOP_LEAD: Duration = Duration::from_millis(50);
/// How long before its instant an adjustment asked for by a person is sent.
pub const ADJUST_LEAD: Duration = Duration::from_millis(50);
/// How long before its instant the next step of a search is sent.
pub const STEP_LEAD: Duration = Duration::from_millis(10);
/// The length of an interval: the windows of steps end with one.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// How long the figures of a step are waited for whose window ends with the
/// measurement.
pub const STEP_DELIVERY: Duration = Duration::from_secs(3);
/// How often the load of one run can be adjusted, and how often its shards can
/// be replaced, added or weighted anew.
pub const MOST_ADJUSTMENTS: u32 = 1_000;
/// How long, beyond the drain timeout, workers may take to deliver their last results.
pub const DELIVERY: Duration = Duration::from_secs(10);
/// How long the report of a short run may take; that of a long one takes the
/// longer, see [`RunState::deadline`].
pub const PROCESSING: Duration = Duration::from_mins(2);
/// The share of the time under load that the report may take beyond that.
const PROCESSING_SHARE: u32 = 20;

/// The durations and the policy that a run's life goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Load that does not count; zero for none.
    pub warmup: Duration,
    /// Whether the warmup ends as soon as the load is steady.
    pub until_steady: bool,
    /// Load that counts.
    pub measurement: Duration,
    /// How long operations in flight may take to end.
    pub drain: Duration,
    /// How long the workers may take to be ready.
    pub start: Duration,
    /// What happens when a worker is lost.
    pub worker_loss: WorkerLossPolicy,
    /// How long the run may wait for free workers.
    pub wait: Duration,
    /// The load at its start.
    pub level: Level,
    /// Looks for the highest level.
    pub search: Option<Search>,
    /// Whether workers are added.
    pub scaling: Scaling,
}

/// Where a run is in its life, with what is known there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// How often people adjusted the load. When and how is in the commands.
    #[serde(default)]
    pub adjustments: u32,
    /// When the last adjustment takes effect.
    #[serde(default)]
    pub adjusted: Option<Timestamp>,
    /// How often shards were replaced, added or weighted anew.
    #[serde(default)]
    pub reshaped: u32,
    /// When the newest command takes effect, stops aside; `None` before the
    /// first. None that follows takes effect earlier.
    #[serde(default)]
    pub commanded: Option<Timestamp>,
    /// The latest that a command is known to have been carried out after its
    /// instant, microseconds.
    #[serde(default)]
    pub command_lateness_us: i64,
    /// How the level is split over the shards.
    #[serde(default, skip_serializing_if = "Split::is_equal")]
    pub split: Split,
    /// How far the search is; `None` without one and before the measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Progress>,
    /// Whether the warmup ended because the load was steady; `None` when it is
    /// not over, or ends by time alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warmup_steady: Option<bool>,
}

/// The stages of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Created, not started.
    Prepared,
    /// Started; no worker is free yet.
    Waiting {
        /// Since when.
        since: Timestamp,
        /// Without workers by then the run fails.
        deadline: Timestamp,
    },
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
    /// Commands up to this one are not for the attempt; 0 unless it joined a
    /// run under way.
    #[serde(default)]
    pub joined_after: i64,
    /// By when a shard that joins must be ready, or one that was lost must be
    /// replaced; `None` otherwise.
    #[serde(default)]
    pub deadline: Option<Timestamp>,
}

impl ShardState {
    /// A first attempt, just given to a worker.
    #[must_use]
    pub fn assigned(worker: WorkerId) -> Self {
        Self {
            worker,
            attempt: 1,
            stage: ShardStage::Assigned,
            joined_after: 0,
            deadline: None,
        }
    }

    /// Whether its worker was lost and another may take it over until the
    /// deadline: the run then takes [`Event::Replace`].
    #[must_use]
    pub fn is_vacant(&self) -> bool {
        !self.stage.is_live() && self.deadline.is_some()
    }

    /// Whether it connects while the run is under load.
    #[must_use]
    pub fn is_joining(&self) -> bool {
        self.stage.is_live() && self.deadline.is_some()
    }

    /// Whether it connects while the run is under load, and is no replacement:
    /// the run can do without it.
    #[must_use]
    pub fn is_added(&self) -> bool {
        self.is_joining() && self.attempt == 1
    }

    /// Whether it has work to do or will have.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.stage.is_live() || self.is_vacant()
    }
}

/// A level and how it is split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aim {
    /// Over all shards.
    #[serde(flatten)]
    pub level: Level,
    /// How it is split.
    #[serde(default, skip_serializing_if = "Split::is_equal")]
    pub split: Split,
}

impl From<Level> for Aim {
    /// In equal parts.
    fn from(level: Level) -> Self {
        Self {
            level,
            split: Split::default(),
        }
    }
}

/// The next level of a search: operations due in the window belong to the step,
/// those before and after it to none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPlan {
    /// Counts from 1.
    pub step: u32,
    /// In force from the command's instant on.
    pub aim: Aim,
    /// From there to the start of the window, microseconds.
    pub settle_us: i64,
    /// The length of the window, microseconds.
    pub window_us: i64,
}

/// What a command makes a worker do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Begin the load, in this phase. An attempt that is under load passes it
    /// over: it is for one that joins.
    Start(Phase),
    /// Operations due from then on belong to this phase.
    SetPhase(Phase),
    /// The load has this level from then on; while it is paused, once it goes on.
    SetTarget(Aim),
    /// The next level of a search.
    Step(StepPlan),
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
            reshaped: 0,
            commanded: None,
            command_lateness_us: 0,
            split: Split::default(),
            search: None,
            warmup_steady: None,
        }
    }
}
