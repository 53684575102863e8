//! The final result of a run: intervals in, report out.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::{
    id::{Name, RunId},
    interval::{BadHistogram, ErrorClass, Interval, Latencies, empty_histogram},
    lifecycle::Phase,
    session::AttemptRef,
    template::{Limit, Slo, Spec},
    time::{Timestamp, micros},
    verdict::{self, Verdict},
};

mod validity;

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
    /// The open loop's rate; `None` for a closed loop.
    pub offered_per_s: Option<f64>,
    /// What the run was made with.
    pub environment: Environment,
    /// Failures, most first.
    pub errors: Vec<ErrorGroup>,
    /// When the report was made.
    pub created: Timestamp,
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
    /// `None` for all.
    pub operation: Option<Name>,
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

/// The sum of a run's intervals. Adding is associative and commutative: the
/// order in which intervals come in does not matter.
#[derive(Clone, Debug)]
pub struct Tally {
    operations: Vec<OperationTally>,
    inserted: BTreeMap<(AttemptRef, u32), Inserted>,
    errors: BTreeMap<(u32, ErrorClass, String), (String, u64)>,
    warmup_operations: u64,
}

/// The sum of one operation.
#[derive(Clone, Debug)]
struct OperationTally {
    response: Histogram<u64>,
    service: Histogram<u64>,
    lag: Histogram<u64>,
    failed: Histogram<u64>,
    rows: u64,
    cut: u64,
    dropped: u64,
}

/// What one attempt says of one operation, over all phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// Succeeded.
    pub counted: u64,
    /// Cut, timed out or lost with the connection.
    pub uncertain: u64,
}

impl Tally {
    /// Nothing yet, for a template with so many operations.
    #[must_use]
    pub fn new(operations: usize) -> Self {
        Self {
            operations: (0..operations).map(|_| OperationTally::empty()).collect(),
            inserted: BTreeMap::new(),
            errors: BTreeMap::new(),
            warmup_operations: 0,
        }
    }

    /// Adds one interval.
    pub fn add(&mut self, interval: &Interval) -> Result<(), BadHistogram> {
        for part in &interval.operations {
            let Some(tally) = self.operations.get_mut(part.operation as usize) else {
                return Err(BadHistogram(format!(
                    "operation {} is not in the template",
                    part.operation
                )));
            };
            let succeeded = part.succeeded.response.decode()?.len();
            let inserted = self
                .inserted
                .entry((interval.attempt, part.operation))
                .or_default();
            inserted.counted += succeeded;
            inserted.uncertain += part.cut;
            match part.phase {
                Phase::Warmup => {
                    self.warmup_operations += succeeded + part.failed.response.decode()?.len();
                }
                Phase::Measurement => {
                    tally.add(&part.succeeded, &part.failed)?;
                    tally.cut += part.cut;
                    tally.dropped += part.dropped;
                }
                _ => {}
            }
        }
        for error in &interval.errors {
            if matches!(error.class, ErrorClass::Timeout | ErrorClass::Connection) {
                self.inserted
                    .entry((interval.attempt, error.operation))
                    .or_default()
                    .uncertain += error.count;
            }
            if error.phase == Phase::Measurement {
                let key = (error.operation, error.class, error.code.clone());
                self.errors
                    .entry(key)
                    .or_insert_with(|| (error.message.clone(), 0))
                    .1 += error.count;
            }
        }
        Ok(())
    }

    /// What an attempt says of an operation, over all phases.
    #[must_use]
    pub fn inserted(&self, attempt: AttemptRef, operation: u32) -> Inserted {
        self.inserted
            .get(&(attempt, operation))
            .copied()
            .unwrap_or_default()
    }

    /// The report.
    #[must_use]
    pub fn report(&self, facts: Facts<'_>) -> Report {
        let measured = facts.measured;
        let operations: Vec<OperationReport> = self
            .operations
            .iter()
            .zip(&facts.spec.operations)
            .map(|(tally, operation)| tally.report(Some(operation.name.clone()), measured))
            .collect();
        let whole = self.whole();
        let total = whole.report(None, measured);
        let slos: Vec<SloReport> = facts
            .spec
            .slos
            .iter()
            .map(|slo| self.judge(slo, facts.spec, &whole, measured))
            .collect();
        let reasons = validity::reasons(&facts, &total, self.due());
        Report {
            run: facts.run,
            measured_us: micros(measured),
            verdict: slos.iter().map(|slo| slo.verdict).max(),
            operations,
            total,
            slos,
            reasons,
            warmup_operations: self.warmup_operations,
            start_skew_us: micros(facts.start_skew),
            clock_uncertainty_us: micros(facts.clock_uncertainty),
            offered_per_s: facts.spec.load.offered_per_s(),
            environment: facts.environment,
            errors: self.error_groups(facts.spec),
            created: facts.now,
            reconciliations: facts.reconciliations,
        }
    }

    fn whole(&self) -> OperationTally {
        let mut whole = OperationTally::empty();
        for tally in &self.operations {
            whole.merge(tally);
        }
        whole
    }

    /// Operations that were due in the measurement, whatever became of them.
    fn due(&self) -> u64 {
        self.operations.iter().map(OperationTally::due).sum()
    }

    fn judge(
        &self,
        slo: &Slo,
        spec: &Spec,
        whole: &OperationTally,
        measured: Duration,
    ) -> SloReport {
        let place = slo.operation.as_ref().and_then(|name| {
            spec.operations
                .iter()
                .position(|operation| operation.name == *name)
        });
        let tally = place.map_or(whole, |place| &self.operations[place]);
        tally.judge(slo, measured)
    }

    fn error_groups(&self, spec: &Spec) -> Vec<ErrorGroup> {
        let mut groups: Vec<ErrorGroup> = self
            .errors
            .iter()
            .map(|((operation, class, code), (message, count))| ErrorGroup {
                operation: spec.operations[*operation as usize].name.clone(),
                class: *class,
                code: code.clone(),
                message: message.clone(),
                count: *count,
            })
            .collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups
    }
}

/// What a report needs beside the intervals.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The run.
    pub run: RunId,
    /// Its template.
    pub spec: &'a Spec,
    /// How long the measurement lasted.
    pub measured: Duration,
    /// INSERTs against the rows found.
    pub reconciliations: Vec<Reconciliation>,
    /// INSERTs that could not be held against the target, and why.
    pub unreconciled: Option<String>,
    /// Workers that were lost or failed, in words.
    pub lost_workers: Vec<String>,
    /// The largest CPU share of a worker in any second of the measurement, 0 to 1;
    /// `None` when the database runs inside the worker, where it says nothing.
    pub peak_cpu: Option<f64>,
    /// Between the first and the last worker's first operation.
    pub start_skew: Duration,
    /// The largest uncertainty of a worker's clock.
    pub clock_uncertainty: Duration,
    /// The latest that a command was carried out after its instant.
    pub command_lateness: Duration,
    /// What the run was made with.
    pub environment: Environment,
    /// Now.
    pub now: Timestamp,
}

impl OperationTally {
    fn empty() -> Self {
        Self {
            response: empty_histogram(),
            service: empty_histogram(),
            lag: empty_histogram(),
            failed: empty_histogram(),
            rows: 0,
            cut: 0,
            dropped: 0,
        }
    }

    fn add(&mut self, succeeded: &Latencies, failed: &Latencies) -> Result<(), BadHistogram> {
        let parts = [
            (&mut self.response, &succeeded.response),
            (&mut self.service, &succeeded.service),
            (&mut self.lag, &succeeded.lag),
            (&mut self.failed, &failed.response),
        ];
        for (sum, part) in parts {
            sum.add(part.decode()?)
                .map_err(|error| BadHistogram(error.to_string()))?;
        }
        self.rows += succeeded.rows;
        Ok(())
    }

    fn merge(&mut self, other: &Self) {
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
    }

    fn due(&self) -> u64 {
        self.response.len() + self.failed.len() + self.cut + self.dropped
    }

    fn throughput(&self, measured: Duration) -> f64 {
        if measured.is_zero() {
            0.0
        } else {
            self.response.len() as f64 / measured.as_secs_f64()
        }
    }

    fn report(&self, operation: Option<Name>, measured: Duration) -> OperationReport {
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

    fn judge(&self, slo: &Slo, measured: Duration) -> SloReport {
        let (verdict, value, limit, samples, needed, message) = match slo.limit {
            Limit::Latency { percentile, max } => {
                self.judge_latency(percentile, max, slo.confidence)
            }
            Limit::ErrorRatio(allowed) => self.judge_errors(allowed, slo.confidence),
            Limit::Throughput(floor) => self.judge_throughput(floor, measured),
        };
        SloReport {
            name: slo.name.clone(),
            operation: slo.operation.clone(),
            verdict,
            measured: value,
            limit,
            samples,
            samples_needed: needed,
            message,
        }
    }

    /// An operation that failed, was cut or dropped did not end in time either:
    /// it counts as slower than every one that succeeded.
    fn judge_latency(&self, percentile: f64, max: Duration, confidence: f64) -> Judgement {
        let due = self.due();
        let limit_ns = max.as_nanos().min(u128::from(u64::MAX)) as u64;
        let too_slow = self.response.len() - self.response.count_between(0, limit_ns);
        let without_result = due - self.response.len();
        let allowed = 1.0 - percentile / 100.0;
        let violations = too_slow + without_result;
        let verdict = verdict::of_share(violations, due, allowed, confidence);
        let rank = (due as f64 * percentile / 100.0).ceil();
        let succeeded = self.response.len() as f64;
        let measured_us = if due == 0 {
            0.0
        } else if rank > succeeded {
            -1.0
        } else {
            self.response.value_at_quantile(rank / succeeded) as f64 / 1e3
        };
        let limit_us = max.as_secs_f64() * 1e6;
        let message = format!(
            "{violations} of {due} operations took longer than {} ms or had no result; {:.4} % may",
            limit_us / 1e3,
            allowed * 100.0
        );
        let needed = verdict::samples_needed(allowed, confidence);
        (verdict, measured_us, limit_us, due, needed, message)
    }

    fn judge_errors(&self, allowed: f64, confidence: f64) -> Judgement {
        let due = self.due();
        let without_result = due - self.response.len();
        let ratio = if due == 0 {
            0.0
        } else {
            without_result as f64 / due as f64
        };
        let message = format!(
            "{without_result} of {due} operations had no result; {} % may",
            allowed * 100.0
        );
        let verdict = verdict::of_share(without_result, due, allowed, confidence);
        (
            verdict,
            ratio,
            allowed,
            due,
            verdict::samples_needed(allowed, confidence),
            message,
        )
    }

    fn judge_throughput(&self, floor: f64, measured: Duration) -> Judgement {
        let rate = self.throughput(measured);
        let verdict = if measured.is_zero() {
            Verdict::Inconclusive
        } else if rate >= floor {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
        let message = format!("{rate:.1} operations succeeded per second; {floor} must");
        (verdict, rate, floor, self.response.len(), 0, message)
    }
}

/// Verdict, measured, limit, samples, samples needed, message.
type Judgement = (Verdict, f64, f64, u64, u64, String);

#[cfg(test)]
mod tests;
