//! Kinds of statements, in terms of a table and its key.

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// One row by its key. Parameters: the key.
    PointLookup,
    /// Rows from a key on, in the order of the key. Parameters: the first key.
    RangeScan {
        /// At most this many rows.
        limit: u32,
    },
    /// A new row. Parameters: the key, then the columns.
    Insert,
    /// Changes one row by its key. Parameters: the columns, then the key.
    Update,
    /// The statement's own text. Parameters: `$1`, `$2`, …
    Sql,
}

/// Whether a statement changes data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It only reads.
    Read,
    /// It changes data.
    Write,
}

/// A statement that operations execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Name of the operation, for messages and for the comment in the SQL text.
    pub name: String,
    /// What it does.
    pub kind: StatementKind,
    /// Whether it changes data.
    pub class: Class,
    /// The table, or `schema.table`. Not used by [`StatementKind::Sql`].
    pub table: String,
    /// The column of the key. Not used by [`StatementKind::Sql`].
    pub key_column: String,
    /// Reads: the columns to select, all if empty. Insert: the columns beside the key. Update: the columns to set.
    pub columns: Vec<String>,
    /// The text of [`StatementKind::Sql`], with placeholders `$1`, `$2`, …
    pub sql: String,
}

impl Statement {
    /// How many parameters it takes.
    #[must_use]
    pub fn parameters(&self) -> usize {
        match self.kind {
            StatementKind::PointLookup | StatementKind::RangeScan { .. } => 1,
            StatementKind::Insert | StatementKind::Update => self.columns.len() + 1,
            StatementKind::Sql => crate::sql::placeholders(&self.sql),
        }
    }
}
