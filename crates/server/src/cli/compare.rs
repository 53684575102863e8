//! `gauntlet compare`: runs side by side.

use std::fmt::Write as _;

use clap::Args;
use gauntlet_client::pb;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print,
    text::number::{latency, percent, plain, rate},
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

/// Compare two to five runs with the first of them
#[derive(Debug, Args)]
pub struct Compare {
    /// The runs' names or ids, the baseline first
    #[arg(required = true, num_args = 2..=5, value_name = "RUN")]
    runs: Vec<String>,
}

impl Compare {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let mut run_ids = Vec::with_capacity(self.runs.len());
        for word in &self.runs {
            let run = find::run(&client, context, Some(word)).await?;
            run_ids.push(run.run_id);
        }
        let max_points = 0;
        let request = pb::CompareRunsRequest {
            run_ids,
            max_points,
        };
        let answer = client.runs().compare_runs(request).await?.into_inner();
        if context.is_json() {
            print::document("CompareRunsResponse", &answer)?;
            return Ok(Exit::Pass);
        }
        let comparison = answer.comparison.unwrap_or_default();
        print::text(&text(&comparison))?;
        for warning in &comparison.warnings {
            print::aside(&format!("warning: {warning}"));
        }
        Ok(Exit::Pass)
    }
}

/// One block per operation, one line per figure, one column per run.
fn text(comparison: &pb::Comparison) -> String {
    let mut rows: Vec<Vec<String>> = vec![heading(&comparison.runs)];
    for operation in &comparison.operations {
        let name = if operation.operation.is_empty() {
            "all operations"
        } else {
            &operation.operation
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

/// A value, and how far it is from the baseline's.
fn cell(metric: &str, value: &pb::MetricValue) -> String {
    let Some(number) = value.value else {
        return "-".to_owned();
    };
    let shown = if metric.ends_with("_per_s") {
        rate(number)
    } else if metric.ends_with("_us") {
        latency(number)
    } else if metric.ends_with("_ratio") {
        percent(number)
    } else {
        plain(number)
    };
    match value.ratio {
        Some(ratio) if value.difference != Some(0.0) => {
            format!("{shown} ({:+.1} %)", (ratio - 1.0) * 100.0)
        }
        _ => shown,
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
                "all operations",
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
