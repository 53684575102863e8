//! Rules about the load: whether the generator can send it, for how long it
//! does, and what can be said of it afterwards.

use std::time::Duration;

use super::{Code, Facts, Finding, Severity, workers::chosen};
use crate::{
    template::{Limit, Load, Slo, Spec},
    verdict,
};

/// What a processor can be expected to send each second: half of what one does
/// with prepared point lookups, of about 9 µs each.
const OPERATIONS_PER_PROCESSOR: f64 = 50_000.0;
/// What a connection can be expected to carry each second: one round trip after
/// the other, of 100 µs each.
const OPERATIONS_PER_CONNECTION: f64 = 10_000.0;
const SHORT_WARMUP: Duration = Duration::from_secs(5);
const SHORT_MEASUREMENT: Duration = Duration::from_secs(10);

pub(super) fn check(spec: &Spec, facts: &Facts, found: &mut Vec<Finding>) {
    rate(spec, facts, found);
    for (index, slo) in spec.slos.iter().enumerate() {
        objective(spec, index, slo, found);
    }
    phases(spec, found);
}

fn rate(spec: &Spec, facts: &Facts, found: &mut Vec<Finding>) {
    let Load::Rate {
        per_second,
        connections,
        ..
    } = spec.load
    else {
        return;
    };
    let carried = f64::from(connections) * OPERATIONS_PER_CONNECTION;
    if per_second > carried {
        let needed = (per_second / OPERATIONS_PER_CONNECTION).ceil();
        found.push(Finding {
            code: Code::RateAboveConnections,
            severity: Severity::Warning,
            title: "few connections for the rate",
            message: format!(
                "{per_second} operations per second over {connections} connections leave {:.0} µs for each; a round trip rarely takes less than 100",
                f64::from(connections) / per_second * 1e6
            ),
            recommendations: vec![format!("ask for {needed} connections or more")],
            field: "load.rate.connections".to_owned(),
        });
    }
    let chosen = chosen(spec, facts);
    let processors: u32 = chosen.iter().map(|worker| worker.processors).sum();
    let sent = f64::from(processors) * OPERATIONS_PER_PROCESSOR;
    if processors > 0 && per_second > sent {
        found.push(Finding {
            code: Code::GeneratorShort,
            severity: Severity::Warning,
            title: "the generator may be too small for the rate",
            message: format!(
                "{per_second} operations per second are asked of {processors} processors, which can be expected to send {sent:.0}"
            ),
            recommendations: vec![
                "share the load by more workers on other machines".to_owned(),
                "look at the report's validity: GENERATOR_CPU and RATE_MISSED say whether it was enough".to_owned(),
            ],
            field: "load.rate.per_second".to_owned(),
        });
    }
}

/// The most operations per second that a template can send of what an objective
/// is about, at its first level; `None` when only the target limits them.
fn offered(spec: &Spec, slo: &Slo) -> Option<f64> {
    let whole = match spec.load {
        Load::Rate { per_second, .. } => per_second,
        Load::Concurrency { think_time, .. } if think_time.is_zero() => return None,
        Load::Concurrency {
            connections,
            think_time,
        } => f64::from(connections) / think_time.as_secs_f64(),
    };
    let limited = spec
        .operations
        .iter()
        .filter(|operation| slo.scope.holds(operation));
    let weight: u32 = limited.map(|operation| operation.weight).sum();
    Some(whole * f64::from(weight) / 10_000.0)
}

fn objective(spec: &Spec, index: usize, slo: &Slo, found: &mut Vec<Finding>) {
    let Some(offered) = offered(spec, slo) else {
        return;
    };
    let (allowed, field) = match slo.limit {
        Limit::Latency { percentile, .. } => (1.0 - percentile / 100.0, "latency.percentile"),
        Limit::ErrorRatio(allowed) => (allowed, "max_error_ratio"),
        Limit::Throughput(floor) => {
            // A search goes up from its first level.
            if floor > offered && spec.control.search.is_none() {
                found.push(above_load(index, slo, floor, offered));
            }
            return;
        }
    };
    let needed = verdict::samples_needed(allowed, slo.confidence);
    let window = judged(spec);
    let planned = (offered * window.as_secs_f64()).round() as u64;
    if planned >= needed {
        return;
    }
    let seconds = (needed as f64 / offered).ceil();
    found.push(Finding {
        code: Code::SloSamplesShort,
        severity: Severity::Warning,
        title: "too few operations for a verdict",
        message: format!(
            "objective {:?} needs {needed} operations to be met with {} % confidence; {} will have about {planned}",
            slo.name,
            slo.confidence * 100.0,
            if spec.control.search.is_some() {
                "the best step of the search, at its first level,"
            } else {
                "the measurement"
            }
        ),
        recommendations: vec![match &spec.control.search {
            None => format!("measure for {seconds} s or longer, or send more per second"),
            Some(_) => format!("make search.confirm {seconds} s or longer, or begin at a higher level"),
        }],
        field: format!("slos[{index}].{field}"),
    });
}

/// The stretch that the report's verdicts are about: after a search, the window
/// of the step that speaks for the best level.
fn judged(spec: &Spec) -> Duration {
    match &spec.control.search {
        None => spec.phases.measurement,
        Some(search) if search.confirm.is_zero() => search.step,
        Some(search) => search.confirm,
    }
}

fn above_load(index: usize, slo: &Slo, floor: f64, offered: f64) -> Finding {
    Finding {
        code: Code::SloAboveLoad,
        severity: Severity::Warning,
        title: "an objective cannot be met",
        message: format!(
            "objective {:?} wants {floor} operations per second, the load sends {offered} at most",
            slo.name
        ),
        recommendations: vec!["send more per second, or lower the objective".to_owned()],
        field: format!("slos[{index}].min_throughput_per_s"),
    }
}

fn phases(spec: &Spec, found: &mut Vec<Finding>) {
    let phases = spec.phases;
    if phases.measurement < SHORT_MEASUREMENT {
        found.push(Finding {
            code: Code::MeasurementShort,
            severity: Severity::Warning,
            title: "the measurement is short",
            message: format!(
                "{} s of measurement show neither checkpoints nor other things that happen now and then",
                phases.measurement.as_secs_f64()
            ),
            recommendations: vec![format!("measure for {} s or longer", SHORT_MEASUREMENT.as_secs())],
            field: "phases.measurement".to_owned(),
        });
    }
    if phases.warmup < SHORT_WARMUP {
        found.push(Finding {
            code: Code::WarmupShort,
            severity: Severity::Info,
            title: "the warmup is short",
            message: format!(
                "{} s of warmup may leave cold caches in the measurement",
                phases.warmup.as_secs_f64()
            ),
            recommendations: vec![format!(
                "warm up for {} s or longer",
                SHORT_WARMUP.as_secs()
            )],
            field: "phases.warmup".to_owned(),
        });
    }
}
