//! A template's operations in the words of the target drivers: for a shard that
//! is about to run them, and for the check before a run starts.

use gauntlet_model::template::{self, Spec};
use gauntlet_targets::{Class, Statement, StatementKind};

/// One statement per operation, in the template's order.
#[must_use]
pub fn statements(spec: &Spec) -> Vec<Statement> {
    spec.operations.iter().map(statement).collect()
}

fn statement(operation: &template::Operation) -> Statement {
    use template::Statement as S;
    let class = match operation.statement.class() {
        template::Class::Read => Class::Read,
        template::Class::Write => Class::Write,
    };
    let (table, key) = operation.statement.table_and_key().unwrap_or_default();
    let (kind, columns, sql) = match &operation.statement {
        S::PointLookup { columns, .. } => (StatementKind::PointLookup, columns.clone(), ""),
        S::RangeScan { columns, limit, .. } => {
            let kind = StatementKind::RangeScan { limit: *limit };
            (kind, columns.clone(), "")
        }
        S::Insert { columns, .. } => (StatementKind::Insert, columns.clone(), ""),
        S::Update { columns, .. } => (StatementKind::Update, columns.clone(), ""),
        S::Sql { text, .. } => (StatementKind::Sql, Vec::new(), text.as_str()),
    };
    Statement {
        name: operation.name.to_string(),
        kind,
        class,
        table: table.to_owned(),
        key_column: key.to_owned(),
        columns,
        sql: sql.to_owned(),
    }
}
