//! Rows of a PostgreSQL table taken by chance: of pages taken by chance, never of a large table as a whole.

use futures_util::{TryStreamExt, pin_mut};
use tokio_postgres::{Error, Row};

use super::admin::{Line, facts};
use super::catalog::{self, Found};
use super::plan;
use crate::access::{FACT_WITHIN, VALUES_BYTES};
use crate::config::Config;
use crate::error::TargetError;
use crate::facts::SampleMethod;
use crate::sql::quoted;

/// Tables of so many bytes, indexes included, are counted; the planner estimates the others.
const COUNT_BYTES: u64 = 16 << 20;

/// Tables of so many rows are read whole, so that each row is equally likely.
const READ_WHOLE: u64 = 50_000;

/// So often more pages are read when those taken by chance have too few rows; then the values are fewer than asked for.
const ATTEMPTS: u32 = 3;

/// How many rows a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) count: u64,
    pub(super) is_exact: bool,
}

/// Counts the rows of a small table. Otherwise takes the planner's estimate, which knows the present size of the table,
/// analysed or not.
pub(super) async fn rows(line: &Line<'_>, found: &Found) -> Result<Rows, TargetError> {
    let table = found.sql();
    if found.table.bytes.is_some_and(|bytes| bytes <= COUNT_BYTES) {
        let count = format!("SELECT count(*) FROM {table}");
        let row = line.bounded(line.client.query_one(&count, &[])).await?;
        return Ok(Rows {
            count: row.get::<_, i64>(0).unsigned_abs(),
            is_exact: true,
        });
    }
    Ok(Rows {
        count: plan::estimated_rows(line, &format!("SELECT * FROM {table}")).await?,
        is_exact: false,
    })
}

/// Which rows to read.
#[derive(Debug, PartialEq)]
pub(super) struct Source {
    /// What stands behind FROM.
    pub(super) from: String,
    /// No more rows than these are read, however wrong the estimate was.
    pub(super) at_most: u64,
    pub(super) method: SampleMethod,
}

impl Source {
    /// About `wanted` rows of a table that has about `rows`; all of them if these are hardly more than `whole`.
    pub(super) fn new(found: &Found, rows: u64, wanted: u64, whole: u64, seed: u64) -> Self {
        let table = found.sql();
        let at_most = wanted.max(whole).saturating_mul(2);
        if !found.has_pages() {
            return Self {
                from: table,
                at_most: wanted,
                method: SampleMethod::FirstRows,
            };
        }
        if rows <= wanted.max(whole) {
            return Self {
                from: table,
                at_most,
                method: SampleMethod::All,
            };
        }
        let percent = (100.0 * wanted as f64 / rows as f64).clamp(1e-6, 100.0);
        Self {
            from: format!("{table} TABLESAMPLE SYSTEM ({percent:.6}) REPEATABLE ({seed})"),
            at_most,
            method: SampleMethod::Spread,
        }
    }

    /// Which rows they were, once it is known how many.
    pub(super) fn method(&self, read: u64) -> SampleMethod {
        match self.method {
            SampleMethod::FirstRows if read < self.at_most => SampleMethod::All,
            SampleMethod::All | SampleMethod::Spread if read == self.at_most => {
                SampleMethod::FirstRows
            }
            method => method,
        }
    }
}

/// Shows each row of an answer as it arrives, until `see` says that it is enough.
pub(super) async fn each(
    line: &Line<'_>,
    query: &str,
    mut see: impl FnMut(&Row) -> bool,
) -> Result<(), TargetError> {
    let reading = async {
        let rows = line
            .client
            .query_raw(query, std::iter::empty::<i64>())
            .await?;
        pin_mut!(rows);
        while let Some(row) = rows.try_next().await? {
            if !see(&row) {
                break;
            }
        }
        Ok::<(), Error>(())
    };
    line.bounded(reading).await
}

pub(crate) async fn sample_column(
    config: &Config,
    table: &str,
    column: &str,
    limit: u32,
    seed: u64,
) -> Result<Vec<Option<String>>, TargetError> {
    facts(config, async {
        let line = Line::open(config, FACT_WITHIN).await?;
        line.only_read().await?;
        let found = catalog::existing(&line, table).await?;
        check_column(config, &found, column)?;
        let rows = rows(&line, &found).await?;
        let wanted = u64::from(limit);
        // Pages are taken or left whole, so twice the rows are read.
        let mut read = 2 * wanted;
        let mut values = Vec::new();
        for _ in 0..ATTEMPTS {
            let source = Source::new(&found, rows.count, read, READ_WHOLE, seed);
            values = column_values(&line, &found, column, &source, limit, seed).await?;
            if values.len() as u64 >= wanted || source.method != SampleMethod::Spread {
                break;
            }
            read *= 4;
        }
        Ok(values)
    })
    .await
}

async fn column_values(
    line: &Line<'_>,
    found: &Found,
    column: &str,
    source: &Source,
    limit: u32,
    seed: u64,
) -> Result<Vec<Option<String>>, TargetError> {
    // The function of the server takes a signed seed: the same bits.
    let signed = seed as i64;
    let query = format!(
        "SELECT value FROM (SELECT {}::text AS value, {} AS key FROM {} LIMIT {}) AS rows \
        ORDER BY hashtextextended(key, '{signed}'), key LIMIT {limit}",
        quoted(column),
        key(found, column),
        source.from,
        source.at_most,
    );
    let (mut values, mut bytes) = (Vec::new(), 0);
    each(line, &query, |row| {
        let value: Option<String> = row.get(0);
        bytes += value.as_ref().map_or(0, String::len);
        values.push(value);
        bytes <= VALUES_BYTES
    })
    .await?;
    if bytes <= VALUES_BYTES {
        return Ok(values);
    }
    Err(TargetError::ValuesTooLarge {
        address: line.config.address(),
        table: found.table.path(),
        column: column.to_owned(),
        at_most: VALUES_BYTES,
    })
}

/// What tells one row from another: the primary key, or the row's place; of a view, the value itself.
fn key(found: &Found, column: &str) -> String {
    let keys = found.table.columns.iter();
    let mut keys: Vec<(u32, String)> = keys
        .filter_map(|column| Some((column.primary_key_position?, quoted(&column.name))))
        .collect();
    keys.sort_unstable();
    if !keys.is_empty() {
        let keys: Vec<String> = keys
            .into_iter()
            .map(|(_, key)| format!("{key}::text"))
            .collect();
        return format!("concat_ws(chr(31), {})", keys.join(", "));
    }
    if found.has_pages() {
        return "concat(tableoid, ctid)".to_owned();
    }
    format!("coalesce({}::text, '')", quoted(column))
}

fn check_column(config: &Config, found: &Found, column: &str) -> Result<(), TargetError> {
    let columns = &found.table.columns;
    if columns.iter().any(|found| found.name == column) {
        return Ok(());
    }
    Err(TargetError::NoSuchColumn {
        address: config.address(),
        table: found.table.path(),
        column: column.to_owned(),
        columns: columns.iter().map(|column| column.name.clone()).collect(),
    })
}
