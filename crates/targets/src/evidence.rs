//! What a target's own statistics say, in terms that all databases share.

use crate::facts::Setting;

/// A target's own statistics at one instant. Counters grow from there on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistics {
    /// What the target says of itself.
    pub version: String,
    /// Figures that only grow, by where they come from.
    pub counters: Vec<Counters>,
    /// Figures that may fall too: name with unit, value.
    pub levels: Vec<(String, f64)>,
    /// The statements asked about; `None` when the target does not count them.
    pub statements: Option<StatementCounts>,
    /// The tables of the statements, and their indexes.
    pub relations: Vec<RelationSize>,
    /// The settings that decide about performance.
    pub settings: Vec<Setting>,
    /// Parts that could not be had, each with its reason and what to do.
    pub skipped: Vec<String>,
}

/// Counters that are set back together.
#[derive(Debug, Clone, PartialEq)]
pub struct Counters {
    /// Where they come from, in the target's words.
    pub source: String,
    /// When they were set back last, microseconds since the Unix epoch; `None` if never or not known.
    pub reset_us: Option<i64>,
    /// Name with unit, value.
    pub values: Vec<(String, f64)>,
}

/// Statements as the target counts them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatementCounts {
    /// When they were set back last, microseconds since the Unix epoch; `None` if never or not known.
    pub reset_us: Option<i64>,
    /// How many statements the target has forgotten for want of room.
    pub forgotten: u64,
    /// Those that were executed. Statements that the target cannot tell apart are one, their names joined with ` + `.
    pub figures: Vec<StatementFigures>,
}

/// What the target counted of one statement.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StatementFigures {
    /// The statement's name.
    pub name: String,
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

/// The size of a table or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationSize {
    /// The table as the statement names it, or the index with its schema.
    pub name: String,
    /// Whether it is an index.
    pub index: bool,
    /// Its size, bytes.
    pub bytes: u64,
}

/// What the sessions of an application do at one instant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sessions {
    /// All of them, those that do nothing included.
    pub sessions: u32,
    /// Those at work, by what they wait for.
    pub waits: Vec<SessionWait>,
}

/// Sessions that wait for the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionWait {
    /// The kind in the target's words; `CPU` when not waiting.
    pub kind: String,
    /// What for; empty for CPU.
    pub event: String,
    /// How many.
    pub sessions: u32,
    /// Whether they queue for something that another session holds.
    pub queued: bool,
}
