//! Named lists of values that operations draw their parameters from.

use serde::{Deserialize, Serialize};

use crate::{
    id::{Name, Project},
    time::Timestamp,
};

/// The most values of a pool.
pub const MOST_VALUES: usize = 100_000;
/// The most bytes of all values of a pool together.
pub const MOST_BYTES: usize = 8 << 20;

/// A value pool. Immutable: a new content is a new pool, so that a template
/// version means the same work for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValuePool {
    /// The project it belongs to.
    pub project: Project,
    /// Unique in its project.
    pub name: Name,
    /// Where the values come from.
    pub source: Source,
    /// The values, `None` for SQL NULL. Empty in lists.
    pub values: Vec<Option<String>>,
    /// How many values there are, also where they are left out.
    pub count: u32,
    /// When it was made.
    pub created: Timestamp,
}

/// Where a pool's values come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The caller gave them.
    Given,
    /// Drawn from a column of a target's table.
    Column {
        /// The target, in the pool's project.
        target: Name,
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The seed of the draw.
        seed: u64,
    },
}
