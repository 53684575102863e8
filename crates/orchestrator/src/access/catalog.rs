//! The tables of a target, and what is in them.

use gauntlet_model::time::Timestamp;

/// A table, or what can be read like one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogTable {
    /// Its schema; `main` on SQLite.
    pub schema: String,
    /// Its name, as it is, not quoted.
    pub name: String,
    /// How to name it in a template: `schema.name`, with the parts in double
    /// quotes where they would be read differently without.
    pub path: String,
    /// What it is.
    pub kind: TableKind,
    /// The database's own estimate of its rows; `None` until it has one.
    pub rows_estimate: Option<u64>,
    /// Bytes on disk with its indexes; `None` where that is not known or not
    /// cheap to know.
    pub bytes: Option<u64>,
    /// The columns in their order.
    pub columns: Vec<CatalogColumn>,
    /// The indexes, by name.
    pub indexes: Vec<CatalogIndex>,
    /// When its statistics were gathered last; `None` if never, or if the
    /// database does not note it (SQLite).
    pub analyzed: Option<Timestamp>,
}

/// What a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// An ordinary table.
    Table,
    /// A view.
    View,
    /// A view with stored rows.
    MaterializedView,
    /// A table on another server.
    Foreign,
    /// A table whose rows are in its partitions.
    Partitioned,
    /// A table of an SQLite module, like FTS5.
    Virtual,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogColumn {
    /// Its name.
    pub name: String,
    /// Its type as the database writes it; empty if it has none (SQLite).
    pub type_name: String,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// Its position in the primary key, from 1.
    pub primary_key_position: Option<u32>,
    /// Whether rows are found by it alone: an index over all rows begins with it.
    pub indexed: bool,
}

/// An index of a table. SQLite's rowid has none: its column is only `indexed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogIndex {
    /// Its name.
    pub name: String,
    /// The key columns in the order of the key; an expression as the database
    /// writes it, `(expression)` on SQLite.
    pub columns: Vec<String>,
    /// Whether it forbids equal keys.
    pub unique: bool,
    /// Whether it belongs to the primary key.
    pub primary: bool,
    /// Whether it holds only the rows that meet a condition.
    pub partial: bool,
}

/// What is in a table, from a bounded sample and the database's statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct TableProfile {
    /// The table itself.
    pub table: CatalogTable,
    /// Its rows.
    pub rows: u64,
    /// Whether they were counted; an estimate otherwise.
    pub rows_exact: bool,
    /// The columns in their order.
    pub columns: Vec<ColumnProfile>,
    /// Rows that were read for it.
    pub sampled_rows: u64,
    /// Which rows these were.
    pub sample: SampleMethod,
    /// Whether ratios, distinct and common values are those of the database's
    /// own statistics where it has them (PostgreSQL, freshly analysed).
    pub from_statistics: bool,
}

/// Which rows a sample took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleMethod {
    /// All rows.
    All,
    /// Rows spread over the whole table by chance: pages on PostgreSQL, keys on
    /// SQLite, where a row behind a gap in the keys is likelier than others.
    Spread,
    /// The first rows that the database gave: a view, or a table without a key
    /// to probe.
    FirstRows,
}

/// What is in a column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// Its type as the database writes it.
    pub type_name: String,
    /// The share of NULLs, 0 to 1; 0 for an empty table.
    pub nulls_ratio: f64,
    /// How many different values it has, NULL aside; `None` if nothing was seen.
    pub distinct_estimate: Option<u64>,
    /// The smallest value, as text of at most 200 letters; `None` if nothing was seen.
    pub min: Option<String>,
    /// The largest value, as text of at most 200 letters; `None` if nothing was seen.
    pub max: Option<String>,
    /// Whether smallest and largest were looked up in an index, or all rows were
    /// read; of the sample otherwise.
    pub range_exact: bool,
    /// Mean stored size of a value that is not NULL, bytes.
    pub average_bytes: Option<f64>,
    /// The commonest values, at most ten, each with its share of all rows, 0 to
    /// 1; values seen once are not common.
    pub common: Vec<(String, f64)>,
}
