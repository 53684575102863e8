//! What is in a table of a PostgreSQL database: the server's own statistics where they are fresh, a sample beside them.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::admin::{Line, facts};
use super::catalog::{self, Found};
use super::sample::{self, Source};
use crate::access::FACT_WITHIN;
use crate::config::Config;
use crate::error::TargetError;
use crate::facts::{ColumnProfile, SampleMethod, TableKind, TableProfile};
use crate::sql::quoted;
use crate::tally::{COMMON, LARGE_BYTES, LETTERS, Order, Tally, rows_to_sample, shorten};

/// The same pages each time.
const SEED: u64 = 0;

/// Statistics are fresh until so many rows changed since: that share, and some more for small tables, as autovacuum has it.
const CHANGED_SHARE: f64 = 0.1;
const CHANGED_ROWS: f64 = 50.0;

/// Statistics of a partitioned table are those over its partitions.
const STATISTICS: &str = "SELECT attname::text, null_frac, n_distinct, avg_width, \
    most_common_vals::text::text[], most_common_freqs, histogram_bounds::text::text[] \
    FROM pg_stats WHERE schemaname = $1 AND tablename = $2 AND inherited = $3";

const STATE: &str = "SELECT \
    EXISTS (SELECT FROM pg_stats s WHERE s.schemaname = n.nspname AND s.tablename = c.relname), \
    CASE WHEN c.relkind = 'p' THEN (SELECT sum(pg_stat_get_mod_since_analyze(relid)) \
        FROM pg_partition_tree(c.oid) WHERE isleaf) \
    WHEN c.relkind IN ('r', 'm') THEN pg_stat_get_mod_since_analyze(c.oid) END::bigint \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1";

/// What the planner knows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    /// It has statistics.
    pub(super) has_statistics: bool,
    /// Rows changed since they were gathered, where that is counted.
    pub(super) modified: Option<u64>,
}

impl State {
    pub(super) async fn ask(line: &Line<'_>, oid: u32) -> Result<Self, TargetError> {
        let row = line.bounded(line.client.query_opt(STATE, &[&oid])).await?;
        Ok(Self {
            has_statistics: row.as_ref().is_some_and(|row| row.get(0)),
            modified: row.and_then(|row| catalog::unsigned(&row, 1)),
        })
    }

    fn is_fresh(self, rows: u64) -> bool {
        let allowed = CHANGED_ROWS + CHANGED_SHARE * rows as f64;
        self.has_statistics
            && self
                .modified
                .is_some_and(|modified| modified as f64 <= allowed)
    }
}

/// What the server has noted of a column.
struct Statistics {
    nulls_ratio: f32,
    /// Negative: a share of the rows.
    distinct: f32,
    average_bytes: i32,
    common: Vec<(String, f32)>,
    bounds: Vec<String>,
}

impl Statistics {
    async fn ask(
        line: &Line<'_>,
        found: &Found,
    ) -> Result<HashMap<String, Statistics>, TargetError> {
        let table = &found.table;
        let inherited = table.kind == TableKind::Partitioned;
        let rows = line
            .bounded(
                line.client
                    .query(STATISTICS, &[&table.schema, &table.name, &inherited]),
            )
            .await?;
        let statistics = |row: &Row| {
            let values: Option<Vec<Option<String>>> = row.get(4);
            let shares: Option<Vec<f32>> = row.get(5);
            let bounds: Option<Vec<Option<String>>> = row.get(6);
            let values = values.unwrap_or_default().into_iter().flatten();
            Self {
                nulls_ratio: row.get(1),
                distinct: row.get(2),
                average_bytes: row.get(3),
                common: values.zip(shares.unwrap_or_default()).collect(),
                bounds: bounds.unwrap_or_default().into_iter().flatten().collect(),
            }
        };
        Ok(rows
            .iter()
            .map(|row| (row.get(0), statistics(row)))
            .collect())
    }

    /// Replaces what a sample said, which is smaller than the one that ANALYZE took. Smallest and largest are the ends of
    /// both.
    fn improve(self, profile: &mut ColumnProfile, tally: &Tally, rows: u64) {
        profile.nulls_ratio = f64::from(self.nulls_ratio);
        let distinct = f64::from(self.distinct);
        if distinct > 0.0 {
            profile.distinct_estimate = Some(distinct.round() as u64);
        } else if distinct < 0.0 {
            profile.distinct_estimate = Some((-distinct * rows as f64).round() as u64);
        }
        if self.nulls_ratio < 1.0 {
            profile.average_bytes = Some(f64::from(self.average_bytes));
        }
        let ends = [&profile.min, &profile.max].into_iter().flatten();
        let texts = ends.chain(&self.bounds).map(String::as_str);
        let texts = texts.chain(self.common.iter().map(|(text, _)| text.as_str()));
        let (mut min, mut max) = tally.range(texts);
        min.iter_mut().chain(&mut max).for_each(shorten);
        (profile.min, profile.max) = (min, max);
        if !self.common.is_empty() {
            let common = self.common.into_iter().take(COMMON);
            let told = common.map(|(mut text, share)| {
                shorten(&mut text);
                (text, f64::from(share))
            });
            profile.common = told.collect();
        }
    }
}

pub(crate) async fn profile(
    config: &Config,
    table: &str,
    sample_rows: u32,
) -> Result<TableProfile, TargetError> {
    facts(config, async {
        let line = Line::open(config, FACT_WITHIN).await?;
        line.only_read().await?;
        let found = catalog::existing(&line, table).await?;
        let rows = sample::rows(&line, &found).await?;
        let wanted = rows_to_sample(sample_rows, found.table.columns.len());
        let source = Source::new(&found, rows.count, wanted, 0, SEED);
        let (tallies, sampled_rows) = tallies(&line, &found, &source).await?;
        let method = source.method(sampled_rows);
        let (count, is_exact) = match method {
            // All rows of a view have been seen, whatever the planner thought.
            SampleMethod::All => (sampled_rows, true),
            _ => (rows.count.max(sampled_rows), rows.is_exact),
        };
        let columns = columns(&found, &tallies, count);
        let mut profile = TableProfile {
            table: found.table.clone(),
            rows: count,
            rows_exact: is_exact,
            columns,
            sampled_rows,
            sample: method,
            from_statistics: false,
        };
        if method != SampleMethod::All {
            improve(&line, &found, &tallies, &mut profile).await?;
        }
        Ok(profile)
    })
    .await
}

/// A line for each column; smallest and largest of all rows are known if the sample has all rows.
fn columns(found: &Found, tallies: &[Tally], rows: u64) -> Vec<ColumnProfile> {
    let columns = found.table.columns.iter().zip(tallies);
    columns
        .map(|(column, tally)| ColumnProfile {
            range_exact: tally.rows() == rows,
            ..tally.profile(&column.name, &column.type_name, rows)
        })
        .collect()
}

async fn tallies(
    line: &Line<'_>,
    found: &Found,
    source: &Source,
) -> Result<(Vec<Tally>, u64), TargetError> {
    let order = |is_numeric| {
        if is_numeric {
            Order::Numeric
        } else {
            Order::Text
        }
    };
    let tally = |traits: &catalog::Traits| Tally::new(order(traits.is_numeric));
    let mut tallies: Vec<Tally> = found.traits.iter().map(tally).collect();
    // A large value is not even fetched from where it is stored apart.
    let expression = |column: &crate::facts::CatalogColumn| {
        let name = quoted(&column.name);
        format!(
            "CASE WHEN pg_column_size({name}) <= {LARGE_BYTES} THEN left({name}::text, {LETTERS}) END, pg_column_size({name})"
        )
    };
    let expressions: Vec<String> = found.table.columns.iter().map(expression).collect();
    let query = format!(
        "SELECT {} FROM {} LIMIT {}",
        expressions.join(", "),
        source.from,
        source.at_most
    );
    let mut sampled_rows = 0;
    sample::each(line, &query, |row| {
        sampled_rows += 1;
        count(&mut tallies, row);
        true
    })
    .await?;
    Ok((tallies, sampled_rows))
}

fn count(tallies: &mut [Tally], row: &Row) {
    for (position, tally) in tallies.iter_mut().enumerate() {
        match row.get::<_, Option<i32>>(2 * position + 1) {
            Some(bytes) => tally.value(u64::from(bytes.unsigned_abs()), row.get(2 * position)),
            None => tally.null(),
        }
    }
}

/// Takes from fresh statistics and from indexes what they know better than a sample.
async fn improve(
    line: &Line<'_>,
    found: &Found,
    tallies: &[Tally],
    profile: &mut TableProfile,
) -> Result<(), TargetError> {
    let state = State::ask(line, found.oid).await?;
    let mut statistics = if state.is_fresh(profile.rows) {
        Statistics::ask(line, found).await?
    } else {
        HashMap::new()
    };
    profile.from_statistics = !statistics.is_empty();
    let columns = profile.columns.iter_mut().zip(tallies).zip(&found.traits);
    for ((column, tally), traits) in columns {
        if let Some(statistics) = statistics.remove(&column.name) {
            statistics.improve(column, tally, profile.rows);
        }
        if traits.is_ordered {
            column.min = end(line, found, &column.name, "ASC").await?;
            column.max = end(line, found, &column.name, "DESC").await?;
            column.range_exact = true;
        }
    }
    Ok(())
}

/// The value at one end of an index.
async fn end(
    line: &Line<'_>,
    found: &Found,
    column: &str,
    direction: &str,
) -> Result<Option<String>, TargetError> {
    let column = quoted(column);
    let query = format!(
        "SELECT left({column}::text, {LETTERS}) FROM {} WHERE {column} IS NOT NULL ORDER BY {column} {direction} LIMIT 1",
        found.sql()
    );
    let row = line.bounded(line.client.query_opt(&query, &[])).await?;
    Ok(row.and_then(|row| row.get(0)))
}
