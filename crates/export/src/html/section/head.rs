//! What a reader sees first: which run, whether to trust it, and its figures.

use gauntlet_model::{
    lifecycle::{ProcessingStatus, Status},
    number::{count, duration, instant, latency, percent, plain, rate},
    report::Report,
    search::Findings,
    template::Level,
    time::micros,
};

use crate::{
    Contents,
    html::{gather::loaded, markup::Markup, words},
};

/// Which run it was, of what, when and for how long.
pub(in crate::html) fn title(page: &mut Markup, contents: &Contents) {
    let run = &contents.run;
    let report = contents.report.as_ref();
    page.element("header", &[], |page| {
        page.line("p", &[("class", "kind")], "gauntlet run report");
        page.line("h1", &[], run.name.as_str());
        let version = report.map_or("", |report| &report.environment.target_version);
        let target = match version {
            "" => run.spec.target.to_string(),
            version => format!("{} ({version})", run.spec.target),
        };
        let facts = [
            (
                "template",
                format!("{}@{}", run.template, run.template_version),
            ),
            ("project", run.project.to_string()),
            ("target", target),
            ("load", words::load(run)),
            ("when", instant(run.started.unwrap_or(run.created).0)),
            ("how long", how_long(contents)),
        ];
        page.element("p", &[("class", "facts")], |page| {
            for (name, value) in &facts {
                page.element("span", &[], |page| {
                    page.line("b", &[], name);
                    page.text(" ");
                    page.text(value);
                });
                page.text(" ");
            }
        });
        if !run.spec.description.is_empty() {
            page.line("p", &[("class", "words")], &run.spec.description);
        }
    });
    page.newline();
}

fn how_long(contents: &Contents) -> String {
    let run = &contents.run;
    let Some(report) = &contents.report else {
        return match loaded(&contents.phases) {
            0 => "no load".to_owned(),
            load => format!("{} of load", duration(load)),
        };
    };
    let mut text = format!("{} measured", duration(report.measured_us));
    if report.search.is_some() {
        text.push_str(" at the best level");
    } else if report.warmup_operations > 0 {
        let warmup = loaded(&contents.phases).saturating_sub(report.measured_us);
        if warmup > 0 {
            text = format!("{text} after {} of warmup", duration(warmup));
        }
    }
    if let (Some(started), Some(ended)) = (run.started, run.ended) {
        let whole = duration(micros(ended.since(started)));
        text = format!("{text}, {whole} in all");
    }
    text
}

/// Whether the figures can be trusted, and if not, why.
pub(in crate::html) fn validity(page: &mut Markup, contents: &Contents) {
    let run = &contents.run;
    let banner = |page: &mut Markup, class: &str, mark: &str, word: &str, text: &str| {
        let class = format!("banner {class}");
        page.element("div", &[("class", &class), ("role", "status")], |page| {
            page.element("p", &[], |page| {
                page.line("span", &[("aria-hidden", "true")], mark);
                page.line("strong", &[], word);
                page.text(" ");
                page.text(text);
            });
            reasons(page, contents.report.as_ref());
        });
        page.newline();
    };
    match &contents.report {
        None => {
            let why = format!("{} {}", without_report(contents), words::ending(run));
            let failed = run.status() == Status::Failed;
            let (class, mark) = if failed {
                ("bad", "✕")
            } else {
                ("none", "–")
            };
            banner(page, class, mark, "NO REPORT", &why);
        }
        Some(report) if report.reasons.is_empty() => {
            let text = format!("these figures can be trusted{}", unplanned(contents));
            banner(page, "good", "✓", "VALID", &text);
        }
        Some(_) => {
            let text = format!("do not trust these figures{}", unplanned(contents));
            banner(page, "bad", "✕", "INVALID", &text);
        }
    }
}

fn reasons(page: &mut Markup, report: Option<&Report>) {
    let reasons = report.map_or(&[][..], |report| &report.reasons);
    if reasons.is_empty() {
        return;
    }
    page.element("ul", &[], |page| {
        for reason in reasons {
            page.element("li", &[], |page| {
                page.line("code", &[], reason.code.as_str());
                page.text(" ");
                page.text(&reason.message);
            });
        }
    });
}

fn without_report(contents: &Contents) -> &'static str {
    let run = &contents.run;
    if !run.status().is_terminal() {
        return "The run is not over:";
    }
    match run.state.processing() {
        ProcessingStatus::Skipped => "No load was sent, so there is nothing to judge. The run",
        ProcessingStatus::Failed => {
            "The report could not be made; the run's events say why. The run"
        }
        _ => "The run",
    }
}

/// What to add when a run ended in another way than planned.
fn unplanned(contents: &Contents) -> String {
    match contents.run.status() {
        Status::Completed => String::new(),
        _ => format!("; the run {}", words::ending(&contents.run)),
    }
}

/// The figures of the whole measurement.
pub(in crate::html) fn tiles(page: &mut Markup, report: &Report) {
    let total = &report.total;
    page.element(
        "section",
        &[("class", "tiles"), ("aria-label", "key figures")],
        |page| {
            if let Some(findings) = &report.search {
                best(page, findings);
            }
            let offered = report.offered_per_s;
            let offered = offered.map_or_else(
                || format!("{} ok", count(total.succeeded)),
                |offered| format!("of {} offered", rate(offered)),
            );
            tile(page, "throughput", &rate(total.throughput_per_s), &offered);
            let response = &total.response;
            for (name, value) in [
                ("p50", response.p50_us),
                ("p95", response.p95_us),
                ("p99", response.p99_us),
                ("p99.9", response.p999_us),
            ] {
                let shown = if total.succeeded > 0 {
                    latency(value)
                } else {
                    "–".to_owned()
                };
                tile(page, name, &shown, "response time");
            }
            let ended = total.succeeded.saturating_add(total.failed);
            let ratio = match ended {
                0 => "–".to_owned(),
                ended => percent(total.failed as f64 / ended as f64),
            };
            let failed = format!("{} of {}", count(total.failed), count(ended));
            tile(page, "errors", &ratio, &failed);
            if report.cost > 0.0 {
                tile(page, "cost", &plain(report.cost), "by the target's price");
            }
        },
    );
    page.newline();
}

fn best(page: &mut Markup, findings: &Findings) {
    let of = format!("of {} steps", count(findings.steps.len() as u64));
    let (value, note) = match findings.best {
        None => ("none".to_owned(), format!("passed {of}")),
        Some(Level::Concurrency { connections }) => {
            (count(connections.into()), format!("connections, {of}"))
        }
        Some(level) => (words::level(level), of),
    };
    tile(page, "best level", &value, &note);
}

fn tile(page: &mut Markup, name: &str, value: &str, note: &str) {
    page.element("div", &[("class", "tile")], |page| {
        page.line("span", &[("class", "name")], name);
        page.line("span", &[("class", "value")], value);
        page.line("span", &[("class", "note")], note);
    });
}
