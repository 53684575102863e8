//! What became of the operations of one kind, summed over intervals.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::{OperationReport, Summary, pace::Pace};
use crate::{
    id::Name,
    interval::{BadHistogram, Interval, OperationInterval, empty_histogram},
};

/// The sum of one operation, or of several together.
#[derive(Clone, Debug)]
pub(super) struct Outcomes {
    pub(super) response: Histogram<u64>,
    pub(super) service: Histogram<u64>,
    pub(super) lag: Histogram<u64>,
    pub(super) failed: Histogram<u64>,
    pub(super) rows: u64,
    pub(super) cut: u64,
    pub(super) dropped: u64,
    pub(super) pace: Pace,
}

impl Outcomes {
    pub(super) fn empty() -> Self {
        Self {
            response: empty_histogram(),
            service: empty_histogram(),
            lag: empty_histogram(),
            failed: empty_histogram(),
            rows: 0,
            cut: 0,
            dropped: 0,
            pace: Pace::new(),
        }
    }

    /// Adds a part of an interval of which the response times of those that
    /// succeeded are decoded already.
    pub(super) fn add(
        &mut self,
        interval: &Interval,
        part: &OperationInterval,
        response: &Histogram<u64>,
    ) -> Result<(), BadHistogram> {
        let bad = |error: hdrhistogram::AdditionError| BadHistogram(error.to_string());
        self.response.add(response).map_err(bad)?;
        let failed = part.failed.response.decode()?;
        self.failed.add(failed).map_err(bad)?;
        let service = part.succeeded.service.decode()?;
        self.service.add(service).map_err(bad)?;
        self.lag.add(part.succeeded.lag.decode()?).map_err(bad)?;
        self.rows += part.succeeded.rows;
        self.cut += part.cut;
        self.dropped += part.dropped;
        self.pace.add(interval, response.len());
        Ok(())
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let parts = [
            (&mut self.response, &other.response),
            (&mut self.service, &other.service),
            (&mut self.lag, &other.lag),
            (&mut self.failed, &other.failed),
        ];
        for (sum, part) in parts {
            sum.add(part).expect("both grow as needed");
        }
        self.rows += other.rows;
        self.cut += other.cut;
        self.dropped += other.dropped;
        self.pace.merge(&other.pace);
    }

    /// Operations that were due, whatever became of them.
    pub(super) fn due(&self) -> u64 {
        self.response.len() + self.failed.len() + self.cut + self.dropped
    }

    pub(super) fn throughput(&self, measured: Duration) -> f64 {
        if measured.is_zero() {
            0.0
        } else {
            self.response.len() as f64 / measured.as_secs_f64()
        }
    }

    pub(super) fn report(&self, operation: Option<Name>, measured: Duration) -> OperationReport {
        OperationReport {
            operation,
            succeeded: self.response.len(),
            failed: self.failed.len(),
            cut: self.cut,
            dropped: self.dropped,
            rows: self.rows,
            throughput_per_s: self.throughput(measured),
            response: Summary::of(&self.response),
            service: Summary::of(&self.service),
            lag: Summary::of(&self.lag),
            failed_response: Summary::of(&self.failed),
        }
    }
}
