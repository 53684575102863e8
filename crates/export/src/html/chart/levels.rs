//! Throughput against the level of load, for a search.

use gauntlet_model::{
    number::rate,
    search::{Findings, Fit, Outcome, Step},
    template::Level,
};

use super::{Axis, Caption, Frame, Line, UP, axes, figure, label, lines, px};
use crate::html::{markup::Markup, scale::Scale, words};

/// Places of the fitted curve.
const PLACES: u32 = 60;

/// Each step's throughput, the scalability law fitted to them, and the best level.
pub(in crate::html) fn scalability(page: &mut Markup, findings: &Findings) {
    let Some(highest) = findings
        .steps
        .iter()
        .map(|step| step.trial.level.value())
        .reduce(f64::max)
    else {
        return;
    };
    let frame = Frame::beside([]);
    let connections = matches!(findings.steps[0].trial.level, Level::Concurrency { .. });
    let unit = if connections {
        "connections"
    } else {
        "operations/s asked for"
    };
    let across = Axis::amount(Scale::from_zero(highest, frame.across()), unit);
    let fit = findings.fit.as_ref().ok();
    let reached = findings
        .steps
        .iter()
        .map(|step| step.figures.high_per_s.max(step.figures.throughput_per_s));
    let reached = reached.fold(0.0, f64::max);
    let up = Axis::amount(Scale::from_zero(reached, UP), "operations/s");
    let caption = Caption {
        id: "levels",
        title: "Throughput by level",
        note: note(fit.is_some()),
        description: description(findings),
    };
    figure(
        page,
        &caption,
        |page| {
            axes(page, frame, &across, &up);
            if let Some(fit) = fit {
                lines(page, frame, &[law(fit, across.scale, up.scale)]);
            }
            for step in &findings.steps {
                mark(page, step, across.scale, up.scale);
            }
            let best = findings
                .steps
                .iter()
                .find(|step| step.trial.step == findings.best_step);
            if let Some(step) = best {
                best_mark(page, frame, step, across.scale, up.scale);
            }
        },
        |_| {},
    );
}

fn note(fitted: bool) -> String {
    let law = if fitted {
        "; line: the Universal Scalability Law"
    } else {
        ""
    };
    format!("● passed, × failed, ○ says nothing of the target; bars: 95 % intervals{law}")
}

fn description(findings: &Findings) -> String {
    match findings.best {
        Some(level) => format!(
            "Throughput of {} steps by their level of load; the best level is {}.",
            findings.steps.len(),
            words::level(level)
        ),
        None => format!(
            "Throughput of {} steps by their level of load; no level passed.",
            findings.steps.len()
        ),
    }
}

fn law(fit: &Fit, across: Scale, up: Scale) -> Line {
    let place = |index: u32| {
        let n = across.largest() * f64::from(index) / f64::from(PLACES);
        (across.at(n), up.at(fit.throughput(n)))
    };
    Line {
        style: "s5",
        label: String::new(),
        parts: vec![(0..=PLACES).map(place).collect()],
    }
}

fn mark(page: &mut Markup, step: &Step, across: Scale, up: Scale) {
    let figures = &step.figures;
    let (x, y) = (
        across.at(step.trial.level.value()),
        up.at(figures.throughput_per_s),
    );
    let title = format!(
        "step {}: {}, {}, {}",
        step.trial.step,
        words::level(step.trial.level),
        rate(figures.throughput_per_s),
        words::outcome(step.outcome)
    );
    let (left, right) = (px(x), px(y));
    page.element("g", &[], |page| {
        page.line("title", &[], &title);
        if figures.high_per_s > 0.0 {
            let (low, high) = (up.at(figures.low_per_s), up.at(figures.high_per_s));
            let bar = format!("M{} {}V{}", px(x), px(low), px(high));
            page.leaf("path", &[("class", "bar"), ("d", &bar)]);
        }
        match step.outcome {
            Outcome::Passed => {
                let place = [
                    ("class", "dot"),
                    ("cx", left.as_str()),
                    ("cy", &right),
                    ("r", "6"),
                ];
                page.leaf("circle", &place);
            }
            Outcome::Generator | Outcome::Abandoned => {
                let place = [
                    ("class", "ring"),
                    ("cx", left.as_str()),
                    ("cy", &right),
                    ("r", "6"),
                ];
                page.leaf("circle", &place);
            }
            _ => {
                let cross = format!("M{} {}l12 12m0 -12l-12 12", px(x - 6.0), px(y - 6.0));
                page.leaf("path", &[("class", "cross"), ("d", &cross)]);
            }
        }
    });
}

fn best_mark(page: &mut Markup, frame: Frame, step: &Step, across: Scale, up: Scale) {
    let (x, y) = (
        across.at(step.trial.level.value()),
        up.at(step.figures.throughput_per_s),
    );
    let (left, right) = (px(x), px(y));
    page.leaf(
        "circle",
        &[
            ("class", "best"),
            ("cx", &left),
            ("cy", &right),
            ("r", "12"),
        ],
    );
    let text = format!("best: {}", words::level(step.trial.level));
    // Towards the middle of the chart, where there is room.
    let (from, to) = frame.across();
    let class = if x > f64::midpoint(from, to) {
        "e b"
    } else {
        "b"
    };
    let beside = if x > f64::midpoint(from, to) {
        -18.0
    } else {
        18.0
    };
    let (bottom, _) = UP;
    let below = if y + 34.0 < bottom { 28.0 } else { -20.0 };
    label(page, class, x + beside, y + below, &text);
}
