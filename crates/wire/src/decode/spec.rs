//! Template descriptions: every rule that the proto states for a single field,
//! then the rules between fields.

use std::time::Duration;

use gauntlet_api::v1 as pb;
use gauntlet_model::template::{
    Class, Limit, Load, Operation, Phases, Scope, Slo, Spec, WorkerLossPolicy,
};

use super::{
    control,
    operation::{self, Defaults, statement_class},
};
use crate::fields::Fields;

const LONGEST_DESCRIPTION: usize = 4_096;
const LONGEST_LABEL: usize = 200;
const MOST_OPERATIONS: usize = 100;
const MOST_SLOS: usize = 50;
const MOST_WORKERS: u32 = 10_000;
const MOST_CONNECTIONS: u32 = 100_000;
const MOST_PER_SECOND: f64 = 10_000_000.0;
const MOST_BACKLOG: u64 = 1_000_000_000;
/// The backlog, in seconds of the rate, when the template does not say.
const BACKLOG_S: f64 = 10.0;
const LONGEST_PHASE: Duration = Duration::from_hours(7 * 24);
const LONGEST_WAIT: Duration = Duration::from_hours(1);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
const START_TIMEOUT: Duration = Duration::from_secs(30);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
const CONFIDENCE: f64 = 0.95;

/// A template description.
pub(crate) fn spec(fields: &mut Fields<'_>, mut spec: pb::TemplateSpec) -> Option<Spec> {
    let load = load(fields, spec.load.take());
    let control = control::control(fields, &mut spec, load.as_ref());
    let description = fields.text("description", spec.description, LONGEST_DESCRIPTION);
    let target = fields.name("target", spec.target);
    let defaults = Defaults::read(fields, spec.table, spec.key_column);
    let operations = operations(fields, spec.operations, &defaults);
    let phases = phases(fields, spec.phases);
    let workers = fields.count("workers", spec.workers.max(1), MOST_WORKERS);
    let slos = slos(fields, spec.slos);
    let worker_loss = worker_loss(fields, spec.worker_loss);
    let operation_timeout = fields.positive_duration(
        "operation_timeout",
        spec.operation_timeout,
        OPERATION_TIMEOUT,
        LONGEST_WAIT,
    );
    let start_timeout = fields.positive_duration(
        "start_timeout",
        spec.start_timeout,
        START_TIMEOUT,
        LONGEST_WAIT,
    );
    let spec = Spec {
        description: description?,
        target: target?,
        operations: operations?,
        load: load?,
        phases: phases?,
        workers: workers?,
        seed: spec.seed.max(1),
        slos: slos?,
        worker_loss: worker_loss?,
        operation_timeout: operation_timeout?,
        start_timeout: start_timeout?,
        control: control?,
    };
    // Between fields that are wrong by themselves nothing sensible can be said.
    if fields.clean() {
        fields.add_all(spec.violations());
    }
    Some(spec)
}

fn operations(
    fields: &mut Fields<'_>,
    operations: Vec<pb::Operation>,
    defaults: &Defaults,
) -> Option<Vec<Operation>> {
    if operations.is_empty() {
        fields.add("operations", "is required: give at least one operation");
        return None;
    }
    if operations.len() > MOST_OPERATIONS {
        let message = format!(
            "must be at most {MOST_OPERATIONS}, there are {}",
            operations.len()
        );
        fields.add("operations", message);
        return None;
    }
    let read: Vec<_> = operations
        .into_iter()
        .enumerate()
        .map(|(index, operation)| {
            let place = format!("operations[{index}]");
            operation::operation(&mut fields.child(place), operation, defaults)
        })
        .collect();
    read.into_iter().collect()
}

fn load(fields: &mut Fields<'_>, load: Option<pb::Load>) -> Option<Load> {
    match load.and_then(|load| load.mode) {
        None => {
            fields.add("load", "is required: give concurrency or rate");
            None
        }
        Some(pb::load::Mode::Concurrency(load)) => {
            concurrency(&mut fields.child("load.concurrency"), load)
        }
        Some(pb::load::Mode::Rate(load)) => rate(&mut fields.child("load.rate"), load),
    }
}

fn concurrency(fields: &mut Fields<'_>, load: pb::ConcurrencyLoad) -> Option<Load> {
    let connections = fields.count("connections", load.connections, MOST_CONNECTIONS);
    let think_time = fields.duration("think_time", load.think_time, Duration::ZERO, LONGEST_WAIT);
    Some(Load::Concurrency {
        connections: connections?,
        think_time: think_time?,
    })
}

fn rate(fields: &mut Fields<'_>, load: pb::RateLoad) -> Option<Load> {
    let per_second = fields.positive("per_second", load.per_second, MOST_PER_SECOND);
    let connections = fields.count("connections", load.connections, MOST_CONNECTIONS);
    if load.max_backlog > MOST_BACKLOG {
        fields.add("max_backlog", format!("must be at most {MOST_BACKLOG}"));
    }
    let per_second = per_second?;
    let max_backlog = match load.max_backlog {
        0 => ((per_second * BACKLOG_S).ceil() as u64).max(1),
        given => given,
    };
    Some(Load::Rate {
        per_second,
        connections: connections?,
        max_backlog,
    })
}

fn phases(fields: &mut Fields<'_>, phases: Option<pb::Phases>) -> Option<Phases> {
    let phases = phases.unwrap_or_default();
    let mut fields = fields.child("phases");
    let warmup = fields.duration("warmup", phases.warmup, Duration::ZERO, LONGEST_PHASE);
    let measurement = fields
        .required("measurement", phases.measurement)
        .and_then(|given| {
            fields.positive_duration("measurement", Some(given), Duration::ZERO, LONGEST_PHASE)
        });
    let drain_timeout = fields.duration(
        "drain_timeout",
        phases.drain_timeout,
        DRAIN_TIMEOUT,
        LONGEST_WAIT,
    );
    let until_steady = match phases.until_steady {
        None => Some(None),
        Some(given) => control::until_steady(&mut fields.child("until_steady"), given).map(Some),
    };
    Some(Phases {
        warmup: warmup?,
        measurement: measurement?,
        drain_timeout: drain_timeout?,
        until_steady: until_steady?,
    })
}

fn worker_loss(fields: &mut Fields<'_>, policy: i32) -> Option<WorkerLossPolicy> {
    fields.choice("worker_loss", policy, |policy: pb::WorkerLossPolicy| {
        Some(match policy {
            pb::WorkerLossPolicy::Unspecified | pb::WorkerLossPolicy::Fail => {
                WorkerLossPolicy::Fail
            }
            pb::WorkerLossPolicy::Continue => WorkerLossPolicy::Continue,
            pb::WorkerLossPolicy::Replace => WorkerLossPolicy::Replace,
        })
    })
}

fn slos(fields: &mut Fields<'_>, slos: Vec<pb::Slo>) -> Option<Vec<Slo>> {
    if slos.len() > MOST_SLOS {
        let message = format!("must be at most {MOST_SLOS}, there are {}", slos.len());
        fields.add("slos", message);
        return None;
    }
    let read: Vec<_> = slos
        .into_iter()
        .enumerate()
        .map(|(index, objective)| slo(&mut fields.child(format!("slos[{index}]")), objective))
        .collect();
    read.into_iter().collect()
}

fn slo(fields: &mut Fields<'_>, slo: pb::Slo) -> Option<Slo> {
    let name = fields.text("name", slo.name, LONGEST_LABEL);
    let scope = scope(fields, slo.operation, slo.class, slo.label);
    let limit = limit(fields, slo.limit);
    let confidence = if slo.confidence == 0.0 {
        CONFIDENCE
    } else {
        slo.confidence
    };
    if !(0.5..=0.9999).contains(&confidence) {
        let message = format!("must be 0.5 to 0.9999, it is {confidence}");
        fields.add("confidence", message);
    }
    let (name, scope, limit) = (name?, scope?, limit?);
    let name = if name.trim().is_empty() {
        label(&scope, limit)
    } else {
        name
    };
    Some(Slo {
        name,
        scope,
        limit,
        confidence,
        abort_on_fail: slo.abort_on_fail,
    })
}

/// The operations that an objective limits: it names them in one way at most.
fn scope(fields: &mut Fields<'_>, operation: String, class: i32, label: String) -> Option<Scope> {
    let given = [
        ("operation", !operation.is_empty()),
        ("class", class != 0),
        ("label", !label.is_empty()),
    ];
    let mut given = given.into_iter().filter(|(_, given)| *given);
    let Some((first, _)) = given.next() else {
        return Some(Scope::All);
    };
    if let Some((second, _)) = given.next() {
        let message = format!("makes no sense beside {first}; leave one of them out");
        fields.add(second, message);
        return None;
    }
    match first {
        "operation" => fields.name(first, operation).map(Scope::Operation),
        "class" => fields
            .choice(first, class, statement_class)
            .map(|class| Scope::Class { class }),
        _ => fields
            .name(first, label)
            .map(|label| Scope::Label { label }),
    }
}

fn limit(fields: &mut Fields<'_>, limit: Option<pb::slo::Limit>) -> Option<Limit> {
    match limit {
        None => {
            fields.add(
                "limit",
                "is required: give latency, max_error_ratio or min_throughput_per_s",
            );
            None
        }
        Some(pb::slo::Limit::Latency(latency)) => {
            latency_limit(&mut fields.child("latency"), &latency)
        }
        Some(pb::slo::Limit::MaxErrorRatio(ratio)) => {
            if !(0.0..=1.0).contains(&ratio) {
                fields.add("max_error_ratio", format!("must be 0 to 1, it is {ratio}"));
                return None;
            }
            Some(Limit::ErrorRatio(ratio))
        }
        Some(pb::slo::Limit::MinThroughputPerS(floor)) => fields
            .positive("min_throughput_per_s", floor, MOST_PER_SECOND)
            .map(Limit::Throughput),
    }
}

fn latency_limit(fields: &mut Fields<'_>, limit: &pb::LatencyLimit) -> Option<Limit> {
    let percentile = limit.percentile;
    let fits = percentile > 0.0 && percentile < 100.0;
    if !fits {
        let message = format!("must be greater than 0 and less than 100, it is {percentile}");
        fields.add("percentile", message);
    }
    let max = fields
        .required("max", limit.max)
        .and_then(|max| fields.positive_duration("max", Some(max), Duration::ZERO, LONGEST_WAIT))?;
    fits.then_some(Limit::Latency { percentile, max })
}

/// The label of an objective that has none, like "point-lookup p99 <= 10ms".
fn label(scope: &Scope, limit: Limit) -> String {
    let limit = match limit {
        Limit::Latency { percentile, max } => format!("p{percentile} <= {max:?}"),
        Limit::ErrorRatio(ratio) => format!("error ratio <= {ratio}"),
        Limit::Throughput(floor) => format!("throughput >= {floor}/s"),
    };
    match scope {
        Scope::All => limit,
        Scope::Operation(name) => format!("{name} {limit}"),
        Scope::Class { class: Class::Read } => format!("reads {limit}"),
        Scope::Class {
            class: Class::Write,
        } => format!("writes {limit}"),
        Scope::Label { label } => format!("label {label} {limit}"),
    }
}
