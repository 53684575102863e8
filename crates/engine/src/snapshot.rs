//! Frozen measurements of an interval. They merge by addition, so parts of a whole equal the whole.

use std::time::Instant;

use hdrhistogram::Histogram;

use crate::sample::Samples;
use crate::target::ErrorClass;
use crate::timeline::Epoch;

/// Whether an operation did what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// It succeeded.
    Ok,
    /// It failed or timed out.
    Failed,
}

/// The measurements of one operation with one outcome in one epoch. All histograms are in nanoseconds with three
/// significant digits and hold the same number of values.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Epoch of the due instants.
    pub epoch: Epoch,
    /// Number of the operation in the plan.
    pub operation: u32,
    /// What became of the operations.
    pub outcome: Outcome,
    /// Rows returned or changed.
    pub rows: u64,
    /// From due to end. Its length is the number of operations.
    pub response: Histogram<u64>,
    /// From sent to end.
    pub service: Histogram<u64>,
    /// From due to sent; all zero in a closed loop.
    pub lag: Histogram<u64>,
}

/// How often operations failed in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorCount {
    /// Epoch of the due instants.
    pub epoch: Epoch,
    /// Number of the operation in the plan.
    pub operation: u32,
    /// What kind of failure.
    pub class: ErrorClass,
    /// The target's own code.
    pub code: String,
    /// The first message seen with this code.
    pub message: String,
    /// How often.
    pub count: u64,
}

/// A count of operations that have no duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Epoch of the due instants.
    pub epoch: Epoch,
    /// Number of the operation in the plan.
    pub operation: u32,
    /// How many.
    pub count: u64,
}

/// What one shard measured in an interval.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Begin of the interval.
    pub started: Instant,
    /// End of the interval.
    pub ended: Instant,
    /// Durations, by epoch, operation and outcome.
    pub series: Vec<Series>,
    /// Failures, by epoch, operation, class and code.
    pub errors: Vec<ErrorCount>,
    /// Arrivals that were due and found the backlog full.
    pub dropped: Vec<Tally>,
    /// Operations that were due and not ended when the run was cut: in flight or still waiting.
    pub cut: Vec<Tally>,
    /// Operations that ended in the interval and are kept as examples, unless others of the load make better ones.
    pub samples: Samples,
    /// Operations in flight at the end of the interval.
    pub in_flight: u32,
    /// Arrivals that were due and not sent at the end of the interval.
    pub backlog: u64,
}

impl Series {
    pub(crate) fn new(epoch: Epoch, operation: u32, outcome: Outcome) -> Self {
        let histogram = || Histogram::new(3).expect("three significant digits are allowed");
        Self {
            epoch,
            operation,
            outcome,
            rows: 0,
            response: histogram(),
            service: histogram(),
            lag: histogram(),
        }
    }

    /// Adds another part of the same series.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        for (own, others) in [
            (&mut self.response, &other.response),
            (&mut self.service, &other.service),
            (&mut self.lag, &other.lag),
        ] {
            own.add(others)
                .expect("histograms that resize take in any other");
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.epoch, self.operation, self.outcome) == (other.epoch, other.operation, other.outcome)
    }
}

impl Snapshot {
    pub(crate) fn empty(started: Instant) -> Self {
        Self {
            started,
            ended: started,
            series: Vec::new(),
            errors: Vec::new(),
            dropped: Vec::new(),
            cut: Vec::new(),
            samples: Samples::default(),
            in_flight: 0,
            backlog: 0,
        }
    }

    /// A snapshot that nothing was measured in, for a simulation.
    #[doc(hidden)]
    #[must_use]
    pub fn simulated(started: Instant, ended: Instant) -> Self {
        Self {
            ended: ended.max(started),
            ..Self::empty(started)
        }
    }

    /// The same with `count` more operations that took `latency_ns` each, from due to end, and were never late.
    #[doc(hidden)]
    #[must_use]
    pub fn with(
        mut self,
        epoch: Epoch,
        operation: u32,
        outcome: Outcome,
        (count, latency_ns): (u64, u64),
    ) -> Self {
        let series = self.series_mut(epoch, operation, outcome);
        series.rows += count;
        for (histogram, value) in [
            (&mut series.response, latency_ns),
            (&mut series.service, latency_ns),
            (&mut series.lag, 0),
        ] {
            histogram
                .record_n(value, count)
                .expect("a histogram that resizes takes any value");
        }
        self
    }

    /// Adds another snapshot: counts and histograms by addition, the interval by its ends. The gauges (`in_flight`,
    /// `backlog`) are those of the snapshot that ended last.
    pub fn merge(&mut self, other: Self) {
        if other.ended >= self.ended {
            self.ended = other.ended;
            self.in_flight = other.in_flight;
            self.backlog = other.backlog;
        }
        self.started = self.started.min(other.started);
        for series in other.series {
            match self.series.iter_mut().find(|own| own.is_same(&series)) {
                Some(own) => own.add(&series),
                None => self.series.push(series),
            }
        }
        for error in other.errors {
            add_error(&mut self.errors, error);
        }
        for tally in other.dropped {
            add_tally(&mut self.dropped, tally);
        }
        for tally in other.cut {
            add_tally(&mut self.cut, tally);
        }
        self.samples.merge(other.samples);
    }

    /// The series of this key, begun if it is not there yet.
    pub(crate) fn series_mut(
        &mut self,
        epoch: Epoch,
        operation: u32,
        outcome: Outcome,
    ) -> &mut Series {
        let fresh = || Series::new(epoch, operation, outcome);
        let position = self
            .series
            .iter()
            .position(|series| {
                (series.epoch, series.operation, series.outcome) == (epoch, operation, outcome)
            })
            .unwrap_or_else(|| {
                self.series.push(fresh());
                self.series.len() - 1
            });
        &mut self.series[position]
    }
}

/// Adds to the count of the same failure; the first message stays as the sample.
pub(crate) fn add_error(errors: &mut Vec<ErrorCount>, error: ErrorCount) {
    let same = |own: &&mut ErrorCount| {
        (own.epoch, own.operation, own.class) == (error.epoch, error.operation, error.class)
            && own.code == error.code
    };
    match errors.iter_mut().find(same) {
        Some(own) => own.count += error.count,
        None => errors.push(error),
    }
}

pub(crate) fn add_tally(tallies: &mut Vec<Tally>, tally: Tally) {
    match tallies
        .iter_mut()
        .find(|own| (own.epoch, own.operation) == (tally.epoch, tally.operation))
    {
        Some(own) => own.count += tally.count,
        None => tallies.push(tally),
    }
}
