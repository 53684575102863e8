//! What a target's own statistics say of a run: differences between three
//! instants, before the warmup, after it, and after the measurement.
//!
//! What was found at an instant is kept as a [`Piece`]; [`Evidence::of`] takes
//! the differences, whenever it is asked, so they can be taken again.

use serde::{Deserialize, Serialize};

mod activity;
mod difference;
mod snapshot;

pub use activity::{ActivityPoint, ActivitySample, ActivitySeries};
pub use snapshot::{
    Counters, Found, Piece, Place, RelationSize, Snapshot, Statements, WaitNow, WaitSample,
    WaitSum, Waits,
};

use crate::{
    lifecycle::{Phase, ProcessingStatus},
    time::Timestamp,
};

/// What is reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The state of the gathering, apart from the report's.
    pub status: ProcessingStatus,
    /// Why it was skipped or failed; empty otherwise.
    pub message: String,
    /// One for the warmup, if there was one, and one for the measurement.
    pub periods: Vec<Period>,
    /// What the target says of itself at the last instant: name, value.
    pub settings: Vec<(String, String)>,
    /// Parts that could not be had, each with its reason.
    pub skipped: Vec<String>,
}

/// The differences over one phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Period {
    /// Which.
    pub phase: Phase,
    /// The first instant.
    pub from: Timestamp,
    /// The second.
    pub to: Timestamp,
    /// Per operation, as the target counted it.
    pub statements: Vec<StatementFigures>,
    /// Figures of the whole database, by a stable name with its unit.
    pub counters: Vec<(String, f64)>,
    /// What sessions waited for, most first.
    pub waits: Vec<Wait>,
    /// Sizes.
    pub relations: Vec<Relation>,
}

/// One operation in the target's own statistics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatementFigures {
    /// The operation's name.
    pub operation: String,
    /// How often it was executed.
    pub calls: u64,
    /// The time it took at the target, microseconds.
    pub total_us: f64,
    /// Rows returned or changed.
    pub rows: u64,
    /// Pages found in the target's memory.
    pub pages_hit: u64,
    /// Pages read from the system.
    pub pages_read: u64,
}

/// What sessions waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// The kind in the target's words; "CPU" when not waiting.
    pub kind: String,
    /// What for; empty for CPU.
    pub event: String,
    /// Sessions in it, on average over the samples.
    pub sessions: f64,
    /// Its share of all samples, 0 to 1.
    pub share: f64,
}

/// Sizes of a table or an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Whether it is an index.
    pub index: bool,
    /// Its size at the end, bytes.
    pub bytes: u64,
    /// How much it grew, bytes.
    pub grown_bytes: i64,
}
