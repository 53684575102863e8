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
use gauntlet_store::{IntervalKey, Intervals, PageQuery, Result, TimeRange};

use crate::{
    columns::Columns,
    database::Sql,
    script::{Done, Row, Script, Step, send},
    statement::{Statement, Value, id, json, query},
};

mod errors;

/// The most intervals that go in one transaction when they are removed.
pub(crate) const REMOVED_TOGETHER: i64 = 2_000;

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

/// What has to be written for one interval, if it is new.
struct Parts {
    operations: Vec<[Value; 18]>,
    errors: Option<Interval>,
}

#[async_trait]
impl Intervals for Sql {
    async fn append(&self, intervals: &[Interval]) -> Result<Vec<bool>> {
        // By key, so that two who deliver the same intervals wait for each
        // other in the same order; of repeats in one call the first counts.
        let mut first: BTreeMap<Key, usize> = BTreeMap::new();
        for (place, interval) in intervals.iter().enumerate() {
            first.entry(key(interval)).or_insert(place);
        }
        let runs: BTreeSet<String> = first.keys().map(|key| format!("run {}", key.0)).collect();
        let subject = Vec::from_iter(runs).join(" or ");

        let mut headers = Vec::with_capacity(first.len());
        let mut parts = BTreeMap::new();
        for (key, place) in &first {
            let interval = &intervals[*place];
            headers.push(header_row(interval)?);
            parts.insert(*key, Parts::of(interval));
        }
        let headers = Statement::rows(query!("intervals/insert"), headers);
        let after = subject.clone();
        let script = Script::of(&subject, headers)
            .then(move |inserted| Ok(write_parts(&after, &parts, &new_keys(inserted)?)));
        let done = self.write(script).await?;

        let mut is_new = vec![false; intervals.len()];
        for key in new_keys(&done[0])? {
            is_new[first[&key]] = true;
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
            Some(row) => Columns::new("intervals", row).integer(),
            None => Ok(0),
        }
    }

    async fn list(
        &self,
        run: RunId,
        ended: TimeRange,
        page: PageQuery<IntervalKey>,
    ) -> Result<Vec<Interval>> {
        let list = list(run, ended, &page);
        let mut found: Vec<Interval> = Vec::new();
        for row in self.fetch(list).await? {
            let mut columns = Columns::new("intervals", row);
            let header = read_header(&mut columns)?;
            if found.last().is_none_or(|last| key(last) != key(&header)) {
                found.push(header);
            }
            if let (Some(last), false) = (found.last_mut(), columns.is_null()) {
                last.operations.push(read_operation(&mut columns)?);
            }
        }
        Ok(found)
    }

    async fn prune(&self, run: RunId, run_ended_before: Timestamp) -> Result<u64> {
        let values = [id(run), run_ended_before.into()];
        let may_go = Statement::new(query!("intervals/may_go"), values);
        if self.fetch_optional(may_go).await?.is_none() {
            return Ok(0);
        }
        // A run that is over stays so, so this may take many transactions.
        self.remove_intervals(run).await
    }
}

impl Sql {
    /// Removes the intervals of a run, some at a time, so that others can write
    /// in between.
    pub(crate) async fn remove_intervals(&self, run: RunId) -> Result<u64> {
        let mut removed = 0;
        loop {
            let values = [id(run), REMOVED_TOGETHER.into()];
            let some = Statement::new(query!("intervals/delete_some"), values);
            let done = self.write(Script::of("", some)).await?;
            if done[0].changed == 0 {
                return Ok(removed);
            }
            removed += done[0].changed;
        }
    }
}

/// The statement of a page.
pub(crate) fn list(run: RunId, ended: TimeRange, page: &PageQuery<IntervalKey>) -> Statement {
    // No shard is numbered -1, so nothing comes before this.
    let start = ended.from.map_or(i64::MIN, |from| from.0);
    let (end, shard, attempt, sequence) = match page.after {
        Some((end, shard, attempt, sequence)) if end.0 >= start => {
            (end.0, i64::from(shard), i64::from(attempt), sequence)
        }
        _ => (start, -1, -1, i64::MIN),
    };
    let values = [
        id(run),
        end.into(),
        shard.into(),
        attempt.into(),
        sequence.into(),
        page.limit.into(),
    ];
    let mut list = Statement::new(query!("intervals/list"), values);
    let bound = match ended.to {
        None => "",
        Some(to) => {
            list.push(to.into());
            " AND end_us < $7"
        }
    };
    list.text = list.text.replace("{bound}", bound).into();
    list
}

fn new_keys(inserted: &Done) -> Result<BTreeSet<Key>> {
    let key = |row: &Row| {
        let mut columns = Columns::new("intervals", row.clone());
        Ok((
            columns.id()?,
            columns.number()?,
            columns.number()?,
            columns.integer()?,
        ))
    };
    inserted.rows.iter().map(key).collect()
}

impl Parts {
    fn of(interval: &Interval) -> Self {
        let errors = (!interval.errors.is_empty()).then(|| Interval {
            operations: Vec::new(),
            ..interval.clone()
        });
        Self {
            operations: operation_rows(interval).collect(),
            errors,
        }
    }
}

/// What follows the headers: the operations and failures of those that are new.
fn write_parts(subject: &str, parts: &BTreeMap<Key, Parts>, new: &BTreeSet<Key>) -> Vec<Step> {
    let new: Vec<&Parts> = new.iter().filter_map(|key| parts.get(key)).collect();
    let mut steps = Vec::new();
    let operations: Vec<[Value; 18]> = new.iter().flat_map(|one| one.operations.clone()).collect();
    if !operations.is_empty() {
        let insert = Statement::rows(query!("interval_operations/insert"), operations);
        steps.push(send(subject, insert));
    }
    steps.extend(errors::steps(
        subject,
        new.iter().filter_map(|one| one.errors.as_ref()),
    ));
    steps
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

fn read_header(columns: &mut Columns) -> Result<Interval> {
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

fn operation_rows(interval: &Interval) -> impl Iterator<Item = [Value; 18]> {
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
            part.step.into(),
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

fn read_operation(columns: &mut Columns) -> Result<OperationInterval> {
    Ok(OperationInterval {
        operation: columns.number()?,
        phase: columns.word(Phase::parse)?,
        step: columns.number()?,
        succeeded: read_latencies(columns)?,
        failed: read_latencies(columns)?,
        cut: columns.count()?,
        dropped: columns.count()?,
    })
}

pub(crate) fn read_latencies(columns: &mut Columns) -> Result<Latencies> {
    Ok(Latencies {
        response: Encoded::from_trusted(columns.bytes()?),
        service: Encoded::from_trusted(columns.bytes()?),
        lag: Encoded::from_trusted(columns.bytes()?),
        rows: columns.count()?,
    })
}
