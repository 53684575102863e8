//! Rows of an SQLite table taken by chance, without reading a large table whole.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, Statement};

use super::admin::ask;
use super::catalog::{self, Found};
use super::target_error;
use crate::access::{FACTS_WITHIN, VALUES_BYTES};
use crate::error::TargetError;
use crate::facts::SampleMethod;
use crate::name::TableName;
use crate::sql::quoted;

/// Tables of so many rows are read whole, so that each row is equally likely.
pub(super) const READ_WHOLE: u64 = 50_000;

/// Rows are counted so far; beyond, their number is an estimate.
pub(super) const COUNT_AT_MOST: u64 = 1_000_000;

/// Keys that are tried for each row wanted: several may lead to the same row.
const PROBES_PER_ROW: u64 = 4;

/// Keys tried between two looks at the clock.
const PROBES_PER_LOOK: u64 = 256;

/// A question about one table, with its deadline.
pub(super) struct Question<'a> {
    pub(super) connection: &'a Connection,
    pub(super) path: &'a Path,
    pub(super) found: &'a Found,
    pub(super) until: Instant,
}

/// Which rows to read.
#[derive(Debug, PartialEq, Eq)]
enum Picked {
    /// Those with these rowids, in this order.
    Rowids(Vec<i64>),
    /// Those at these positions among the first `read`, in the order of reading.
    Positions { chosen: Vec<u64>, read: u64 },
}

/// What a sample came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampled {
    pub(super) method: SampleMethod,
    /// Rows of the table.
    pub(super) rows: u64,
    /// Whether they were counted.
    pub(super) rows_exact: bool,
}

pub(crate) async fn sample_column(
    path: &Path,
    table: &str,
    column: &str,
    limit: u32,
    seed: u64,
) -> Result<Vec<Option<String>>, TargetError> {
    let (table, column) = (table.to_owned(), column.to_owned());
    ask(path, FACTS_WITHIN, move |connection, path| {
        let until = Instant::now() + FACTS_WITHIN;
        let found = catalog::existing(connection, path, &table)?;
        let question = Question {
            connection,
            path,
            found: &found,
            until,
        };
        question.column(&column, limit, seed)
    })
    .await
}

impl Question<'_> {
    fn column(
        &self,
        column: &str,
        limit: u32,
        seed: u64,
    ) -> Result<Vec<Option<String>>, TargetError> {
        let table = &self.found.table;
        let is_it = |name: &str| name.eq_ignore_ascii_case(column);
        if !table.columns.iter().any(|column| is_it(&column.name)) {
            return Err(TargetError::NoSuchColumn {
                address: self.path.display().to_string(),
                table: table.path(),
                column: column.to_owned(),
                columns: table
                    .columns
                    .iter()
                    .map(|column| column.name.clone())
                    .collect(),
            });
        }
        let (mut values, mut bytes) = (Vec::new(), 0);
        self.sample(&quoted(column), u64::from(limit), seed, |row| {
            let value = text(row.get_ref(0)?);
            bytes += value.as_ref().map_or(0, String::len);
            values.push(value);
            Ok(bytes <= VALUES_BYTES)
        })?;
        if bytes > VALUES_BYTES {
            return Err(TargetError::ValuesTooLarge {
                address: self.path.display().to_string(),
                table: table.path(),
                column: column.to_owned(),
                at_most: VALUES_BYTES,
            });
        }
        Ok(values)
    }

    /// Shows `see` the expressions of rows taken by chance, until it has seen them all or says that it is enough.
    pub(super) fn sample(
        &self,
        expressions: &str,
        wanted: u64,
        seed: u64,
        see: impl FnMut(&Row<'_>) -> rusqlite::Result<bool>,
    ) -> Result<Sampled, TargetError> {
        let counted = self.counted()?;
        let (picked, sampled) = self.pick(counted, wanted, seed)?;
        match picked {
            Picked::Rowids(rowids) => self.read_rowids(expressions, &rowids, see)?,
            Picked::Positions { chosen, read } => {
                self.read_positions(expressions, &chosen, read, see)?;
            }
        }
        Ok(sampled)
    }

    fn pick(&self, counted: u64, wanted: u64, seed: u64) -> Result<(Picked, Sampled), TargetError> {
        let all = counted <= wanted;
        let sampled = |method, rows, rows_exact| Sampled {
            method: if all { SampleMethod::All } else { method },
            rows,
            rows_exact,
        };
        let Some(rowid) = &self.found.rowid else {
            let read = counted.min(wanted.max(READ_WHOLE));
            let chosen = choose((0..read as i64).collect(), wanted, seed);
            let mut chosen: Vec<u64> = chosen.into_iter().map(i64::unsigned_abs).collect();
            chosen.sort_unstable();
            let method = if read == counted {
                SampleMethod::Spread
            } else {
                SampleMethod::FirstRows
            };
            let estimate = self
                .found
                .table
                .rows_estimate
                .unwrap_or(counted)
                .max(counted);
            let rows_exact = counted <= COUNT_AT_MOST;
            let rows = if rows_exact { counted } else { estimate };
            return Ok((
                Picked::Positions { chosen, read },
                sampled(method, rows, rows_exact),
            ));
        };
        if counted <= READ_WHOLE.max(wanted) {
            let rowids = choose(self.all_rowids(rowid)?, wanted, seed);
            return Ok((
                Picked::Rowids(rowids),
                sampled(SampleMethod::Spread, counted, true),
            ));
        }
        let (rowids, span) = self.probe(rowid, wanted, seed)?;
        let rows_exact = counted <= COUNT_AT_MOST;
        // Without ANALYZE the keys are all there is; where they have gaps the table is smaller.
        let estimate = self.found.table.rows_estimate.unwrap_or(span).max(counted);
        let rows = if rows_exact { counted } else { estimate };
        Ok((
            Picked::Rowids(rowids),
            sampled(SampleMethod::Spread, rows, rows_exact),
        ))
    }

    /// The rows, or one more than are counted at most.
    fn counted(&self) -> Result<u64, TargetError> {
        let count = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {})",
            self.table(),
            COUNT_AT_MOST + 1
        );
        let count = self
            .connection
            .query_row(&count, [], |row| row.get::<_, i64>(0));
        Ok(self.answered(count)?.unsigned_abs())
    }

    fn all_rowids(&self, rowid: &str) -> Result<Vec<i64>, TargetError> {
        let all = format!("SELECT {rowid} FROM {}", self.table());
        let read = || {
            let mut statement = self.connection.prepare(&all)?;
            let rowids = statement.query_map([], |row| row.get(0))?;
            rowids.collect()
        };
        self.answered(read())
    }

    /// Tries keys by chance between the first and the last: each leads to the row with the next key that there is. Also
    /// says how many keys there could be.
    fn probe(&self, rowid: &str, wanted: u64, seed: u64) -> Result<(Vec<i64>, u64), TargetError> {
        let table = self.table();
        let end = |function: &str| {
            let query = format!("SELECT {function}({rowid}) FROM {table}");
            let key = self
                .connection
                .query_row(&query, [], |row| row.get::<_, Option<i64>>(0));
            self.answered(key)
        };
        let (Some(first), Some(last)) = (end("min")?, end("max")?) else {
            return Ok((Vec::new(), 0));
        };
        let probe =
            format!("SELECT {rowid} FROM {table} WHERE {rowid} >= ?1 ORDER BY {rowid} LIMIT 1");
        let mut probe = self.answered(self.connection.prepare(&probe))?;
        let (mut seen, mut rowids) = (HashSet::new(), Vec::new());
        for index in 0..wanted.saturating_mul(PROBES_PER_ROW) {
            if rowids.len() as u64 == wanted {
                break;
            }
            self.in_time(index)?;
            let key = gauntlet_engine::uniform(seed, index, 0, first, last);
            let found = probe
                .query_row([key], |row| row.get::<_, i64>(0))
                .optional();
            if let Some(found) = self.answered(found)?.filter(|found| seen.insert(*found)) {
                rowids.push(found);
            }
        }
        Ok((rowids, last.abs_diff(first).saturating_add(1)))
    }

    fn read_rowids(
        &self,
        expressions: &str,
        rowids: &[i64],
        mut see: impl FnMut(&Row<'_>) -> rusqlite::Result<bool>,
    ) -> Result<(), TargetError> {
        let Some(rowid) = &self.found.rowid else {
            return Ok(());
        };
        let query = format!(
            "SELECT {expressions} FROM {} WHERE {rowid} = ?1",
            self.table()
        );
        let mut query = self.answered(self.connection.prepare(&query))?;
        for (index, rowid) in rowids.iter().enumerate() {
            self.in_time(index as u64)?;
            // A row that was deleted meanwhile is not in the sample.
            let more = query.query_row([rowid], &mut see).optional();
            if self.answered(more)? == Some(false) {
                break;
            }
        }
        Ok(())
    }

    fn read_positions(
        &self,
        expressions: &str,
        chosen: &[u64],
        read: u64,
        mut see: impl FnMut(&Row<'_>) -> rusqlite::Result<bool>,
    ) -> Result<(), TargetError> {
        let query = format!("SELECT {expressions} FROM {} LIMIT {read}", self.table());
        let read = |mut statement: Statement<'_>| {
            let mut chosen = chosen.iter().copied().peekable();
            let mut rows = statement.query([])?;
            let mut position = 0;
            while let Some(row) = rows.next()? {
                if chosen.next_if_eq(&position).is_some() && !see(row)? {
                    break;
                }
                position += 1;
            }
            Ok(())
        };
        self.answered(self.connection.prepare(&query).and_then(read))
    }

    /// The table as SQL names it.
    pub(super) fn table(&self) -> String {
        let table = &self.found.table;
        TableName::new(&table.schema, &table.name).sql()
    }

    pub(super) fn answered<A>(&self, answer: rusqlite::Result<A>) -> Result<A, TargetError> {
        answer.map_err(|error| target_error(self.path, &error))
    }

    /// One long statement is interrupted from outside; many short ones end here.
    fn in_time(&self, index: u64) -> Result<(), TargetError> {
        if index.is_multiple_of(PROBES_PER_LOOK) && Instant::now() >= self.until {
            return Err(TargetError::Timeout {
                address: self.path.display().to_string(),
                within: FACTS_WITHIN,
            });
        }
        Ok(())
    }
}

/// So many of these, each equally likely, as the seed says, in an order by chance.
fn choose(keys: Vec<i64>, wanted: u64, seed: u64) -> Vec<i64> {
    let lot = |key: i64| gauntlet_engine::uniform(seed, key as u64, 1, 0, i64::MAX);
    let mut lots: Vec<(i64, i64)> = keys.into_iter().map(|key| (lot(key), key)).collect();
    lots.sort_unstable();
    lots.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
    lots.into_iter().map(|(_, key)| key).collect()
}

/// A value as text; nothing for NULL.
pub(super) fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(integer) => Some(integer.to_string()),
        ValueRef::Real(real) => Some(format!("{real:?}")),
        ValueRef::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Some(crate::tally::hexadecimal(bytes)),
    }
}

#[cfg(test)]
mod tests;
