//! Seconds in which nothing ended, and what comes late.

use super::*;

/// A part in which nothing happened.
fn standstill(shard: u32, second: i64, operation: u32) -> Interval {
    let nothing = Part {
        succeeded: Vec::new(),
        operation,
        ..part(shard, second)
    };
    let mut interval = interval(&nothing);
    interval.operations[0] = OperationInterval {
        operation,
        phase: Phase::Measurement,
        step: 0,
        succeeded: Latencies::default(),
        failed: Latencies::default(),
        cut: 0,
        dropped: 0,
    };
    interval
}

#[test]
fn a_second_in_which_all_stood_still_has_a_point() {
    let mut roller = Roller::new(RUN, ORIGIN);
    for second in 0..5 {
        let one = if (1..4).contains(&second) {
            standstill(1, second, 0)
        } else {
            interval(&part(1, second))
        };
        assert_eq!(roller.add(&one), Ok(Vec::new()));
    }
    let rollups = roller.finish();
    let percentiles = Percentiles::new(&[50.0]).unwrap();
    let all = Window {
        from: at(0),
        to: at(5),
    };
    let phases = vec![(Phase::Measurement, all)];
    let mut totals = Totals::new(all, percentiles.clone(), phases.clone());
    for resolution in [Resolution::Second, Resolution::TenSeconds] {
        let mut series = Series::new(ORIGIN, resolution, percentiles.clone(), phases.clone());
        let mut points = Vec::new();
        for rollup in rollups.iter().filter(|one| one.resolution == resolution) {
            points.extend(series.push(rollup).unwrap());
            if resolution == Resolution::Second {
                totals.push(rollup).unwrap();
            }
        }
        points.extend(series.finish());
        let shown: Vec<_> = points
            .iter()
            .map(|point| {
                let total = &point.total;
                let median = total.response.as_ref().map(|shape| shape.percentiles_us[0]);
                let rate = (total.throughput_per_s.unwrap() * 10.0).round() as u64;
                (point.start, rate, median.is_some(), point.in_flight_max)
            })
            .collect();
        let expected = match resolution {
            Resolution::Second => vec![
                (at(0), 10, true, 2),
                (at(1), 0, false, 2),
                (at(2), 0, false, 2),
                (at(3), 0, false, 2),
                (at(4), 10, true, 2),
            ],
            // Two in five seconds.
            _ => vec![(at(0), 4, true, 2)],
        };
        assert_eq!(shown, expected);
    }
    let total = &totals.finish()[0].total;
    assert_eq!((total.succeeded, total.throughput_per_s), (2, Some(0.4)));
}

#[test]
fn what_comes_after_its_phase_has_no_throughput() {
    let mut roller = Roller::new(RUN, ORIGIN);
    for second in 0..3 {
        assert_eq!(roller.add(&interval(&part(1, second))), Ok(Vec::new()));
    }
    // The third second is after the end; of a phase that is not known, all counts.
    let ends = Window {
        from: at(0),
        to: Timestamp(at(2).0 - 500_000),
    };
    for (phases, expected) in [
        (
            vec![(Phase::Measurement, ends)],
            [(1_000, Some(1.0)), (500, Some(2.0)), (0, None)],
        ),
        (
            Vec::new(),
            [(1_000, Some(1.0)), (1_000, Some(1.0)), (1_000, Some(1.0))],
        ),
    ] {
        let percentiles = Percentiles::new(&[50.0]).unwrap();
        let mut series = Series::new(ORIGIN, Resolution::Second, percentiles, phases);
        let mut points = Vec::new();
        for rollup in roller.clone().finish() {
            if rollup.resolution == Resolution::Second {
                points.extend(series.push(&rollup).unwrap());
            }
        }
        points.extend(series.finish());
        let shown: Vec<_> = points
            .iter()
            .map(|point| (point.covered.as_millis(), point.total.throughput_per_s))
            .collect();
        assert_eq!(shown, expected);
        assert!(points.iter().all(|point| point.total.succeeded == 1));
    }
}
