//! What a run will do, before it is asked to.

use gauntlet_client::pb;

use super::{
    address,
    number::{counted, duration, micros, plain},
    table::{Align, Table},
    word,
};

/// The lines that a person confirms. `target` is absent when it cannot be read.
pub fn lines(template: &pb::Template, target: Option<&pb::Target>) -> String {
    let spec = template.spec.clone().unwrap_or_default();
    let place = target.map(|target| format!(" ({})", address::of(target)));
    let mut table = Table::plain([Align::Left, Align::Left]);
    let mut row = |name: &str, value: String| table.row([format!("  {name}"), value]);
    row(
        "target",
        format!("{}{}", spec.target, place.unwrap_or_default()),
    );
    row("load", load(&spec));
    row("duration", phases(&spec));
    row("operations", mix(&spec));
    row("objectives", objectives(&spec));
    if let Some(search) = &spec.search {
        row("search", search_words(search));
    }
    for (name, value) in control(&spec) {
        row(name, value);
    }
    row("estimate", estimate(&spec));
    if let Some(target) = target.filter(|target| target.price_per_hour > 0.0) {
        row("cost", cost(&spec, target.price_per_hour));
    }
    format!(
        "template {}, version {}\n{table}",
        template.name, template.version
    )
}

/// The load in words.
pub fn load(spec: &pb::TemplateSpec) -> String {
    use pb::load::Mode;
    let workers = counted(spec.workers.max(1).into(), "worker");
    match spec.load.as_ref().and_then(|load| load.mode.as_ref()) {
        Some(Mode::Concurrency(load)) => {
            let think = match micros(load.think_time.as_ref()) {
                0 => String::new(),
                pause => format!(", {} pause after each operation", duration(pause)),
            };
            format!(
                "closed loop: {} over {workers}{think}",
                counted(load.connections.into(), "connection")
            )
        }
        Some(Mode::Rate(load)) => format!(
            "open loop: {} operations/s over {} and {workers}",
            plain(load.per_second),
            counted(load.connections.into(), "connection")
        ),
        None => "not said".to_owned(),
    }
}

fn phases(spec: &pb::TemplateSpec) -> String {
    let phases = spec.phases.unwrap_or_default();
    let warmup = micros(phases.warmup.as_ref());
    let measurement = micros(phases.measurement.as_ref());
    if warmup == 0 {
        return duration(measurement);
    }
    if phases.until_steady.is_some() {
        return format!(
            "up to {} (warmup until steady, at most {}; measurement {})",
            duration(warmup + measurement),
            duration(warmup),
            duration(measurement)
        );
    }
    format!(
        "{} (warmup {}, measurement {})",
        duration(warmup + measurement),
        duration(warmup),
        duration(measurement)
    )
}

/// What an operation is called: by its kind when it has no name.
pub fn operation(operation: &pb::Operation) -> String {
    if operation.name.is_empty() {
        return word::lower(operation.kind().as_str_name(), "OPERATION_KIND_").replace(' ', "-");
    }
    operation.name.clone()
}

fn mix(spec: &pb::TemplateSpec) -> String {
    let parts: Vec<String> = spec
        .operations
        .iter()
        .map(|operation| {
            format!(
                "{} {} %",
                self::operation(operation),
                plain(operation.weight)
            )
        })
        .collect();
    parts.join(", ")
}

fn objectives(spec: &pb::TemplateSpec) -> String {
    if spec.slos.is_empty() {
        return "none".to_owned();
    }
    let name = |slo: &pb::Slo| objective(&slo.name, &slo.operation, slo.class(), &slo.label);
    let names: Vec<String> = spec.slos.iter().map(name).collect();
    names.join(", ")
}

/// What an objective is called, with what it limits.
pub fn objective(name: &str, operation: &str, class: pb::StatementClass, label: &str) -> String {
    let scope = match class {
        pb::StatementClass::Read => "reads",
        pb::StatementClass::Write => "writes",
        pb::StatementClass::Unspecified if operation.is_empty() => label,
        pb::StatementClass::Unspecified => operation,
    };
    // A name that was made from the objective says it already.
    if scope.is_empty() || name.split(' ').any(|word| word == scope) {
        return name.to_owned();
    }
    format!("{name} ({scope})")
}

fn search_words(search: &pb::Search) -> String {
    use pb::search::Method;
    let method = match &search.method {
        Some(Method::Bisect(_)) => "grow and bisect".to_owned(),
        Some(Method::Linear(linear)) => format!("increments of {}", plain(linear.increment)),
        None => "not said".to_owned(),
    };
    let step = match micros(search.step.as_ref()) {
        0 => String::new(),
        step => format!(", steps of {}", duration(step)),
    };
    let most = match search.max_level {
        level if level > 0.0 => format!(", up to {}", plain(level)),
        _ => String::new(),
    };
    format!("for the highest level: {method}{step}{most}; the load begins at its level")
}

/// What is done with the load beyond its phases.
fn control(spec: &pb::TemplateSpec) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(scaling) = &spec.scaling {
        let mode = word::lower(scaling.mode().as_str_name(), "SCALING_MODE_");
        let most = match scaling.max_workers {
            0 => String::new(),
            most => format!(", at most {most} workers"),
        };
        rows.push(("scaling", format!("{mode}{most}")));
    }
    if let Some(guardrails) = &spec.guardrails {
        let mode = word::lower(guardrails.mode().as_str_name(), "GUARDRAIL_MODE_");
        rows.push(("guardrails", mode));
    }
    if spec.launcher() == pb::Launcher::Local {
        let text = "started by the control plane, ended with the run".to_owned();
        rows.push(("workers", text));
    }
    if !spec.worker_labels.is_empty() {
        let pairs = spec.worker_labels.iter();
        let mut labels: Vec<String> = pairs.map(|(key, value)| format!("{key}={value}")).collect();
        labels.sort();
        rows.push(("only on", format!("workers with {}", labels.join(", "))));
    }
    rows
}

fn cost(spec: &pb::TemplateSpec, price_per_hour: f64) -> String {
    let phases = spec.phases.unwrap_or_default();
    let length = micros(phases.warmup.as_ref()) + micros(phases.measurement.as_ref());
    let hours = length as f64 / 3.6e9;
    format!(
        "about {:.4} at {} per hour",
        hours * price_per_hour,
        plain(price_per_hour)
    )
}

fn estimate(spec: &pb::TemplateSpec) -> String {
    if spec.search.is_some() {
        return "as many operations as its levels come to".to_owned();
    }
    let Some(pb::load::Mode::Rate(load)) = spec.load.as_ref().and_then(|load| load.mode.as_ref())
    else {
        return "as many operations as the target completes".to_owned();
    };
    let phases = spec.phases.unwrap_or_default();
    let length = micros(phases.warmup.as_ref()) + micros(phases.measurement.as_ref());
    let operations = load.per_second * (length as f64 / 1e6);
    counted(operations.round() as u64, "operation")
}

#[cfg(test)]
mod tests {
    use gauntlet_client::yaml::TemplateFile;

    use super::*;

    fn template(text: &str) -> pb::Template {
        pb::Template {
            name: "t".to_owned(),
            version: 3,
            spec: Some(TemplateFile::parse("f", text).unwrap().spec),
            ..Default::default()
        }
    }

    #[test]
    fn an_open_loop_has_an_estimate() {
        let text = "
name: t
target: db
workers: 2
operations: [{kind: point_lookup, weight: 80}, {name: scan, kind: range_scan, weight: 20}]
load: {rate: {per_second: 1000, connections: 8}}
phases: {warmup: 5s, measurement: 1m}
slos:
  - {name: p99 <= 10ms, operation: scan, latency: {percentile: 99, max: 10ms}}
  - {name: few errors, max_error_ratio: 0.1}
";
        let target = pb::Target {
            address: Some(pb::target::Address::Sqlite(pb::SqliteAddress {
                path: "/data/x.db".to_owned(),
            })),
            ..Default::default()
        };
        assert_eq!(
            lines(&template(text), Some(&target)),
            "\
template t, version 3
  target      db (sqlite /data/x.db)
  load        open loop: 1000 operations/s over 8 connections and 2 workers
  duration    1 min 5 s (warmup 5 s, measurement 1 min)
  operations  point-lookup 80 %, scan 20 %
  objectives  p99 <= 10ms (scan), few errors
  estimate    65,000 operations
"
        );
    }

    #[test]
    fn a_closed_loop_has_none() {
        let text = "
name: t
load: {concurrency: {connections: 8, think_time: 1ms}}
phases: {measurement: 15s}
";
        let spec = template(text).spec.unwrap();
        assert_eq!(
            estimate(&spec),
            "as many operations as the target completes"
        );
        assert_eq!(
            load(&spec),
            "closed loop: 8 connections over 1 worker, 1 ms pause after each operation"
        );
        assert_eq!(phases(&spec), "15 s");
    }
}
