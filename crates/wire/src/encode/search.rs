//! How far a search is and what it found.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    search::{Current, Findings, Fit, Outcome, Progress, SearchEnd, Step, StepKind},
    template::{Level, Search},
};

use super::{report::summary, run::level};

/// How far a search is. What follows is known where its description and the
/// level of the load are given.
pub(super) fn progress(
    progress: &Progress,
    described: Option<(&Search, Level)>,
) -> pb::SearchProgress {
    let next = described.and_then(|(search, first)| progress.preview(search, first));
    let best = progress.best();
    let end = progress.end.as_ref();
    pb::SearchProgress {
        current: progress.current.as_ref().map(trial),
        next: next.map(level),
        best: best.map(|step| level(step.trial.level)),
        best_throughput_per_s: best.map_or(0.0, |step| step.figures.throughput_per_s),
        baseline_p95_us: progress.baseline_p95_us().unwrap_or_default(),
        failed: progress.failed().map(level),
        steps: progress.steps.len() as u32,
        end: end
            .map_or(pb::SearchEnd::Unspecified, |(reason, _)| {
                search_end(*reason)
            })
            .into(),
    }
}

fn trial(current: &Current) -> pb::SearchTrial {
    pb::SearchTrial {
        step: current.trial.step,
        kind: kind(current.trial.kind).into(),
        level: Some(level(current.trial.level)),
        begins_us: current.begins.0,
        window_from_us: current.from.0,
        window_to_us: current.to.0,
    }
}

/// A step that is over.
#[must_use]
pub fn step(step: &Step) -> pb::Step {
    let figures = &step.figures;
    pb::Step {
        step: step.trial.step,
        kind: kind(step.trial.kind).into(),
        level: Some(level(step.trial.level)),
        window_from_us: step.from.0,
        window_to_us: step.to.0,
        outcome: outcome(step.outcome).into(),
        message: step.message.clone(),
        succeeded: figures.succeeded,
        failed: figures.failed,
        throughput_per_s: figures.throughput_per_s,
        throughput_low_per_s: figures.low_per_s,
        throughput_high_per_s: figures.high_per_s,
        response: Some(summary(&figures.response)),
        queue_ratio: figures.queue_ratio,
        transition_us: step.transition_us,
    }
}

pub(super) fn findings(findings: &Findings) -> pb::SearchResult {
    let (fitted, fit_message) = match &findings.fit {
        Ok(found) => (Some(fit(found)), String::new()),
        Err(why) => (None, why.clone()),
    };
    pb::SearchResult {
        end: search_end(findings.end).into(),
        message: findings.message.clone(),
        best: findings.best.map(level),
        best_step: findings.best_step,
        failed: findings.failed.map(level),
        steps: findings.steps.iter().map(step).collect(),
        fit: fitted,
        fit_message,
        knee: findings.knee.map(level),
        knee_message: findings.knee_message.clone(),
    }
}

fn fit(fit: &Fit) -> pb::ScalabilityFit {
    pb::ScalabilityFit {
        lambda: fit.lambda,
        sigma: fit.sigma,
        sigma_low: fit.sigma_interval.0,
        sigma_high: fit.sigma_interval.1,
        kappa: fit.kappa,
        kappa_low: fit.kappa_interval.0,
        kappa_high: fit.kappa_interval.1,
        peak_connections: fit.peak.map(|(connections, _)| connections),
        peak_throughput_per_s: fit.peak.map_or(0.0, |(_, throughput)| throughput),
        r_squared: fit.r_squared,
        residuals: fit.residuals.clone(),
    }
}

fn kind(kind: StepKind) -> pb::StepKind {
    match kind {
        StepKind::Grow => pb::StepKind::Grow,
        StepKind::Bisect => pb::StepKind::Bisect,
        StepKind::Confirm => pb::StepKind::Confirm,
        StepKind::BackOff => pb::StepKind::BackOff,
        StepKind::Descend => pb::StepKind::Descend,
        StepKind::Repeat => pb::StepKind::Repeat,
    }
}

fn outcome(outcome: Outcome) -> pb::StepOutcome {
    match outcome {
        Outcome::Passed => pb::StepOutcome::Passed,
        Outcome::Queueing => pb::StepOutcome::Queueing,
        Outcome::Errors => pb::StepOutcome::Errors,
        Outcome::Slo => pb::StepOutcome::Slo,
        Outcome::Latency => pb::StepOutcome::Latency,
        Outcome::Throughput => pb::StepOutcome::Throughput,
        Outcome::Rate => pb::StepOutcome::Rate,
        Outcome::Gain => pb::StepOutcome::Gain,
        Outcome::Generator => pb::StepOutcome::Generator,
        Outcome::Abandoned => pb::StepOutcome::Abandoned,
    }
}

fn search_end(end: SearchEnd) -> pb::SearchEnd {
    match end {
        SearchEnd::Found => pb::SearchEnd::Found,
        SearchEnd::MaxLevel => pb::SearchEnd::MaxLevel,
        SearchEnd::NonePassed => pb::SearchEnd::NonePassed,
        SearchEnd::MaxSteps => pb::SearchEnd::MaxSteps,
        SearchEnd::MaxTime => pb::SearchEnd::MaxTime,
        SearchEnd::Generator => pb::SearchEnd::Generator,
        SearchEnd::Stopped => pb::SearchEnd::Stopped,
    }
}
