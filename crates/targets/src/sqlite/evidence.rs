//! What can be known of an SQLite file from a connection of our own.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::admin::ask;
use super::capabilities::{read_settings, version};
use super::target_error;
use crate::access::EVIDENCE_WITHIN;
use crate::error::TargetError;
use crate::evidence::{RelationSize, Statistics};
use crate::name::TableName;
use crate::statement::{Statement, StatementKind};

/// Sizes of tables are found by reading all of their pages, which would warm up the system's cache for a load.
const MEASURED_TO: u64 = 64 << 20;

const NO_COUNTERS: &str = "counters of the page cache: each SQLite connection counts its own and they end with it, so \
    those of the workers cannot be seen";

pub(crate) async fn statistics(
    path: &Path,
    statements: &[Statement],
) -> Result<Statistics, TargetError> {
    let mut tables: Vec<String> = Vec::new();
    for statement in statements {
        if statement.kind != StatementKind::Sql && !tables.contains(&statement.table) {
            tables.push(statement.table.clone());
        }
    }
    ask(path, EVIDENCE_WITHIN, move |connection, path| {
        read(connection, path, &tables).map_err(|error| target_error(path, &error))
    })
    .await
}

fn read(connection: &Connection, path: &Path, tables: &[String]) -> rusqlite::Result<Statistics> {
    let number = |pragma: &str| {
        connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0))
    };
    let (pages, page_bytes) = (number("page_count")?, number("page_size")?);
    let mut found = Statistics {
        version: version(connection)?,
        levels: vec![
            ("pages".to_owned(), pages as f64),
            ("free_pages".to_owned(), number("freelist_count")? as f64),
            ("file_bytes".to_owned(), file_bytes(path) as f64),
            ("wal_file_bytes".to_owned(), file_bytes(&wal(path)) as f64),
        ],
        settings: read_settings(connection)?,
        skipped: vec![NO_COUNTERS.to_owned()],
        ..Statistics::default()
    };
    if pages.saturating_mul(page_bytes).unsigned_abs() > MEASURED_TO {
        found.skipped.push(format!(
            "sizes of tables: the file has more than {} MiB, and all of it would have to be read",
            MEASURED_TO >> 20
        ));
        return Ok(found);
    }
    for table in tables {
        match sizes(connection, table) {
            Ok(sizes) => found.relations.extend(sizes),
            Err(error) => found
                .skipped
                .push(format!("size of table {table}: {error}")),
        }
    }
    Ok(found)
}

fn sizes(connection: &Connection, table: &str) -> rusqlite::Result<Vec<RelationSize>> {
    let name = TableName::parse(table);
    let schema = name.schema().unwrap_or("main");
    // The names of a table and of its indexes, the table's first.
    let mut named = connection.prepare(
        "SELECT name, 0 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE \
         UNION ALL SELECT name, 1 FROM pragma_index_list(?1, ?2)",
    )?;
    let named = named
        .query_map(params![name.name(), schema], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut measure =
        connection.prepare("SELECT coalesce(sum(pgsize), 0) FROM dbstat(?2, 1) WHERE name = ?1")?;
    let mut sizes = Vec::new();
    for (relation, index) in named {
        let bytes: i64 = measure.query_row(params![relation, schema], |row| row.get(0))?;
        sizes.push(RelationSize {
            name: if index { relation } else { table.to_owned() },
            index,
            bytes: bytes.unsigned_abs(),
        });
    }
    Ok(sizes)
}

fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// A file that is not there has none.
fn file_bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}
