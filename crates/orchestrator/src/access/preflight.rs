//! What can be known of a benchmark's operations before any of them runs.

use gauntlet_model::time::Timestamp;

use super::TableKind;

/// What a target says about the operations of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreflightFacts {
    /// The database's own version text.
    pub version: String,
    /// Whether writes are refused.
    pub read_only: bool,
    /// Connections that this login can still open; `None` where the database
    /// does not limit them.
    pub connections_free: Option<u32>,
    /// The tables that the operations name, in their order, then those that only
    /// their plans name.
    pub tables: Vec<TableFacts>,
    /// One for each operation, in their order.
    pub operations: Vec<OperationFacts>,
}

/// What is known of a table that operations work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFacts {
    /// The table, as the operation names it, or as the plan does.
    pub table: String,
    /// What it is; `None` if it is not there.
    pub kind: Option<TableKind>,
    /// Tables with a name like it; only where it is not there.
    pub near: Vec<String>,
    /// The database's own estimate of its rows; `None` until it has one.
    pub rows_estimate: Option<u64>,
    /// Whether the planner has statistics of it.
    pub has_statistics: bool,
    /// When they were gathered last; `None` if never or not noted (SQLite).
    pub analyzed: Option<Timestamp>,
    /// Rows changed since then; `None` where that is not counted.
    pub modified_since_analyze: Option<u64>,
}

impl TableFacts {
    /// Whether the table is there.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.kind.is_some()
    }
}

/// What is known of an operation: its plan, without executing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationFacts {
    /// Its position in the template, from 0.
    pub operation: usize,
    /// Why the target does not take it, in one sentence; `None` if it does.
    pub problem: Option<String>,
    /// How the database will execute it, in the database's words, for any value
    /// of the parameters; `None` if it does not plan such a statement, empty if
    /// there is nothing to search for (an INSERT on SQLite).
    pub plan: Option<String>,
    /// Whether the plan uses an index or a key.
    pub uses_index: bool,
    /// The tables of which the plan reads every row.
    pub scans: Vec<String>,
}
