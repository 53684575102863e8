//! What a search found, and its steps.

use gauntlet_model::{
    number::{count, latency, percent, rate},
    search::{Findings, Outcome, Step},
};

use super::{
    section,
    table::{Cell, Table, pairs},
};
use crate::html::{chart::levels, markup::Markup, words};

/// The best level, why it is the best, and the way to it.
pub(in crate::html) fn findings(page: &mut Markup, findings: &Findings) {
    section(page, "search", "Search for the highest level", |page| {
        page.element("div", &[("class", "charts")], |page| {
            levels::scalability(page, findings);
            page.element("div", &[("class", "found")], |page| {
                pairs(
                    page,
                    &[
                        ("best level", best(findings)),
                        ("ended", findings.message.clone()),
                        ("first that failed", failed(findings)),
                        ("scalability law", fit(findings)),
                        ("knee", knee(findings)),
                    ],
                );
            });
        });
        steps(findings).write(page);
    });
}

fn best(findings: &Findings) -> String {
    let Some(best) = findings.best else {
        return "no level passed".to_owned();
    };
    let speaker = findings
        .steps
        .iter()
        .find(|step| step.trial.step == findings.best_step);
    let figures = speaker.map_or(String::new(), |step| {
        format!(
            ", {} (step {})",
            rate(step.figures.throughput_per_s),
            step.trial.step
        )
    });
    format!("{}{figures}", words::level(best))
}

fn failed(findings: &Findings) -> String {
    let Some(level) = findings.failed else {
        return "none".to_owned();
    };
    let mut steps = findings.steps.iter().rev();
    let step = steps.find(|step| step.trial.level == level && !step.message.is_empty());
    let why = step.map_or(String::new(), |step| format!(": {}", step.message));
    format!("{}{why}", words::level(level))
}

fn fit(findings: &Findings) -> String {
    let fit = match &findings.fit {
        Ok(fit) => fit,
        Err(why) => return format!("not fitted: {why}"),
    };
    let peak = fit
        .peak
        .map_or("no maximum".to_owned(), |(connections, throughput)| {
            format!(
                "greatest at {connections:.0} connections with {}",
                rate(throughput)
            )
        });
    let (sigma, kappa) = (fit.sigma_interval, fit.kappa_interval);
    format!(
        "contention σ {:.4} ({:.4} to {:.4}), coherence κ {:.6} ({:.6} to {:.6}), {peak}, R² {:.3}",
        fit.sigma, sigma.0, sigma.1, fit.kappa, kappa.0, kappa.1, fit.r_squared
    )
}

fn knee(findings: &Findings) -> String {
    let level = findings.knee.map_or("none".to_owned(), words::level);
    format!("{level}; {}", findings.knee_message)
}

fn steps(findings: &Findings) -> Table {
    let mut table = Table::new(&[
        "step",
        "level",
        "for",
        "throughput",
        "95 % interval",
        "failed",
        "p50",
        "p95",
        "p99",
        "waiting",
        "outcome",
        "message",
    ]);
    for step in &findings.steps {
        let figures = &step.figures;
        let response = &figures.response;
        let star = if step.trial.step == findings.best_step {
            " ★"
        } else {
            ""
        };
        table.row([
            Cell::number(step.trial.step.to_string()),
            Cell::number(format!("{}{star}", words::level(step.trial.level))),
            Cell::text(words::step_kind(step.trial.kind)),
            Cell::number(rate(figures.throughput_per_s)),
            Cell::number(interval(step)),
            Cell::number(count(figures.failed)),
            Cell::number(latency(response.p50_us)),
            Cell::number(latency(response.p95_us)),
            Cell::number(latency(response.p99_us)),
            Cell::number(figures.queue_ratio.map_or("–".to_owned(), percent)),
            Cell::badge(&words::outcome(step.outcome), badge(step.outcome)),
            Cell::text(step.message.clone()),
        ]);
    }
    table
}

fn interval(step: &Step) -> String {
    let figures = &step.figures;
    if figures.high_per_s <= 0.0 {
        return "–".to_owned();
    }
    format!(
        "{} to {}",
        rate(figures.low_per_s.max(0.0)),
        rate(figures.high_per_s)
    )
}

fn badge(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "badge good",
        Outcome::Generator | Outcome::Abandoned => "badge unsure",
        _ => "badge bad",
    }
}
