//! The final result of a run: intervals in, report out.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::{
    evidence::Evidence,
    id::{Name, RunId},
    interval::ErrorClass,
    search::Findings,
    template::{Scope, Spec},
    time::Timestamp,
    verdict::Verdict,
};

mod judge;
mod offered;
mod outcomes;
mod pace;
mod shards;
mod tally;
mod validity;

pub use offered::Offered;
pub use shards::ShardFacts;
pub use tally::{Inserted, Tally};
pub use validity::{Reason, ReasonCode};

/// The shape of a distribution of latencies, microseconds; zeros when there
/// was nothing. Every percentile is computed from a merged histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The smallest.
    pub min_us: f64,
    /// The mean.
    pub mean_us: f64,
    /// The median.
    pub p50_us: f64,
    /// The 95th percentile.
    pub p95_us: f64,
    /// The 99th percentile.
    pub p99_us: f64,
    /// The 99.9th percentile.
    pub p999_us: f64,
    /// The largest.
    pub max_us: f64,
}

impl Summary {
    /// The summary of a histogram of nanoseconds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            min_us: histogram.min() as f64 / 1e3,
            mean_us: histogram.mean() / 1e3,
            p50_us: at(0.5),
            p95_us: at(0.95),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: histogram.max() as f64 / 1e3,
        }
    }
}

/// The final result of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run.
    pub run: RunId,
    /// How long the measurement lasted, microseconds.
    pub measured_us: i64,
    /// In the template's order; operations due in MEASUREMENT only.
    pub operations: Vec<OperationReport>,
    /// All operations together.
    pub total: OperationReport,
    /// In the template's order.
    pub slos: Vec<SloReport>,
    /// The worst; `None` without objectives.
    pub verdict: Option<Verdict>,
    /// Why the numbers cannot be trusted; empty when they can.
    pub reasons: Vec<Reason>,
    /// Operations due in WARMUP.
    pub warmup_operations: u64,
    /// INSERTs against the rows found.
    pub reconciliations: Vec<Reconciliation>,
    /// Between the first and the last worker's first operation, microseconds.
    pub start_skew_us: i64,
    /// The largest uncertainty of a worker's clock, microseconds.
    pub clock_uncertainty_us: i64,
    /// The rate that the open loop was asked for, on average over the
    /// measurement when it was adjusted; `None` for a closed loop.
    pub offered_per_s: Option<f64>,
    /// What the run was made with.
    pub environment: Environment,
    /// Failures, most first.
    pub errors: Vec<ErrorGroup>,
    /// When the report was made.
    pub created: Timestamp,
    /// What a search found. Then `operations`, `total`, `slos` and `measured_us`
    /// are those of its best step, or of its first if none passed.
    #[serde(default)]
    pub search: Option<Findings>,
    /// What the target's own statistics say; `None` before the gathering began.
    #[serde(default)]
    pub evidence: Option<Evidence>,
    /// What the run cost by the target's price; 0 when that is not known.
    #[serde(default)]
    pub cost: f64,
    /// Each attempt's part in the measurement.
    #[serde(default)]
    pub shards: Vec<ShardReport>,
    /// The furthest apart that workers entered a phase, microseconds.
    #[serde(default)]
    pub phase_skew_us: i64,
}

/// One attempt in the measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardReport {
    /// The shard.
    pub shard: u32,
    /// The attempt.
    pub attempt: u32,
    /// The worker's name.
    pub worker: String,
    /// Operations that succeeded.
    pub succeeded: u64,
    /// The median of its response times, microseconds.
    pub response_p50_us: f64,
    /// Their 99th percentile, microseconds.
    pub response_p99_us: f64,
    /// Whether it did far less than its part, or far slower, than the others.
    pub straggler: bool,
    /// How uncertain its clock was, microseconds.
    pub clock_uncertainty_us: i64,
}

/// The result of one operation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OperationReport {
    /// `None` for the total.
    pub operation: Option<Name>,
    /// How many succeeded.
    pub succeeded: u64,
    /// How many failed, timeouts included.
    pub failed: u64,
    /// How many were in flight or queued when the drain timeout ended.
    pub cut: u64,
    /// How many were due and never sent.
    pub dropped: u64,
    /// Rows read or written.
    pub rows: u64,
    /// How many succeeded per second of the measurement.
    pub throughput_per_s: f64,
    /// From due to end, of those that succeeded.
    pub response: Summary,
    /// From sent to end, of those that succeeded.
    pub service: Summary,
    /// From due to sent, of those that succeeded.
    pub lag: Summary,
    /// From due to end, of those that failed.
    pub failed_response: Summary,
}

/// The result of one objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SloReport {
    /// The objective's label.
    pub name: String,
    /// The operations that it limits.
    #[serde(rename = "operation")]
    pub scope: Scope,
    /// The verdict.
    pub verdict: Verdict,
    /// Microseconds, a ratio, or operations per second. Negative when no value
    /// can be given: the percentile falls among operations that never succeeded.
    pub measured: f64,
    /// In the same unit.
    pub limit: f64,
    /// Operations that the verdict rests on.
    pub samples: u64,
    /// How many the confidence needs at least; 0 when it needs no minimum.
    pub samples_needed: u64,
    /// The verdict in words.
    pub message: String,
}

/// INSERTs of one attempt into one table as counted, and as found in the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// The table.
    pub table: String,
    /// The shard.
    pub shard: u32,
    /// The attempt.
    pub attempt: u32,
    /// As the worker reported them, warmup included.
    pub counted: u64,
    /// Cut in flight or failed with an outcome that the worker cannot know
    /// (timeout, lost connection): each may or may not have left a row.
    pub uncertain: u64,
    /// Rows in the attempt's key range.
    pub found: u64,
}

impl Reconciliation {
    /// Rows that no report covers.
    #[must_use]
    pub fn unreported(&self) -> u64 {
        self.found.saturating_sub(self.counted)
    }
}

/// What a run was made with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// gauntlet's version.
    pub gauntlet_version: String,
    /// The target's kind and version.
    pub target_version: String,
    /// One line per worker.
    pub workers: Vec<String>,
}

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorGroup {
    /// The operation.
    pub operation: Name,
    /// What kind.
    pub class: ErrorClass,
    /// The database's own code.
    pub code: String,
    /// The first message seen.
    pub message: String,
    /// How many.
    pub count: u64,
}

/// What a report needs beside the intervals.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The run.
    pub run: RunId,
    /// Its template.
    pub spec: &'a Spec,
    /// How long the measurement lasted; after a search, the window of the step
    /// that the tally is of.
    pub measured: Duration,
    /// What the open loop was asked for in that time; `None` for a closed loop
    /// or when nothing was measured.
    pub offered: Option<Offered>,
    /// INSERTs against the rows found.
    pub reconciliations: Vec<Reconciliation>,
    /// INSERTs that could not be held against the target, and why.
    pub unreconciled: Option<String>,
    /// Workers that were lost or failed, in words.
    pub lost_workers: Vec<String>,
    /// What made the load another than asked for while it was measured, in
    /// words: workers that were replaced, added, or got less load.
    pub degraded: Vec<String>,
    /// Whether the warmup ended because the load was steady; `None` when it
    /// was to end by time alone.
    pub warmup_steady: Option<bool>,
    /// The attempts, in any order.
    pub shards: Vec<ShardFacts>,
    /// The largest CPU share of a worker in any second of the measurement, 0 to 1;
    /// `None` when the database runs inside the worker, where it says nothing.
    pub peak_cpu: Option<f64>,
    /// Between the first and the last worker's first operation.
    pub start_skew: Duration,
    /// The furthest apart that workers entered a phase.
    pub phase_skew: Duration,
    /// The largest uncertainty of a worker's clock.
    pub clock_uncertainty: Duration,
    /// The latest that a command was carried out after its instant.
    pub command_lateness: Duration,
    /// What the run was made with.
    pub environment: Environment,
    /// What a search found. The tally is then of its best step, or of its
    /// first if none passed: see [`Tally::of_step`].
    pub search: Option<Findings>,
    /// What the target's own statistics say; `None` before they are gathered.
    pub evidence: Option<Evidence>,
    /// What the run cost by the target's price; 0 when that is not known.
    pub cost: f64,
    /// Now.
    pub now: Timestamp,
}

#[cfg(test)]
mod tests;
