//! The tables of a PostgreSQL database, from its catalog.

use std::collections::HashMap;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::admin::{Line, facts};
use crate::access::{ANSWER_WITHIN, FACT_WITHIN, NAMES_AT_MOST};
use crate::config::Config;
use crate::error::TargetError;
use crate::facts::{CatalogColumn, CatalogIndex, CatalogTable, TableKind};
use crate::name::TableName;
use crate::near::near;
use crate::sql::quoted_path;

/// Names are compared by their bytes, so that every server has the same order.
const PAGE: &str = "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') \
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
    AND ($1::text IS NULL OR n.nspname = $1) \
    AND (n.nspname::text COLLATE \"C\", c.relname::text COLLATE \"C\") > ($2::text, $3::text) \
    ORDER BY n.nspname::text COLLATE \"C\", c.relname::text COLLATE \"C\" LIMIT $4::bigint";

const NAMED: &str = "SELECT oid FROM pg_class \
    WHERE oid = to_regclass($1::text) AND relkind IN ('r', 'p', 'v', 'm', 'f')";

/// A partitioned table has the rows and bytes of its leaves.
const TABLES: &str = "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, \
    CASE WHEN c.relkind = 'p' THEN leaves.rows WHEN c.relkind <> 'v' AND c.reltuples >= 0 \
        THEN c.reltuples END::bigint, \
    CASE WHEN c.relkind = 'p' THEN leaves.bytes WHEN c.relkind IN ('r', 'm') \
        THEN pg_total_relation_size(c.oid) END::bigint, \
    (extract(epoch FROM greatest(pg_stat_get_last_analyze_time(c.oid), \
        pg_stat_get_last_autoanalyze_time(c.oid))) * 1000000)::bigint \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN LATERAL (SELECT sum(l.reltuples) FILTER (WHERE l.reltuples >= 0) AS rows, \
        sum(pg_total_relation_size(l.oid)) AS bytes \
        FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid WHERE t.isleaf \
    ) leaves ON c.relkind = 'p' \
    WHERE c.oid = ANY($1) ORDER BY n.nspname::text COLLATE \"C\", c.relname::text COLLATE \"C\"";

/// `ordered`: a B-tree over all rows has the column in the order that ORDER BY gives it.
const COLUMNS: &str = "SELECT a.attrelid, a.attname::text, \
    format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, \
    (SELECT k.position FROM pg_index i CROSS JOIN LATERAL \
        unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position) \
        WHERE i.indrelid = a.attrelid AND i.indisprimary AND k.attnum = a.attnum), \
    count(i.indexrelid) > 0, \
    coalesce(bool_or(m.amname = 'btree' AND o.opcdefault AND i.indcollation[0] = a.attcollation), false), \
    t.typcategory = 'N' \
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
    LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indkey[0] = a.attnum \
        AND i.indisvalid AND i.indpred IS NULL \
    LEFT JOIN pg_opclass o ON o.oid = i.indclass[0] LEFT JOIN pg_am m ON m.oid = o.opcmethod \
    WHERE a.attrelid = ANY($1) AND a.attnum > 0 AND NOT a.attisdropped \
    GROUP BY a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, t.typcategory \
    ORDER BY a.attrelid, a.attnum";

const INDEXES: &str = "SELECT i.indrelid, c.relname::text, i.indisunique, i.indisprimary, \
    i.indpred IS NOT NULL, \
    ARRAY(SELECT coalesce(a.attname::text, pg_get_indexdef(i.indexrelid, k, true)) \
        FROM generate_series(1, i.indnkeyatts::int) k \
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k - 1] \
            AND a.attnum <> 0 ORDER BY k) \
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
    WHERE i.indrelid = ANY($1) ORDER BY i.indrelid, c.relname::text COLLATE \"C\"";

const NAMES: &str = "SELECT n.nspname::text, c.relname::text, pg_table_is_visible(c.oid) \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') \
    AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' LIMIT $1::bigint";

/// A table, and what only PostgreSQL has to know of it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) oid: u32,
    pub(super) table: CatalogTable,
    /// In the order of the columns.
    pub(super) traits: Vec<Traits>,
}

/// What a column's type and indexes allow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traits {
    /// Smallest and largest are at the ends of an index.
    pub(super) is_ordered: bool,
    /// Its values are numbers.
    pub(super) is_numeric: bool,
}

impl Found {
    /// The table as SQL names it.
    pub(super) fn sql(&self) -> String {
        TableName::new(&self.table.schema, &self.table.name).sql()
    }

    /// Whether there are pages of which to take some by chance.
    pub(super) fn has_pages(&self) -> bool {
        use TableKind::{MaterializedView, Partitioned, Table};
        matches!(self.table.kind, Table | MaterializedView | Partitioned)
    }
}

pub(crate) async fn catalog(
    config: &Config,
    schema: Option<&str>,
    after: Option<(&str, &str)>,
    limit: u32,
) -> Result<Vec<CatalogTable>, TargetError> {
    facts(config, async {
        let line = Line::open(config, FACT_WITHIN).await?;
        line.only_read().await?;
        let (after_schema, after_name) = after.unwrap_or_default();
        let limit = i64::from(limit);
        let parameters: [&(dyn ToSql + Sync); 4] = [&schema, &after_schema, &after_name, &limit];
        let page = line.bounded(line.client.query(PAGE, &parameters)).await?;
        let oids: Vec<u32> = page.iter().map(|row| row.get(0)).collect();
        let found = describe(&line, &oids).await?;
        Ok(found.into_iter().map(|found| found.table).collect())
    })
    .await
}

pub(crate) async fn near_tables(config: &Config, table: &str) -> Result<Vec<String>, TargetError> {
    let line = Line::open(config, ANSWER_WITHIN).await?;
    near_names(&line, table).await
}

pub(super) async fn near_names(line: &Line<'_>, table: &str) -> Result<Vec<String>, TargetError> {
    let at_most = i64::from(NAMES_AT_MOST);
    let rows = line.bounded(line.client.query(NAMES, &[&at_most])).await?;
    let name = |row: &Row| {
        let (schema, name): (String, String) = (row.get(0), row.get(1));
        if row.get(2) {
            TableName::bare(&name)
        } else {
            TableName::new(&schema, &name)
        }
        .text()
    };
    Ok(near(table, rows.iter().map(name)))
}

/// Finds a table by the name that a statement has for it.
pub(super) async fn find(line: &Line<'_>, table: &str) -> Result<Option<Found>, TargetError> {
    let path = quoted_path(table);
    let row = line.bounded(line.client.query_opt(NAMED, &[&path])).await?;
    let Some(oid) = row.map(|row| row.get(0)) else {
        return Ok(None);
    };
    Ok(describe(line, &[oid]).await?.pop())
}

/// Finds a table, or says which there are instead.
pub(super) async fn existing(line: &Line<'_>, table: &str) -> Result<Found, TargetError> {
    match find(line, table).await? {
        Some(found) => Ok(found),
        None => Err(line.no_table(table).await),
    }
}

/// Three questions for all tables of a page.
async fn describe(line: &Line<'_>, oids: &[u32]) -> Result<Vec<Found>, TargetError> {
    let tables = line.bounded(line.client.query(TABLES, &[&oids])).await?;
    let columns = line.bounded(line.client.query(COLUMNS, &[&oids])).await?;
    let indexes = line.bounded(line.client.query(INDEXES, &[&oids])).await?;
    let (mut columns, mut indexes) = (by_table(&columns), by_table(&indexes));
    let found = |row: &Row| {
        let oid: u32 = row.get(0);
        let columns = columns.remove(&oid).unwrap_or_default();
        let indexes = indexes.remove(&oid).unwrap_or_default();
        Found {
            oid,
            traits: columns.iter().map(|row| traits(row)).collect(),
            table: CatalogTable {
                schema: row.get(1),
                name: row.get(2),
                kind: kind(row.get(3)),
                rows_estimate: unsigned(row, 4),
                bytes: unsigned(row, 5),
                analyzed_us: row.get(6),
                columns: columns.into_iter().map(column).collect(),
                indexes: indexes.into_iter().map(index).collect(),
            },
        }
    };
    Ok(tables.iter().map(found).collect())
}

fn by_table(rows: &[Row]) -> HashMap<u32, Vec<&Row>> {
    let mut tables: HashMap<u32, Vec<&Row>> = HashMap::new();
    for row in rows {
        tables.entry(row.get(0)).or_default().push(row);
    }
    tables
}

fn kind(letter: &str) -> TableKind {
    match letter {
        "v" => TableKind::View,
        "m" => TableKind::MaterializedView,
        "f" => TableKind::Foreign,
        "p" => TableKind::Partitioned,
        _ => TableKind::Table,
    }
}

fn column(row: &Row) -> CatalogColumn {
    CatalogColumn {
        name: row.get(1),
        type_name: row.get(2),
        nullable: row.get(3),
        primary_key_position: unsigned(row, 4).map(|position| position as u32),
        indexed: row.get(5),
    }
}

fn traits(row: &Row) -> Traits {
    Traits {
        is_ordered: row.get(6),
        is_numeric: row.get(7),
    }
}

fn index(row: &Row) -> CatalogIndex {
    CatalogIndex {
        name: row.get(1),
        unique: row.get(2),
        primary: row.get(3),
        partial: row.get(4),
        columns: row.get(5),
    }
}

pub(super) fn unsigned(row: &Row, position: usize) -> Option<u64> {
    let number: Option<i64> = row.get(position);
    number.and_then(|number| u64::try_from(number).ok())
}
