//! Intervals in SQL.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use gauntlet_model::{
    id::RunId,
    interval::{Encoded, Interval, Latencies, OperationInterval},
    lifecycle::Phase,
    session::AttemptRef,
    time::Timestamp,
};
use gauntlet_store::{IntervalKey, Intervals, PageQuery, Result};

use crate::{
    columns::Columns,
    database::{Sql, Transaction},
    dialect::Dialect,
    statement::{Statement, Value, id, json, query},
};

/// What tells intervals apart: run, shard, attempt, sequence.
type Key = (RunId, u32, u32, i64);

fn key(interval: &Interval) -> Key {
    let AttemptRef {
        run,
        shard,
        attempt,
    } = interval.attempt;
    (run, shard, attempt, interval.sequence)
}

#[async_trait]
impl<D: Dialect> Intervals for Sql<D> {
    async fn append(&self, intervals: &[Interval]) -> Result<Vec<bool>> {
        // By key, so that two who deliver the same intervals wait for each
        // other in the same order; of repeats in one call the first counts.
        let mut first: BTreeMap<Key, usize> = BTreeMap::new();
        for (place, interval) in intervals.iter().enumerate() {
            first.entry(key(interval)).or_insert(place);
        }
        let runs: BTreeSet<String> = first.keys().map(|key| format!("run {}", key.0)).collect();
        let subject = Vec::from_iter(runs).join(" or ");

        let in_order: Vec<&Interval> = first.values().map(|place| &intervals[*place]).collect();
        let mut transaction = self.begin().await?;
        let new = insert_headers(&mut transaction, &subject, &in_order).await?;
        let operations = in_order
            .iter()
            .filter(|interval| new.contains(&key(interval)))
            .flat_map(|interval| operation_rows(interval))
            .collect();
        transaction
            .insert_rows(&subject, query!("interval_operations/insert"), operations)
            .await?;
        transaction.commit().await?;

        let mut is_new = vec![false; intervals.len()];
        for key in &new {
            is_new[first[key]] = true;
        }
        Ok(is_new)
    }

    async fn contiguous(&self, attempt: AttemptRef) -> Result<i64> {
        let values = [
            id(attempt.run),
            attempt.shard.into(),
            attempt.attempt.into(),
        ];
        let statement = Statement::new(query!("intervals/contiguous"), values);
        match self.fetch_optional(statement).await? {
            Some(row) => Columns::<D>::new("intervals", &row).integer(),
            None => Ok(0),
        }
    }

    async fn list(&self, run: RunId, page: PageQuery<IntervalKey>) -> Result<Vec<Interval>> {
        // No shard is numbered -1, so nothing comes before this.
        let (end, shard, attempt, sequence) = match page.after {
            Some((end, shard, attempt, sequence)) => {
                (end, i64::from(shard), i64::from(attempt), sequence)
            }
            None => (Timestamp(i64::MIN), -1, -1, i64::MIN),
        };
        let values = [
            id(run),
            end.into(),
            shard.into(),
            attempt.into(),
            sequence.into(),
            page.limit.into(),
        ];
        let rows = self
            .fetch(Statement::new(query!("intervals/list"), values))
            .await?;
        let mut found: Vec<Interval> = Vec::new();
        for row in &rows {
            let mut columns = Columns::<D>::new("intervals", row);
            let header = read_header(&mut columns)?;
            if found.last().is_none_or(|last| key(last) != key(&header)) {
                found.push(header);
            }
            if let (Some(last), false) = (found.last_mut(), columns.is_null()?) {
                last.operations.push(read_operation(&mut columns)?);
            }
        }
        Ok(found)
    }
}

/// Stores headers, passing over those that are there; gives the keys of the others.
async fn insert_headers<D: Dialect>(
    transaction: &mut Transaction<D>,
    subject: &str,
    intervals: &[&Interval],
) -> Result<BTreeSet<Key>> {
    let rows: Result<Vec<_>> = intervals
        .iter()
        .map(|interval| header_row(interval))
        .collect();
    let statements = Statement::multi_row(query!("intervals/insert"), rows?);
    let mut new = BTreeSet::new();
    for statement in statements {
        for row in transaction.fetch(subject, statement).await? {
            let mut columns = Columns::<D>::new("intervals", &row);
            new.insert((
                columns.id()?,
                columns.number()?,
                columns.number()?,
                columns.integer()?,
            ));
        }
    }
    Ok(new)
}

fn header_row(interval: &Interval) -> Result<[Value; 9]> {
    Ok([
        id(interval.attempt.run),
        interval.attempt.shard.into(),
        interval.attempt.attempt.into(),
        interval.sequence.into(),
        interval.start.into(),
        interval.end.into(),
        json("an interval's errors", &interval.errors)?,
        interval.in_flight.into(),
        interval.backlog.into(),
    ])
}

fn read_header<D: Dialect>(columns: &mut Columns<'_, D>) -> Result<Interval> {
    Ok(Interval {
        attempt: AttemptRef {
            run: columns.id()?,
            shard: columns.number()?,
            attempt: columns.number()?,
        },
        sequence: columns.integer()?,
        start: columns.time()?,
        end: columns.time()?,
        operations: Vec::new(),
        errors: columns.json()?,
        in_flight: columns.number()?,
        backlog: columns.count()?,
    })
}

fn operation_rows(interval: &Interval) -> impl Iterator<Item = [Value; 17]> {
    let row = |(place, part): (i64, &OperationInterval)| {
        let (succeeded, failed) = (&part.succeeded, &part.failed);
        [
            id(interval.attempt.run),
            interval.attempt.shard.into(),
            interval.attempt.attempt.into(),
            interval.sequence.into(),
            place.into(),
            part.operation.into(),
            part.phase.as_str().into(),
            succeeded.response.as_bytes().into(),
            succeeded.service.as_bytes().into(),
            succeeded.lag.as_bytes().into(),
            succeeded.rows.into(),
            failed.response.as_bytes().into(),
            failed.service.as_bytes().into(),
            failed.lag.as_bytes().into(),
            failed.rows.into(),
            part.cut.into(),
            part.dropped.into(),
        ]
    };
    (0..).zip(&interval.operations).map(row)
}

fn read_operation<D: Dialect>(columns: &mut Columns<'_, D>) -> Result<OperationInterval> {
    Ok(OperationInterval {
        operation: columns.number()?,
        phase: columns.word(Phase::parse)?,
        succeeded: read_latencies(columns)?,
        failed: read_latencies(columns)?,
        cut: columns.count()?,
        dropped: columns.count()?,
    })
}

fn read_latencies<D: Dialect>(columns: &mut Columns<'_, D>) -> Result<Latencies> {
    Ok(Latencies {
        response: Encoded::from_trusted(columns.bytes()?),
        service: Encoded::from_trusted(columns.bytes()?),
        lag: Encoded::from_trusted(columns.bytes()?),
        rows: columns.count()?,
    })
}
