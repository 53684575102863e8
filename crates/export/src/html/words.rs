//! A run's states, limits and loads in words.

use gauntlet_model::{
    lifecycle::Status,
    number::{count, duration, latency, percent, plain, rate},
    report::SloReport,
    run::Run,
    search::{Outcome, StepKind},
    template::{Class, Level, Limit, Load, Scope, Slo, Statement},
    time::micros,
    verdict::Verdict,
};

/// A stable word as a person reads it: `USER_STOP` is `user stop`.
pub(super) fn lower(word: &str) -> String {
    word.to_lowercase().replace('_', " ")
}

/// A verdict, loud.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Inconclusive => "INCONCLUSIVE",
        Verdict::Fail => "FAIL",
    }
}

/// What an objective is called, with what it limits.
pub(super) fn objective(slo: &SloReport) -> String {
    let scope = match &slo.scope {
        Scope::All => return slo.name.clone(),
        Scope::Operation(name) => name.as_str(),
        Scope::Class { class: Class::Read } => "reads",
        Scope::Class {
            class: Class::Write,
        } => "writes",
        Scope::Label { label } => label.as_str(),
    };
    format!("{} ({scope})", slo.name)
}

/// A figure in the unit of its objective; `None` in `slo` when the template does
/// not say. Negative: there is none.
pub(super) fn measure(slo: Option<&Slo>, value: f64) -> String {
    if value < 0.0 {
        return "–".to_owned();
    }
    match slo.map(|slo| slo.limit) {
        Some(Limit::Latency { .. }) => latency(value),
        Some(Limit::ErrorRatio(_)) => percent(value),
        Some(Limit::Throughput(_)) => rate(value),
        None => plain(value),
    }
}

/// The limit of an objective: `p99 ≤ 50.0 ms`.
pub(super) fn limit(slo: Option<&Slo>, value: f64) -> String {
    let figure = measure(slo, value);
    match slo.map(|slo| slo.limit) {
        Some(Limit::Latency { percentile, .. }) => format!("p{} ≤ {figure}", plain(percentile)),
        Some(Limit::ErrorRatio(_)) => format!("failed ≤ {figure}"),
        Some(Limit::Throughput(_)) => format!("≥ {figure}"),
        None => figure,
    }
}

/// A level of load.
pub(super) fn level(level: Level) -> String {
    match level {
        Level::Concurrency { connections: 1 } => "1 connection".to_owned(),
        Level::Concurrency { connections } => format!("{} connections", count(connections.into())),
        Level::Rate { milli_per_s } => rate(milli_per_s as f64 / 1e3),
    }
}

/// The template's load.
pub(super) fn load(run: &Run) -> String {
    let workers = match run.spec.workers.max(1) {
        1 => "1 worker".to_owned(),
        workers => format!("{} workers", count(workers.into())),
    };
    match run.spec.load {
        Load::Concurrency {
            connections,
            think_time,
        } => {
            let think = match micros(think_time) {
                0 => String::new(),
                pause => format!(", {} pause after each operation", duration(pause)),
            };
            let connections = level(Level::Concurrency { connections });
            format!("closed loop: {connections} over {workers}{think}")
        }
        Load::Rate {
            per_second,
            connections,
            ..
        } => format!(
            "open loop: {} operations/s over {} and {workers}",
            plain(per_second),
            level(Level::Concurrency { connections })
        ),
    }
}

/// What an operation sends.
pub(super) fn statement(statement: &Statement) -> String {
    let all = |columns: &[String]| match columns {
        [] => "all columns".to_owned(),
        named => named.join(", "),
    };
    match statement {
        Statement::PointLookup {
            table,
            key,
            columns,
        } => format!("{} of the row of {table} with one {key}", all(columns)),
        Statement::RangeScan {
            table,
            key,
            columns,
            limit,
        } => format!(
            "{} of {} rows of {table} from one {key} upward",
            all(columns),
            count((*limit).into())
        ),
        Statement::Insert {
            table,
            key,
            columns,
        } => format!(
            "a new row in {table}: {}",
            [std::slice::from_ref(key), columns].concat().join(", ")
        ),
        Statement::Update {
            table,
            key,
            columns,
        } => format!(
            "{} of the row of {table} with one {key}",
            columns.join(", ")
        ),
        Statement::Sql { text, .. } => text.clone(),
    }
}

/// The kind of work of an operation.
pub(super) fn kind(statement: &Statement) -> &'static str {
    match statement {
        Statement::PointLookup { .. } => "point lookup",
        Statement::RangeScan { .. } => "range scan",
        Statement::Insert { .. } => "insert",
        Statement::Update { .. } => "update",
        Statement::Sql { .. } => "SQL",
    }
}

/// What became of a step.
pub(super) fn outcome(outcome: Outcome) -> String {
    lower(&stable(outcome))
}

/// What a step was for.
pub(super) fn step_kind(kind: StepKind) -> String {
    lower(&stable(kind))
}

/// The stable word of an enum, as it is stored.
pub(super) fn stable(value: impl serde::Serialize) -> String {
    let word = serde_json::to_value(value).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}

/// How a run ended, or that it did not.
pub(super) fn ending(run: &Run) -> String {
    let status = run.status();
    let word = lower(status.as_str());
    let Some(end) = run.state.end() else {
        return match status {
            Status::Prepared => "it was never started".to_owned(),
            _ => format!("it is {word}"),
        };
    };
    if end.message.is_empty() {
        return format!("{word}: {}", lower(&stable(end.reason)));
    }
    format!("{word}: {}", end.message)
}
