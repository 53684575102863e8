//! Single operations kept as examples: the slowest, the first failures, a fair draw.

use serde::{Deserialize, Serialize};

use crate::{interval::ErrorClass, lifecycle::Phase, session::AttemptRef, time::Timestamp};

/// Why an operation was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SampleKind {
    /// Among the slowest of its operation.
    Slowest,
    /// Among the first failures of its operation, class and code.
    FirstError,
    /// Drawn at random: every operation is equally likely.
    Reservoir,
}

impl SampleKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Slowest, Self::FirstError, Self::Reservoir];

    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slowest => "SLOWEST",
            Self::FirstError => "FIRST_ERROR",
            Self::Reservoir => "RESERVOIR",
        }
    }

    /// The kind of a stable word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Why an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampledError {
    /// What kind of failure.
    pub class: ErrorClass,
    /// The database's own code; may be empty.
    pub code: String,
    /// The message, shortened to 1,000 characters.
    pub message: String,
}

/// One operation that was kept as an example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationSample {
    /// Who sent it.
    pub attempt: AttemptRef,
    /// The operation's place in the template.
    pub operation: u32,
    /// The phase it was due in.
    pub phase: Phase,
    /// Why it was kept.
    pub kind: SampleKind,
    /// The operation's index in the run's work: with the seed it gives the parameters.
    pub index: u64,
    /// When it was due, by the worker's corrected clock.
    pub due: Timestamp,
    /// From due to end, nanoseconds.
    pub response_ns: u64,
    /// From sent to end, nanoseconds.
    pub service_ns: u64,
    /// From due to sent, nanoseconds.
    pub lag_ns: u64,
    /// Rows read or written.
    pub rows: u64,
    /// Why it failed; `None` when it succeeded.
    pub error: Option<SampledError>,
    /// Its parameters as text, shortened to 1,000 characters.
    pub parameters: String,
}
