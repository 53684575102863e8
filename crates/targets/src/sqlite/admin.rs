//! Questions to an SQLite database, each on a thread that may block, with an interrupt when the time is up.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::{BUSY_WITHIN, catalog, open, target_error};
use crate::access::{ANSWER_WITHIN, COUNT_WITHIN, Column, TableDescription, Tested};
use crate::error::TargetError;
use crate::name::TableName;
use crate::sql::{Dialect, quoted, quoted_path, sql_text};
use crate::statement::{Statement, StatementKind};

/// Asks on a thread of its own; a question that takes too long is interrupted.
pub(super) async fn ask<A: Send + 'static>(
    path: &Path,
    within: Duration,
    question: impl FnOnce(&Connection, &Path) -> Result<A, TargetError> + Send + 'static,
) -> Result<A, TargetError> {
    let own_path = path.to_owned();
    let (send_interrupt, interrupt) = tokio::sync::oneshot::channel();
    let mut answer = tokio::task::spawn_blocking(move || {
        let connection = open_existing(&own_path)?;
        // If nobody waits any more the answer is not needed either.
        let _ = send_interrupt.send(connection.get_interrupt_handle());
        question(&connection, &own_path)
    });
    if let Ok(answer) = tokio::time::timeout(within, &mut answer).await {
        return answer.unwrap_or_else(|error| Err(failed(path, &error)));
    }
    if let Ok(interrupt) = interrupt.await {
        interrupt.interrupt();
    }
    Err(TargetError::Timeout {
        address: path.display().to_string(),
        within,
    })
}

pub(super) fn failed(path: &Path, error: &dyn std::fmt::Display) -> TargetError {
    TargetError::Failed {
        address: path.display().to_string(),
        message: error.to_string(),
    }
}

fn open_existing(path: &Path) -> Result<Connection, TargetError> {
    if !path.is_file() {
        return Err(TargetError::NoSuchDatabase {
            address: path.display().to_string(),
        });
    }
    open(path, BUSY_WITHIN).map_err(|error| target_error(path, &error))
}

pub(crate) async fn test(path: &Path) -> Result<Tested, TargetError> {
    ask(path, ANSWER_WITHIN, |connection, path| {
        let ask_version = || {
            connection.query_row(
                "SELECT sqlite_version() FROM (SELECT count(*) FROM sqlite_schema)",
                [],
                |row| row.get(0),
            )
        };
        // The first one opens the file and reads the schema.
        let _: String = ask_version().map_err(|error| target_error(path, &error))?;
        let sent = Instant::now();
        let version: String = ask_version().map_err(|error| target_error(path, &error))?;
        Ok(Tested {
            version: format!("SQLite {version}"),
            latency: sent.elapsed(),
        })
    })
    .await
}

pub(crate) async fn describe_table(
    path: &Path,
    table: &str,
) -> Result<Option<TableDescription>, TargetError> {
    let table = table.to_owned();
    ask(path, ANSWER_WITHIN, move |connection, path| {
        describe(connection, &table).map_err(|error| target_error(path, &error))
    })
    .await
}

pub(super) fn describe(
    connection: &Connection,
    table: &str,
) -> rusqlite::Result<Option<TableDescription>> {
    let table = TableName::parse(table);
    let (schema, name) = (table.schema().unwrap_or("main"), table.name());
    let mut statement =
        connection.prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_info(?1, ?2)")?;
    let mut columns = Vec::new();
    let mut keys = Vec::new();
    let mut rows = statement.query(params![name, schema])?;
    while let Some(row) = rows.next()? {
        let (column, key): (String, u32) = (row.get(0)?, row.get(3)?);
        if key > 0 {
            keys.push((key, column.clone()));
        }
        columns.push(Column {
            name: column,
            kind: row.get(1)?,
            nullable: !row.get::<_, bool>(2)?,
        });
    }
    if columns.is_empty() {
        return Ok(None);
    }
    keys.sort_unstable();
    let primary_key = keys.into_iter().map(|(_, column)| column).collect();
    Ok(Some(TableDescription {
        columns,
        primary_key,
        rows_estimate: estimate(connection, schema, name)?,
    }))
}

/// What ANALYZE found last.
pub(super) fn estimate(
    connection: &Connection,
    schema: &str,
    table: &str,
) -> rusqlite::Result<Option<u64>> {
    let statistics = format!("{}.sqlite_stat1", quoted(schema));
    if connection.table_exists(Some(schema), "sqlite_stat1")? {
        // The line of a partial index counts its rows only.
        let query = format!("SELECT max(CAST(stat AS INTEGER)) FROM {statistics} WHERE tbl = ?1");
        return connection
            .query_row(&query, [table], |row| row.get::<_, Option<i64>>(0))
            .map(|rows| rows.map(i64::unsigned_abs));
    }
    Ok(None)
}

pub(crate) async fn max_key(
    path: &Path,
    table: &str,
    key_column: &str,
) -> Result<Option<i64>, TargetError> {
    let query = format!(
        "SELECT max({}) FROM {}",
        quoted(key_column),
        quoted_path(table)
    );
    let table = table.to_owned();
    ask(path, ANSWER_WITHIN, move |connection, path| {
        connection
            .query_row(&query, [], |row| row.get(0))
            .map_err(|error| about_table(connection, path, &table, &error))
    })
    .await
}

pub(crate) async fn count_keys(
    path: &Path,
    table: &str,
    key_column: &str,
    first: i64,
    len: i64,
) -> Result<u64, TargetError> {
    let key = quoted(key_column);
    let query = format!(
        "SELECT count(*) FROM {} WHERE {key} >= ?1 AND {key} < ?2",
        quoted_path(table)
    );
    let table = table.to_owned();
    ask(path, COUNT_WITHIN, move |connection, path| {
        let count = connection.query_row(&query, [first, first.saturating_add(len)], |row| {
            row.get::<_, i64>(0)
        });
        count
            .map(i64::unsigned_abs)
            .map_err(|error| about_table(connection, path, &table, &error))
    })
    .await
}

pub(crate) async fn check_statements(
    path: &Path,
    statements: &[Statement],
) -> Result<(), TargetError> {
    let statements = statements.to_vec();
    ask(path, ANSWER_WITHIN, move |connection, path| {
        statements
            .iter()
            .try_for_each(|statement| check(connection, path, statement))
    })
    .await
}

pub(super) fn check(
    connection: &Connection,
    path: &Path,
    statement: &Statement,
) -> Result<(), TargetError> {
    let refused = |message| TargetError::BadStatement {
        address: path.display().to_string(),
        operation: statement.name.clone(),
        message,
    };
    let prepared = connection
        .prepare(&sql_text(Dialect::Sqlite, statement))
        .map_err(|error| {
            if statement.kind != StatementKind::Sql && is_missing_table(&error) {
                return no_table(connection, path, &statement.table);
            }
            refused(error.to_string())
        })?;
    if prepared.parameter_count() != statement.parameters() {
        return Err(refused(format!(
            "it has {} parameters, not {}",
            prepared.parameter_count(),
            statement.parameters()
        )));
    }
    Ok(())
}

fn about_table(
    connection: &Connection,
    path: &Path,
    table: &str,
    error: &rusqlite::Error,
) -> TargetError {
    if is_missing_table(error) {
        return no_table(connection, path, table);
    }
    target_error(path, error)
}

/// There is no such table; names like it help to find the right one, but their absence is not another error.
pub(super) fn no_table(connection: &Connection, path: &Path, table: &str) -> TargetError {
    TargetError::NoSuchTable {
        address: path.display().to_string(),
        table: table.to_owned(),
        near: catalog::near_names(connection, table).unwrap_or_default(),
    }
}

/// SQLite has no code of its own for it.
fn is_missing_table(error: &rusqlite::Error) -> bool {
    error.to_string().contains("no such table")
}
