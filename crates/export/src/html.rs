//! The report for people: one HTML file with its charts, that needs nothing else.
//!
//! No script, no request: what shows a build's artifacts may forbid both. The
//! charts are SVG in the page, the style sheet is in it too, and the page's own
//! policy refuses everything from outside.

use gauntlet_model::{history::Rollup, report::Report};

use self::{
    chart::{curve, heat, time},
    gather::Gathered,
    markup::Markup,
    section::{about, evidence, figures, head, search, verdicts},
};
use crate::{Contents, ExportError};

mod chart;
pub(crate) mod gather;
mod markup;
mod scale;
mod section;
mod words;

const STYLE: &str = include_str!("html/style.css");
/// What the page may load: nothing but the style sheet in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Gathers what the page shows, then writes it whole: its size goes with the
/// number of points, objectives, operations and workers, not with the run's length.
#[derive(Clone, Debug)]
pub(crate) struct Html {
    contents: Contents,
    gathered: Gathered,
}

impl Html {
    pub(crate) fn begin(contents: &Contents) -> Self {
        Self {
            gathered: Gathered::new(contents),
            contents: contents.clone(),
        }
    }

    pub(crate) fn push(&mut self, rollup: &Rollup) -> Result<(), ExportError> {
        self.gathered.push(rollup)
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.gathered.finish();
        let mut page = Markup::default();
        page.doctype();
        page.element("html", &[("lang", "en")], |page| {
            self.head(page);
            page.element("body", &[], |page| {
                page.element("main", &[], |page| self.body(page));
            });
        });
        page.newline();
        page.into_text().into_bytes()
    }

    fn head(&self, page: &mut Markup) {
        page.element("head", &[], |page| {
            page.leaf("meta", &[("charset", "utf-8")]);
            let policy = [
                ("http-equiv", "Content-Security-Policy"),
                ("content", POLICY),
            ];
            page.leaf("meta", &policy);
            let width = "width=device-width, initial-scale=1";
            page.leaf("meta", &[("name", "viewport"), ("content", width)]);
            page.leaf(
                "meta",
                &[("name", "color-scheme"), ("content", "light dark")],
            );
            page.line("title", &[], &self.name());
            page.style(STYLE);
        });
        page.newline();
    }

    /// What a browser's tab says.
    fn name(&self) -> String {
        let run = &self.contents.run.name;
        let Some(report) = &self.contents.report else {
            return format!("{run}: no report · gauntlet");
        };
        let verdict = report.verdict.map_or("no verdict", words::verdict);
        let valid = if report.reasons.is_empty() {
            "VALID"
        } else {
            "INVALID"
        };
        format!("{run}: {verdict}, {valid} · gauntlet")
    }

    fn body(&self, page: &mut Markup) {
        let contents = &self.contents;
        let report = contents.report.as_ref();
        head::title(page, contents);
        head::validity(page, contents);
        if let Some(report) = report {
            verdicts::objectives(page, contents, report);
            head::tiles(page, report);
        }
        self.charts(page);
        if let Some(report) = report {
            tables(page, report);
        }
        about::workers(page, contents);
        about::phases(page, contents);
        about::environment(page, contents);
        about::template(page, contents);
        about::footer(page, contents);
    }

    fn charts(&self, page: &mut Markup) {
        if self.gathered.moments.is_empty() {
            return;
        }
        page.element(
            "section",
            &[("class", "charts"), ("aria-label", "charts")],
            |page| {
                time::throughput(page, &self.gathered);
                time::response(page, &self.gathered);
                curve::percentiles(page, &self.contents, &self.gathered);
                heat::map(page, &self.gathered);
                time::failures(page, &self.gathered);
                time::backlog(page, &self.gathered);
            },
        );
        page.newline();
    }
}

fn tables(page: &mut Markup, report: &Report) {
    if let Some(found) = &report.search {
        search::findings(page, found);
    }
    figures::operations(page, report);
    figures::errors(page, report);
    figures::reconciliation(page, report);
    if let Some(found) = &report.evidence {
        evidence::evidence(page, found);
    }
}
