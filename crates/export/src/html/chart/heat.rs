//! The heat map: which response times there were at which time.

use std::fmt::Write as _;

use gauntlet_model::number::latency;

use super::{Axis, Caption, Frame, UP, axes, figure, phases, px};
use crate::html::{
    gather::{Column, Gathered, row_starts_us},
    markup::Markup,
    scale::Scale,
};

/// The most columns that are drawn; neighbours are added.
const MOST_COLUMNS: usize = 120;
/// No column is thinner.
const THINNEST: f64 = 0.5;
/// The share of a column's operations from which on a cell has each shade.
const SHADES: [f64; 6] = [0.0, 0.001, 0.01, 0.03, 0.1, 0.3];

/// Response times over time, a column for each stretch of it.
pub(in crate::html) fn map(page: &mut Markup, gathered: &Gathered) {
    let (columns, each) = merged(&gathered.columns);
    let used = |column: &Column| column.rows.iter().position(|count| *count > 0);
    let Some(lowest) = columns.iter().filter_map(used).min() else {
        return;
    };
    let highest = columns
        .iter()
        .map(|column| column.rows.len())
        .max()
        .unwrap_or(lowest + 1);
    let (smallest, largest) = (row_starts_us(lowest), row_starts_us(highest));
    let frame = Frame::beside([]);
    let across = Axis::time(frame, gathered.end_s());
    let up = Axis::latency(Scale::log(smallest, largest, UP));
    let length = gathered.bucket_s() * each as f64;
    let caption = Caption {
        id: "heat",
        title: "Response times over time",
        note: "the darker, the larger the share of the operations of that moment".to_owned(),
        description: format!(
            "A heat map of response times between {} and {}; the chart of percentiles and its table say the same in figures.",
            latency(smallest),
            latency(largest)
        ),
    };
    figure(
        page,
        &caption,
        |page| {
            phases(page, across.scale, gathered);
            axes(page, frame, &across, &up);
            for (shade, path) in cells(&columns, length, across.scale, up.scale)
                .iter()
                .enumerate()
            {
                if !path.is_empty() {
                    let class = format!("h{shade}");
                    page.leaf("path", &[("class", &class), ("d", path)]);
                }
            }
        },
        legend,
    );
}

/// Neighbours added, so that there are few columns; and how many to one.
fn merged(columns: &[Column]) -> (Vec<Column>, u64) {
    let buckets = columns.last().map_or(0, |last| last.bucket + 1);
    let each = buckets.div_ceil(MOST_COLUMNS as u64).max(1);
    let mut merged: Vec<Column> = Vec::new();
    for column in columns {
        let bucket = column.bucket / each;
        if merged.last().is_none_or(|last| last.bucket != bucket) {
            let rows = Vec::new();
            merged.push(Column { bucket, rows });
        }
        let Some(sum) = merged.last_mut() else {
            continue;
        };
        if sum.rows.len() < column.rows.len() {
            sum.rows.resize(column.rows.len(), 0);
        }
        for (sum, count) in sum.rows.iter_mut().zip(&column.rows) {
            *sum = sum.saturating_add(*count);
        }
    }
    (merged, each)
}

/// The cells of each shade.
fn cells(columns: &[Column], length: f64, across: Scale, up: Scale) -> [String; SHADES.len()] {
    let mut paths = [const { String::new() }; SHADES.len()];
    for column in columns {
        let total = column
            .rows
            .iter()
            .fold(0_u64, |sum, count| sum.saturating_add(*count));
        let start = column.bucket as f64 * length;
        let (left, right) = (across.at(start), across.at(start + length));
        // What was due in the last instant fills no column.
        if right - left < THINNEST {
            continue;
        }
        for (row, count) in column
            .rows
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
        {
            let share = *count as f64 / total as f64;
            let shade = SHADES
                .iter()
                .rposition(|least| share >= *least)
                .unwrap_or(0);
            let (bottom, top) = (up.at(row_starts_us(row)), up.at(row_starts_us(row + 1)));
            let _ = write!(
                paths[shade],
                "M{} {}H{}V{}H{}Z",
                px(left),
                px(bottom),
                px(right),
                px(top),
                px(left)
            );
        }
    }
    paths
}

fn legend(page: &mut Markup) {
    page.element("p", &[("class", "legend")], |page| {
        page.text("share of a column: ");
        for (shade, least) in SHADES.iter().enumerate() {
            let class = format!("key h{shade}");
            page.line("span", &[("class", &class), ("aria-hidden", "true")], "");
            let name = match shade {
                0 => format!("< {} % ", SHADES[1] * 100.0),
                _ => format!("≥ {} % ", least * 100.0),
            };
            page.text(&name);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_columns_hold_all_that_was_counted() {
        let columns: Vec<Column> = (0..1_000)
            .filter(|bucket| bucket % 7 != 0)
            .map(|bucket| Column {
                bucket,
                rows: vec![0, bucket, 1],
            })
            .collect();
        let (merged, each) = merged(&columns);
        assert_eq!(each, 9);
        assert!(merged.len() <= MOST_COLUMNS);
        let sum = |columns: &[Column]| -> u64 { columns.iter().flat_map(|one| &one.rows).sum() };
        assert_eq!(sum(&merged), sum(&columns));
        assert!(
            merged
                .windows(2)
                .all(|pair| pair[0].bucket < pair[1].bucket)
        );
    }
}
