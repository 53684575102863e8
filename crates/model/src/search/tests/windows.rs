//! From intervals to the figures of one step.

use uuid::Uuid;

use super::*;
use crate::{
    id::{Name, RunId},
    interval::{Encoded, Interval, Latencies, OperationInterval, empty_histogram},
    lifecycle::{Phase, Window},
    search::WindowTally,
    session::AttemptRef,
    template::{
        Class, Control, Limit, Load, Operation, Phases, Scope, Slo, Spec, Statement,
        WorkerLossPolicy,
    },
};

/// The second at which the windows of these tests begin.
const FROM: i64 = 100;

fn window(seconds: i64) -> Window {
    Window {
        from: Timestamp(FROM * 1_000_000),
        to: Timestamp((FROM + seconds) * 1_000_000),
    }
}

pub(super) fn attempt(shard: u32) -> AttemptRef {
    AttemptRef {
        run: RunId(Uuid::nil()),
        shard,
        attempt: 1,
    }
}

fn latencies(count: u64, each_ns: u64) -> Latencies {
    let mut histogram = empty_histogram();
    histogram.record_n(each_ns, count).unwrap();
    Latencies {
        response: Encoded::from_histogram(&histogram),
        ..Latencies::default()
    }
}

/// What a shard did in the second that begins so many seconds after the window:
/// so many operations of 1 ms due in `step`.
fn interval(shard: u32, second: i64, step: u32, succeeded: u64) -> Interval {
    Interval {
        attempt: attempt(shard),
        sequence: second + 100,
        start: Timestamp((FROM + second) * 1_000_000),
        end: Timestamp((FROM + second + 1) * 1_000_000),
        operations: vec![OperationInterval {
            operation: 0,
            phase: Phase::Measurement,
            step,
            succeeded: latencies(succeeded, 1_000_000),
            failed: Latencies::default(),
            cut: 0,
            dropped: 0,
        }],
        errors: vec![],
        in_flight: 0,
        backlog: 0,
    }
}

fn tally(seconds: i64, intervals: &[Interval]) -> WindowTally {
    let mut tally = WindowTally::new(1, 3, window(seconds));
    for interval in intervals {
        tally.add(interval).unwrap();
    }
    tally
}

pub(super) fn spec(limits: &[Limit]) -> Spec {
    let slo = |limit: &Limit| Slo {
        name: "goal".to_owned(),
        scope: Scope::All,
        limit: *limit,
        confidence: 0.95,
        abort_on_fail: false,
    };
    Spec {
        description: String::new(),
        target: Name::new("db").unwrap(),
        operations: vec![Operation {
            name: Name::new("read").unwrap(),
            weight: 10_000,
            statement: Statement::Sql {
                text: "SELECT 1".to_owned(),
                class: Class::Read,
            },
            parameters: vec![],
            label: None,
        }],
        load: Load::Concurrency {
            connections: 1,
            think_time: Duration::ZERO,
        },
        phases: Phases {
            warmup: Duration::ZERO,
            measurement: Duration::from_mins(10),
            drain_timeout: Duration::from_secs(1),
            until_steady: None,
        },
        workers: 1,
        seed: 1,
        slos: limits.iter().map(slo).collect(),
        worker_loss: WorkerLossPolicy::Fail,
        operation_timeout: Duration::from_secs(10),
        start_timeout: Duration::from_secs(10),
        control: Control::default(),
    }
}

#[test]
fn only_the_step_counts_and_all_shards_do() {
    let mut intervals: Vec<Interval> = (0..10).map(|second| interval(0, second, 3, 100)).collect();
    intervals.extend((0..10).map(|second| interval(1, second, 3, 50)));
    intervals.push(interval(0, -1, 0, 400));
    intervals.push(interval(0, 10, 4, 400));
    let figures = tally(10, &intervals).figures(Some(0.25));
    assert_eq!(figures.succeeded, 1_500);
    let rates = (
        figures.low_per_s,
        figures.throughput_per_s,
        figures.high_per_s,
    );
    assert_eq!(rates, (150.0, 150.0, 150.0));
    assert!((figures.response.p95_us - 1_000.0).abs() < 1.0);
    assert_eq!(figures.queue_ratio, Some(0.25));
}

/// What was due before the window and ended in it makes up for what was due in
/// it and ends after it.
#[test]
fn the_throughput_is_what_ended_in_the_window() {
    let mut intervals: Vec<Interval> = (0..10).map(|second| interval(0, second, 3, 100)).collect();
    intervals[0].operations[0].step = 0;
    let live = tally(10, &intervals).figures(None);
    assert_eq!((live.succeeded, live.throughput_per_s), (900, 100.0));
    intervals.push(interval(0, 10, 3, 100));
    let all = tally(10, &intervals).figures(None);
    assert_eq!((all.succeeded, all.throughput_per_s), (1_000, 100.0));
}

#[test]
fn the_interval_comes_from_the_seconds() {
    let counts = [100, 110, 90, 105, 95, 100, 100, 110, 90, 100];
    let intervals: Vec<Interval> = (0..)
        .zip(counts)
        .map(|(second, count)| interval(0, second, 3, count))
        .collect();
    let figures = tally(10, &intervals).figures(None);
    // s = sqrt(450 / 9), half = 2.262 s / sqrt(10).
    let half = 2.262 * (450.0_f64 / 9.0).sqrt() / 10.0_f64.sqrt();
    assert!((figures.throughput_per_s - 100.0).abs() < 1e-9);
    assert!((figures.high_per_s - 100.0 - half).abs() < 0.01);
    assert!((100.0 - figures.low_per_s - half).abs() < 0.01);
}

#[test]
fn neighbours_that_resemble_each_other_share_a_batch() {
    // Twenty waves of six seconds: their batches are all equal.
    let wave = [90, 95, 105, 110, 105, 95];
    let intervals: Vec<Interval> = (0..120)
        .map(|second| interval(0, second, 3, wave[second as usize % 6]))
        .collect();
    let figures = tally(120, &intervals).figures(None);
    assert!((figures.high_per_s - figures.low_per_s).abs() < 1e-9);
}

#[test]
fn a_short_window_takes_the_counts_as_poissons() {
    let intervals: Vec<Interval> = (0..4).map(|second| interval(0, second, 3, 100)).collect();
    let figures = tally(4, &intervals).figures(None);
    assert!((figures.high_per_s - 109.8).abs() < 0.01, "{figures:?}");
    assert!((figures.low_per_s - 90.2).abs() < 0.01, "{figures:?}");
}

#[test]
fn seconds_that_are_not_ours_are_shared_out() {
    let mut shifted: Vec<Interval> = (-1..10).map(|second| interval(0, second, 3, 100)).collect();
    for interval in &mut shifted {
        interval.start.0 += 250_000;
        interval.end.0 += 250_000;
    }
    let figures = tally(10, &shifted).figures(None);
    assert!((figures.throughput_per_s - 100.0).abs() < 1e-6);
    let mut merged = interval(0, 0, 3, 1_000);
    merged.end = Timestamp((FROM + 10) * 1_000_000);
    let figures = tally(10, &[merged]).figures(None);
    assert!((figures.high_per_s - figures.low_per_s).abs() < 1e-6);
}

#[test]
fn results_are_there_when_they_reach_to_the_end() {
    let mut tally = tally(
        2,
        &[
            interval(0, 0, 3, 1),
            interval(0, 1, 3, 1),
            interval(1, 0, 3, 1),
        ],
    );
    let delivered = |tally: &WindowTally| [0, 1, 2].map(|shard| tally.delivered(attempt(shard)));
    assert_eq!(delivered(&tally), [true, false, false]);
    tally.add(&interval(1, 1, 3, 1)).unwrap();
    assert_eq!(delivered(&tally), [true, true, false]);
}

#[test]
fn the_backlog_is_that_at_the_end_of_the_window() {
    let mut intervals: Vec<Interval> = [(0, 0), (0, 1), (0, 2), (1, 1)]
        .map(|(shard, second)| interval(shard, second, 3, 1))
        .into();
    for (interval, backlog) in intervals.iter_mut().zip([5, 7, 900, 11]) {
        interval.backlog = backlog;
    }
    for _ in 0..2 {
        let measured = tally(2, &intervals).measured(&spec(&[]), None, None);
        assert_eq!(measured.backlog, 18);
        intervals.reverse();
    }
}

#[test]
fn only_a_verdict_of_fail_fails_a_step() {
    let latency = |max_us| Limit::Latency {
        percentile: 99.0,
        max: Duration::from_micros(max_us),
    };
    let intervals: Vec<Interval> = (0..10).map(|second| interval(0, second, 3, 20)).collect();
    let few = tally(10, &intervals);
    let measured = few.measured(
        &spec(&[latency(2_000), Limit::Throughput(500.0)]),
        None,
        None,
    );
    assert_eq!(measured.failed_slo, None);
    let undecided = measured
        .undecided
        .expect("200 operations do not decide a p99");
    assert!(undecided.starts_with("objective \"goal\": "), "{undecided}");

    let busy = Some("busy".to_owned());
    let measured = few.measured(&spec(&[latency(500)]), None, busy.clone());
    assert!(measured.failed_slo.is_some());
    assert_eq!((measured.undecided, measured.generator), (None, busy));
}
