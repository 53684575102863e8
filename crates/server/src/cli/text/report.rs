//! The report of a run on one screen.

use std::{collections::BTreeMap, fmt::Write as _};

use gauntlet_client::pb;

use super::{
    evidence,
    number::{count, counted, duration, instant, latency, micros, percent, rate, were},
    plan, search,
    table::{Align, Table},
    word, wrap,
};

/// How many kinds of failure are listed; the counts above them hold all.
const MOST_ERRORS: usize = 10;

/// The whole report, for a terminal with so many columns if it goes to one.
pub fn whole(run: &pb::Run, report: &pb::Report, most: Option<usize>) -> String {
    let total = report.total.clone().unwrap_or_default();
    let found = report.search.as_ref();
    let evidence = report.evidence.as_ref();
    let sections = [
        head(run, report).within(most),
        found.map_or(String::new(), |search| search::findings(search, most)),
        operations(report, &total).within(most),
        parts(report, &total, most),
        shards(report, most),
        errors(report, most),
        objectives(run, report, most),
        evidence.map_or(String::new(), |evidence| evidence::section(evidence, most)),
        reconciliation(report),
        validity(report),
    ];
    let shown: Vec<&str> = sections
        .iter()
        .map(|section| section.trim_end())
        .filter(|section| !section.is_empty())
        .collect();
    wrap::prose(&(shown.join("\n\n") + "\n"), most)
}

/// How a run ended, for one that has no report too.
pub fn ending(run: &pb::Run) -> String {
    let mut text = format!("run {} {}", run.name, word::status(run));
    if run.stop_message.is_empty() {
        if run.stop_reason() != pb::StopReason::Unspecified {
            let _ = write!(text, ": {}", word::stop_reason(run));
        }
    } else {
        let _ = write!(text, ": {}", run.stop_message);
    }
    text
}

fn head(run: &pb::Run, report: &pb::Report) -> Table {
    let spec = run.spec.clone().unwrap_or_default();
    let environment = report.environment.clone().unwrap_or_default();
    let mut table = Table::plain([Align::Left, Align::Left]);
    let mut row = |name: &str, value: String| table.row([name.to_owned(), value]);
    row("run", format!("{} ({})", run.name, run.run_id));
    row(
        "template",
        format!("{}, version {}", run.template, run.template_version),
    );
    row(
        "target",
        format!("{} ({})", spec.target, environment.target_version),
    );
    row("load", plan::load(&spec));
    row("measured", measured(run, report, &spec));
    row(
        "ended",
        format!("{}, {}", instant(run.ended_us), ending_words(run)),
    );
    if report.cost > 0.0 {
        row("cost", format!("{:.4} by the target's price", report.cost));
    }
    for (index, worker) in environment.workers.iter().enumerate() {
        row(if index == 0 { "workers" } else { "" }, worker.clone());
    }
    table
}

fn ending_words(run: &pb::Run) -> String {
    let status = word::status(run);
    if !run.stop_message.is_empty() {
        return format!("{status}: {}", run.stop_message);
    }
    match run.stop_reason() {
        pb::StopReason::Unspecified => status,
        _ => format!("{status}: {}", word::stop_reason(run)),
    }
}

fn measured(run: &pb::Run, report: &pb::Report, spec: &pb::TemplateSpec) -> String {
    let mut text = duration(report.measured_us);
    if report.search.is_some() {
        text.push_str(" at the best level of the search");
    }
    let warmup = micros(
        spec.phases
            .as_ref()
            .and_then(|phases| phases.warmup.as_ref()),
    );
    if warmup > 0 {
        let _ = write!(
            text,
            " after {} of warmup ({}, not counted)",
            duration(warmup),
            counted(report.warmup_operations, "operation")
        );
    }
    match run.warmup_steady {
        Some(true) => text.push_str("; the load was steady by then"),
        Some(false) => text.push_str("; the load was not steady by then"),
        None => {}
    }
    if run.shards_total > 1 {
        let _ = write!(
            text,
            "; workers began within {}",
            latency(report.start_skew_us as f64)
        );
        if report.phase_skew_us > 0 {
            let skew = latency(report.phase_skew_us as f64);
            let _ = write!(text, ", entered phases within {skew}");
        }
    }
    text
}

fn operations(report: &pb::Report, total: &pb::OperationReport) -> Table {
    use Align::{Left, Right};
    let mut table = Table::with_header([
        ("response time", Left),
        ("throughput", Right),
        ("ok", Right),
        ("failed", Right),
        ("p50", Right),
        ("p95", Right),
        ("p99", Right),
        ("p99.9", Right),
        ("max", Right),
    ])
    .spare(["p95", "ok", "p99.9", "max", "p50", "failed"]);
    let total = pb::OperationReport {
        operation: "total".to_owned(),
        ..total.clone()
    };
    for operation in report.operations.iter().chain([&total]) {
        let [p50, p95, p99, p999, max] = percentiles(operation.response, operation.succeeded);
        table.row([
            operation.operation.clone(),
            rate(operation.throughput_per_s),
            count(operation.succeeded),
            count(operation.failed),
            p50,
            p95,
            p99,
            p999,
            max,
        ]);
    }
    table
}

/// Where the total's response time comes from, and what did not end well.
fn parts(report: &pb::Report, total: &pb::OperationReport, most: Option<usize>) -> String {
    use Align::{Left, Right};
    let mut table = Table::with_header([
        ("of the total", Left),
        ("p50", Right),
        ("p95", Right),
        ("p99", Right),
        ("p99.9", Right),
        ("max", Right),
    ])
    .spare(["p95", "p99.9", "max", "p50"]);
    let mut row = |name: &str, summary, values| {
        let [p50, p95, p99, p999, max] = percentiles(summary, values);
        table.row([name.to_owned(), p50, p95, p99, p999, max]);
    };
    row("service (sent to end)", total.service, total.succeeded);
    row("lag (due to sent)", total.lag, total.succeeded);
    if total.failed > 0 {
        row("failures (due to end)", total.failed_response, total.failed);
    }
    let mut text = table.within(most);
    if report.offered_per_s > 0.0 {
        let _ = writeln!(text, "offered rate: {}", rate(report.offered_per_s));
    }
    if total.cut > 0 {
        let _ = writeln!(
            text,
            "cut: {} {} still in flight when the drain timeout ended",
            counted(total.cut, "operation"),
            were(total.cut)
        );
    }
    if total.dropped > 0 {
        let _ = writeln!(
            text,
            "dropped: {} {} due and never sent",
            counted(total.dropped, "operation"),
            were(total.dropped)
        );
    }
    text
}

/// Each worker's part; nothing to compare where there was one.
fn shards(report: &pb::Report, most: Option<usize>) -> String {
    use Align::{Left, Right};
    if report.shards.len() < 2 {
        return String::new();
    }
    let mut table = Table::with_header([
        ("worker", Left),
        ("shard", Right),
        ("attempt", Right),
        ("ok", Right),
        ("p50", Right),
        ("p99", Right),
        ("clock", Right),
        ("", Left),
    ])
    .spare(["attempt", "clock", "p50", "ok"]);
    for shard in &report.shards {
        table.row([
            shard.worker.clone(),
            shard.shard.to_string(),
            shard.attempt.to_string(),
            count(shard.succeeded),
            latency(shard.response_p50_us),
            latency(shard.response_p99_us),
            format!("± {}", latency(shard.clock_uncertainty_us as f64)),
            if shard.straggler { "straggler" } else { "" }.to_owned(),
        ]);
    }
    table.within(most)
}

fn percentiles(summary: Option<pb::LatencySummary>, values: u64) -> [String; 5] {
    match summary {
        Some(summary) if values > 0 => [
            summary.p50_us,
            summary.p95_us,
            summary.p99_us,
            summary.p999_us,
            summary.max_us,
        ]
        .map(latency),
        _ => [const { "-" }; 5].map(str::to_owned),
    }
}

fn errors(report: &pb::Report, most: Option<usize>) -> String {
    use Align::{Left, Right};
    if report.errors.is_empty() {
        return String::new();
    }
    let mut table = Table::with_header([
        ("errors", Left),
        ("class", Left),
        ("code", Left),
        ("count", Right),
        ("first message", Left),
    ])
    .spare(["code", "first message"]);
    for group in report.errors.iter().take(MOST_ERRORS) {
        table.row([
            group.operation.clone(),
            group.class.clone(),
            group.code.clone(),
            count(group.count),
            group.message.replace('\n', " "),
        ]);
    }
    let mut text = table.within(most);
    if report.errors.len() > MOST_ERRORS {
        let more = (report.errors.len() - MOST_ERRORS) as u64;
        let _ = writeln!(text, "and {} more", counted(more, "kind"));
    }
    text
}

fn objectives(run: &pb::Run, report: &pb::Report, most: Option<usize>) -> String {
    use Align::{Left, Right};
    if report.slos.is_empty() {
        return "objectives: none, so there is no verdict".to_owned();
    }
    let given = run.spec.as_ref().map(|spec| spec.slos.as_slice());
    let mut table = Table::with_header([
        ("objective", Left),
        ("verdict", Left),
        ("measured", Right),
        ("limit", Right),
        ("samples", Right),
        ("", Left),
    ])
    .spare(["samples", "limit", ""]);
    for (index, slo) in report.slos.iter().enumerate() {
        let limit = given
            .and_then(|slos| slos.get(index))
            .and_then(|slo| slo.limit.as_ref());
        let note = if slo.verdict() == pb::Verdict::Pass {
            String::new()
        } else {
            slo.message.clone()
        };
        table.row([
            plan::objective(&slo.name, &slo.operation, slo.class(), &slo.label),
            word::verdict(slo.verdict()).to_owned(),
            measure(limit, slo.measured),
            measure(limit, slo.limit),
            count(slo.samples),
            note,
        ]);
    }
    let verdict = word::verdict(report.verdict());
    format!("{}verdict: {verdict}", table.within(most))
}

/// A figure in the unit of its objective. Negative: there is none.
fn measure(limit: Option<&pb::slo::Limit>, value: f64) -> String {
    use pb::slo::Limit;
    if value < 0.0 {
        return "-".to_owned();
    }
    match limit {
        Some(Limit::Latency(_)) => latency(value),
        Some(Limit::MaxErrorRatio(_)) => percent(value),
        Some(Limit::MinThroughputPerS(_)) => rate(value),
        None => format!("{value}"),
    }
}

/// INSERTs against rows, by table over all workers.
fn reconciliation(report: &pb::Report) -> String {
    let mut tables: BTreeMap<&str, (u64, u64, u64)> = BTreeMap::new();
    for part in &report.reconciliations {
        let (counted, uncertain, found) = tables.entry(&part.table).or_default();
        *counted += part.counted;
        *uncertain += part.uncertain;
        *found += part.found;
    }
    let mut text = String::new();
    for (table, (inserts, uncertain, found)) in tables {
        let unknown = match uncertain {
            0 => String::new(),
            some => format!(", {} with an unknown outcome", count(some)),
        };
        let _ = writeln!(
            text,
            "rows in {table}: {} counted{unknown}, {} found",
            counted(inserts, "INSERT"),
            counted(found, "row")
        );
    }
    text
}

fn validity(report: &pb::Report) -> String {
    match report.validity() {
        pb::Validity::Valid => "validity: VALID".to_owned(),
        pb::Validity::Unspecified => "validity: not known".to_owned(),
        pb::Validity::Invalid => {
            let mut text = "validity: INVALID, do not trust these numbers".to_owned();
            for reason in &report.reasons {
                let _ = write!(text, "\n  {}: {}", reason.code, reason.message);
            }
            text
        }
    }
}

#[cfg(test)]
mod tests;
