//! What a target says of itself, its tables and a benchmark's operations, in terms that all databases share.

/// What a target can do and how it is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// What the target says of itself, for example `PostgreSQL 15.18`.
    pub version: String,
    /// What a benchmark can make use of, present or not.
    pub features: Vec<Feature>,
    /// The settings that decide about performance, as the sessions of a load find them.
    pub settings: Vec<Setting>,
    /// Connections that the server allows, reserved ones included; `None` where they are not counted.
    pub max_connections: Option<u32>,
    /// Connections open to the server now, the asking one aside.
    pub connections_in_use: Option<u32>,
    /// Whether writes are refused.
    pub read_only: bool,
}

/// Something that a target has or lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// The database's own name for it.
    pub name: String,
    /// Whether it can be used.
    pub status: FeatureStatus,
    /// What it is good for, or what to do to get it.
    pub note: String,
}

/// Whether a feature can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureStatus {
    /// It can.
    Available,
    /// It is not there, or switched off.
    Missing,
    /// It is there, but not for the role that logs in.
    NotPermitted,
}

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The database's own name for it.
    pub name: String,
    /// Its value; sizes in bytes where the unit says so.
    pub value: String,
    /// The unit of the value.
    pub unit: Option<String>,
}

/// A table, or what can be read like one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogTable {
    /// Its schema; `main` on SQLite.
    pub schema: String,
    /// Its name, as it is, not quoted.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// The database's own estimate of its rows.
    pub rows_estimate: Option<u64>,
    /// Bytes on disk with its indexes, where that is cheap to know.
    pub bytes: Option<u64>,
    /// The columns in their order.
    pub columns: Vec<CatalogColumn>,
    /// The indexes, by name.
    pub indexes: Vec<CatalogIndex>,
    /// When its statistics were gathered last, microseconds since the Unix epoch.
    pub analyzed_us: Option<i64>,
}

impl CatalogTable {
    /// How a statement names the table: `schema.name`, a part in double quotes where it would be read differently without.
    #[must_use]
    pub fn path(&self) -> String {
        crate::name::TableName::new(&self.schema, &self.name).text()
    }
}

/// What a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// A table of an SQLite module.
    Virtual,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogColumn {
    /// Its name.
    pub name: String,
    /// Its type as the database writes it; empty if it has none.
    pub type_name: String,
    /// Whether it can be NULL.
    pub nullable: bool,
    /// Its position in the primary key, from 1.
    pub primary_key_position: Option<u32>,
    /// Whether an index over all rows begins with it.
    pub indexed: bool,
}

/// An index of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogIndex {
    /// Its name.
    pub name: String,
    /// The key columns in the order of the key; an expression as the database writes it, `(expression)` on SQLite.
    pub columns: Vec<String>,
    /// Whether it forbids equal keys.
    pub unique: bool,
    /// Whether it belongs to the primary key.
    pub primary: bool,
    /// Whether it holds only the rows that meet a condition.
    pub partial: bool,
}

/// What is in a table.
#[derive(Debug, Clone, PartialEq)]
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
    /// Whether the database's own statistics were taken where it has them.
    pub from_statistics: bool,
}

/// Which rows a sample took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleMethod {
    /// All rows.
    All,
    /// Rows spread over the whole table by chance.
    Spread,
    /// The first rows that the database gave.
    FirstRows,
}

/// What is in a column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnProfile {
    /// Its name.
    pub name: String,
    /// Its type as the database writes it.
    pub type_name: String,
    /// The share of NULLs, 0 to 1.
    pub nulls_ratio: f64,
    /// How many different values it has, NULL aside.
    pub distinct_estimate: Option<u64>,
    /// The smallest value, as text.
    pub min: Option<String>,
    /// The largest value, as text.
    pub max: Option<String>,
    /// Whether smallest and largest are those of all rows.
    pub range_exact: bool,
    /// Mean stored size of a value that is not NULL, bytes.
    pub average_bytes: Option<f64>,
    /// The commonest values, each with its share of all rows; values seen once are not common.
    pub common: Vec<(String, f64)>,
}

/// What a target says about the statements of a benchmark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreflightFacts {
    /// What the target says of itself.
    pub version: String,
    /// Whether writes are refused.
    pub read_only: bool,
    /// Connections that this login can still open; `None` where they are not limited.
    pub connections_free: Option<u32>,
    /// The tables that statements name, in their order, then those that only their plans name.
    pub tables: Vec<TableFacts>,
    /// One for each statement.
    pub operations: Vec<OperationFacts>,
}

/// What is known of a table that statements work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFacts {
    /// The table, as the statement names it, or as the plan does.
    pub table: String,
    /// What it is; `None` if it is not there.
    pub kind: Option<TableKind>,
    /// Tables with a name like it, where it is not there.
    pub near: Vec<String>,
    /// The database's own estimate of its rows.
    pub rows_estimate: Option<u64>,
    /// Whether the planner has statistics of it.
    pub has_statistics: bool,
    /// When they were gathered last, microseconds since the Unix epoch.
    pub analyzed_us: Option<i64>,
    /// Rows changed since then, where that is counted.
    pub modified_since_analyze: Option<u64>,
}

impl TableFacts {
    /// A table that is not there.
    pub(crate) fn missing(table: &str, near: Vec<String>) -> Self {
        Self {
            table: table.to_owned(),
            kind: None,
            near,
            rows_estimate: None,
            has_statistics: false,
            analyzed_us: None,
            modified_since_analyze: None,
        }
    }
}

/// What is known of a statement: its plan, without executing it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperationFacts {
    /// Why the target does not take it, in one sentence.
    pub problem: Option<String>,
    /// How the database will execute it, in its words; `None` if it does not plan such a statement.
    pub plan: Option<String>,
    /// Whether the plan uses an index or a key.
    pub uses_index: bool,
    /// The tables of which the plan reads every row.
    pub scans: Vec<String>,
}
