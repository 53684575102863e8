//! A gate's result for people and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{
    cell_of, figure,
    gate::{Check, Finding, Gate},
    limit::Measure,
};
use crate::cli::text::{
    table::{Align, Table},
    wrap,
};

/// The result at the end of a comparison, for a terminal with so many columns if
/// it goes to one: what is not within its limit, line by line, and the verdict.
pub fn text(gate: &Gate, most: Option<usize>) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    for unfit in &gate.unfit {
        let _ = writeln!(text, "run {} cannot be judged: {}", unfit.run, unfit.why);
    }
    if gate.incomparable {
        text.push_str(
            "not judged: see the warnings; if what they name is what is tested: --despite-warnings\n",
        );
    }
    text.push_str(&offenders(gate).within(most));
    let _ = writeln!(
        text,
        "gate: {}{} (exit code {})",
        gate.word(),
        summary(gate),
        gate.exit().code()
    );
    wrap::prose(&text, most)
}

/// The figures that are worse, and those that cannot be told.
fn offenders(gate: &Gate) -> Table {
    use Align::{Left, Right};
    let mut checks: Vec<&Check> = gate.checks.iter().collect();
    checks.retain(|check| check.finding != Finding::Within);
    checks.sort_by_key(|check| check.finding != Finding::Worse);
    if checks.is_empty() {
        return Table::plain([]);
    }
    let mut table = Table::with_header([
        ("run", Left),
        ("operation", Left),
        ("figure", Left),
        ("baseline", Right),
        ("measured", Right),
        ("worse by", Right),
        ("limit", Right),
        ("", Left),
    ])
    .spare(["baseline", "measured"]);
    for check in checks {
        let value = |value| cell_of(check.metric.name, value);
        let distance = |distance| distance_of(check, distance);
        table.row([
            check.run.clone(),
            check.operation.clone(),
            figure(check.metric.word),
            value(check.baseline),
            value(check.value),
            check.worse.map_or_else(|| "-".to_owned(), distance),
            distance(check.limit),
            match &check.finding {
                Finding::Unknown(why) => why.clone(),
                Finding::Worse | Finding::Within => "WORSE".to_owned(),
            },
        ]);
    }
    table
}

/// A share in percent, a difference of ratios in percentage points.
fn distance_of(check: &Check, distance: f64) -> String {
    match check.metric.measure {
        Measure::Points => format!("{} pp", rounded(distance * 100.0, 3)),
        Measure::Rate | Measure::Percentile(_) => format!("{} %", rounded(distance * 100.0, 1)),
    }
}

/// Without the zeros that say nothing.
fn rounded(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

fn summary(gate: &Gate) -> String {
    let count = gate.checks.len();
    let worse = |check: &&Check| check.finding == Finding::Worse;
    match gate.checks.iter().filter(worse).count() {
        0 => {}
        bad => return format!(": {bad} of {count} figures worse than allowed"),
    }
    let within = |check: &&Check| check.finding == Finding::Within;
    let good: Vec<&Check> = gate.checks.iter().filter(within).collect();
    // What of the limit is left.
    let room = |check: &&Check| check.limit - check.worse.unwrap_or_default();
    let nearest = good
        .iter()
        .min_by(|one, other| room(one).total_cmp(&room(other)));
    match nearest {
        Some(check) if good.len() == count => {
            let limits = if count == 1 {
                "1 figure within its limit".to_owned()
            } else {
                format!("{count} figures within their limits")
            };
            format!(": {limits}; nearest: {}", told(check))
        }
        _ if count > 0 => format!(": {} of {count} figures cannot be told", count - good.len()),
        _ => String::new(),
    }
}

/// A figure within its limit, in words.
fn told(check: &Check) -> String {
    let worse = check.worse.unwrap_or_default();
    let by = if worse > 0.0 {
        let most = distance_of(check, check.limit);
        format!("{} worse of {most} allowed", distance_of(check, worse))
    } else {
        "not worse".to_owned()
    };
    format!(
        "{} {} {} of {}, {by}",
        check.operation,
        figure(check.metric.word),
        cell_of(check.metric.name, check.value),
        check.run
    )
}

/// The result as JSON.
pub fn json(gate: &Gate) -> Value {
    let unfit: Vec<Value> = gate
        .unfit
        .iter()
        .map(|unfit| json!({"run": unfit.run, "invalid": unfit.invalid, "message": unfit.why}))
        .collect();
    json!({
        "result": gate.word(),
        "exitCode": gate.exit().code(),
        "comparable": !gate.incomparable,
        "unfitRuns": unfit,
        "checks": gate.checks.iter().map(of_check).collect::<Vec<Value>>(),
    })
}

fn of_check(check: &Check) -> Value {
    let (result, message) = match &check.finding {
        Finding::Within => ("PASS", ""),
        Finding::Worse => ("REGRESSION", ""),
        Finding::Unknown(why) => ("INCONCLUSIVE", why.as_str()),
    };
    json!({
        "run": check.run,
        "operation": check.operation,
        "metric": check.metric.name,
        "baseline": check.baseline,
        "value": check.value,
        "worseBy": check.worse,
        "limit": check.limit,
        "result": result,
        "message": message,
    })
}
