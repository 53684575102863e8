//! Runs side by side: what they measured, how it went over time, how they were
//! set, and why they may not be comparable. The first run is the baseline.
//! Differences are plain: whether one could be chance is not said here.

use crate::{
    history::HistoryPoint,
    id::{Name, RunId},
    lifecycle::{Phase, Stage},
    report::{OperationReport, Report},
    run::Run,
    time::{Timestamp, micros},
};

mod configuration;
mod metric;
#[cfg(test)]
mod tests;
mod warning;

pub use configuration::Difference;
pub use metric::{Better, Metric, MetricComparison, Statistic, Unit};
pub use warning::{Warning, WarningCode};

/// The fewest runs to compare.
pub const FEWEST: usize = 2;
/// The most runs to compare.
pub const MOST: usize = 10;

/// One of the runs to compare.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The run.
    pub run: Run,
    /// Its report; `None` when there is none.
    pub report: Option<Report>,
    /// Its history, all runs at the same resolution; may be empty.
    pub points: Vec<HistoryPoint>,
}

/// Runs side by side. Every list with one entry per run has the order of the runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The runs; the first is the baseline.
    pub runs: Vec<RunId>,
    /// All operations together.
    pub total: OperationComparison,
    /// By name, in the order of the runs' templates.
    pub operations: Vec<OperationComparison>,
    /// One for each run.
    pub series: Vec<AlignedSeries>,
    /// What the runs' descriptions differ in.
    pub configuration: Vec<Difference>,
    /// What the reports' environments differ in.
    pub environment: Vec<Difference>,
    /// Why the runs may not be comparable; empty when nothing speaks against it.
    pub warnings: Vec<Warning>,
}

/// One operation in all runs.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationComparison {
    /// `None` for all operations together.
    pub operation: Option<Name>,
    /// Every [`Metric`], in its order.
    pub metrics: Vec<MetricComparison>,
}

/// A run's history from the start of its measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct AlignedSeries {
    /// The run.
    pub run: RunId,
    /// The start of its measurement; `None` when it never began.
    pub zero: Option<Timestamp>,
    /// The operations' names, by the places that the points use.
    pub operations: Vec<Name>,
    /// Oldest first.
    pub points: Vec<AlignedPoint>,
}

/// A point of an aligned history.
#[derive(Clone, Debug, PartialEq)]
pub struct AlignedPoint {
    /// From the start of the measurement to the bucket's start, microseconds;
    /// negative before it. From the first point when there was no measurement.
    pub offset_us: i64,
    /// The point.
    pub point: HistoryPoint,
}

/// What cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// Too few or too many runs.
    #[error("{0} runs are given; give {FEWEST} to {MOST}, the baseline first")]
    Number(usize),
    /// The same run twice.
    #[error("run {0} is given twice; give each run once")]
    Twice(RunId),
}

/// Compares runs with the first.
pub fn compare(runs: Vec<Compared>) -> Result<Comparison, Incomparable> {
    if !(FEWEST..=MOST).contains(&runs.len()) {
        return Err(Incomparable::Number(runs.len()));
    }
    let ids: Vec<RunId> = runs.iter().map(|side| side.run.id).collect();
    for (place, id) in ids.iter().enumerate() {
        if ids[..place].contains(id) {
            return Err(Incomparable::Twice(*id));
        }
    }
    Ok(Comparison {
        runs: ids,
        total: total(&runs),
        operations: operations(&runs),
        configuration: configuration::of_runs(&runs),
        environment: configuration::of_environments(&runs),
        warnings: warning::warnings(&runs),
        series: runs.into_iter().map(align).collect(),
    })
}

fn total(runs: &[Compared]) -> OperationComparison {
    let totals: Vec<Option<&OperationReport>> = runs
        .iter()
        .map(|side| side.report.as_ref().map(|report| &report.total))
        .collect();
    OperationComparison {
        operation: None,
        metrics: metric::compare(&totals),
    }
}

fn operations(runs: &[Compared]) -> Vec<OperationComparison> {
    let mut names: Vec<&Name> = Vec::new();
    for name in runs.iter().flat_map(names_of) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let compared = names.into_iter().map(|name| {
        let reports: Vec<Option<&OperationReport>> =
            runs.iter().map(|side| operation(side, name)).collect();
        OperationComparison {
            operation: Some(name.clone()),
            metrics: metric::compare(&reports),
        }
    });
    compared.collect()
}

fn names_of(side: &Compared) -> impl Iterator<Item = &Name> {
    side.run.spec.operations.iter().map(|entry| &entry.name)
}

fn operation<'a>(side: &'a Compared, name: &Name) -> Option<&'a OperationReport> {
    let report = side.report.as_ref()?;
    let mut entries = report.operations.iter();
    entries.find(|entry| entry.operation.as_ref() == Some(name))
}

fn align(side: Compared) -> AlignedSeries {
    let zero = measurement_start(&side);
    let from = zero.or_else(|| side.points.first().map(|point| point.start));
    let from = from.unwrap_or_default();
    AlignedSeries {
        run: side.run.id,
        zero,
        operations: names_of(&side).cloned().collect(),
        points: side
            .points
            .into_iter()
            .map(|point| AlignedPoint {
                offset_us: point.start.0.saturating_sub(from.0),
                point,
            })
            .collect(),
    }
}

/// From the state where it says so; from the plan where the measurement goes on
/// in a bucket that was seen.
fn measurement_start(side: &Compared) -> Option<Timestamp> {
    let state = &side.run.state;
    if let Stage::Measurement { since, .. } = &state.stage {
        return Some(*since);
    }
    if let Some(window) = state.measured() {
        return Some(window.from);
    }
    let measured = |point: &HistoryPoint| point.phase == Phase::Measurement;
    if !side.points.iter().any(measured) {
        return None;
    }
    Some(state.load_started? + side.run.spec.phases.warmup)
}

/// How long the measurement lasted or, without a report, is planned to last.
fn measured_us(side: &Compared) -> i64 {
    let planned = micros(side.run.spec.phases.measurement);
    side.report
        .as_ref()
        .map_or(planned, |report| report.measured_us)
}
