//! The history as a table: one row for each bucket, phase and operation.

use gauntlet_model::{
    history::{Distribution, HistoryPoint, OperationStats, Stats},
    id::Name,
    interval::ErrorClass,
    search::Step,
    time::{Timestamp, micros},
};

use crate::{Contents, time::rfc3339};

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    Number,
}

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// What stands in a row's column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Number(f64),
    /// Only where a number could be: it is not known.
    Nothing,
}

/// Makes rows.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    run: String,
    operations: Vec<Name>,
    /// When each step of a search counted, in order.
    steps: Vec<(Timestamp, Timestamp, u32)>,
    columns: Vec<Column>,
    /// How many are asked for.
    percentiles: usize,
}

/// The figures of a latency beside its percentiles.
const EXTREMES: [&str; 3] = ["min", "mean", "max"];

/// The series of latencies, as columns name them.
const LATENCIES: [&str; 4] = ["response", "service", "lag", "failed_response"];

impl Table {
    pub(crate) fn new(contents: &Contents) -> Self {
        Self {
            run: contents.run.name.to_string(),
            operations: names(contents),
            steps: steps(contents),
            columns: columns(&contents.percentiles.values()),
            percentiles: contents.percentiles.values().len(),
        }
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The rows of a point; each has a value for each column, of its kind.
    pub(crate) fn rows(&self, point: &HistoryPoint) -> Vec<Vec<Value>> {
        let operations = point.operations.iter();
        operations.map(|entry| self.row(point, entry)).collect()
    }

    /// Those of a latency; where there was none, there is nothing to say.
    fn figures(&self, latency: Option<&Distribution>) -> Vec<Value> {
        let Some(latency) = latency else {
            return vec![Value::Nothing; EXTREMES.len() + self.percentiles];
        };
        [latency.min_us, latency.mean_us, latency.max_us]
            .into_iter()
            .chain(latency.percentiles_us.iter().copied())
            .map(Value::Number)
            .collect()
    }

    /// The step in whose window the middle of a point lies; 0 for none.
    fn step(&self, point: &HistoryPoint) -> u32 {
        let middle = point.start + point.covered / 2;
        let mut windows = self.steps.iter();
        let found = windows.find(|(from, to, _)| (*from..*to).contains(&middle));
        found.map_or(0, |(_, _, step)| *step)
    }

    fn row(&self, point: &HistoryPoint, entry: &OperationStats) -> Vec<Value> {
        let Stats {
            succeeded,
            failed,
            failures,
            cut,
            dropped,
            rows,
            throughput_per_s,
            response,
            service,
            lag,
            failed_response,
        } = &entry.stats;
        let integer = |value: u64| Value::Integer(i64::try_from(value).unwrap_or(i64::MAX));
        let operation = self.operations.get(entry.operation as usize);
        let mut row = vec![
            Value::Text(self.run.clone()),
            Value::Text(rfc3339(point.start)),
            Value::Integer(point.start.0),
            Value::Integer(point.resolution.us()),
            Value::Integer(micros(point.covered)),
            Value::Text(point.phase.as_str().to_owned()),
            Value::Text(operation.map(Name::to_string).unwrap_or_default()),
            Value::Integer(self.step(point).into()),
            integer(*succeeded),
            integer(*failed),
            integer(*cut),
            integer(*dropped),
            integer(*rows),
            throughput_per_s.map_or(Value::Nothing, Value::Number),
            integer(point.in_flight_max),
            integer(point.backlog_max),
        ];
        for latency in [response, service, lag, failed_response] {
            row.extend(self.figures(latency.as_ref()));
        }
        row.extend(failures.counts().map(integer));
        row
    }
}

/// The operations' names, by their places.
pub(crate) fn names(contents: &Contents) -> Vec<Name> {
    let operations = contents.run.spec.operations.iter();
    operations.map(|operation| operation.name.clone()).collect()
}

/// The windows of a search's steps: those of the report, or else those that the
/// run knows of.
fn steps(contents: &Contents) -> Vec<(Timestamp, Timestamp, u32)> {
    let report = contents.report.as_ref();
    let reported = report.and_then(|report| report.search.as_ref());
    let known = contents.run.state.search.as_ref();
    let steps: &[Step] = match (reported, known) {
        (Some(findings), _) => &findings.steps,
        (None, Some(progress)) => &progress.steps,
        (None, None) => &[],
    };
    let window = |step: &Step| (step.from, step.to, step.trial.step);
    steps.iter().map(window).collect()
}

fn columns(percentiles: &[f64]) -> Vec<Column> {
    let fixed = [
        ("run", Kind::Text),
        ("time", Kind::Text),
        ("start_us", Kind::Integer),
        ("resolution_us", Kind::Integer),
        ("covered_us", Kind::Integer),
        ("phase", Kind::Text),
        ("operation", Kind::Text),
        ("step", Kind::Integer),
        ("succeeded", Kind::Integer),
        ("failed", Kind::Integer),
        ("cut", Kind::Integer),
        ("dropped", Kind::Integer),
        ("rows", Kind::Integer),
        ("throughput_per_s", Kind::Number),
        ("in_flight_max", Kind::Integer),
        ("backlog_max", Kind::Integer),
    ];
    let fixed = fixed.map(|(name, kind)| Column {
        name: name.to_owned(),
        kind,
    });
    let percentiles: Vec<String> = percentiles.iter().map(|value| label(*value)).collect();
    let figures = EXTREMES
        .into_iter()
        .chain(percentiles.iter().map(String::as_str));
    let latencies = LATENCIES.into_iter().flat_map(|latency| {
        figures.clone().map(move |figure| Column {
            name: format!("{latency}_{figure}_us"),
            kind: Kind::Number,
        })
    });
    // Those that came later stand last, so that the others keep their places.
    let failures = ErrorClass::ALL.map(|class| Column {
        name: format!("failed_{}", class.as_str().to_lowercase()),
        kind: Kind::Integer,
    });
    fixed.into_iter().chain(latencies).chain(failures).collect()
}

/// How a percentile is named: `p99`, `p99_9`.
pub(crate) fn label(percentile: f64) -> String {
    format!("p{percentile}").replace('.', "_")
}
