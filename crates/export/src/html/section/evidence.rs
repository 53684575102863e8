//! What the target's own statistics say.

use gauntlet_model::{
    evidence::{Evidence, Period, Wait},
    lifecycle::{Phase, ProcessingStatus},
    number::{bytes, count, duration, latency, percent, plain},
    time::micros,
};

use super::{
    section,
    table::{Cell, Table},
};
use crate::html::{markup::Markup, words};

/// The differences over the measurement and the warmup, and the settings.
pub(in crate::html) fn evidence(page: &mut Markup, evidence: &Evidence) {
    section(page, "evidence", "At the target", |page| {
        if evidence.status != ProcessingStatus::Completed {
            let status = words::lower(&words::stable(evidence.status));
            let text = match evidence.message.as_str() {
                "" => format!("The gathering is {status}."),
                why => format!("The gathering is {status}: {why}"),
            };
            page.line("p", &[], &text);
        }
        let measured = |period: &&Period| period.phase == Phase::Measurement;
        for period in evidence.periods.iter().filter(measured) {
            write(page, period);
        }
        for period in evidence.periods.iter().filter(|period| !measured(period)) {
            page.element("details", &[], |page| {
                let summary = format!("during the {}", words::lower(period.phase.as_str()));
                page.line("summary", &[], &summary);
                write(page, period);
            });
        }
        settings(page, evidence);
        for skipped in &evidence.skipped {
            let text = format!("Not seen at the target: {skipped}");
            page.line("p", &[("class", "note")], &text);
        }
    });
}

fn write(page: &mut Markup, period: &Period) {
    let text = format!(
        "What changed in {} of {}, by the target's own statistics.",
        duration(micros(period.to.since(period.from))),
        words::lower(period.phase.as_str())
    );
    page.line("p", &[("class", "note")], &text);
    page.element("div", &[("class", "columns")], |page| {
        titled(page, "Statements", &statements(period));
        titled(page, "Waits of sessions", &waits(&period.waits));
        titled(page, "Counters", &counters(period));
        titled(page, "Sizes", &sizes(period));
    });
    let still = period.counters.iter().filter(|(_, value)| !moved(*value));
    let still: Vec<&str> = still.map(|(name, _)| name.as_str()).collect();
    if !still.is_empty() {
        let text = format!("Counters at 0: {}.", still.join(", "));
        page.line("p", &[("class", "note")], &text);
    }
}

fn titled(page: &mut Markup, title: &str, table: &Table) {
    if !table.is_empty() {
        page.element("div", &[], |page| {
            page.line("h3", &[], title);
            table.write(page);
        });
    }
}

fn statements(period: &Period) -> Table {
    let mut table = Table::new(&[
        "operation",
        "calls",
        "mean",
        "rows",
        "pages hit",
        "pages read",
    ]);
    for statement in &period.statements {
        let mean = match statement.calls {
            0 => "–".to_owned(),
            calls => latency(statement.total_us / calls as f64),
        };
        table.row([
            Cell::text(statement.operation.clone()),
            Cell::number(count(statement.calls)),
            Cell::number(mean),
            Cell::number(count(statement.rows)),
            Cell::number(count(statement.pages_hit)),
            Cell::number(count(statement.pages_read)),
        ]);
    }
    table
}

fn waits(waits: &[Wait]) -> Table {
    let mut table = Table::new(&["sessions were in", "on average", "share"]);
    for wait in waits {
        let name = match wait.event.as_str() {
            "" => wait.kind.clone(),
            event => format!("{}/{event}", wait.kind),
        };
        table.row([
            Cell::text(name),
            Cell::number(format!("{:.2}", wait.sessions)),
            Cell::number(percent(wait.share)),
        ]);
    }
    table
}

fn counters(period: &Period) -> Table {
    let mut table = Table::new(&["counter", "in this time"]);
    for (name, value) in period.counters.iter().filter(|(_, value)| moved(*value)) {
        table.row([
            Cell::text(name.clone()),
            Cell::number(counter(name, *value)),
        ]);
    }
    table
}

fn moved(value: f64) -> bool {
    value.abs() > 0.0
}

/// A counter's name ends with its unit.
fn counter(name: &str, value: f64) -> String {
    let size = value.abs();
    let text = match name.rsplit('_').next() {
        Some("ratio") => percent(size),
        Some("bytes") => bytes(size as u64),
        Some("us") => latency(size),
        _ if size.fract() == 0.0 => count(size as u64),
        _ => plain(size),
    };
    format!("{}{text}", if value < 0.0 { "−" } else { "" })
}

fn sizes(period: &Period) -> Table {
    let mut table = Table::new(&["relation", "kind", "size", "grew by"]);
    for relation in &period.relations {
        let grown = match relation.grown_bytes {
            0 => "–".to_owned(),
            grown if grown > 0 => bytes(grown.unsigned_abs()),
            shrunk => format!("−{}", bytes(shrunk.unsigned_abs())),
        };
        table.row([
            Cell::text(relation.name.clone()),
            Cell::text(if relation.index { "index" } else { "table" }),
            Cell::number(bytes(relation.bytes)),
            Cell::number(grown),
        ]);
    }
    table
}

fn settings(page: &mut Markup, evidence: &Evidence) {
    if evidence.settings.is_empty() {
        return;
    }
    let mut table = Table::new(&["setting", "value"]);
    for (name, value) in &evidence.settings {
        table.row([Cell::text(name.clone()), Cell::code(value.clone())]);
    }
    page.element("details", &[], |page| {
        page.line("summary", &[], "what the target says of itself");
        table.write(page);
    });
}
