//! Rules about connections that wait for one another at the target.

use std::time::Duration;

use super::{Code, Facts, Finding, Severity, field, first_write};
use crate::{
    target::Address,
    template::{Class, Load, Operation, Parameter, Spec, Statement},
};

/// How long an operation is taken to be under way where the load, not the
/// target, says how often one is sent.
const UNDER_WAY: Duration = Duration::from_millis(1);

pub(super) fn check(spec: &Spec, facts: &Facts, found: &mut Vec<Finding>) {
    if matches!(facts.address, Some(Address::Sqlite { .. })) {
        // The whole database is one lock there.
        single_writer(spec, found);
        return;
    }
    for (index, operation) in spec.operations.iter().enumerate() {
        same_rows(spec, index, operation, found);
    }
}

fn single_writer(spec: &Spec, found: &mut Vec<Finding>) {
    let connections = spec.load.connections();
    let (Some(first), 2..) = (first_write(spec), connections) else {
        return;
    };
    let writing: u32 = spec
        .operations
        .iter()
        .filter(|operation| operation.statement.class() == Class::Write)
        .map(|operation| operation.weight)
        .sum();
    found.push(Finding {
        code: Code::WriteContention,
        severity: Severity::Warning,
        title: "connections wait for one another to write",
        message: format!(
            "SQLite takes one writer at a time: with {connections} connections and {} % of writes, latency shows the waiting",
            f64::from(writing) / 100.0
        ),
        recommendations: vec!["use one connection to see what a single writer can do".to_owned()],
        field: field(first, ""),
    });
}

/// Operations that are under way at once.
fn under_way(load: &Load) -> f64 {
    let connections = f64::from(load.connections());
    let each = UNDER_WAY.as_secs_f64();
    match load {
        Load::Concurrency { think_time, .. } if think_time.is_zero() => connections,
        Load::Concurrency { think_time, .. } => {
            connections * each / (each + think_time.as_secs_f64())
        }
        Load::Rate { per_second, .. } => connections.min(per_second * each),
    }
}

/// The share of draws that meet the likeliest row, and how many rows there are;
/// `None` where that is not known.
fn likeliest(key: &Parameter) -> Option<(f64, f64)> {
    let rows = |min: i64, max: i64| (i128::from(max) - i128::from(min) + 1).max(1) as f64;
    match key {
        Parameter::Integer(_) | Parameter::Number(_) | Parameter::Text(_) => Some((1.0, 1.0)),
        Parameter::Uniform { min, max } | Parameter::Sequential { min, max } => {
            let rows = rows(*min, *max);
            Some((1.0 / rows, rows))
        }
        Parameter::Zipf { min, max, exponent } => {
            let rows = rows(*min, *max);
            Some((1.0 / harmonic(rows, *exponent), rows))
        }
        Parameter::Null | Parameter::RandomText { .. } | Parameter::Pool { .. } => None,
    }
}

/// The sum of `1 / i^s` for i from 1 to n: the first terms one by one, the rest
/// by its integral (the first term of Euler and Maclaurin's formula).
fn harmonic(n: f64, s: f64) -> f64 {
    const SINGLE: u32 = 1_000;
    let single = n.min(f64::from(SINGLE)) as u32;
    let head: f64 = (1..=single).map(|i| f64::from(i).powf(-s)).sum();
    let from = f64::from(single) + 0.5;
    let to = n + 0.5;
    if to <= from {
        return head;
    }
    let tail = if (s - 1.0).abs() < 1e-9 {
        (to / from).ln()
    } else {
        (to.powf(1.0 - s) - from.powf(1.0 - s)) / (1.0 - s)
    };
    head + tail
}

fn same_rows(spec: &Spec, index: usize, operation: &Operation, found: &mut Vec<Finding>) {
    let Statement::Update { table, key, .. } = &operation.statement else {
        return;
    };
    // One parameter per column that is set, then the key.
    let Some((share, rows)) = operation.parameters.last().and_then(likeliest) else {
        return;
    };
    let writers = under_way(&spec.load) * f64::from(operation.weight) / 10_000.0;
    let meeting = writers * share;
    if meeting <= 1.0 {
        return;
    }
    let each = if share * rows > 1.001 {
        format!("the likeliest of {rows} rows")
    } else if rows > 1.0 {
        format!("each of {rows} rows")
    } else {
        "one row".to_owned()
    };
    found.push(Finding {
        code: Code::LockContention,
        severity: Severity::Warning,
        title: "connections update the same rows",
        message: format!(
            "operation {} keeps about {writers:.1} updates under way, {meeting:.1} of them on {each} of {table}: they wait for one another's locks, and the waiting is what is measured",
            operation.name
        ),
        recommendations: vec![
            format!("draw {key} from {} rows or more, or less unevenly", (writers * rows * share).ceil()),
            "use fewer connections, or give the operation less weight".to_owned(),
        ],
        field: field(
            index,
            &format!("parameters[{}]", operation.parameters.len() - 1),
        ),
    });
}
