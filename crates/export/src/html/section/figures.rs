//! What was measured: each operation, each failure, and rows against counts.

use std::collections::BTreeMap;

use gauntlet_model::{
    number::{count, latency, percent, rate},
    report::{OperationReport, Report, Summary},
};

use super::{
    section,
    table::{Cell, Table},
};
use crate::html::{markup::Markup, words};

/// Counts and latencies of each operation and of all together.
pub(in crate::html) fn operations(page: &mut Markup, report: &Report) {
    section(page, "operations", "Operations", |page| {
        let mut table = Table::new(&[
            "operation",
            "throughput",
            "ok",
            "failed",
            "cut",
            "dropped",
            "rows",
            "p50",
            "p95",
            "p99",
            "p99.9",
            "max",
        ]);
        for operation in every(report) {
            let mut row = vec![
                Cell::text(name(operation)),
                Cell::number(rate(operation.throughput_per_s)),
                Cell::number(count(operation.succeeded)),
                Cell::number(count(operation.failed)),
                Cell::number(count(operation.cut)),
                Cell::number(count(operation.dropped)),
                Cell::number(count(operation.rows)),
            ];
            let [_, _, percentiles @ ..] = latencies(&operation.response, operation.succeeded);
            row.extend(percentiles);
            table.row(row);
        }
        table.write(page);
        let note =
            "Response times, from the instant an operation was due, of those that succeeded.";
        page.line("p", &[("class", "note")], note);
        page.line("h3", &[], "Where the time went");
        parts(report).write(page);
    });
}

fn parts(report: &Report) -> Table {
    let mut table = Table::new(&[
        "operation",
        "part",
        "min",
        "mean",
        "p50",
        "p95",
        "p99",
        "p99.9",
        "max",
    ]);
    for operation in every(report) {
        let ok = operation.succeeded;
        for (part, summary, values) in [
            ("response: due to end", &operation.response, ok),
            ("service: sent to end", &operation.service, ok),
            ("lag: due to sent", &operation.lag, ok),
            (
                "failures: due to end",
                &operation.failed_response,
                operation.failed,
            ),
        ] {
            if values > 0 {
                let mut row = vec![Cell::text(name(operation)), Cell::text(part)];
                row.extend(latencies(summary, values));
                table.row(row);
            }
        }
    }
    table
}

fn every(report: &Report) -> impl Iterator<Item = &OperationReport> {
    report.operations.iter().chain([&report.total])
}

fn name(operation: &OperationReport) -> String {
    let name = operation.operation.as_ref();
    name.map_or_else(|| "total".to_owned(), ToString::to_string)
}

fn latencies(summary: &Summary, values: u64) -> [Cell; 7] {
    let of = |us: f64| {
        Cell::number(if values > 0 {
            latency(us)
        } else {
            "–".to_owned()
        })
    };
    [
        summary.min_us,
        summary.mean_us,
        summary.p50_us,
        summary.p95_us,
        summary.p99_us,
        summary.p999_us,
        summary.max_us,
    ]
    .map(of)
}

/// Failures by their kind; nothing when there were none.
pub(in crate::html) fn errors(page: &mut Markup, report: &Report) {
    if report.errors.is_empty() {
        return;
    }
    section(page, "errors", "Errors", |page| {
        let all: u64 = report
            .errors
            .iter()
            .fold(0, |sum, group| sum.saturating_add(group.count));
        let mut table = Table::new(&[
            "operation",
            "class",
            "code",
            "count",
            "share",
            "first message",
        ]);
        for group in &report.errors {
            table.row([
                Cell::text(group.operation.to_string()),
                Cell::text(words::lower(group.class.as_str())),
                Cell::code(group.code.clone()),
                Cell::number(count(group.count)),
                Cell::number(percent(group.count as f64 / all.max(1) as f64)),
                Cell::code(group.message.clone()),
            ]);
        }
        table.write(page);
    });
}

/// INSERTs against rows, by table over all workers; nothing without any.
pub(in crate::html) fn reconciliation(page: &mut Markup, report: &Report) {
    let mut tables: BTreeMap<&str, [u64; 4]> = BTreeMap::new();
    for part in &report.reconciliations {
        let sums = tables.entry(&part.table).or_default();
        let parts = [part.counted, part.uncertain, part.found, part.unreported()];
        for (sum, part) in sums.iter_mut().zip(parts) {
            *sum = sum.saturating_add(part);
        }
    }
    if tables.is_empty() {
        return;
    }
    section(page, "reconciliation", "Rows against counts", |page| {
        let mut table = Table::new(&[
            "table",
            "INSERTs counted",
            "of unknown outcome",
            "rows found",
            "rows beyond the count",
        ]);
        for (name, sums) in tables {
            let mut row = vec![Cell::text(name)];
            row.extend(sums.map(|sum| Cell::number(count(sum))));
            table.row(row);
        }
        table.write(page);
    });
}
