//! From rollups to the points of a curve.

use std::{collections::BTreeMap, time::Duration};

use super::{Counts, Resolution, Rollup, buckets::Cell, overlap};
use crate::{
    interval::{BadHistogram, Failures},
    lifecycle::{Phase, Window},
    time::Timestamp,
};

/// The most percentiles of one question.
const MOST_PERCENTILES: usize = 32;
/// A percentile in thousandths: 100 % is this.
const WHOLE: u32 = 100_000;

/// The percentiles to compute: in thousandths of a percent, rising, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Percentiles(Vec<u32>);

/// These are no percentiles.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadPercentiles {
    /// Not a percentile.
    #[error(
        "{0} is not a percentile; give a number above 0 and at most 100 with at most three decimals"
    )]
    Value(f64),
    /// Too many.
    #[error("{0} percentiles are asked for; at most {MOST_PERCENTILES} can be")]
    Many(usize),
}

impl Default for Percentiles {
    /// p50, p95, p99 and p99.9.
    fn default() -> Self {
        Self(vec![50_000, 95_000, 99_000, 99_900])
    }
}

impl Percentiles {
    /// Sorted and without repeats; the default ones when none is asked for.
    pub fn new(asked: &[f64]) -> Result<Self, BadPercentiles> {
        if asked.is_empty() {
            return Ok(Self::default());
        }
        if asked.len() > MOST_PERCENTILES {
            return Err(BadPercentiles::Many(asked.len()));
        }
        let mut found = Vec::with_capacity(asked.len());
        for percentile in asked {
            let thousandths = (percentile * 1e3).round();
            let near = (thousandths - percentile * 1e3).abs() < 1e-6;
            if !near || !(1.0..=f64::from(WHOLE)).contains(&thousandths) {
                return Err(BadPercentiles::Value(*percentile));
            }
            found.push(thousandths as u32);
        }
        found.sort_unstable();
        found.dedup();
        Ok(Self(found))
    }

    /// The percentiles, like 99.9.
    #[must_use]
    pub fn values(&self) -> Vec<f64> {
        self.0.iter().map(|value| f64::from(*value) / 1e3).collect()
    }

    /// The rank of each among `count` values: the smallest one that so large a
    /// share of all is at or below.
    fn ranks(&self, count: u64) -> impl Iterator<Item = u64> {
        self.0.iter().map(move |percentile| {
            let rank = (u128::from(count) * u128::from(*percentile)).div_ceil(u128::from(WHOLE));
            rank as u64
        })
    }
}

/// One bucket of a run in one phase.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryPoint {
    /// The bucket's start.
    pub start: Timestamp,
    /// The bucket's length.
    pub resolution: Resolution,
    /// The phase that the operations were due in.
    pub phase: Phase,
    /// How much of the bucket the phase covers; throughput counts by it.
    pub covered: Duration,
    /// Those that were measured, by their place in the template.
    pub operations: Vec<OperationStats>,
    /// The operations above together.
    pub total: Stats,
    /// Operations in flight at the end of a second, over all attempts; the most.
    pub in_flight_max: u64,
    /// Operations due and not sent at the end of a second, over all attempts; the most.
    pub backlog_max: u64,
}

/// One bucket of one operation.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationStats {
    /// The operation's place in the template.
    pub operation: u32,
    /// What was measured.
    pub stats: Stats,
}

/// What was measured in a bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// How many succeeded.
    pub succeeded: u64,
    /// How many failed, timeouts included.
    pub failed: u64,
    /// The same by class; nothing where they were measured before classes were kept.
    pub failures: Failures,
    /// How many were cut when the drain timeout ended.
    pub cut: u64,
    /// How many were due and never sent.
    pub dropped: u64,
    /// Rows read or written by those that succeeded.
    pub rows: u64,
    /// How many succeeded per second that the phase covers; `None` where it
    /// covers none: what is counted there was due before the phase's end and
    /// came after it.
    pub throughput_per_s: Option<f64>,
    /// From due to end, of those that succeeded; `None` when none did.
    pub response: Option<Distribution>,
    /// From sent to end, of those that succeeded.
    pub service: Option<Distribution>,
    /// From due to sent, of those that succeeded.
    pub lag: Option<Distribution>,
    /// From due to end, of those that failed.
    pub failed_response: Option<Distribution>,
}

/// The shape of a distribution of latencies, microseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// The smallest.
    pub min_us: f64,
    /// The mean.
    pub mean_us: f64,
    /// The largest.
    pub max_us: f64,
    /// In the order of [`Percentiles::values`].
    pub percentiles_us: Vec<f64>,
}

impl Distribution {
    /// The shape of what was counted; nothing has none.
    #[must_use]
    pub fn of(counts: &Counts, percentiles: &Percentiles) -> Option<Self> {
        if counts.is_empty() {
            return None;
        }
        let mut percentiles_us = Vec::with_capacity(percentiles.0.len());
        counts.at_ranks(percentiles.ranks(counts.len()), |value| {
            percentiles_us.push(value as f64 / 1e3);
        });
        Some(Self {
            min_us: counts.min() as f64 / 1e3,
            mean_us: counts.mean() / 1e3,
            max_us: counts.max() as f64 / 1e3,
            percentiles_us,
        })
    }
}

/// Why rollups make no series.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    /// A stored histogram is broken.
    #[error(transparent)]
    Histogram(#[from] BadHistogram),
    /// The caller gave rollups out of their order.
    #[error("rollups must come in the order of their time: {given} us came after {reached} us")]
    Order {
        /// The bucket of the rollup given.
        given: i64,
        /// The bucket that was reached.
        reached: i64,
    },
}

/// Turns rollups, in the order of time, into points: one for each bucket and
/// phase that has any. Finer rollups are merged. It holds one bucket at a time.
#[derive(Clone, Debug)]
pub struct Series {
    origin: Timestamp,
    resolution: Resolution,
    percentiles: Percentiles,
    phases: Vec<(Phase, Window)>,
    at: Option<Timestamp>,
    /// Kept empty between buckets, for their memory.
    cells: BTreeMap<(Phase, u32), Cell>,
    total: Cell,
    in_flight_max: u64,
    backlog_max: u64,
}

impl Series {
    /// For a run whose load began at `origin` and whose phases were as
    /// [`super::phase_windows`] says.
    #[must_use]
    pub fn new(
        origin: Timestamp,
        resolution: Resolution,
        percentiles: Percentiles,
        phases: Vec<(Phase, Window)>,
    ) -> Self {
        Self {
            origin,
            resolution,
            percentiles,
            phases,
            at: None,
            cells: BTreeMap::new(),
            total: Cell::default(),
            in_flight_max: 0,
            backlog_max: 0,
        }
    }

    /// Adds a rollup; returns the points of the bucket before, when it is in the next.
    pub fn push(&mut self, rollup: &Rollup) -> Result<Vec<HistoryPoint>, SeriesError> {
        let start = self.resolution.bucket_of(self.origin, rollup.start);
        let given = start.0;
        let done = match self.at {
            Some(Timestamp(reached)) if given < reached => {
                return Err(SeriesError::Order { given, reached });
            }
            Some(Timestamp(reached)) if given > reached => self.finish(),
            _ => Vec::new(),
        };
        self.at = Some(start);
        let cell = self.cells.entry((rollup.phase, rollup.operation));
        cell.or_default().merge_rollup(rollup)?;
        self.in_flight_max = self.in_flight_max.max(rollup.in_flight_max);
        self.backlog_max = self.backlog_max.max(rollup.backlog_max);
        Ok(done)
    }

    /// The points of the last bucket.
    #[must_use]
    pub fn finish(&mut self) -> Vec<HistoryPoint> {
        let Some(start) = self.at.take() else {
            return Vec::new();
        };
        let mut points = Vec::new();
        for phase in Phase::ALL {
            points.extend(self.point(start, phase));
        }
        for cell in self.cells.values_mut() {
            cell.clear();
        }
        (self.in_flight_max, self.backlog_max) = (0, 0);
        points
    }

    fn point(&mut self, start: Timestamp, phase: Phase) -> Option<HistoryPoint> {
        let covered = self.covered(start, phase);
        let mut operations = Vec::new();
        self.total.clear();
        for ((_, operation), cell) in self.cells.range((phase, 0)..=(phase, u32::MAX)) {
            if !cell.is_empty() {
                self.total.merge(cell);
                let (operation, stats) = (*operation, cell.stats(covered, &self.percentiles));
                operations.push(OperationStats { operation, stats });
            }
        }
        let total = match operations.as_slice() {
            [] => return None,
            [only] => only.stats.clone(),
            _ => self.total.stats(covered, &self.percentiles),
        };
        Some(HistoryPoint {
            start,
            resolution: self.resolution,
            phase,
            covered,
            operations,
            total,
            in_flight_max: self.in_flight_max,
            backlog_max: self.backlog_max,
        })
    }

    /// How much of a bucket its phase covers; all of it when the phases do not
    /// know this one.
    fn covered(&self, start: Timestamp, phase: Phase) -> Duration {
        let to = start + self.resolution.length();
        let bucket = Window { from: start, to };
        let windows = self.phases.iter().filter(|(known, _)| *known == phase);
        if windows.clone().next().is_none() {
            return self.resolution.length();
        }
        let covered: i64 = windows.map(|(_, window)| overlap(bucket, *window)).sum();
        Duration::from_micros(covered.unsigned_abs())
    }
}

impl Cell {
    pub(super) fn stats(&self, covered: Duration, percentiles: &Percentiles) -> Stats {
        let succeeded = self.succeeded.response.len();
        Stats {
            succeeded,
            failed: self.failed.response.len(),
            failures: self.failures,
            cut: self.cut,
            dropped: self.dropped,
            rows: self.succeeded.rows,
            throughput_per_s: (!covered.is_zero())
                .then(|| succeeded as f64 / covered.as_secs_f64()),
            response: Distribution::of(&self.succeeded.response, percentiles),
            service: Distribution::of(&self.succeeded.service, percentiles),
            lag: Distribution::of(&self.succeeded.lag, percentiles),
            failed_response: Distribution::of(&self.failed.response, percentiles),
        }
    }
}
