//! Files of every format, read back by other readers than the code that wrote them.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the message")]

mod csv;
mod hlog;
mod html;
mod json;
mod parquet;
mod support;

use gauntlet_export::{ExportError, Exporter, Format};
use gauntlet_model::history::SeriesError;
use support::{Sample, contents, write};

#[test]
fn a_run_without_measurements_makes_a_whole_file() {
    for format in Format::ALL {
        assert!(!write(format, &contents(), &[]).is_empty(), "{format:?}");
    }
}

#[test]
fn pieces_are_small_however_long_the_run_is() {
    let sample = Sample::of_seconds(10_000);
    for (format, most) in [
        (Format::Json, 5_000),
        (Format::Csv, 2_000),
        (Format::Hlog, 5_000),
        (Format::Parquet, 60_000),
    ] {
        let (mut exporter, first) = Exporter::begin(format, &contents()).unwrap();
        let (mut largest, mut sum) = (first.len(), first.len());
        for rollup in &sample.rollups {
            let piece = exporter.push(rollup).unwrap();
            largest = largest.max(piece.len());
            sum += piece.len();
        }
        let last = exporter.finish().unwrap().len();
        assert!(
            largest.max(last) < most,
            "{format:?}: {largest} of {sum}, then {last}"
        );
        assert!(sum > most, "{format:?}: {sum}");
    }
}

#[test]
fn what_does_not_belong_to_the_run_is_refused() {
    let sample = Sample::of_seconds(3);
    for format in Format::ALL {
        let (mut exporter, _) = Exporter::begin(format, &contents()).unwrap();
        let mut foreign = sample.rollups[0].clone();
        foreign.operation = 2;
        let refused = ExportError::Operation {
            operation: 2,
            operations: 2,
        };
        assert_eq!(exporter.push(&foreign), Err(refused));
        exporter.push(sample.rollups.last().unwrap()).unwrap();
        let backward = exporter.push(&sample.rollups[0]);
        assert!(
            matches!(
                backward,
                Err(ExportError::Series(SeriesError::Order { .. }))
            ),
            "{format:?}"
        );
    }
}
