//! What is in a table of an SQLite file.

use std::path::Path;
use std::time::Instant;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};

use super::admin::ask;
use super::catalog;
use super::sample::{Question, text};
use crate::access::FACTS_WITHIN;
use crate::error::TargetError;
use crate::facts::{CatalogColumn, ColumnProfile, SampleMethod, TableProfile};
use crate::sql::quoted;
use crate::tally::{LARGE_BYTES, Order, Tally, rows_to_sample, shorten};

/// The same rows each time.
const SEED: u64 = 0;

pub(crate) async fn profile(
    path: &Path,
    table: &str,
    sample_rows: u32,
) -> Result<TableProfile, TargetError> {
    let table = table.to_owned();
    ask(path, FACTS_WITHIN, move |connection, path| {
        let until = Instant::now() + FACTS_WITHIN;
        let found = catalog::existing(connection, path, &table)?;
        let question = Question {
            connection,
            path,
            found: &found,
            until,
        };
        question.profile(sample_rows)
    })
    .await
}

impl Question<'_> {
    fn profile(&self, sample_rows: u32) -> Result<TableProfile, TargetError> {
        let table = &self.found.table;
        let names: Vec<String> = table.columns.iter().map(|c| quoted(&c.name)).collect();
        let tally = |column: &CatalogColumn| Tally::new(order(&column.type_name));
        let mut tallies: Vec<Tally> = table.columns.iter().map(tally).collect();
        let mut sampled_rows = 0;
        let wanted = rows_to_sample(sample_rows, names.len());
        let sampled = self.sample(&names.join(", "), wanted, SEED, |row| {
            sampled_rows += 1;
            count(&mut tallies, row)?;
            Ok(true)
        })?;
        let mut columns = Vec::new();
        for (column, tally) in table.columns.iter().zip(&tallies) {
            let mut profile = tally.profile(&column.name, &column.type_name, sampled.rows);
            if sampled.method == SampleMethod::All {
                profile.range_exact = true;
            } else if column.indexed {
                self.look_up_range(column, &mut profile)?;
            }
            columns.push(profile);
        }
        Ok(TableProfile {
            table: table.clone(),
            rows: sampled.rows,
            rows_exact: sampled.rows_exact,
            columns,
            sampled_rows,
            sample: sampled.method,
            from_statistics: false,
        })
    }

    /// Takes smallest and largest from the index, if the planner finds them there: an index in another collation does
    /// not have them, and then the sample's have to do.
    fn look_up_range(
        &self,
        column: &CatalogColumn,
        profile: &mut ColumnProfile,
    ) -> Result<(), TargetError> {
        let mut ends = Vec::new();
        for direction in ["ASC", "DESC"] {
            let (name, table) = (quoted(&column.name), self.table());
            let query = format!(
                "SELECT {name} FROM {table} WHERE {name} IS NOT NULL ORDER BY {name} {direction} LIMIT 1"
            );
            if !self.answered(is_ordered(self.connection, &query))? {
                return Ok(());
            }
            let end = self.connection.query_row(&query, [], |row| {
                let mut end = text(row.get_ref(0)?);
                end.iter_mut().for_each(shorten);
                Ok(end)
            });
            ends.push(self.answered(end.optional())?.flatten());
        }
        profile.max = ends.pop().flatten();
        profile.min = ends.pop().flatten();
        profile.range_exact = true;
        Ok(())
    }
}

/// Whether the rows come in the order asked for, without sorting all of them first.
fn is_ordered(connection: &Connection, query: &str) -> rusqlite::Result<bool> {
    let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {query}"))?;
    let lines = plan.query_map([], |row| row.get::<_, String>(3))?;
    let lines: Vec<String> = lines.collect::<rusqlite::Result<_>>()?;
    Ok(!lines.iter().any(|line| line.contains("TEMP B-TREE")))
}

fn count(tallies: &mut [Tally], row: &Row<'_>) -> rusqlite::Result<()> {
    for (position, tally) in tallies.iter_mut().enumerate() {
        let value = row.get_ref(position)?;
        let bytes = stored_bytes(value);
        if value == ValueRef::Null {
            tally.null();
        } else {
            let small = bytes <= LARGE_BYTES;
            tally.value(bytes, small.then(|| text(value)).flatten());
        }
    }
    Ok(())
}

/// Columns of text keep numbers as texts, all others may hold numbers, <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>.
fn order(type_name: &str) -> Order {
    let upper = type_name.to_ascii_uppercase();
    let is_text = ["CHAR", "CLOB", "TEXT"]
        .iter()
        .any(|part| upper.contains(part));
    if is_text && !upper.contains("INT") {
        Order::Text
    } else {
        Order::Numeric
    }
}

/// Bytes of a value in a record, <https://www.sqlite.org/fileformat2.html#record_format>.
fn stored_bytes(value: ValueRef<'_>) -> u64 {
    match value {
        ValueRef::Null | ValueRef::Integer(0 | 1) => 0,
        // A negative number has the bits of its complement.
        ValueRef::Integer(integer) => match 65 - (integer ^ (integer >> 63)).leading_zeros() {
            0..=8 => 1,
            9..=16 => 2,
            17..=24 => 3,
            25..=32 => 4,
            33..=48 => 6,
            _ => 8,
        },
        ValueRef::Real(_) => 8,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len() as u64,
    }
}
