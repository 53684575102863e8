//! What the run was made with: workers, phases, environment, template.

use gauntlet_model::{
    lifecycle::Phase,
    number::{count, duration, instant, latency, percent, plain},
    report::{Report, ShardReport},
    run::Attempt,
    time::micros,
};

use super::{
    section,
    table::{Cell, Table, pairs},
};
use crate::{
    Contents,
    html::{gather::origin, markup::Markup, words},
};

/// Each worker's part and what became of it; nothing without any.
pub(in crate::html) fn workers(page: &mut Markup, contents: &Contents) {
    let report = contents.report.as_ref();
    let attempts = &contents.background.attempts;
    let reported = report.map_or(&[][..], |report| &report.shards);
    if attempts.is_empty() && reported.is_empty() {
        return;
    }
    section(page, "workers", "Workers", |page| {
        if let Some(report) = report {
            skew(page, report);
        }
        let mut table = Table::new(&[
            "worker", "shard", "attempt", "state", "ok", "p50", "p99", "most CPU", "clock", "",
        ]);
        for attempt in attempts {
            let shard = reported
                .iter()
                .find(|shard| (shard.shard, shard.attempt) == (attempt.shard, attempt.number));
            table.row(row(attempt, shard));
        }
        table.drop_all("");
        if attempts.is_empty() {
            table = of_report(reported);
        }
        table.write(page);
    });
}

fn skew(page: &mut Markup, report: &Report) {
    let mut text = format!(
        "Clocks were certain to {}",
        latency(report.clock_uncertainty_us as f64)
    );
    if report.shards.len() > 1 {
        text = format!(
            "{text}; workers began within {} and entered phases within {}",
            latency(report.start_skew_us as f64),
            latency(report.phase_skew_us as f64)
        );
    }
    text.push('.');
    page.line("p", &[("class", "note")], &text);
}

fn row(attempt: &Attempt, shard: Option<&ShardReport>) -> Vec<Cell> {
    let dash = || Cell::number("–");
    let cpu = f64::from(attempt.peak_cpu_permille) / 1e3;
    let clock = attempt.clock_uncertainty;
    let straggles = shard.is_some_and(|shard| shard.straggler);
    let note = match (straggles, attempt.message.as_str()) {
        (true, "") => "straggler".to_owned(),
        (true, message) => format!("straggler; {message}"),
        (false, message) => message.to_owned(),
    };
    vec![
        Cell::text(attempt.worker_text.clone()),
        Cell::number(attempt.shard.to_string()),
        Cell::number(attempt.number.to_string()),
        Cell::text(words::lower(attempt.stage.as_str())),
        shard.map_or_else(dash, |shard| Cell::number(count(shard.succeeded))),
        shard.map_or_else(dash, |shard| Cell::number(latency(shard.response_p50_us))),
        shard.map_or_else(dash, |shard| Cell::number(latency(shard.response_p99_us))),
        Cell::number(if cpu > 0.0 {
            percent(cpu)
        } else {
            "–".to_owned()
        }),
        clock.map_or_else(dash, |clock| {
            Cell::number(format!("± {}", latency(micros(clock) as f64)))
        }),
        Cell::text(note),
    ]
}

fn of_report(shards: &[ShardReport]) -> Table {
    let mut table = Table::new(&[
        "worker", "shard", "attempt", "ok", "p50", "p99", "clock", "",
    ]);
    for shard in shards {
        let clock = latency(shard.clock_uncertainty_us as f64);
        table.row([
            Cell::text(shard.worker.clone()),
            Cell::number(shard.shard.to_string()),
            Cell::number(shard.attempt.to_string()),
            Cell::number(count(shard.succeeded)),
            Cell::number(latency(shard.response_p50_us)),
            Cell::number(latency(shard.response_p99_us)),
            Cell::number(format!("± {clock}")),
            Cell::text(if shard.straggler { "straggler" } else { "" }),
        ]);
    }
    table
}

/// When each phase was; nothing before the first.
pub(in crate::html) fn phases(page: &mut Markup, contents: &Contents) {
    if contents.phases.is_empty() {
        return;
    }
    section(page, "phases", "Phases", |page| {
        let mut table = Table::new(&["phase", "began", "after the load began", "lasted"]);
        let origin = origin(&contents.run);
        for (phase, window) in &contents.phases {
            let after = window.from.0.saturating_sub(origin.0);
            let after = if after < 0 {
                format!("−{}", duration(after.saturating_neg()))
            } else {
                duration(after)
            };
            let lasted = if *phase == Phase::Done {
                "–".to_owned()
            } else {
                duration(micros(window.length()))
            };
            table.row([
                Cell::text(words::lower(phase.as_str())),
                Cell::text(instant(window.from.0)),
                Cell::number(after),
                Cell::number(lasted),
            ]);
        }
        table.write(page);
        if let Some(steady) = contents.run.state.warmup_steady {
            let text = if steady {
                "The load was steady at the end of the warmup."
            } else {
                "The load was not steady by the end of the warmup."
            };
            page.line("p", &[("class", "note")], text);
        }
    });
}

/// Programs, versions and settings.
pub(in crate::html) fn environment(page: &mut Markup, contents: &Contents) {
    let run = &contents.run;
    let spec = &run.spec;
    section(page, "environment", "Environment", |page| {
        let mut facts = Vec::new();
        if let Some(report) = &contents.report {
            let environment = &report.environment;
            facts.push(("gauntlet", environment.gauntlet_version.clone()));
            facts.push(("target", environment.target_version.clone()));
            let workers = environment.workers.iter();
            facts.extend(workers.map(|worker| ("worker", worker.clone())));
        }
        facts.push(("load", words::load(run)));
        facts.push(("seed", spec.seed.to_string()));
        let timeout = micros(spec.operation_timeout);
        facts.push(("operation timeout", duration(timeout)));
        facts.push(("drain timeout", duration(micros(spec.phases.drain_timeout))));
        if run.state.adjustments > 0 {
            let adjusted = count(run.state.adjustments.into());
            facts.push(("adjusted", format!("{adjusted} times while it ran")));
        }
        if let Some(origin) = run.rerun_of {
            facts.push(("rerun of", origin.to_string()));
        }
        pairs(page, &facts);
        notes(page, contents);
    });
}

fn notes(page: &mut Markup, contents: &Contents) {
    let run = &contents.run;
    if !run.labels.is_empty() {
        page.line("h3", &[], "Labels");
        let mut table = Table::new(&["label", "value"]);
        for (name, value) in &run.labels {
            table.row([Cell::text(name.clone()), Cell::text(value.clone())]);
        }
        table.write(page);
    }
    if !run.notes.is_empty() {
        page.line("h3", &[], "Notes");
        page.line("p", &[("class", "words")], &run.notes);
    }
}

/// The mix, and the template to the letter.
pub(in crate::html) fn template(page: &mut Markup, contents: &Contents) {
    let run = &contents.run;
    section(page, "template", "Template", |page| {
        let mut table = Table::new(&["operation", "share", "kind", "label", "what is sent"]);
        for operation in &run.spec.operations {
            let label = operation.label.as_ref();
            table.row([
                Cell::text(operation.name.to_string()),
                Cell::number(format!("{} %", plain(f64::from(operation.weight) / 100.0))),
                Cell::text(words::kind(&operation.statement)),
                Cell::text(label.map(ToString::to_string).unwrap_or_default()),
                Cell::code(words::statement(&operation.statement)),
            ]);
        }
        table.drop_all("");
        table.write(page);
        let text = &contents.background.template;
        if !text.is_empty() {
            let name = format!("{}, version {}", run.template, run.template_version);
            page.line("h3", &[], &name);
            page.line("pre", &[("tabindex", "0")], text);
        }
    });
}

/// Who made the file, from what and how.
pub(in crate::html) fn footer(page: &mut Markup, contents: &Contents) {
    let run = &contents.run;
    let made = contents.background.made;
    page.element("footer", &[], |page| {
        let text = format!(
            "gauntlet {} · run {} · made {} by ",
            env!("CARGO_PKG_VERSION"),
            run.id,
            instant(made.0)
        );
        page.text(&text);
        let command = format!("gauntlet report {} --html {}.html", run.name, run.name);
        page.line("code", &[], &command);
    });
    page.newline();
}
