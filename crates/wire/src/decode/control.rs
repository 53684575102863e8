//! What a template says of its load while it runs, and of where its workers
//! come from. Ranges stand in the protos; here are the defaults.

use std::time::Duration;

use gauntlet_api::v1 as pb;
use gauntlet_model::template::{
    Bisect, Control, GuardrailMode, Guardrails, Launcher, Linear, Load, Method, Scaling,
    ScalingMode, Search, StopSignals, UntilSteady,
};

use crate::fields::Fields;

const STEP: Duration = Duration::from_secs(10);
/// The longest that a load settles unless the template says more.
const LONGEST_SETTLE: Duration = Duration::from_secs(5);
/// What a worker holds unless it was told otherwise.
const CONNECTIONS_EACH: f64 = 1_000.0;
const MOST_CONNECTIONS: f64 = 100_000.0;
const MOST_PER_SECOND: f64 = 10_000_000.0;
const MOST_STEPS: u32 = 40;
const GROWTH: f64 = 2.0;
const RESOLUTION: f64 = 0.03;
const BACKOFFS: u32 = 3;
const GUARDRAIL_PATIENCE_S: u32 = 3;
const STEADY_WINDOW: Duration = Duration::from_secs(10);
const STEADY_TOLERANCE: f64 = 0.05;

/// Reads the parts of a description that are about control, and takes them out
/// of it.
pub(super) fn control(
    fields: &mut Fields<'_>,
    spec: &mut pb::TemplateSpec,
    load: Option<&Load>,
) -> Option<Control> {
    let defaults = Control::default();
    let search = match spec.search.take() {
        None => Some(None),
        Some(given) => search(&mut fields.child("search"), given, load, spec.workers).map(Some),
    };
    let scaling = match spec.scaling.take() {
        None => Some(defaults.scaling),
        Some(given) => scaling(&mut fields.child("scaling"), given),
    };
    let guardrails = match spec.guardrails.take() {
        None => Some(None),
        Some(given) => guardrails(&mut fields.child("guardrails"), given).map(Some),
    };
    let worker_labels = fields.labels("worker_labels", std::mem::take(&mut spec.worker_labels));
    let worker_wait = lasting(
        fields,
        "worker_wait",
        spec.worker_wait,
        defaults.worker_wait,
    );
    let launcher = fields.choice("launcher", spec.launcher, |launcher: pb::Launcher| {
        Some(match launcher {
            pb::Launcher::Unspecified | pb::Launcher::External => Launcher::External,
            pb::Launcher::Local => Launcher::Local,
        })
    });
    let max_clock_uncertainty = lasting(
        fields,
        "max_clock_uncertainty",
        spec.max_clock_uncertainty,
        defaults.max_clock_uncertainty,
    );
    Some(Control {
        search: search?,
        scaling: scaling?,
        guardrails: guardrails?,
        worker_labels: worker_labels?,
        worker_wait: worker_wait?,
        launcher: launcher?,
        max_clock_uncertainty: max_clock_uncertainty?,
    })
}

/// What ends a warmup before its time.
pub(super) fn until_steady(fields: &mut Fields<'_>, given: pb::UntilSteady) -> Option<UntilSteady> {
    Some(UntilSteady {
        window: lasting(fields, "window", given.window, STEADY_WINDOW)?,
        tolerance: number(given.tolerance, STEADY_TOLERANCE),
    })
}

fn search(
    fields: &mut Fields<'_>,
    given: pb::Search,
    load: Option<&Load>,
    workers: u32,
) -> Option<Search> {
    let method = method(fields, given.method);
    let step = lasting(fields, "step", given.step, STEP)?;
    let settle = lasting(
        fields,
        "settle",
        given.settle,
        (step / 3).min(LONGEST_SETTLE),
    );
    let confirm = lasting(fields, "confirm", given.confirm, step.saturating_mul(2));
    let highest = match load {
        Some(Load::Rate { .. }) => MOST_PER_SECOND,
        _ => (CONNECTIONS_EACH * f64::from(workers.max(1))).min(MOST_CONNECTIONS),
    };
    Some(Search {
        method: method?,
        step,
        settle: settle?,
        confirm: confirm?,
        max_level: number(given.max_level, highest),
        max_steps: count(given.max_steps, MOST_STEPS),
        stop: stop_signals(&given.stop.unwrap_or_default()),
    })
}

fn method(fields: &mut Fields<'_>, method: Option<pb::search::Method>) -> Option<Method> {
    match method {
        None => {
            fields.add("method", "is required: give bisect or linear");
            None
        }
        Some(pb::search::Method::Bisect(bisect)) => Some(Method::Bisect(Bisect {
            growth: number(bisect.growth, GROWTH),
            resolution: number(bisect.resolution, RESOLUTION),
            descend: bisect.descend,
        })),
        Some(pb::search::Method::Linear(linear)) => Some(Method::Linear(Linear {
            increment: linear.increment,
            backoffs: linear.backoffs.unwrap_or(BACKOFFS),
        })),
    }
}

fn stop_signals(given: &pb::StopSignals) -> StopSignals {
    let defaults = StopSignals::default();
    StopSignals {
        max_queue_ratio: given.max_queue_ratio,
        max_error_ratio: given.max_error_ratio.unwrap_or(defaults.max_error_ratio),
        slos: !given.ignore_slos,
        max_latency_increase: given.max_latency_increase,
        max_throughput_drop: given
            .max_throughput_drop
            .unwrap_or(defaults.max_throughput_drop),
        max_rate_shortfall: given
            .max_rate_shortfall
            .unwrap_or(defaults.max_rate_shortfall),
        min_gain: given.min_gain,
    }
}

fn scaling(fields: &mut Fields<'_>, given: pb::Scaling) -> Option<Scaling> {
    let mode = fields.choice("mode", given.mode, Some)?;
    let bounded = mode == pb::ScalingMode::Bounded;
    if bounded && given.max_workers == 0 {
        fields.add("max_workers", "is required for BOUNDED");
        return None;
    }
    if !bounded && given.max_workers != 0 {
        fields.add("max_workers", "makes sense for BOUNDED only; leave it out");
        return None;
    }
    let defaults = Scaling::default();
    Some(Scaling {
        mode: match mode {
            pb::ScalingMode::Unspecified | pb::ScalingMode::Fixed => ScalingMode::Fixed,
            pb::ScalingMode::Bounded => ScalingMode::Bounded {
                max_workers: given.max_workers,
            },
            pb::ScalingMode::Auto => ScalingMode::Auto,
        },
        max_worker_cpu: number(given.max_worker_cpu, defaults.max_worker_cpu),
        patience_s: count(given.patience_s, defaults.patience_s),
    })
}

fn guardrails(fields: &mut Fields<'_>, given: pb::Guardrails) -> Option<Guardrails> {
    let mode = fields.choice("mode", given.mode, |mode: pb::GuardrailMode| {
        Some(match mode {
            pb::GuardrailMode::Unspecified | pb::GuardrailMode::Hard => GuardrailMode::Hard,
            pb::GuardrailMode::Soft => GuardrailMode::Soft,
        })
    });
    Some(Guardrails {
        mode: mode?,
        max_worker_cpu: given.max_worker_cpu,
        max_worker_memory_bytes: given.max_worker_memory_bytes,
        max_error_ratio: given.max_error_ratio,
        max_queue_ratio: given.max_queue_ratio,
        patience_s: count(given.patience_s, GUARDRAIL_PATIENCE_S),
    })
}

/// A duration whose range stands in the proto.
fn lasting(
    fields: &mut Fields<'_>,
    field: &str,
    value: Option<prost_types::Duration>,
    default: Duration,
) -> Option<Duration> {
    fields.duration(field, value, default, Duration::MAX)
}

/// A number that 0 leaves out.
fn number(given: f64, default: f64) -> f64 {
    if given == 0.0 { default } else { given }
}

/// A count that 0 leaves out.
fn count(given: u32, default: u32) -> u32 {
    if given == 0 { default } else { given }
}
