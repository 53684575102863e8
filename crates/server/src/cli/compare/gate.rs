//! Whether runs are worse than the baseline by more than they may be.
//!
//! What cannot be told is never a pass. A share of failures is judged with a
//! confidence, the baseline's taken as exact; rates and percentiles as they were
//! measured: one run against one run holds no measure of what differs by chance.

use gauntlet_client::pb;
use gauntlet_model::verdict::{Verdict, of_share, samples_needed};

use super::limit::{self, Limit, METRICS, Measure, Metric, TOTAL};
use crate::cli::{
    exit::Exit,
    text::{number::count, word},
};

/// How sure a share of failures is to be, and that a percentile is not that of
/// too few operations.
const CONFIDENCE: f64 = 0.95;
/// Ratios of measured numbers are not exact: what is worse by the limit is within it.
const SLACK: f64 = 1e-9;

/// What the limits say of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// The runs that have nothing to judge.
    pub unfit: Vec<Unfit>,
    /// Whether warnings keep the runs from being judged.
    pub incomparable: bool,
    /// The figures that have a limit, of runs that can be judged.
    pub checks: Vec<Check>,
}

/// A run that has nothing to judge.
#[derive(Clone, Debug, PartialEq)]
pub struct Unfit {
    /// Its name.
    pub run: String,
    /// Whether it has numbers that cannot be trusted.
    pub invalid: bool,
    /// Why, in words.
    pub why: String,
}

/// One figure of one operation of one run, held against the baseline's.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The run's name.
    pub run: String,
    /// The operation's name, or [`TOTAL`].
    pub operation: String,
    /// The figure.
    pub metric: &'static Metric,
    /// The baseline's value.
    pub baseline: Option<f64>,
    /// The run's value.
    pub value: Option<f64>,
    /// How much worse it is, in the limit's measure; negative when better.
    pub worse: Option<f64>,
    /// How much worse it may be.
    pub limit: f64,
    /// What comes of it.
    pub finding: Finding,
}

/// What comes of a check.
#[derive(Clone, Debug, PartialEq)]
pub enum Finding {
    /// Not worse than allowed.
    Within,
    /// Worse than allowed.
    Worse,
    /// Not to be told, and why.
    Unknown(String),
}

impl Gate {
    /// How the process ends. Numbers that cannot be trusted come before what they
    /// say, and a regression that was seen before what was not.
    pub fn exit(&self) -> Exit {
        let any = |finding: fn(&Finding) -> bool| {
            let mut findings = self.checks.iter().map(|check| &check.finding);
            findings.any(finding)
        };
        if self.unfit.iter().any(|run| run.invalid) {
            Exit::Invalid
        } else if any(|finding| *finding == Finding::Worse) {
            Exit::SloFailed
        } else if self.incomparable
            || !self.unfit.is_empty()
            || self.checks.is_empty()
            || any(|finding| matches!(finding, Finding::Unknown(_)))
        {
            Exit::Inconclusive
        } else {
            Exit::Pass
        }
    }

    /// The exit in a word.
    pub fn word(&self) -> &'static str {
        match self.exit() {
            Exit::Pass => "PASS",
            Exit::SloFailed => "REGRESSION",
            Exit::Invalid => "INVALID",
            _ => "INCONCLUSIVE",
        }
    }
}

/// Holds the runs of a comparison against the first. With `despite_warnings` they
/// are judged although something speaks against comparing them. An error names
/// what a limit asks for and no run has.
pub fn judge(
    comparison: &pb::Comparison,
    limits: &[Limit],
    despite_warnings: bool,
) -> Result<Gate, String> {
    for limit in limits {
        known(comparison, limit)?;
    }
    let unfit: Vec<Option<Unfit>> = comparison.runs.iter().map(unfit).collect();
    let fit = |place: usize| unfit.get(place).is_some_and(Option::is_none);
    let all_fit = unfit.iter().all(Option::is_none);
    // A run that is unfit has a warning of its own for that.
    let incomparable = all_fit && !despite_warnings && !comparison.warnings.is_empty();
    let mut checks = Vec::new();
    for place in 1..comparison.runs.len() {
        if fit(0) && fit(place) && !incomparable {
            checks.extend(of_run(comparison, limits, place));
        }
    }
    Ok(Gate {
        unfit: unfit.into_iter().flatten().collect(),
        incomparable,
        checks,
    })
}

fn known(comparison: &pb::Comparison, limit: &Limit) -> Result<(), String> {
    let Some(operation) = &limit.operation else {
        return Ok(());
    };
    let names: Vec<&str> = comparison.operations.iter().map(label).collect();
    if names.contains(&operation.as_str()) {
        return Ok(());
    }
    Err(format!(
        "no run has an operation \"{operation}\"; there are {}",
        names.join(", ")
    ))
}

fn unfit(run: &pb::Run) -> Option<Unfit> {
    let status = word::status(run);
    let over = matches!(
        run.status(),
        pb::RunStatus::Completed | pb::RunStatus::Stopped
    );
    let why = match run.validity() {
        pb::Validity::Invalid => "its numbers cannot be trusted".to_owned(),
        _ if !over => format!("it is {status}"),
        pb::Validity::Unspecified => "it has no report".to_owned(),
        pb::Validity::Valid => return None,
    };
    Some(Unfit {
        run: run.name.clone(),
        invalid: run.validity() == pb::Validity::Invalid,
        why,
    })
}

fn label(operation: &pb::OperationComparison) -> &str {
    match operation.operation.as_str() {
        "" => TOTAL,
        name => name,
    }
}

fn of_run(comparison: &pb::Comparison, limits: &[Limit], place: usize) -> Vec<Check> {
    // The total of one operation is that operation once more.
    let is_once_more = |operation: &pb::OperationComparison| {
        operation.operation.is_empty() && comparison.operations.len() == 2
    };
    let run = &comparison.runs[place].name;
    let mut checks = Vec::new();
    for operation in &comparison.operations {
        let limits = limits.iter();
        let limits: Vec<Limit> = limits
            .filter(|limit| limit.operation.is_some() || !is_once_more(operation))
            .cloned()
            .collect();
        for metric in &METRICS {
            if let Some(limit) = limit::of(&limits, label(operation), metric) {
                let mut check = of_figure(operation, metric, place, limit);
                check.run.clone_from(run);
                checks.push(check);
            }
        }
    }
    checks
}

fn of_figure(
    operation: &pb::OperationComparison,
    metric: &'static Metric,
    place: usize,
    limit: f64,
) -> Check {
    let sides = Sides {
        operation,
        place,
        metric,
    };
    let [baseline, value] = sides.values(metric.name);
    let worse = match metric.measure {
        Measure::Points => baseline
            .zip(value)
            .map(|(baseline, value)| value - baseline),
        Measure::Rate => share(baseline, value).map(|share| -share),
        Measure::Percentile(_) => share(baseline, value),
    };
    Check {
        run: String::new(),
        operation: label(operation).to_owned(),
        metric,
        baseline,
        value,
        worse,
        limit,
        finding: sides.finding(worse, limit),
    }
}

/// How much more than the baseline's, as a share of it.
fn share(baseline: Option<f64>, value: Option<f64>) -> Option<f64> {
    let baseline = baseline.filter(|baseline| *baseline > 0.0)?;
    Some((value? - baseline) / baseline)
}

/// One figure of the baseline and of another run.
struct Sides<'a> {
    operation: &'a pb::OperationComparison,
    place: usize,
    metric: &'static Metric,
}

impl Sides<'_> {
    /// The values that the baseline and the run have of a figure.
    fn values(&self, name: &str) -> [Option<f64>; 2] {
        let mut metrics = self.operation.metrics.iter();
        let metric = metrics.find(|metric| metric.metric == name);
        [0, self.place].map(|place| metric?.values.get(place)?.value)
    }

    fn finding(&self, worse: Option<f64>, limit: f64) -> Finding {
        let Some(worse) = worse else {
            return Finding::Unknown(self.missing());
        };
        let counts = self.values("succeeded").map(Option::unwrap_or_default);
        let (seen, needed) = match self.metric.measure {
            Measure::Points => return self.of_failures(limit),
            // A throughput that fell has few operations for its own reason.
            Measure::Rate => (counts[0], fewest(limit)),
            Measure::Percentile(share) => {
                let needed = samples_needed(1.0 - share, CONFIDENCE);
                (counts[0].min(counts[1]), needed as f64)
            }
        };
        if seen < needed {
            let [seen, needed] = [seen, needed].map(|number| count(number as u64));
            return Finding::Unknown(format!("{seen} operations, {needed} needed"));
        }
        if worse > limit + SLACK {
            Finding::Worse
        } else {
            Finding::Within
        }
    }

    fn missing(&self) -> String {
        match self.values(self.metric.name) {
            [None, None] => "neither has a value".to_owned(),
            [None, Some(_)] => "the baseline has no value".to_owned(),
            [Some(_), None] => "it has no value".to_owned(),
            [Some(_), Some(_)] => "the baseline's value is 0".to_owned(),
        }
    }

    /// Whether failures are at most so many more of all operations.
    fn of_failures(&self, limit: f64) -> Finding {
        let [baseline, value] = self.values(self.metric.name).map(Option::unwrap_or_default);
        let [_, succeeded] = self.values("succeeded").map(Option::unwrap_or_default);
        let [_, failed] = self.values("failed").map(Option::unwrap_or_default);
        // Those that were cut or dropped count, too: their number follows from the ratio.
        let all = if value < 1.0 {
            succeeded / (1.0 - value)
        } else {
            failed
        };
        let all = all.round();
        let violations = (all - succeeded).max(0.0) as u64;
        match of_share(violations, all as u64, baseline + limit, CONFIDENCE) {
            Verdict::Pass => Finding::Within,
            Verdict::Fail => Finding::Worse,
            Verdict::Inconclusive => Finding::Unknown(format!(
                "{} of {} failed: too few operations to be sure",
                count(violations),
                count(all as u64)
            )),
        }
    }
}

/// So many operations that one of them is within the limit.
fn fewest(limit: f64) -> f64 {
    if limit > 0.0 {
        (1.0 / limit).ceil()
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests;
