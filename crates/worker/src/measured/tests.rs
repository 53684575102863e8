use std::time::{Duration, Instant};

use gauntlet_engine::{Epoch, Sample, Samples, Series, Tally};

use super::*;

/// A series whose latencies are these.
pub(crate) fn series(epoch: u32, operation: u32, outcome: Outcome, latencies: &[u64]) -> Series {
    let mut histogram = Histogram::new(3).unwrap();
    for value in latencies {
        histogram.record(*value).unwrap();
    }
    Series {
        epoch: Epoch(epoch),
        operation,
        outcome,
        rows: latencies.len() as u64,
        response: histogram.clone(),
        service: histogram.clone(),
        lag: histogram,
    }
}

/// A snapshot with these series and nothing else.
pub(crate) fn snapshot(series: Vec<Series>) -> Snapshot {
    let now = Instant::now();
    Snapshot {
        started: now,
        ended: now,
        series,
        errors: Vec::new(),
        dropped: Vec::new(),
        cut: Vec::new(),
        samples: Samples::default(),
        in_flight: 0,
        backlog: 0,
    }
}

/// A snapshot that keeps so many operations of the second kind, each a microsecond later and slower than the one
/// before.
pub(crate) fn kept(operations: u16) -> Snapshot {
    let mut snapshot = snapshot(Vec::new());
    for index in 0..operations {
        let response_ns = (u64::from(index) + 1) * 1_000;
        let sample = Sample {
            epoch: Epoch(0),
            index: index.into(),
            key: Some(1_000 + i64::from(index)),
            due: snapshot.started + Duration::from_micros(index.into()),
            response_ns,
            service_ns: response_ns,
            lag_ns: 0,
            rows: 1,
            failure: None,
        };
        snapshot.samples.add(1, sample, f64::from(index) / 1e5);
    }
    snapshot
}

fn attempt() -> AttemptRef {
    AttemptRef {
        run: gauntlet_model::id::RunId(uuid::Uuid::nil()),
        shard: 0,
        attempt: 1,
    }
}

/// Outside of all steps.
pub(crate) const fn in_phase(phase: Phase) -> Stretch {
    Stretch { phase, step: 0 }
}

const PHASES: [Stretch; 2] = [in_phase(Phase::Warmup), in_phase(Phase::Measurement)];

fn error(epoch: u32, code: &str, message: &str) -> engine::ErrorCount {
    engine::ErrorCount {
        epoch: Epoch(epoch),
        operation: 0,
        class: engine::ErrorClass::Constraint,
        code: code.into(),
        message: message.into(),
        count: 2,
    }
}

fn everything() -> Snapshot {
    let tally = |epoch, count| Tally {
        epoch: Epoch(epoch),
        operation: 1,
        count,
    };
    Snapshot {
        errors: vec![error(1, "23505", "first"), error(0, "23505", "warm")],
        cut: vec![tally(1, 3)],
        dropped: vec![tally(0, 4), tally(1, 5)],
        in_flight: 6,
        backlog: 7,
        ..snapshot(vec![
            series(0, 0, Outcome::Ok, &[1_000]),
            series(1, 0, Outcome::Ok, &[2_000, 3_000]),
            series(1, 0, Outcome::Failed, &[9_000]),
        ])
    }
}

#[test]
fn epochs_become_phases_and_everything_is_kept() {
    let measured = Measured::new(everything(), &PHASES, Timestamp(10), Timestamp(20));
    assert_eq!(measured.ended(), 4);
    let interval = measured.into_interval(attempt(), 5);
    let counts: Vec<_> = interval
        .operations
        .iter()
        .map(|part| {
            let count = |latencies: &Latencies| latencies.response.decode().unwrap().len();
            (
                (part.operation, part.phase),
                (count(&part.succeeded), count(&part.failed)),
                (part.cut, part.dropped),
            )
        })
        .collect();
    assert_eq!(
        counts,
        vec![
            ((0, Phase::Warmup), (1, 0), (0, 0)),
            ((0, Phase::Measurement), (2, 1), (0, 0)),
            ((1, Phase::Warmup), (0, 0), (0, 4)),
            ((1, Phase::Measurement), (0, 0), (3, 5)),
        ]
    );
    let errors: Vec<_> = interval
        .errors
        .iter()
        .map(|error| (error.phase, error.message.as_str(), error.count))
        .collect();
    assert_eq!(
        errors,
        vec![(Phase::Warmup, "warm", 2), (Phase::Measurement, "first", 2)]
    );
    assert_eq!(
        (interval.sequence, interval.in_flight, interval.backlog),
        (5, 6, 7)
    );
}

#[test]
fn the_steps_of_a_phase_are_apart_and_their_errors_are_not() {
    let step = |step| Stretch {
        phase: Phase::Measurement,
        step,
    };
    let stretches = [step(0), step(2)];
    let measured = Measured::new(everything(), &stretches, Timestamp(10), Timestamp(20));
    let mut sum = measured.clone();
    sum.add(measured);
    let interval = sum.into_interval(attempt(), 1);
    let parts = interval.operations.iter();
    let parts: Vec<_> = parts
        .map(|part| (part.operation, part.step, part.succeeded.rows, part.dropped))
        .collect();
    assert_eq!(
        parts,
        [(0, 0, 2, 0), (0, 2, 4, 0), (1, 0, 0, 8), (1, 2, 0, 10)]
    );
    let errors: Vec<u64> = interval.errors.iter().map(|error| error.count).collect();
    assert_eq!(errors, [8]);
}

#[test]
fn parts_add_up() {
    let mut sum = Measured::new(everything(), &PHASES, Timestamp(10), Timestamp(20));
    let mut later = everything();
    later.errors[0].message = "later".into();
    later.in_flight = 1;
    sum.add(Measured::new(later, &PHASES, Timestamp(20), Timestamp(30)));
    assert_eq!((sum.start, sum.end), (Timestamp(10), Timestamp(30)));
    assert_eq!(sum.ended(), 8);
    let interval = sum.into_interval(attempt(), 1);
    assert_eq!(interval.in_flight, 1);
    assert_eq!(interval.operations[3].dropped, 10);
    assert_eq!(interval.operations[3].cut, 6);
    assert_eq!(interval.operations[1].succeeded.rows, 4);
    let measured = &interval.errors[1];
    assert_eq!((measured.message.as_str(), measured.count), ("first", 4));
}

#[test]
fn what_the_server_would_refuse_is_cut_to_size() {
    let mut odd = snapshot(vec![series(0, 0, Outcome::Ok, &[5, LARGEST_NS * 3])]);
    odd.errors = vec![error(0, "c\0de", &"x".repeat(600))];
    let interval =
        Measured::new(odd, &PHASES, Timestamp(9), Timestamp(8)).into_interval(attempt(), 1);
    let histogram = interval.operations[0].succeeded.response.decode().unwrap();
    assert_eq!(histogram.len(), 2);
    assert!(histogram.max() >= LARGEST_NS && histogram.high() < LARGEST_NS * 2);
    assert_eq!(interval.errors[0].code, "cde");
    assert_eq!(interval.errors[0].message.len(), 500);
    assert_eq!((interval.start, interval.end), (Timestamp(9), Timestamp(9)));
}
