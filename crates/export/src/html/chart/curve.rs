//! The percentile curve: how long the slowest 10 %, 1 %, 0.1 %, … took.

use gauntlet_model::{
    history::{Counts, Distribution, Percentiles},
    number::{count, latency},
};

use super::{Axis, Caption, Frame, Line, UP, axes, figure, lines};
use crate::{
    Contents,
    html::{
        gather::{Gathered, reported_step},
        markup::Markup,
        scale::Scale,
        section::table::{Cell, Table},
    },
};

/// Operations with a line of their own: those with the most values.
const MOST_OPERATIONS: usize = 5;
const STYLES: [&str; MOST_OPERATIONS] = ["s1", "s2", "s3", "s4", "s5"];
/// The percentiles that the line goes through, in groups as large as one
/// question about a histogram may be.
const GROUPS: [&[f64]; 3] = [
    &[
        1.0, 5.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 75.0, 80.0, 85.0, 90.0,
    ],
    &[
        92.0, 94.0, 95.0, 96.0, 97.0, 98.0, 98.5, 99.0, 99.2, 99.4, 99.5, 99.6, 99.7, 99.8, 99.9,
    ],
    &[
        99.92, 99.94, 99.95, 99.96, 99.97, 99.98, 99.99, 99.993, 99.995, 99.997, 99.998, 99.999,
    ],
];
/// The percentiles that the axis and the table name.
const NAMED: [f64; 6] = [50.0, 90.0, 99.0, 99.9, 99.99, 99.999];

/// A percentile and its latency in microseconds.
type Place = (f64, f64);

/// The whole curve, for all operations together and for the most frequent ones.
pub(in crate::html) fn percentiles(page: &mut Markup, contents: &Contents, gathered: &Gathered) {
    let mut total = Counts::default();
    gathered
        .counts
        .iter()
        .for_each(|counts| total.merge(counts));
    if total.is_empty() {
        return;
    }
    let curves = curves(contents, gathered, &total);
    let frame = Frame::beside(curves.iter().map(|(name, _)| name.as_str()));
    let places = || curves.iter().flat_map(|(_, places)| places);
    let farthest = places().map(|place| place.0).fold(0.0, f64::max);
    let smallest = places().map(|place| place.1).fold(f64::INFINITY, f64::min);
    let largest = places().map(|place| place.1).fold(0.0, f64::max);
    let across = across(frame, farthest);
    let up = Axis::latency(Scale::log(smallest, largest, UP));
    let place = |place: &Place| (across.scale.at(nines(place.0)), up.scale.at(place.1));
    let styles = ["s0 thick"].into_iter().chain(STYLES);
    let drawn: Vec<Line> = curves
        .iter()
        .zip(styles)
        .map(|((name, places), style)| Line {
            style,
            label: name.clone(),
            parts: vec![places.iter().map(place).collect()],
        })
        .collect();
    let caption = Caption {
        id: "percentiles",
        title: "Percentile curve",
        note: note(contents, gathered, &total),
        description: format!(
            "The response time by percentile, from {} to {}.",
            latency(smallest),
            latency(largest)
        ),
    };
    figure(
        page,
        &caption,
        |page| {
            axes(page, frame, &across, &up);
            lines(page, frame, &drawn);
        },
        |page| table(page, &curves),
    );
}

fn note(contents: &Contents, gathered: &Gathered, total: &Counts) -> String {
    let shown = gathered
        .counts
        .iter()
        .filter(|counts| !counts.is_empty())
        .count();
    let only = if shown > MOST_OPERATIONS {
        format!("; of {shown} operations the {MOST_OPERATIONS} most frequent")
    } else {
        String::new()
    };
    match reported_step(contents) {
        Some(step) => format!(
            "response time in step {} of the search, by its whole seconds{only}",
            step.trial.step
        ),
        None => format!(
            "response time of {} operations in the measurement{only}",
            count(total.len())
        ),
    }
}

fn curves(contents: &Contents, gathered: &Gathered, total: &Counts) -> Vec<(String, Vec<Place>)> {
    let mut curves = vec![("total".to_owned(), places(total))];
    let operations = contents.run.spec.operations.iter().zip(&gathered.counts);
    let mut operations: Vec<_> = operations
        .filter(|(_, counts)| !counts.is_empty())
        .collect();
    if operations.len() > 1 {
        operations.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.len()));
        operations.truncate(MOST_OPERATIONS);
        let named = operations
            .iter()
            .map(|(operation, counts)| (operation.name.to_string(), places(counts)));
        curves.extend(named);
    }
    curves
}

/// The curve as far as there are values to draw it by; its end is the largest.
fn places(counts: &Counts) -> Vec<Place> {
    let mut places = Vec::new();
    for group in GROUPS {
        let Ok(percentiles) = Percentiles::new(group) else {
            continue;
        };
        if let Some(shape) = Distribution::of(counts, &percentiles) {
            places.extend(group.iter().copied().zip(shape.percentiles_us));
        }
    }
    let values = counts.len() as f64;
    places.retain(|(percentile, _)| values * (100.0 - percentile) / 100.0 >= 1.0);
    let last = (100.0 * (1.0 - 1.0 / values)).min(FARTHEST);
    places.push((last, counts.max() as f64 / 1e3));
    places.sort_by(|one, other| one.0.total_cmp(&other.0));
    places
}

/// Where the curve ends at the latest, however many values there are.
const FARTHEST: f64 = 99.999_9;

/// How many nines a percentile has: 1 for 90 %, 2 for 99 %.
fn nines(percentile: f64) -> f64 {
    -(1.0 - percentile.min(FARTHEST) / 100.0).log10()
}

fn across(frame: Frame, farthest: f64) -> Axis {
    let end = nines(farthest).max(1.0);
    let named = NAMED
        .into_iter()
        .filter(|percentile| nines(*percentile) <= end);
    Axis {
        scale: Scale::exact(0.0, end, frame.across()),
        ticks: named.map(|one| (nines(one), format!("{one} %"))).collect(),
        caption: "percentile".to_owned(),
    }
}

fn table(page: &mut Markup, curves: &[(String, Vec<Place>)]) {
    let mut header = vec!["operation".to_owned()];
    header.extend(NAMED.iter().map(|percentile| format!("p{percentile}")));
    header.push("max".to_owned());
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = Table::new(&header);
    for (name, places) in curves {
        let at = |wanted: &f64| {
            let found = places
                .iter()
                .find(|(percentile, _)| (percentile - wanted).abs() < 1e-9);
            Cell::number(found.map_or_else(|| "–".to_owned(), |(_, us)| latency(*us)))
        };
        let mut row = vec![Cell::text(name.clone())];
        row.extend(NAMED.iter().map(at));
        let largest = places.last().map_or(0.0, |(_, us)| *us);
        row.push(Cell::number(latency(largest)));
        table.row(row);
    }
    page.element("details", &[], |page| {
        page.line("summary", &[], "this chart in figures");
        table.write(page);
    });
}
