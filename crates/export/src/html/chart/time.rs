//! Charts over time: throughput, response time, failures, backlog.

use gauntlet_model::number::{count, duration, latency, rate};

use super::{Axis, Caption, Frame, Line, UP, area, axes, axis::moment, figure, lines, phases};
use crate::html::{
    gather::{Gathered, Moment},
    markup::Markup,
    scale::Scale,
    section::table::{Cell, Table},
};

/// The percentiles of [`Moment::percentiles_us`] and how each is drawn.
const PERCENTILES: [(&str, &str); 4] =
    [("p50", "s0"), ("p95", "s1"), ("p99", "s2"), ("p99.9", "s3")];
/// The most rows of the table under a chart.
const MOST_ROWS: usize = 30;
/// Points that are more than so many buckets apart have a gap between them.
const GAP: f64 = 1.6;

/// Operations per second: those that succeeded, and those asked for.
pub(in crate::html) fn throughput(page: &mut Markup, gathered: &Gathered) {
    let offered = gathered
        .moments
        .iter()
        .any(|moment| moment.offered_per_s.is_some());
    let label = if offered { "achieved" } else { "" };
    let frame = Frame::beside([label]);
    let across = Axis::time(frame, gathered.end_s());
    let most = largest(gathered, |moment| {
        Some(
            moment
                .throughput_per_s
                .max(moment.offered_per_s.unwrap_or(0.0)),
        )
    });
    let up = Axis::amount(Scale::from_zero(most, UP), "operations/s");
    let of = |value: fn(&Moment) -> Option<f64>| parts(gathered, across.scale, up.scale, value);
    let achieved = Line {
        style: "s0",
        label: label.to_owned(),
        parts: of(|moment| Some(moment.throughput_per_s)),
    };
    let asked = Line {
        style: "s5",
        label: if offered { "offered" } else { "" }.to_owned(),
        parts: of(|moment| moment.offered_per_s),
    };
    let caption = Caption {
        id: "throughput",
        title: "Throughput",
        note: if offered {
            "operations that succeeded each second, and those that were due (dashed)".to_owned()
        } else {
            "operations that succeeded each second".to_owned()
        },
        description: format!(
            "Operations that succeeded per second over {} of load, at most {}.",
            duration((gathered.end_s() * 1e6) as i64),
            rate(largest(gathered, |moment| Some(moment.throughput_per_s)))
        ),
    };
    figure(
        page,
        &caption,
        |page| {
            phases(page, across.scale, gathered);
            axes(page, frame, &across, &up);
            area(page, &achieved);
            lines(page, frame, &[achieved, asked]);
        },
        |page| table(page, gathered),
    );
}

/// Percentiles of the response time.
pub(in crate::html) fn response(page: &mut Markup, gathered: &Gathered) {
    let smallest = gathered
        .moments
        .iter()
        .filter_map(|moment| Some(moment.percentiles_us?[0]));
    let smallest = smallest.fold(f64::INFINITY, f64::min);
    let most = largest(gathered, |moment| Some(moment.percentiles_us?[3]));
    if !smallest.is_finite() {
        return;
    }
    let frame = Frame::beside(PERCENTILES.map(|(name, _)| name));
    let across = Axis::time(frame, gathered.end_s());
    let up = Axis::latency(Scale::log(smallest, most, UP));
    let of = |place: usize| {
        let value = |moment: &Moment| Some(moment.percentiles_us?[place]);
        parts(gathered, across.scale, up.scale, value)
    };
    let drawn: Vec<Line> = PERCENTILES
        .iter()
        .enumerate()
        .map(|(place, (name, style))| Line {
            style,
            label: (*name).to_owned(),
            parts: of(place),
        })
        .collect();
    let caption = Caption {
        id: "response",
        title: "Response time",
        note: "from the instant an operation was due to its end; all operations that succeeded"
            .to_owned(),
        description: format!(
            "Percentiles of the response time over time, from {} to {}.",
            latency(smallest),
            latency(most)
        ),
    };
    figure(
        page,
        &caption,
        |page| {
            phases(page, across.scale, gathered);
            axes(page, frame, &across, &up);
            lines(page, frame, &drawn);
        },
        |_| {},
    );
}

/// Failures per second; nothing when there were none.
pub(in crate::html) fn failures(page: &mut Markup, gathered: &Gathered) {
    let caption = Caption {
        id: "failures",
        title: "Failures",
        note: "operations that failed each second, timeouts included".to_owned(),
        description: "Operations that failed per second over time.".to_owned(),
    };
    one(page, gathered, &caption, "failures/s", "bad", |moment| {
        moment.failed_per_s
    });
}

/// Operations that waited for a connection; nothing when none did.
pub(in crate::html) fn backlog(page: &mut Markup, gathered: &Gathered) {
    let caption = Caption {
        id: "backlog",
        title: "Backlog",
        note: "operations that were due and not sent at the end of a second".to_owned(),
        description: "Operations due and not sent over time.".to_owned(),
    };
    one(page, gathered, &caption, "operations", "s4", |moment| {
        moment.backlog as f64
    });
}

fn one(
    page: &mut Markup,
    gathered: &Gathered,
    caption: &Caption,
    unit: &str,
    style: &'static str,
    value: fn(&Moment) -> f64,
) {
    let most = largest(gathered, |moment| Some(value(moment)));
    if most <= 0.0 {
        return;
    }
    let frame = Frame::beside([]);
    let across = Axis::time(frame, gathered.end_s());
    let up = Axis::amount(Scale::from_zero(most, UP), unit);
    let line = Line {
        style,
        label: String::new(),
        parts: parts(gathered, across.scale, up.scale, |moment| {
            Some(value(moment))
        }),
    };
    figure(
        page,
        caption,
        |page| {
            phases(page, across.scale, gathered);
            axes(page, frame, &across, &up);
            area(page, &line);
            lines(page, frame, &[line]);
        },
        |_| {},
    );
}

/// The places of a value over time. Where nothing was measured there is a gap.
fn parts(
    gathered: &Gathered,
    across: Scale,
    up: Scale,
    value: impl Fn(&Moment) -> Option<f64>,
) -> Vec<Vec<(f64, f64)>> {
    let mut parts: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut before: Option<f64> = None;
    for moment in &gathered.moments {
        let Some(value) = value(moment) else {
            before = None;
            continue;
        };
        let place = (across.at(moment.at_s), up.at(value));
        let near = before.is_some_and(|at| moment.at_s - at <= gathered.bucket_s() * GAP);
        match parts.last_mut().filter(|_| near) {
            Some(part) => part.push(place),
            None => parts.push(vec![place]),
        }
        before = Some(moment.at_s);
    }
    parts
}

fn largest(gathered: &Gathered, value: impl Fn(&Moment) -> Option<f64>) -> f64 {
    let values = gathered.moments.iter().filter_map(value);
    values.fold(0.0, f64::max)
}

/// The charts over time in figures: each n-th point of them.
fn table(page: &mut Markup, gathered: &Gathered) {
    let each = gathered.moments.len().div_ceil(MOST_ROWS).max(1);
    let summary = match each {
        1 => "these charts in figures".to_owned(),
        2 => "these charts in figures: every second point".to_owned(),
        each => format!(
            "these charts in figures: one point of {}",
            count(each as u64)
        ),
    };
    let offered = gathered
        .moments
        .iter()
        .any(|moment| moment.offered_per_s.is_some());
    let mut table = Table::new(&[
        "after",
        "ok/s",
        "offered/s",
        "failed/s",
        "p50",
        "p95",
        "p99",
        "p99.9",
    ]);
    for point in gathered.moments.iter().step_by(each) {
        let mut row = vec![
            Cell::number(moment(point.at_s.floor(), gathered.end_s())),
            Cell::number(rate(point.throughput_per_s)),
            Cell::number(point.offered_per_s.map_or_else(|| "–".to_owned(), rate)),
            Cell::number(rate(point.failed_per_s)),
        ];
        match point.percentiles_us {
            Some(values) => row.extend(values.map(|us| Cell::number(latency(us)))),
            None => row.extend([const { "–" }; 4].map(|text| Cell::number(text.to_owned()))),
        }
        table.row(row);
    }
    if !offered {
        table.drop_column(2);
    }
    page.element("details", &[], |page| {
        page.line("summary", &[], &summary);
        table.write(page);
    });
}
