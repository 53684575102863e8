//! Which objectives were met.

use gauntlet_model::{
    number::count,
    report::{Report, SloReport},
    template::Slo,
    verdict::Verdict,
};

use super::{
    section,
    table::{Cell, Table},
};
use crate::{
    Contents,
    html::{markup::Markup, words},
};

/// Objectives that are shown at once; the rest is folded up below them.
const SHOWN: usize = 25;

/// The verdict on each objective, the worst first.
pub(in crate::html) fn objectives(page: &mut Markup, contents: &Contents, report: &Report) {
    section(page, "objectives", "Objectives", |page| {
        if report.slos.is_empty() {
            page.line(
                "p",
                &[],
                "The template has no objectives, so there is no verdict.",
            );
            return;
        }
        summary(page, report);
        let given = &contents.run.spec.slos;
        let mut rows: Vec<(&SloReport, Option<&Slo>)> = report
            .slos
            .iter()
            .enumerate()
            .map(|(place, slo)| (slo, given.get(place)))
            .collect();
        rows.sort_by_key(|(slo, _)| std::cmp::Reverse(slo.verdict));
        let (first, rest) = rows.split_at(rows.len().min(SHOWN));
        table(first).write(page);
        if !rest.is_empty() {
            page.element("details", &[], |page| {
                let text = format!("{} objectives more", count(rest.len() as u64));
                page.line("summary", &[], &text);
                table(rest).write(page);
            });
        }
    });
}

fn summary(page: &mut Markup, report: &Report) {
    let Some(verdict) = report.verdict else {
        return;
    };
    let met = report
        .slos
        .iter()
        .filter(|slo| slo.verdict == Verdict::Pass)
        .count();
    let text = format!(
        "{} of {} objectives met",
        count(met as u64),
        count(report.slos.len() as u64)
    );
    page.element("p", &[("class", "verdict")], |page| {
        page.line(
            "span",
            &[("class", badge(verdict))],
            words::verdict(verdict),
        );
        page.text(" ");
        page.text(&text);
    });
}

fn table(rows: &[(&SloReport, Option<&Slo>)]) -> Table {
    let mut table = Table::new(&[
        "objective",
        "verdict",
        "measured",
        "limit",
        "samples",
        "message",
    ]);
    for (slo, given) in rows {
        let samples = if slo.samples < slo.samples_needed {
            format!("{} of {}", count(slo.samples), count(slo.samples_needed))
        } else {
            count(slo.samples)
        };
        table.row([
            Cell::text(words::objective(slo)),
            Cell::badge(words::verdict(slo.verdict), badge(slo.verdict)),
            Cell::number(words::measure(*given, slo.measured)),
            Cell::number(words::limit(*given, slo.limit)),
            Cell::number(samples),
            Cell::text(slo.message.clone()),
        ]);
    }
    table
}

fn badge(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "badge good",
        Verdict::Inconclusive => "badge unsure",
        Verdict::Fail => "badge bad",
    }
}
