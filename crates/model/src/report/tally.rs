//! From intervals to a report: sums, then verdicts.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::Histogram;

use super::{
    ErrorGroup, Facts, OperationReport, Report, SloReport, judge, outcomes::Outcomes,
    shards::ShardTallies, validity,
};
use crate::{
    interval::{
        BadHistogram, ErrorClass, ErrorCount, Interval, OperationInterval, empty_histogram,
    },
    lifecycle::Phase,
    session::AttemptRef,
    template::{Slo, Spec},
    time::micros,
};

/// The sum of a run's intervals. Adding is associative and commutative: the
/// order in which intervals come in does not matter.
#[derive(Clone, Debug)]
pub struct Tally {
    step: u32,
    operations: Vec<Outcomes>,
    shards: ShardTallies,
    inserted: BTreeMap<(AttemptRef, u32), Inserted>,
    errors: BTreeMap<(u32, ErrorClass, String), (String, u64)>,
    warmup_operations: u64,
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
        Self::of_step(operations, 0)
    }

    /// Nothing yet, and of the measurement only what was due in one step of a
    /// search will count; 0 for all of it. What is not of the measurement
    /// alone, INSERTs and warmup, counts whole; so do errors, which are told
    /// by phase.
    #[must_use]
    pub fn of_step(operations: usize, step: u32) -> Self {
        Self {
            step,
            operations: (0..operations).map(|_| Outcomes::empty()).collect(),
            shards: ShardTallies::default(),
            inserted: BTreeMap::new(),
            errors: BTreeMap::new(),
            warmup_operations: 0,
        }
    }

    /// Adds one interval.
    pub fn add(&mut self, interval: &Interval) -> Result<(), BadHistogram> {
        for part in &interval.operations {
            self.add_part(interval, part)?;
        }
        for error in &interval.errors {
            self.add_error(interval.attempt, error);
        }
        Ok(())
    }

    fn add_part(
        &mut self,
        interval: &Interval,
        part: &OperationInterval,
    ) -> Result<(), BadHistogram> {
        let Some(outcomes) = self.operations.get_mut(part.operation as usize) else {
            return Err(BadHistogram(format!(
                "operation {} is not in the template",
                part.operation
            )));
        };
        let succeeded = match part.phase {
            Phase::Measurement if self.step == 0 || part.step == self.step => {
                let response = part.succeeded.response.decode()?;
                outcomes.add(interval, part, &response)?;
                self.shards.add(interval.attempt, &response)?;
                response.len()
            }
            Phase::Warmup => {
                let succeeded = part.succeeded.response.count()?;
                self.warmup_operations += succeeded + part.failed.response.count()?;
                succeeded
            }
            _ => part.succeeded.response.count()?,
        };
        let inserted = self
            .inserted
            .entry((interval.attempt, part.operation))
            .or_default();
        inserted.counted += succeeded;
        inserted.uncertain += part.cut;
        Ok(())
    }

    fn add_error(&mut self, attempt: AttemptRef, error: &ErrorCount) {
        if matches!(error.class, ErrorClass::Timeout | ErrorClass::Connection) {
            self.inserted
                .entry((attempt, error.operation))
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

    /// What an attempt says of an operation, over all phases.
    #[must_use]
    pub fn inserted(&self, attempt: AttemptRef, operation: u32) -> Inserted {
        self.inserted
            .get(&(attempt, operation))
            .copied()
            .unwrap_or_default()
    }

    /// The response times of all operations that succeeded, and how many failed.
    pub(crate) fn counted(&self) -> (Histogram<u64>, u64) {
        let (mut response, mut failed) = (empty_histogram(), 0);
        for outcomes in &self.operations {
            response
                .add(&outcomes.response)
                .expect("both grow as needed");
            failed += outcomes.failed.len();
        }
        (response, failed)
    }

    /// The objectives of a template, in its order, held against what was
    /// measured in a stretch of this length.
    #[must_use]
    pub fn slos(&self, spec: &Spec, length: Duration) -> Vec<SloReport> {
        let slos = spec.slos.iter();
        slos.map(|slo| judge::judge(slo, &self.in_scope(slo, spec), length))
            .collect()
    }

    /// The report.
    #[must_use]
    pub fn report(&self, facts: Facts<'_>) -> Report {
        let measured = facts.measured;
        let operations: Vec<OperationReport> = self
            .operations
            .iter()
            .zip(&facts.spec.operations)
            .map(|(outcomes, operation)| outcomes.report(Some(operation.name.clone()), measured))
            .collect();
        let total = merged(&self.operations).report(None, measured);
        let slos = self.slos(facts.spec, measured);
        let shards = self.shards.reports(&facts.shards);
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
            search: facts.search,
            evidence: facts.evidence,
            cost: facts.cost,
            shards,
            phase_skew_us: micros(facts.phase_skew),
        }
    }

    /// Operations that were due in what is counted, whatever became of them.
    fn due(&self) -> u64 {
        self.operations.iter().map(Outcomes::due).sum()
    }

    fn in_scope(&self, slo: &Slo, spec: &Spec) -> Outcomes {
        let all = self.operations.iter().zip(&spec.operations);
        let limited = all.filter(|(_, operation)| slo.scope.holds(operation));
        merged(limited.map(|(outcomes, _)| outcomes))
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

fn merged<'a>(parts: impl IntoIterator<Item = &'a Outcomes>) -> Outcomes {
    let mut whole = Outcomes::empty();
    for part in parts {
        whole.merge(part);
    }
    whole
}
