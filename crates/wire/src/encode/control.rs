//! What a template says of its load while it runs, and of where its workers
//! come from.

use gauntlet_api::v1 as pb;
use gauntlet_model::template::{
    GuardrailMode, Guardrails, Launcher, Method, Scaling, ScalingMode, Search, StopSignals,
    UntilSteady,
};

use super::duration;

pub(super) fn until_steady(steady: &UntilSteady) -> pb::UntilSteady {
    pb::UntilSteady {
        window: Some(duration(steady.window)),
        tolerance: steady.tolerance,
    }
}

pub(super) fn search(search: &Search) -> pb::Search {
    let method = match search.method {
        Method::Bisect(bisect) => pb::search::Method::Bisect(pb::BisectSearch {
            growth: bisect.growth,
            resolution: bisect.resolution,
            descend: bisect.descend,
        }),
        Method::Linear(linear) => pb::search::Method::Linear(pb::LinearSearch {
            increment: linear.increment,
            backoffs: Some(linear.backoffs),
        }),
    };
    pb::Search {
        method: Some(method),
        step: Some(duration(search.step)),
        settle: Some(duration(search.settle)),
        confirm: Some(duration(search.confirm)),
        max_level: search.max_level,
        max_steps: search.max_steps,
        stop: Some(stop_signals(&search.stop)),
    }
}

fn stop_signals(stop: &StopSignals) -> pb::StopSignals {
    pb::StopSignals {
        max_queue_ratio: stop.max_queue_ratio,
        max_error_ratio: Some(stop.max_error_ratio),
        ignore_slos: !stop.slos,
        max_latency_increase: stop.max_latency_increase,
        max_throughput_drop: Some(stop.max_throughput_drop),
        max_rate_shortfall: Some(stop.max_rate_shortfall),
        min_gain: stop.min_gain,
    }
}

/// `None` where it is as if nothing had been said.
pub(super) fn scaling(scaling: &Scaling) -> Option<pb::Scaling> {
    if *scaling == Scaling::default() {
        return None;
    }
    let (mode, max_workers) = match scaling.mode {
        ScalingMode::Fixed => (pb::ScalingMode::Fixed, 0),
        ScalingMode::Bounded { max_workers } => (pb::ScalingMode::Bounded, max_workers),
        ScalingMode::Auto => (pb::ScalingMode::Auto, 0),
    };
    Some(pb::Scaling {
        mode: mode.into(),
        max_workers,
        max_worker_cpu: scaling.max_worker_cpu,
        patience_s: scaling.patience_s,
    })
}

pub(super) fn guardrails(guardrails: &Guardrails) -> pb::Guardrails {
    pb::Guardrails {
        mode: match guardrails.mode {
            GuardrailMode::Hard => pb::GuardrailMode::Hard,
            GuardrailMode::Soft => pb::GuardrailMode::Soft,
        }
        .into(),
        max_worker_cpu: guardrails.max_worker_cpu,
        max_worker_memory_bytes: guardrails.max_worker_memory_bytes,
        max_error_ratio: guardrails.max_error_ratio,
        max_queue_ratio: guardrails.max_queue_ratio,
        patience_s: guardrails.patience_s,
    }
}

pub(super) fn launcher(launcher: Launcher) -> pb::Launcher {
    match launcher {
        Launcher::External => pb::Launcher::External,
        Launcher::Local => pb::Launcher::Local,
    }
}
