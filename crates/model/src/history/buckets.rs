//! Buckets of one resolution while they fill.

use std::collections::BTreeMap;

use super::{Counts, Resolution, Rollup};
use crate::{
    id::RunId,
    interval::{BadHistogram, Failures, Interval, Latencies, OperationInterval},
    lifecycle::Phase,
    time::Timestamp,
};

/// Merges intervals and finer rollups of one run into rollups of one resolution.
/// Merging is associative and commutative: the order does not matter.
///
/// Memory goes with the buckets that were not taken yet: for each operation and
/// phase six histograms of what was recorded, at most 0.3 MB each and about
/// 30 kB where latencies stay within a few powers of two.
#[derive(Clone, Debug)]
pub struct Buckets {
    run: RunId,
    origin: Timestamp,
    resolution: Resolution,
    open: BTreeMap<Timestamp, Bucket>,
}

/// One bucket.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    cells: BTreeMap<(u32, Phase), Cell>,
    /// What each attempt said in a second: in flight and backlog.
    gauges: BTreeMap<(u32, u32), (u64, u64)>,
    in_flight_max: u64,
    backlog_max: u64,
}

/// One operation in one phase.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub(super) succeeded: Sums,
    pub(super) failed: Sums,
    pub(super) failures: Failures,
    pub(super) cut: u64,
    pub(super) dropped: u64,
    pub(super) intervals: u64,
}

/// The sum of latencies of one outcome.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub(super) response: Counts,
    pub(super) service: Counts,
    pub(super) lag: Counts,
    pub(super) rows: u64,
}

impl Buckets {
    /// Nothing yet, for a run whose load began at `origin`.
    #[must_use]
    pub fn new(run: RunId, origin: Timestamp, resolution: Resolution) -> Self {
        Self {
            run,
            origin,
            resolution,
            open: BTreeMap::new(),
        }
    }

    /// Adds an interval to the bucket that holds its middle. An error leaves a
    /// part of the interval in: throw the buckets away then.
    pub fn add(&mut self, interval: &Interval) -> Result<(), BadHistogram> {
        let start = self.resolution.bucket_of(self.origin, middle(interval));
        let bucket = self.open.entry(start).or_default();
        for part in &interval.operations {
            bucket.cell(part.operation, part.phase).add(part)?;
        }
        for error in &interval.errors {
            let cell = bucket.cell(error.operation, error.phase);
            cell.failures.add(error.class, error.count);
        }
        bucket.gauge(interval, self.resolution);
        Ok(())
    }

    /// Adds a finer rollup of the same run. Errors as in [`Buckets::add`].
    pub fn merge(&mut self, rollup: &Rollup) -> Result<(), BadHistogram> {
        let start = self.resolution.bucket_of(self.origin, rollup.start);
        let bucket = self.open.entry(start).or_default();
        bucket
            .cell(rollup.operation, rollup.phase)
            .merge_rollup(rollup)?;
        bucket.in_flight_max = bucket.in_flight_max.max(rollup.in_flight_max);
        bucket.backlog_max = bucket.backlog_max.max(rollup.backlog_max);
        Ok(())
    }

    /// Takes the rollups of all buckets, oldest first.
    #[must_use]
    pub fn take_all(&mut self) -> Vec<Rollup> {
        let taken = std::mem::take(&mut self.open);
        let taken = taken.iter();
        taken
            .flat_map(|(start, bucket)| self.rollups(*start, bucket))
            .collect()
    }

    /// Takes the buckets that start before `until`, oldest first.
    pub(super) fn take_before(&mut self, until: Timestamp) -> BTreeMap<Timestamp, Bucket> {
        let rest = self.open.split_off(&until);
        std::mem::replace(&mut self.open, rest)
    }

    /// Adds a finer bucket.
    pub(super) fn merge_bucket(&mut self, start: Timestamp, finer: &Bucket) {
        let start = self.resolution.bucket_of(self.origin, start);
        let bucket = self.open.entry(start).or_default();
        for ((operation, phase), cell) in &finer.cells {
            bucket.cell(*operation, *phase).merge(cell);
        }
        let (in_flight, backlog) = finer.gauges();
        bucket.in_flight_max = bucket.in_flight_max.max(in_flight);
        bucket.backlog_max = bucket.backlog_max.max(backlog);
    }

    /// The rollups of a bucket.
    pub(super) fn rollups(&self, start: Timestamp, bucket: &Bucket) -> Vec<Rollup> {
        let (in_flight_max, backlog_max) = bucket.gauges();
        let cells = bucket.cells.iter();
        cells
            .map(|((operation, phase), cell)| Rollup {
                run: self.run,
                resolution: self.resolution,
                start,
                operation: *operation,
                phase: *phase,
                succeeded: cell.succeeded.encode(),
                failed: cell.failed.encode(),
                failures: cell.failures,
                cut: cell.cut,
                dropped: cell.dropped,
                intervals: cell.intervals,
                in_flight_max,
                backlog_max,
            })
            .collect()
    }

    /// The start of the bucket after the oldest ones that are more than `most`;
    /// `None` when there are no more.
    pub(super) fn beyond(&self, most: usize) -> Option<Timestamp> {
        let excess = self.open.len().checked_sub(most)?;
        self.open.keys().nth(excess).copied()
    }
}

impl Bucket {
    fn cell(&mut self, operation: u32, phase: Phase) -> &mut Cell {
        self.cells.entry((operation, phase)).or_default()
    }

    /// Within a second the attempts' gauges belong together; over more, only
    /// their own sums do, which the seconds bring.
    fn gauge(&mut self, interval: &Interval, resolution: Resolution) {
        let (in_flight, backlog) = (u64::from(interval.in_flight), interval.backlog);
        if resolution == Resolution::Second {
            let who = (interval.attempt.shard, interval.attempt.attempt);
            let known = self.gauges.entry(who).or_default();
            *known = (known.0.max(in_flight), known.1.max(backlog));
        } else {
            self.in_flight_max = self.in_flight_max.max(in_flight);
            self.backlog_max = self.backlog_max.max(backlog);
        }
    }

    fn gauges(&self) -> (u64, u64) {
        let in_flight = self.gauges.values().map(|(in_flight, _)| in_flight).sum();
        let backlog = self
            .gauges
            .values()
            .fold(0_u64, |sum, (_, backlog)| sum.saturating_add(*backlog));
        (
            self.in_flight_max.max(in_flight),
            self.backlog_max.max(backlog),
        )
    }
}

impl Cell {
    fn add(&mut self, part: &OperationInterval) -> Result<(), BadHistogram> {
        self.succeeded.add(&part.succeeded)?;
        self.failed.add(&part.failed)?;
        self.cut = self.cut.saturating_add(part.cut);
        self.dropped = self.dropped.saturating_add(part.dropped);
        self.intervals += 1;
        Ok(())
    }

    pub(super) fn merge_rollup(&mut self, rollup: &Rollup) -> Result<(), BadHistogram> {
        self.succeeded.add(&rollup.succeeded)?;
        self.failed.add(&rollup.failed)?;
        self.failures.merge(rollup.failures);
        self.cut = self.cut.saturating_add(rollup.cut);
        self.dropped = self.dropped.saturating_add(rollup.dropped);
        self.intervals = self.intervals.saturating_add(rollup.intervals);
        Ok(())
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.succeeded.merge(&other.succeeded);
        self.failed.merge(&other.failed);
        self.failures.merge(other.failures);
        self.cut = self.cut.saturating_add(other.cut);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.intervals = self.intervals.saturating_add(other.intervals);
    }

    /// Whether nobody spoke of it.
    pub(super) fn is_empty(&self) -> bool {
        self.intervals == 0 && self.failures.is_empty()
    }

    /// Forgets everything but the memory.
    pub(super) fn clear(&mut self) {
        self.succeeded.clear();
        self.failed.clear();
        self.failures = Failures::default();
        (self.cut, self.dropped, self.intervals) = (0, 0, 0);
    }
}

impl Sums {
    fn add(&mut self, part: &Latencies) -> Result<(), BadHistogram> {
        self.response.add(&part.response)?;
        self.service.add(&part.service)?;
        self.lag.add(&part.lag)?;
        self.rows = self.rows.saturating_add(part.rows);
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
        self.response.merge(&other.response);
        self.service.merge(&other.service);
        self.lag.merge(&other.lag);
        self.rows = self.rows.saturating_add(other.rows);
    }

    fn clear(&mut self) {
        self.response.clear();
        self.service.clear();
        self.lag.clear();
        self.rows = 0;
    }

    fn encode(&self) -> Latencies {
        Latencies {
            response: self.response.encode(),
            service: self.service.encode(),
            lag: self.lag.encode(),
            rows: self.rows,
        }
    }
}

/// Workers end their seconds a little before or after the second does, so the
/// middle says which one is meant.
pub(super) fn middle(interval: &Interval) -> Timestamp {
    Timestamp(i64::midpoint(interval.start.0, interval.end.0))
}
