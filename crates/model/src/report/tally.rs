//! From intervals to a report: sums, then verdicts.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

use super::{ErrorGroup, Facts, OperationReport, Report, SloReport, Summary, validity};
use crate::{
    id::Name,
    interval::{BadHistogram, ErrorClass, Interval, Latencies, empty_histogram},
    lifecycle::Phase,
    session::AttemptRef,
    template::{Limit, Slo, Spec},
    time::micros,
    verdict::{self, Verdict},
};

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
            offered_per_s: match facts.offered {
                Some(offered) => Some(offered.per_second),
                None => facts.spec.load.offered_per_s(),
            },
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
