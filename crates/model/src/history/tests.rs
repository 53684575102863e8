use hdrhistogram::Histogram;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    interval::{Encoded, ErrorClass, ErrorCount, Interval, OperationInterval, empty_histogram},
    session::AttemptRef,
};

mod standstill;

const ORIGIN: Timestamp = Timestamp(1_700_000_000_300_000);
const SECOND_US: i64 = 1_000_000;
const RUN: RunId = RunId(Uuid::nil());

fn at(seconds: i64) -> Timestamp {
    Timestamp(ORIGIN.0 + seconds * SECOND_US)
}

fn histogram(values: &[u64]) -> Histogram<u64> {
    let mut histogram = empty_histogram();
    for value in values {
        histogram.record(*value).unwrap();
    }
    histogram
}

/// What was recorded: shard, second, operation, phase, response times in nanoseconds.
#[derive(Clone, Debug)]
struct Part {
    shard: u32,
    second: i64,
    operation: u32,
    phase: Phase,
    succeeded: Vec<u64>,
    failed: Vec<u64>,
}

fn interval(part: &Part) -> Interval {
    let latencies = |values: &[u64]| Latencies {
        response: Encoded::from_histogram(&histogram(values)),
        service: Encoded::from_histogram(&histogram(
            &values.iter().map(|value| value / 2).collect::<Vec<_>>(),
        )),
        lag: Encoded::from_histogram(&histogram(&[7])),
        rows: values.len() as u64 * 3,
    };
    // Workers are a little early or late.
    let skew = i64::from(part.shard) * 900 - 1_000;
    Interval {
        attempt: AttemptRef {
            run: RUN,
            shard: part.shard,
            attempt: 1,
        },
        sequence: part.second + 1,
        start: Timestamp(at(part.second).0 + skew),
        end: Timestamp(at(part.second + 1).0 + skew),
        operations: vec![OperationInterval {
            operation: part.operation,
            phase: part.phase,
            step: 0,
            succeeded: latencies(&part.succeeded),
            failed: latencies(&part.failed),
            cut: 1,
            dropped: 2,
        }],
        errors: errors(part),
        in_flight: part.shard + 1,
        backlog: 10,
    }
}

/// What a part's failures were: each of a class that follows from its latency.
fn failures(part: &Part) -> Failures {
    let mut failures = Failures::default();
    for latency in &part.failed {
        let class = *latency as usize % ErrorClass::ALL.len();
        failures.add(ErrorClass::ALL[class], 1);
    }
    failures
}

/// The same as a worker counts them: a class may have several codes.
fn errors(part: &Part) -> Vec<ErrorCount> {
    let error = |class, code: &str, count| ErrorCount {
        operation: part.operation,
        phase: part.phase,
        class,
        code: code.to_owned(),
        message: String::new(),
        count,
    };
    let of_class = |(class, count)| [error(class, "a", count - 1), error(class, "b", 1)];
    failures(part).found().flat_map(of_class).collect()
}

fn part(shard: u32, second: i64) -> Part {
    Part {
        shard,
        second,
        operation: 0,
        phase: Phase::Measurement,
        succeeded: vec![1_000_000 + second.unsigned_abs()],
        failed: Vec::new(),
    }
}

fn parts(most: usize, seconds: i64) -> impl Strategy<Value = Vec<Part>> {
    let latency = || prop::collection::vec(1_000..2_000_000_000_u64, 0..6);
    let phase = prop_oneof![Just(Phase::Warmup), Just(Phase::Measurement)];
    let part = (0..4_u32, 0..seconds, 0..3_u32, phase, latency(), latency()).prop_map(
        |(shard, second, operation, phase, succeeded, failed)| Part {
            shard,
            second,
            operation,
            phase,
            succeeded,
            failed,
        },
    );
    prop::collection::vec(part, 1..most)
}

/// Start, operation, phase, succeeded, failed, the same by class, intervals.
type Row = (
    i64,
    u32,
    Phase,
    Histogram<u64>,
    Histogram<u64>,
    Failures,
    u64,
);

/// The rollups as someone who recorded everything in one place would make them.
fn expected(parts: &[Part], resolution: Resolution) -> Vec<Row> {
    let mut cells = std::collections::BTreeMap::new();
    for part in parts {
        let start = part.second * SECOND_US / resolution.us() * resolution.us();
        let cell = cells
            .entry((start, part.operation, part.phase))
            .or_insert_with(|| (Vec::new(), Vec::new(), Failures::default(), 0));
        cell.0.extend(&part.succeeded);
        cell.1.extend(&part.failed);
        cell.2.merge(failures(part));
        cell.3 += 1;
    }
    cells
        .into_iter()
        .map(
            |((start, operation, phase), (succeeded, failed, failures, intervals))| {
                (
                    ORIGIN.0 + start,
                    operation,
                    phase,
                    histogram(&succeeded),
                    histogram(&failed),
                    failures,
                    intervals,
                )
            },
        )
        .collect()
}

fn found(rollups: &[Rollup], resolution: Resolution) -> Vec<Row> {
    let mut found: Vec<Row> = rollups
        .iter()
        .filter(|rollup| rollup.resolution == resolution)
        .map(|rollup| {
            assert_eq!(
                (rollup.cut, rollup.dropped),
                (rollup.intervals, rollup.intervals * 2)
            );
            let succeeded = rollup.succeeded.response.decode().unwrap();
            let failed = rollup.failed.response.decode().unwrap();
            assert_eq!(rollup.succeeded.rows, succeeded.len() * 3);
            assert_eq!(
                rollup.succeeded.service.decode().unwrap().len(),
                succeeded.len()
            );
            (
                rollup.start.0,
                rollup.operation,
                rollup.phase,
                succeeded,
                failed,
                rollup.failures,
                rollup.intervals,
            )
        })
        .collect();
    found.sort_by_key(|(start, operation, phase, ..)| (*start, *operation, *phase));
    found
}

/// Puts rollups in a store: the newer replaces the older.
fn put(store: &mut Vec<Rollup>, rollups: Vec<Rollup>) {
    let key = |rollup: &Rollup| {
        (
            rollup.resolution,
            rollup.start,
            rollup.operation,
            rollup.phase,
        )
    };
    for rollup in rollups {
        store.retain(|stored| key(stored) != key(&rollup));
        store.push(rollup);
    }
}

fn rebuild(rebuild: Rebuild, store: &mut Vec<Rollup>, stored: &[Interval]) {
    let mut buckets = Buckets::new(RUN, ORIGIN, rebuild.resolution);
    match rebuild.source() {
        Some(read) => {
            let within = |rollup: &&Rollup| {
                rollup.resolution == read.resolution
                    && (read.window.from..read.window.to).contains(&rollup.start)
            };
            for rollup in store.iter().filter(within) {
                buckets.merge(rollup).unwrap();
            }
        }
        None => {
            for interval in stored {
                let middle = Timestamp(i64::midpoint(interval.start.0, interval.end.0));
                if Resolution::Second.bucket_of(ORIGIN, middle) == rebuild.start {
                    buckets.add(interval).unwrap();
                }
            }
        }
    }
    put(store, buckets.take_all());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]
    #[test]
    fn rollups_are_the_merge_of_their_intervals(parts in parts(40, 200)) {
        for resolution in Resolution::ALL {
            let mut buckets = Buckets::new(RUN, ORIGIN, resolution);
            for part in &parts {
                buckets.add(&interval(part)).unwrap();
            }
            prop_assert_eq!(found(&buckets.take_all(), resolution), expected(&parts, resolution));
        }
    }

    /// Whatever the order and however often rollups are taken in between, and
    /// over a restart in the middle.
    #[test]
    fn a_roller_loses_nothing(
        parts in parts(60, 4_000),
        untils in prop::collection::vec(prop_oneof![Just(-1), 0..4_100_i64], 60),
        restart in 0_usize..60,
    ) {
        let mut roller = Roller::new(RUN, ORIGIN);
        let (mut store, mut stored) = (Vec::new(), Vec::new());
        for (place, (part, until)) in parts.iter().zip(untils).enumerate() {
            let interval = interval(part);
            stored.push(interval.clone());
            let late = roller.add(&interval).unwrap();
            for late in late {
                rebuild(late, &mut store, &stored);
            }
            if until >= 0 {
                put(&mut store, roller.take_until(at(until)));
            }
            if place == restart {
                roller = resumed(&roller, &store, &stored);
            }
        }
        put(&mut store, roller.finish());
        for resolution in Resolution::ALL {
            prop_assert_eq!(found(&store, resolution), expected(&parts, resolution));
        }
    }

    /// A point says the same whether it is read from coarse or from fine rollups.
    #[test]
    fn points_are_the_same_from_any_rollups(parts in parts(40, 4_000)) {
        let mut roller = Roller::new(RUN, ORIGIN);
        let mut late = Vec::new();
        for part in &parts {
            late.extend(roller.add(&interval(part)).unwrap());
        }
        prop_assert_eq!(late, vec![]);
        let store = roller.finish();
        for resolution in Resolution::ALL {
            let coarse = points(&store, resolution, resolution);
            prop_assert_eq!(points(&store, Resolution::Second, resolution), coarse);
            prop_assert_eq!(totals(&store, resolution), expected_totals(&parts));
        }
    }
}

/// Of each phase: how many succeeded, their percentiles in microseconds, and the
/// failures.
fn totals(store: &[Rollup], from: Resolution) -> Vec<(Phase, u64, Vec<f64>, Failures)> {
    let stretch = Window {
        from: at(0),
        to: at(4_000),
    };
    let mut totals = Totals::new(stretch, Percentiles::default(), Vec::new());
    for rollup in store.iter().filter(|rollup| rollup.resolution == from) {
        totals.push(rollup).unwrap();
    }
    let phases = totals.finish().into_iter();
    phases
        .map(|phase| {
            let total = phase.total;
            let response = total.response.map(|shape| shape.percentiles_us);
            let response = response.unwrap_or_default();
            (phase.phase, total.succeeded, response, total.failures)
        })
        .collect()
}

fn expected_totals(parts: &[Part]) -> Vec<(Phase, u64, Vec<f64>, Failures)> {
    let mut expected = Vec::new();
    for phase in [Phase::Warmup, Phase::Measurement] {
        let of_phase: Vec<&Part> = parts.iter().filter(|part| part.phase == phase).collect();
        let all: Vec<u64> = of_phase
            .iter()
            .flat_map(|part| part.succeeded.clone())
            .collect();
        let all = histogram(&all);
        let at = |quantile| all.value_at_quantile(quantile) as f64 / 1e3;
        let mut failed = Failures::default();
        for part in &of_phase {
            failed.merge(failures(part));
        }
        if !of_phase.is_empty() {
            let ranks: &[f64] = if all.is_empty() {
                &[]
            } else {
                &[0.5, 0.95, 0.99, 0.999]
            };
            let percentiles = ranks.iter().copied().map(at).collect();
            expected.push((phase, all.len(), percentiles, failed));
        }
    }
    expected
}

fn resumed(roller: &Roller, store: &[Rollup], stored: &[Interval]) -> Roller {
    let until = roller.complete_until(Resolution::Second);
    let mut roller = Roller::resume(RUN, ORIGIN, until);
    for read in roller.missing() {
        for rollup in store {
            let within = (read.window.from..read.window.to).contains(&rollup.start);
            if rollup.resolution == read.resolution && within {
                roller.restore(rollup).unwrap();
            }
        }
    }
    for interval in stored {
        let middle = Timestamp(i64::midpoint(interval.start.0, interval.end.0));
        if Resolution::Second.bucket_of(ORIGIN, middle) >= until {
            assert_eq!(roller.add(interval).unwrap(), []);
        }
    }
    roller
}

fn points(store: &[Rollup], from: Resolution, to: Resolution) -> Vec<HistoryPoint> {
    let mut series = Series::new(ORIGIN, to, Percentiles::default(), Vec::new());
    let mut rows: Vec<&Rollup> = store
        .iter()
        .filter(|rollup| rollup.resolution == from)
        .collect();
    rows.sort_by_key(|rollup| rollup.start);
    let mut points = Vec::new();
    for rollup in rows {
        points.extend(series.push(rollup).unwrap());
    }
    points.extend(series.finish());
    points
}

#[test]
fn a_point_says_what_was_measured() {
    let mut roller = Roller::new(RUN, ORIGIN);
    for shard in 0..2 {
        for second in 0..20 {
            roller.add(&interval(&part(shard, second))).unwrap();
        }
    }
    let mut odd = part(0, 3);
    (odd.operation, odd.failed) = (2, vec![5_000]);
    let failed = failures(&odd);
    odd.succeeded = vec![4_000_000; 18];
    roller.add(&interval(&odd)).unwrap();
    let store = roller.finish();

    let (from, to) = (at(0), at(15));
    let phases = vec![(Phase::Measurement, Window { from, to })];
    let mut series = Series::new(
        ORIGIN,
        Resolution::TenSeconds,
        Percentiles::new(&[100.0, 50.0]).unwrap(),
        phases,
    );
    let mut points = Vec::new();
    for rollup in store
        .iter()
        .filter(|rollup| rollup.resolution == Resolution::TenSeconds)
    {
        points.extend(series.push(rollup).unwrap());
    }
    points.extend(series.finish());

    assert_eq!(points.len(), 2);
    let first = &points[0];
    assert_eq!(
        (first.start, first.covered),
        (at(0), Duration::from_secs(10))
    );
    assert_eq!((first.in_flight_max, first.backlog_max), (3, 20));
    let operations: Vec<(u32, u64, u64)> = first
        .operations
        .iter()
        .map(|entry| (entry.operation, entry.stats.succeeded, entry.stats.failed))
        .collect();
    assert_eq!(operations, [(0, 20, 0), (2, 18, 1)]);
    let failures = first.operations.iter().map(|entry| entry.stats.failures);
    let expected = [Failures::default(), failed];
    assert_eq!(failures.collect::<Vec<_>>(), expected);
    let total = &first.total;
    assert_eq!(
        (
            total.succeeded,
            total.failed,
            total.cut,
            total.dropped,
            total.rows
        ),
        (38, 1, 21, 42, 114)
    );
    assert_eq!(total.failures, failed);
    let response = total.response.as_ref().unwrap();
    assert_eq!(response.percentiles_us, [1_000.447, 4_001.791]);
    assert_eq!((response.min_us, response.max_us), (999.936, 4_001.791));
    assert_eq!(total.throughput_per_s, Some(3.8));
    // Of the second bucket, five seconds belong to the measurement.
    assert_eq!(points[1].covered, Duration::from_secs(5));
    assert_eq!(points[1].total.throughput_per_s, Some(4.0));
}

#[test]
fn a_series_wants_the_order_of_time() {
    let mut buckets = Buckets::new(RUN, ORIGIN, Resolution::Second);
    buckets.add(&interval(&part(0, 5))).unwrap();
    buckets.add(&interval(&part(0, 4))).unwrap();
    let rollups = buckets.take_all();
    let mut series = Series::new(
        ORIGIN,
        Resolution::Second,
        Percentiles::default(),
        Vec::new(),
    );
    series.push(&rollups[1]).unwrap();
    let refused = SeriesError::Order {
        given: at(4).0,
        reached: at(5).0,
    };
    assert_eq!(series.push(&rollups[0]), Err(refused));
}

#[test]
fn a_late_interval_names_the_buckets_that_were_given_out() {
    let mut roller = Roller::new(RUN, ORIGIN);
    roller.add(&interval(&part(0, 0))).unwrap();
    assert_eq!(roller.take_until(at(75)).len(), 3);
    assert_eq!(roller.complete_until(Resolution::Second), at(75));
    assert_eq!(roller.complete_until(Resolution::Minute), at(60));
    let rebuild = |resolution, second| Rebuild {
        resolution,
        start: at(second),
    };
    let (second, ten, minute) = (
        Resolution::Second,
        Resolution::TenSeconds,
        Resolution::Minute,
    );
    for (late, expected) in [
        (75, vec![]),
        (74, vec![rebuild(second, 74)]),
        (69, vec![rebuild(second, 69), rebuild(ten, 60)]),
        (
            9,
            vec![rebuild(second, 9), rebuild(ten, 0), rebuild(minute, 0)],
        ),
    ] {
        assert_eq!(
            roller.add(&interval(&part(1, late))).unwrap(),
            expected,
            "{late}"
        );
    }
}

#[test]
fn a_shard_that_says_nothing_does_not_make_the_roller_grow() {
    let mut roller = Roller::new(RUN, ORIGIN);
    let mut taken = 0;
    for second in 0..1_000 {
        roller.add(&interval(&part(0, second))).unwrap();
        let rollups = roller.take_until(at(0));
        taken += rollups
            .iter()
            .filter(|rollup| rollup.resolution == Resolution::Second)
            .count();
    }
    assert_eq!(taken, 1_000 - 120);
    assert_eq!(roller.complete_until(Resolution::Second), at(1_000 - 120));
}

#[test]
fn instants_at_the_ends_of_time_are_dealt_with() {
    let mut roller = Roller::new(RUN, ORIGIN);
    for (start, end) in [
        (i64::MIN, i64::MIN),
        (i64::MAX - 1, i64::MAX),
        (0, i64::MAX),
    ] {
        let mut interval = interval(&part(0, 0));
        (interval.start, interval.end) = (Timestamp(start), Timestamp(end));
        roller.add(&interval).unwrap();
    }
    assert!(!roller.finish().is_empty());
}

#[test]
fn the_resolution_fits_the_range() {
    let second = Duration::from_secs;
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    for (length, asked, max_points, expected) in [
        (second(600), None, 2_000, Ok(Resolution::Second)),
        (second(2_000), None, 2_000, Ok(Resolution::Second)),
        (second(2_001), None, 2_000, Ok(Resolution::TenSeconds)),
        (hours(24), None, 2_000, Ok(Resolution::Minute)),
        (hours(24), None, 200, Ok(Resolution::TenMinutes)),
        (
            hours(24),
            Some(second(600)),
            2_000,
            Ok(Resolution::TenMinutes),
        ),
        (hours(24), Some(second(599)), 2_000, Ok(Resolution::Minute)),
        (hours(24), Some(second(1)), 2_000, Ok(Resolution::Minute)),
        (hours(24), Some(hours(30)), 2_000, Ok(Resolution::Hour)),
        (
            second(60),
            Some(Duration::ZERO),
            2_000,
            Ok(Resolution::Second),
        ),
        (second(0), None, 0, Ok(Resolution::Second)),
        (hours(24), None, 1_000_000, Ok(Resolution::Minute)),
        (
            hours(2_001),
            None,
            2_000,
            Err(RangeTooLong {
                hours: 2_001,
                max_points: 2_000,
            }),
        ),
    ] {
        assert_eq!(
            choose(length, asked, max_points),
            expected,
            "{length:?} {asked:?} {max_points}"
        );
    }
}

#[test]
fn a_range_is_read_from_the_coarsest_rollups_there_are() {
    let read = |resolution, from, to| Read {
        resolution,
        window: Window {
            from: at(from),
            to: at(to),
        },
    };
    let range = Window {
        from: at(65),
        to: at(400),
    };
    let mut roller = Roller::new(RUN, ORIGIN);
    let _ = roller.take_until(at(275));
    let (second, ten, minute) = (
        Resolution::Second,
        Resolution::TenSeconds,
        Resolution::Minute,
    );
    let live = reads(ORIGIN, range, minute, |resolution| {
        roller.complete_until(resolution)
    });
    assert_eq!(
        live,
        [
            read(minute, 60, 240),
            read(ten, 240, 270),
            read(second, 270, 275)
        ]
    );
    let over = reads(ORIGIN, range, minute, |_| Timestamp(i64::MAX));
    assert_eq!(over, [read(minute, 60, 420)]);
    let nothing = Window {
        from: at(65),
        to: at(65),
    };
    assert_eq!(reads(ORIGIN, nothing, minute, |_| Timestamp(i64::MAX)), []);
}

#[test]
fn percentiles_are_exact_ranks() {
    let counts = |many: u64| {
        let mut counts = Counts::default();
        let values: Vec<u64> = (1..=many).collect();
        counts
            .add(&Encoded::from_histogram(&histogram(&values)))
            .unwrap();
        counts
    };
    let percentiles = Percentiles::new(&[99.9, 50.0, 99.0, 50.0, 0.001, 100.0]).unwrap();
    assert_eq!(percentiles.values(), [0.001, 50.0, 99.0, 99.9, 100.0]);
    for (many, expected) in [
        (1_000, [0.001, 0.5, 0.99, 0.999, 1.0]),
        (1_001, [0.001, 0.501, 0.991, 1.0, 1.001]),
        (1, [0.001; 5]),
    ] {
        let shape = Distribution::of(&counts(many), &percentiles).unwrap();
        assert_eq!(shape.percentiles_us, expected, "{many}");
    }
    assert_eq!(Distribution::of(&counts(0), &percentiles), None);
    assert_eq!(Percentiles::new(&[]), Ok(Percentiles::default()));
    for bad in [0.0, -1.0, 100.1, 99.99999, f64::NAN, f64::INFINITY] {
        assert!(Percentiles::new(&[bad]).is_err(), "{bad}");
    }
    assert!(Percentiles::new(&[1.0; 33]).is_err());
}

#[test]
fn phases_last_from_one_transition_to_the_next() {
    let entered = |phase, seconds| PhaseTransition {
        phase,
        at: at(seconds),
    };
    let transitions = [entered(Phase::Warmup, 0), entered(Phase::Measurement, 5)];
    let window = |from, to| Window {
        from: at(from),
        to: at(to),
    };
    assert_eq!(
        phase_windows(&transitions, at(9)),
        [
            (Phase::Warmup, window(0, 5)),
            (Phase::Measurement, window(5, 9))
        ]
    );
    assert_eq!(phase_windows(&[], at(9)), []);
}
