//! The words for where a run, a phase, an attempt and a report are, and why a
//! run ended. Each is stored and sent by its stable word.

use serde::{Deserialize, Serialize};

/// Why a run ends; the greater wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StopReason {
    /// The measurement lasted as long as planned.
    DurationElapsed,
    /// A search found what it looked for, or cannot find it.
    SearchFinished,
    /// More workers were needed than scaling allows.
    BoundReached,
    /// An objective that ends the run was not met.
    SloAbort,
    /// A guardrail was crossed.
    Guardrail,
    /// A person asked for a stop.
    UserStop,
    /// A worker was lost and the policy says fail, or none was left.
    WorkerLost,
    /// A worker, the target or the control plane could not do its part.
    SetupError,
    /// A person asked for an abort.
    UserAbort,
}

impl StopReason {
    /// The status that a run which ends for this reason has in the end.
    #[must_use]
    pub fn outcome(self) -> Status {
        match self {
            Self::DurationElapsed | Self::SearchFinished => Status::Completed,
            Self::BoundReached | Self::SloAbort | Self::Guardrail => Status::Stopped,
            Self::UserStop | Self::UserAbort => Status::Cancelled,
            Self::WorkerLost | Self::SetupError => Status::Failed,
        }
    }
}

/// Where a run is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Created, not started.
    Prepared,
    /// Workers are connecting to the target.
    Starting,
    /// Under load.
    Running,
    /// Draining and processing.
    Stopping,
    /// A person ended it; draining and processing.
    Cancelling,
    /// Ended as planned.
    Completed,
    /// Ended by a bound, a guardrail or an abort condition.
    Stopped,
    /// Ended by a person.
    Cancelled,
    /// Ended by an error.
    Failed,
}

impl Status {
    /// All statuses.
    pub const ALL: [Self; 9] = [
        Self::Prepared,
        Self::Starting,
        Self::Running,
        Self::Stopping,
        Self::Cancelling,
        Self::Completed,
        Self::Stopped,
        Self::Cancelled,
        Self::Failed,
    ];

    /// Whether it never changes again.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Stopped | Self::Cancelled | Self::Failed
        )
    }

    /// Whether the run has a task, workers or load.
    #[must_use]
    pub fn is_active(self) -> bool {
        !self.is_terminal() && self != Self::Prepared
    }

    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prepared => "PREPARED",
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Stopping => "STOPPING",
            Self::Cancelling => "CANCELLING",
            Self::Completed => "COMPLETED",
            Self::Stopped => "STOPPED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }
}

/// What the load does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Phase {
    /// Workers are connecting to the target.
    Preparing,
    /// Load that does not count.
    Warmup,
    /// Load that counts.
    Measurement,
    /// Nothing new is due.
    Cooldown,
    /// The report is being made.
    Processing,
    /// Over.
    Done,
}

impl Phase {
    /// All phases, in their order.
    pub const ALL: [Self; 6] = [
        Self::Preparing,
        Self::Warmup,
        Self::Measurement,
        Self::Cooldown,
        Self::Processing,
        Self::Done,
    ];

    /// Whether operations are due in it.
    #[must_use]
    pub fn is_load(self) -> bool {
        matches!(self, Self::Warmup | Self::Measurement)
    }

    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "PREPARING",
            Self::Warmup => "WARMUP",
            Self::Measurement => "MEASUREMENT",
            Self::Cooldown => "COOLDOWN",
            Self::Processing => "PROCESSING",
            Self::Done => "DONE",
        }
    }

    /// The phase of a stable word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.as_str() == word)
    }
}

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProcessingStatus {
    /// Not begun.
    Pending,
    /// Being made.
    Running,
    /// There.
    Completed,
    /// Could not be made.
    Failed,
    /// No load was sent, so there is nothing to report.
    Skipped,
}

/// The states of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ShardStage {
    /// Given to a worker.
    Assigned,
    /// Connections open, statements prepared.
    Ready,
    /// Under load.
    Running,
    /// Ended with all its results delivered.
    Finished,
    /// Ended by an error that the worker reported.
    Failed,
    /// The worker went away.
    Lost,
}

impl ShardStage {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Assigned,
        Self::Ready,
        Self::Running,
        Self::Finished,
        Self::Failed,
        Self::Lost,
    ];

    /// Whether the attempt still has something to do.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Assigned | Self::Ready | Self::Running)
    }

    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "ASSIGNED",
            Self::Ready => "READY",
            Self::Running => "RUNNING",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Lost => "LOST",
        }
    }

    /// The state of a stable word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }
}
