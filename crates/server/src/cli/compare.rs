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
    text::{
        number::{latency, percent, plain, rate},
        table::{Align, Table},
        wrap::columns,
    },
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

/// What stands above the settings that differ.
const SETTINGS: &str = "different settings";

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

Figures: throughput, p50, p95, p99, p99.9, error_ratio, row_throughput,
service_p50 to service_p99.9; before one and a dot: an operation, or total. The
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
        let most = columns_of_results();
        print::text(&text(&comparison, most))?;
        for warning in &comparison.warnings {
            print::aside(&format!("warning: {warning}"));
        }
        if let Some(gate) = gate {
            print::text(&format!("\n{}", show::text(&gate, most)))?;
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

/// One block per operation, one line per figure, one column per run, for a
/// terminal with so many columns if it goes to one: runs that have no room beside
/// the others come below, again beside the baseline.
fn text(comparison: &pb::Comparison, most: Option<usize>) -> String {
    let names: Vec<&str> = comparison
        .runs
        .iter()
        .map(|run| run.name.as_str())
        .collect();
    let (figures, settings) = (figures(comparison, &names), settings(comparison));
    let all: Vec<usize> = (0..=names.len()).collect();
    let whole = [figures.clone(), settings.clone()].concat();
    let Some(most) = most.filter(|most| wide(&whole, &all) > *most) else {
        return aligned(&whole, &all);
    };
    let mut blocks: Vec<String> = groups(&figures, most)
        .iter()
        .map(|group| aligned(&figures, group))
        .collect();
    if !comparison.differences.is_empty() {
        let side_by_side = [vec![figures[0].clone()], settings].concat();
        blocks.push(if wide(&side_by_side, &all) <= most {
            aligned(&side_by_side, &all)
        } else {
            settings_below(comparison, &names, most)
        });
    }
    blocks.join("\n")
}

/// The names of the runs, and below them the figures of each operation.
fn figures(comparison: &pb::Comparison, names: &[&str]) -> Vec<Vec<String>> {
    let names = names.iter().map(|name| (*name).to_owned());
    let mut rows: Vec<Vec<String>> = vec![[String::new()].into_iter().chain(names).collect()];
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
    rows
}

/// What is set differently, one column per run.
fn settings(comparison: &pb::Comparison) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    if !comparison.differences.is_empty() {
        rows.push(vec![SETTINGS.to_owned()]);
    }
    for difference in &comparison.differences {
        let path = format!("  {}", difference.path);
        let values = difference.values.iter().map(|value| given(value));
        rows.push([path].into_iter().chain(values).collect());
    }
    rows
}

fn given(value: &str) -> String {
    match value {
        "" => "-".to_owned(),
        value => value.to_owned(),
    }
}

/// The same with the runs below each other.
fn settings_below(comparison: &pb::Comparison, names: &[&str], most: usize) -> String {
    let mut text = format!("{SETTINGS}\n");
    for difference in &comparison.differences {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {}", difference.path);
        let mut table = Table::plain([Align::Left, Align::Left]);
        for (name, value) in names.iter().zip(&difference.values) {
            table.row([format!("    {name}"), given(value)]);
        }
        text.push_str(&table.within(Some(most)));
    }
    text
}

/// Which columns stand side by side: the labels and the baseline each time, and
/// as many of the others as there is room for, one at least.
fn groups(rows: &[Vec<String>], most: usize) -> Vec<Vec<usize>> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for column in 2..columns {
        let fits = |group: &Vec<usize>| {
            let grown: Vec<usize> = group.iter().copied().chain([column]).collect();
            wide(rows, &grown) <= most
        };
        match groups.last_mut() {
            Some(group) if fits(group) => group.push(column),
            _ => groups.push(vec![0, 1, column]),
        }
    }
    if groups.is_empty() {
        groups.push((0..columns).collect());
    }
    groups
}

fn line(metric: &pb::MetricComparison) -> Vec<String> {
    let label = metric.metric.trim_end_matches("_per_s");
    let label = figure(label.trim_end_matches("_us"));
    let cells = metric
        .values
        .iter()
        .map(|value| cell(&metric.metric, value));
    [format!("  {label}")].into_iter().chain(cells).collect()
}

/// A figure's name as reports write it.
fn figure(word: &str) -> String {
    word.replace("p999", "p99.9").replace('_', " ")
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

/// Between two columns.
const GAP: usize = 2;

/// Some columns of rows of any length, two spaces apart.
fn aligned(rows: &[Vec<String>], chosen: &[usize]) -> String {
    let widths: Vec<usize> = chosen.iter().map(|column| width(rows, *column)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, width) in chosen.iter().zip(&widths) {
            let cell = row.get(*column).map_or("", String::as_str);
            let rest = width.saturating_sub(columns(cell)) + GAP;
            // Writing to a string does not fail.
            let _ = write!(line, "{cell}{:rest$}", "");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn width(rows: &[Vec<String>], column: usize) -> usize {
    let cells = rows.iter().filter_map(|row| row.get(column));
    cells.map(|cell| columns(cell)).max().unwrap_or(0)
}

/// How many columns of a terminal these take.
fn wide(rows: &[Vec<String>], chosen: &[usize]) -> usize {
    let widths = chosen.iter().map(|column| width(rows, *column) + GAP);
    widths.sum::<usize>().saturating_sub(GAP)
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
            text(&comparison, None),
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

    fn three_runs() -> pb::Comparison {
        let names = ["base", "other", "third"];
        let run = |name: &str| pb::Run {
            name: name.to_owned(),
            ..Default::default()
        };
        let values = [Some(1_000.0), Some(1_250.0), Some(900.0)];
        pb::Comparison {
            runs: names.map(run).to_vec(),
            operations: vec![pb::OperationComparison {
                operation: String::new(),
                metrics: vec![metric("throughput_per_s", &values)],
            }],
            differences: vec![pb::ConfigurationDifference {
                path: "description".to_owned(),
                values: vec![
                    "as it was at first".to_owned(),
                    "with the new index and all".to_owned(),
                    String::new(),
                ],
            }],
            ..Default::default()
        }
    }

    #[test]
    fn on_a_narrow_terminal_runs_stand_below_each_other_and_nothing_is_left_out() {
        // What has room, and a file, gets one table.
        let shown = text(&three_runs(), None);
        assert_eq!(shown.lines().count(), 5, "{shown}");
        assert_eq!(text(&three_runs(), Some(200)), shown);
        let beside = "              base     other              third
total
  throughput  1,000/s  1,250/s (+25.0 %)  900/s (-10.0 %)

different settings
  description
    base   as it was at first
    other  with the new index and all
    third  -
";
        assert_eq!(text(&three_runs(), Some(60)), beside);
        let below = "              base     other
total
  throughput  1,000/s  1,250/s (+25.0 %)

              base     third
total
  throughput  1,000/s  900/s (-10.0 %)

different settings
  description
    base   as it was at first
    other  with the new index and all
    third  -
";
        assert_eq!(text(&three_runs(), Some(40)), below);
        let longest = below.lines().map(columns).max();
        assert!(longest <= Some(40), "{longest:?}");
    }
}
