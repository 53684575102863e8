//! The tables of an SQLite file, from its schema.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::admin::{ask, estimate, no_table};
use super::target_error;
use crate::access::{ANSWER_WITHIN, FACTS_WITHIN, NAMES_AT_MOST};
use crate::error::TargetError;
use crate::facts::{CatalogColumn, CatalogIndex, CatalogTable, TableKind};
use crate::name::TableName;
use crate::near::near;

/// Sizes are known only by reading all pages of a table; this many pages of a file are read quickly.
const PAGES_TO_MEASURE: i64 = 25_600;

const TABLES: &str = "SELECT schema, name, type, wr FROM pragma_table_list \
    WHERE type IN ('table', 'view', 'virtual') AND schema <> 'temp' \
    AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND (:schema IS NULL OR schema = :schema) \
    AND (schema, name) > (:after_schema, :after_name) ORDER BY schema, name LIMIT :limit";

const TABLE: &str = "SELECT schema, name, type, wr FROM pragma_table_list(?1) \
    WHERE schema = ?2 COLLATE NOCASE AND type IN ('table', 'view', 'virtual', 'shadow') \
    AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

const COLUMNS: &str = "SELECT cid, name, type, \"notnull\", pk FROM pragma_table_xinfo(?1, ?2) \
    WHERE hidden <> 1 ORDER BY cid";

const INDEXES: &str =
    "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1, ?2) ORDER BY name";

const INDEX_COLUMNS: &str =
    "SELECT cid, name FROM pragma_index_xinfo(?1, ?2) WHERE key ORDER BY seqno";

const BYTES: &str = "SELECT sum(pages.pgsize) FROM sqlite_schema AS parts \
    JOIN dbstat AS pages ON pages.name = parts.name \
    WHERE parts.tbl_name = ?1 AND pages.aggregate = TRUE";

/// A table, and what only SQLite has to know of it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) table: CatalogTable,
    /// A name by which its rows are found by number, if they have one.
    pub(super) rowid: Option<String>,
}

/// A line of the list of tables.
struct Listed {
    schema: String,
    name: String,
    kind: String,
    without_rowid: bool,
}

impl Listed {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            schema: row.get(0)?,
            name: row.get(1)?,
            kind: row.get(2)?,
            without_rowid: row.get(3)?,
        })
    }
}

pub(crate) async fn catalog(
    path: &Path,
    schema: Option<&str>,
    after: Option<(&str, &str)>,
    limit: u32,
) -> Result<Vec<CatalogTable>, TargetError> {
    let schema = schema.map(str::to_owned);
    let after = after.map(|(schema, name)| (schema.to_owned(), name.to_owned()));
    ask(path, FACTS_WITHIN, move |connection, path| {
        list(
            connection,
            schema.as_deref(),
            after.unwrap_or_default(),
            limit,
        )
        .map_err(|error| target_error(path, &error))
    })
    .await
}

pub(crate) async fn near_tables(path: &Path, table: &str) -> Result<Vec<String>, TargetError> {
    let table = table.to_owned();
    ask(path, ANSWER_WITHIN, move |connection, path| {
        near_names(connection, &table).map_err(|error| target_error(path, &error))
    })
    .await
}

pub(super) fn near_names(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' LIMIT ?1",
    )?;
    let names = statement.query_map([NAMES_AT_MOST], |row| row.get::<_, String>(0))?;
    let names: Vec<String> = names.collect::<rusqlite::Result<_>>()?;
    Ok(near(table, names))
}

fn list(
    connection: &Connection,
    schema: Option<&str>,
    (after_schema, after_name): (String, String),
    limit: u32,
) -> rusqlite::Result<Vec<CatalogTable>> {
    let mut statement = connection.prepare(TABLES)?;
    let parameters = named_params! {
        ":schema": schema,
        ":after_schema": after_schema,
        ":after_name": after_name,
        ":limit": limit,
    };
    let listed: Vec<Listed> = statement
        .query_map(parameters, Listed::of)?
        .collect::<rusqlite::Result<_>>()?;
    let describe = |listed| describe(connection, listed).map(|found| found.table);
    listed.into_iter().map(describe).collect()
}

/// Finds a table by the name that a statement has for it.
pub(super) fn find(connection: &Connection, table: &str) -> rusqlite::Result<Option<Found>> {
    let named = TableName::parse(table);
    let schema = named.schema().unwrap_or("main");
    connection
        .query_row(TABLE, params![named.name(), schema], Listed::of)
        .optional()?
        .map(|listed| describe(connection, listed))
        .transpose()
}

/// Finds a table, or says which there are instead.
pub(super) fn existing(
    connection: &Connection,
    path: &Path,
    table: &str,
) -> Result<Found, TargetError> {
    find(connection, table)
        .map_err(|error| target_error(path, &error))?
        .ok_or_else(|| no_table(connection, path, table))
}

fn describe(connection: &Connection, listed: Listed) -> rusqlite::Result<Found> {
    let (schema, name) = (&listed.schema, &listed.name);
    let (indexes, leading) = indexes(connection, schema, name)?;
    let is_table = listed.kind == "table" || listed.kind == "shadow";
    let has_rowid = is_table && !listed.without_rowid;
    // A view whose tables are gone is listed, without columns.
    let mut columns = columns(connection, schema, name).unwrap_or_default();
    let keys = columns
        .iter()
        .filter(|(_, c)| c.primary_key_position.is_some());
    let one_key = keys.count() == 1 && !indexes.iter().any(|index| index.primary);
    for (cid, column) in &mut columns {
        let in_key = column.primary_key_position.is_some();
        // Only a rowid has no index of its own as the primary key.
        column.indexed = leading.contains(cid) || in_key && one_key && has_rowid;
        if in_key && (listed.without_rowid || one_key && has_rowid) {
            column.nullable = false;
        }
    }
    let columns: Vec<CatalogColumn> = columns.into_iter().map(|(_, column)| column).collect();
    let rowid = if has_rowid { rowid(&columns) } else { None };
    let table = CatalogTable {
        kind: match listed.kind.as_str() {
            "view" => TableKind::View,
            "virtual" => TableKind::Virtual,
            _ => TableKind::Table,
        },
        rows_estimate: if is_table {
            estimate(connection, schema, name)?
        } else {
            None
        },
        bytes: if is_table {
            bytes(connection, schema, name)?
        } else {
            None
        },
        columns,
        indexes,
        analyzed_us: None,
        schema: listed.schema,
        name: listed.name,
    };
    Ok(Found { table, rowid })
}

/// The columns with their numbers.
fn columns(
    connection: &Connection,
    schema: &str,
    table: &str,
) -> rusqlite::Result<Vec<(i64, CatalogColumn)>> {
    let column = |row: &Row<'_>| {
        let key: u32 = row.get(4)?;
        let column = CatalogColumn {
            name: row.get(1)?,
            type_name: row.get(2)?,
            nullable: !row.get::<_, bool>(3)?,
            primary_key_position: (key > 0).then_some(key),
            indexed: false,
        };
        Ok((row.get(0)?, column))
    };
    let mut statement = connection.prepare_cached(COLUMNS)?;
    let columns = statement.query_map([table, schema], column)?;
    columns.collect()
}

/// The indexes, and the numbers of the columns with which one over all rows begins.
fn indexes(
    connection: &Connection,
    schema: &str,
    table: &str,
) -> rusqlite::Result<(Vec<CatalogIndex>, Vec<i64>)> {
    let index = |row: &Row<'_>| {
        Ok(CatalogIndex {
            name: row.get(0)?,
            columns: Vec::new(),
            unique: row.get(1)?,
            primary: row.get::<_, String>(2)? == "pk",
            partial: row.get(3)?,
        })
    };
    let mut statement = connection.prepare_cached(INDEXES)?;
    let mut indexes: Vec<CatalogIndex> = statement
        .query_map([table, schema], index)?
        .collect::<rusqlite::Result<_>>()?;
    let mut leading = Vec::new();
    for index in &mut indexes {
        let mut statement = connection.prepare_cached(INDEX_COLUMNS)?;
        let columns =
            statement.query_map([&index.name, schema], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let columns: Vec<(i64, Option<String>)> = columns.collect::<rusqlite::Result<_>>()?;
        if !index.partial {
            leading.extend(columns.first().map(|(cid, _)| *cid));
        }
        let named = |(_, name): (i64, Option<String>)| name.unwrap_or("(expression)".to_owned());
        index.columns = columns.into_iter().map(named).collect();
    }
    Ok((indexes, leading))
}

/// A column may hide one of the rowid's names.
fn rowid(columns: &[CatalogColumn]) -> Option<String> {
    let is_free = |name: &&str| !columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
    let names = ["rowid", "_rowid_", "oid"];
    names
        .into_iter()
        .find(|name| is_free(name))
        .map(str::to_owned)
}

fn bytes(connection: &Connection, schema: &str, table: &str) -> rusqlite::Result<Option<u64>> {
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if schema != "main" || pages > PAGES_TO_MEASURE {
        return Ok(None);
    }
    let bytes: Option<i64> = connection
        .prepare_cached(BYTES)?
        .query_row([table], |row| row.get(0))?;
    Ok(bytes.map(i64::unsigned_abs))
}
