//! Rules about the workers: who may serve the run, with how many connections,
//! and how well their clocks are known.

use std::time::Duration;

use super::{Code, Facts, Finding, Severity};
use crate::{
    run::{Worker, WorkerStatus},
    template::{Launcher, RUN_LABEL, Spec},
    time::micros,
};

pub(super) fn check(spec: &Spec, facts: &Facts, found: &mut Vec<Finding>) {
    // The workers of a local launcher are started with the run.
    if spec.control.launcher == Launcher::Local {
        return;
    }
    if !labels(spec, facts, found) {
        return;
    }
    short(spec, facts, found);
    clocks(spec, facts, found);
}

/// The workers that a start would take now, at most as many as the run needs.
pub(super) fn chosen<'a>(spec: &Spec, facts: &'a Facts) -> Vec<&'a Worker> {
    let each = spec.connections_each();
    let mut chosen: Vec<&Worker> = serving(facts)
        .filter(|worker| carries(spec, worker) && left(worker) >= each)
        .collect();
    chosen.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    chosen.truncate(spec.workers as usize);
    chosen
}

/// Workers that are attached, take new runs, and were not started for another.
fn serving(facts: &Facts) -> impl Iterator<Item = &Worker> {
    facts.workers.iter().filter(|worker| {
        matches!(worker.status, WorkerStatus::Idle | WorkerStatus::Busy)
            && !worker.labels.contains_key(RUN_LABEL)
    })
}

fn carries(spec: &Spec, worker: &Worker) -> bool {
    let mut wanted = spec.control.worker_labels.iter();
    wanted.all(|(key, value)| worker.labels.get(key) == Some(value))
}

/// Connections that no run has reserved.
fn left(worker: &Worker) -> u32 {
    worker.capacity.saturating_sub(worker.reserved)
}

/// How bad it is that workers are missing: a run that may wait for them waits.
fn missing(spec: &Spec) -> (Severity, String) {
    let wait = spec.control.worker_wait;
    if wait.is_zero() {
        (Severity::Blocking, String::new())
    } else {
        let wait = format!(
            "; the run waits for them for up to {} s",
            wait.as_secs_f64()
        );
        (Severity::Info, wait)
    }
}

fn written<'a>(labels: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let pairs = labels
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join(", ")
}

/// Whether any worker carries the labels that the run asks for, if it does.
fn labels(spec: &Spec, facts: &Facts, found: &mut Vec<Finding>) -> bool {
    let wanted = &spec.control.worker_labels;
    if wanted.is_empty() || serving(facts).any(|worker| carries(spec, worker)) {
        return true;
    }
    let mut there: Vec<String> = serving(facts)
        .map(|worker| written(&worker.labels))
        .filter(|labels| !labels.is_empty())
        .collect();
    there.sort();
    there.dedup();
    there.truncate(MOST_NAMED);
    let (severity, wait) = missing(spec);
    let there = match there.as_slice() {
        [] => "none carries any label".to_owned(),
        labels => format!("there are workers with {}", labels.join("; with ")),
    };
    found.push(Finding {
        code: Code::LabelsUnmatched,
        severity,
        title: "no worker carries the labels",
        message: format!(
            "no attached worker carries {}; {there}{wait}",
            written(wanted)
        ),
        recommendations: vec![
            "start workers with these labels (\"gauntlet worker --label\"), or correct worker_labels"
                .to_owned(),
        ],
        field: "worker_labels".to_owned(),
    });
    false
}

fn short(spec: &Spec, facts: &Facts, found: &mut Vec<Finding>) {
    let each = spec.connections_each();
    let free = || serving(facts).filter(|worker| carries(spec, worker) && left(worker) > 0);
    let able = free().filter(|worker| left(worker) >= each).count();
    let needed = spec.workers as usize;
    if able >= needed {
        return;
    }
    let count = free().count();
    let capacity = match count - able {
        0 => String::new(),
        small => format!(", {small} of them for fewer connections"),
    };
    let (severity, wait) = missing(spec);
    let mut recommendations =
        vec!["start more with \"gauntlet worker\", or wait until others are free".to_owned()];
    let start = spec.first_connections_each();
    if each > start {
        recommendations.push(format!(
            "lower search.max_level: its connections are kept free from the start, and {start} on each worker do for the first level"
        ));
    }
    found.push(Finding {
        code: Code::WorkersShort,
        severity,
        title: "too few workers are free",
        message: format!(
            "{count} workers are free{capacity}; the run needs {needed}, with {each} connections each{wait}"
        ),
        recommendations,
        field: "workers".to_owned(),
    });
}

fn clocks(spec: &Spec, facts: &Facts, found: &mut Vec<Finding>) {
    let bound = spec.control.max_clock_uncertainty;
    let unsure = |worker: &&Worker| {
        worker
            .clock_uncertainty
            .is_some_and(|unsure| unsure > bound)
    };
    let ms = |duration: Duration| micros(duration) as f64 / 1e3;
    let unsure: Vec<String> = chosen(spec, facts)
        .into_iter()
        .filter(unsure)
        .map(|worker| {
            let uncertainty = worker.clock_uncertainty.unwrap_or_default();
            format!("{} by {:.1} ms", worker.name, ms(uncertainty))
        })
        .take(MOST_NAMED)
        .collect();
    if unsure.is_empty() {
        return;
    }
    found.push(Finding {
        code: Code::ClockUncertain,
        severity: Severity::Severe,
        title: "a worker's clock is uncertain",
        message: format!(
            "the clocks of workers may be wrong: {}; {:.1} ms are allowed",
            unsure.join(", "),
            ms(bound)
        ),
        recommendations: vec![
            "look at the way between the worker and the control plane: the uncertainty is half of its smallest round trip".to_owned(),
            "raise max_clock_uncertainty if phases may begin that far apart".to_owned(),
        ],
        field: "max_clock_uncertainty".to_owned(),
    });
}

/// The most workers, or kinds of them, that a message names.
const MOST_NAMED: usize = 5;
