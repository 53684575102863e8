//! `gauntlet compare`: runs side by side, and whether they may be that different.

mod gate;
mod limit;
mod show;

use std::fmt::Write as _;

use clap::Args;
use gauntlet_client::{json, pb};

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print,
    text::number::{latency, percent, plain, rate},
    view::terminal::columns_of_results,
};

/// The figures that are shown; `--output json` has all.
const SHOWN: [&str; 6] = [
    "throughput_per_s",
    "response_p50_us",
    "response_p95_us",
    "response_p99_us",
    "response_p999_us",
    "error_ratio",
];

/// What the help says of the gate.
const GATE: &str = "\
The gate: with --max-regression 10% the exit code says whether a run's
throughput or response time (p50, p95, p99) is more than 10 % worse than the
baseline's, in any operation or in total. Worse is lower for a throughput and
higher for the others.

  --max-regression 10%             the usual four, everywhere
  --max-regression 10%,p99=25%     more room for p99
  --max-regression total.p99=25%   only this figure, of all operations together
  --max-regression error_ratio=0.1pp   failures, in percentage points

Figures: throughput, p50, p95, p99, p999, error_ratio, row_throughput,
service_p50 to service_p999; before one and a dot: an operation, or total. The
limit that names most holds.

Exit codes of the gate: 0 within all limits; 2 worse than a limit; 3 not to be
told: no report, too few operations, or warnings that the runs are not
comparable; 4 a run is INVALID. With --output json: a field \"gate\".

Two runs of the same thing differ, too, so one run against one run proves
nothing: compare the baseline with repeats of itself first, give limits above
what you see there, and repeat a run that fails.";

/// Compare two to five runs with the first of them
#[derive(Debug, Args)]
#[command(after_help = GATE)]
pub struct Compare {
    /// The runs' names or ids, the baseline first
    #[arg(required = true, num_args = 2..=5, value_names = ["BASELINE", "RUN"])]
    runs: Vec<String>,
    /// How much worse than the baseline a run may be: 10%, p99=25%; see below
    #[arg(
        long,
        value_name = "[METRIC=]LIMIT",
        value_parser = limit::parse,
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    max_regression: Vec<limit::Limit>,
    /// Judge runs although warnings say that they may not be comparable
    #[arg(long, requires = "max_regression")]
    despite_warnings: bool,
}

impl Compare {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let mut run_ids = Vec::with_capacity(self.runs.len());
        for word in &self.runs {
            let run = find::run(&client, context, Some(word)).await?;
            if run_ids.contains(&run.run_id) {
                return Err(Failure::Asked(format!(
                    "run {word} is given twice; give each run once"
                )));
            }
            run_ids.push(run.run_id);
        }
        let max_points = 0;
        let request = pb::CompareRunsRequest {
            run_ids,
            max_points,
        };
        let answer = client.runs().compare_runs(request).await?.into_inner();
        let gate = self.judge(&answer)?;
        let exit = gate.as_ref().map_or(Exit::Pass, gate::Gate::exit);
        if context.is_json() {
            print_json(&answer, gate.as_ref())?;
            return Ok(exit);
        }
        let comparison = answer.comparison.unwrap_or_default();
        print::text(&text(&comparison))?;
        for warning in &comparison.warnings {
            print::aside(&format!("warning: {warning}"));
        }
        if let Some(gate) = gate {
            print::text(&format!("\n{}", show::text(&gate, columns_of_results())))?;
        }
        Ok(exit)
    }

    /// What the limits say, where there are any.
    fn judge(&self, answer: &pb::CompareRunsResponse) -> Result<Option<gate::Gate>, Failure> {
        if self.max_regression.is_empty() {
            return Ok(None);
        }
        let comparison = answer.comparison.clone().unwrap_or_default();
        let gate = gate::judge(&comparison, &self.max_regression, self.despite_warnings);
        gate.map(Some)
            .map_err(|error| Failure::Asked(format!("--max-regression: {error}")))
    }
}

/// One document: the API's message, and beside it what the limits say.
fn print_json(answer: &pb::CompareRunsResponse, gate: Option<&gate::Gate>) -> Result<(), Failure> {
    const NAME: &str = "CompareRunsResponse";
    let Some(gate) = gate else {
        return print::document(NAME, answer);
    };
    let message = json::line(NAME, answer)?;
    let mut document: serde_json::Value =
        serde_json::from_str(&message).expect("a message's JSON is JSON");
    document["gate"] = show::json(gate);
    print::line(&format!("{document:#}"))
}

/// One block per operation, one line per figure, one column per run.
fn text(comparison: &pb::Comparison) -> String {
    let mut rows: Vec<Vec<String>> = vec![heading(&comparison.runs)];
    // A total of one operation says the same again.
    let shown = match comparison.operations.as_slice() {
        [only, total] if total.operation.is_empty() => std::slice::from_ref(only),
        operations => operations,
    };
    for operation in shown {
        let name = match operation.operation.as_str() {
            "" => limit::TOTAL,
            name => name,
        };
        rows.push(vec![name.to_owned()]);
        for metric in &operation.metrics {
            if SHOWN.contains(&metric.metric.as_str()) {
                rows.push(line(metric));
            }
        }
    }
    if !comparison.differences.is_empty() {
        rows.push(vec!["different settings".to_owned()]);
    }
    for difference in &comparison.differences {
        let values = difference.values.iter().map(|value| match value.as_str() {
            "" => "-".to_owned(),
            value => value.to_owned(),
        });
        let path = format!("  {}", difference.path);
        rows.push([path].into_iter().chain(values).collect());
    }
    aligned(&rows)
}

fn heading(runs: &[pb::Run]) -> Vec<String> {
    let names = runs.iter().map(|run| run.name.clone());
    [String::new()].into_iter().chain(names).collect()
}

fn line(metric: &pb::MetricComparison) -> Vec<String> {
    let label = metric.metric.trim_end_matches("_per_s");
    let label = label.trim_end_matches("_us").replace('_', " ");
    let cells = metric
        .values
        .iter()
        .map(|value| cell(&metric.metric, value));
    [format!("  {label}")].into_iter().chain(cells).collect()
}

/// A value in the unit of its figure.
fn cell_of(metric: &str, value: Option<f64>) -> String {
    let Some(number) = value else {
        return "-".to_owned();
    };
    if metric.ends_with("_per_s") {
        rate(number)
    } else if metric.ends_with("_us") {
        latency(number)
    } else if metric.ends_with("_ratio") {
        percent(number)
    } else {
        plain(number)
    }
}

/// A value, and how far it is from the baseline's.
fn cell(metric: &str, value: &pb::MetricValue) -> String {
    let shown = cell_of(metric, value.value);
    let change = value
        .ratio
        .map(|ratio| format!("{:+.1}", (ratio - 1.0) * 100.0));
    match change.as_deref() {
        None | Some("+0.0" | "-0.0") => shown,
        Some(change) => format!("{shown} ({change} %)"),
    }
}

/// Rows of any length in columns two spaces apart.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a string does not fail.
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(metric: &str, values: &[Option<f64>]) -> pb::MetricComparison {
        let baseline = values[0];
        let value = |value: &Option<f64>| pb::MetricValue {
            value: *value,
            difference: value.zip(baseline).map(|(value, base)| value - base),
            ratio: value.zip(baseline).map(|(value, base)| value / base),
        };
        pb::MetricComparison {
            metric: metric.to_owned(),
            higher_is_better: false,
            values: values.iter().map(value).collect(),
        }
    }

    #[test]
    fn runs_are_columns() {
        let run = |name: &str| pb::Run {
            name: name.to_owned(),
            ..Default::default()
        };
        let comparison = pb::Comparison {
            runs: vec![run("base"), run("other")],
            operations: vec![pb::OperationComparison {
                operation: String::new(),
                metrics: vec![
                    metric("throughput_per_s", &[Some(1_000.0), Some(1_250.0)]),
                    metric("response_p99_us", &[Some(800.0), None]),
                    metric("lag_max_us", &[Some(1.0), Some(2.0)]),
                ],
            }],
            differences: vec![pb::ConfigurationDifference {
                path: "seed".to_owned(),
                values: vec!["1".to_owned(), String::new()],
            }],
            ..Default::default()
        };
        assert_eq!(
            text(&comparison),
            [
                "                    base     other",
                "total",
                "  throughput        1,000/s  1,250/s (+25.0 %)",
                "  response p99      800 µs   -",
                "different settings",
                "  seed              1        -",
                "",
            ]
            .join("\n")
        );
    }
}
