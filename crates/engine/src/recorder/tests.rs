use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::target::ErrorClass;

fn recorder(open: bool) -> (Recorder, Arc<Timeline>) {
    let timeline = Arc::new(Timeline::default());
    let clock = Clock::starting_now();
    let recorder = Recorder::new(Arc::clone(&timeline), clock, 2, open, 1);
    (recorder, timeline)
}

fn snapshot(recorders: &[&Recorder], at: Instant) -> Snapshot {
    let mut snapshot = Snapshot::empty(at);
    let mut spare = Cells::default();
    for recorder in recorders {
        recorder.swap(&mut spare);
        spare.drain_into(&mut snapshot);
    }
    snapshot
        .series
        .sort_by_key(|series| (series.epoch, series.operation, series.outcome));
    snapshot
}

fn job(operation: usize) -> Job {
    Job {
        operation,
        index: 0,
        key: None,
    }
}

fn failure(code: &str, message: &str) -> Failure {
    Failure {
        class: ErrorClass::Other,
        code: code.into(),
        message: message.into(),
    }
}

#[test]
fn the_epoch_is_that_of_the_due_instant() {
    let (recorder, timeline) = recorder(true);
    timeline.enter(0, Epoch(1));
    timeline.enter(100, Epoch(2));
    recorder.succeeded(
        job(0),
        Times {
            due: 99,
            sent: 150,
            end: 5_000,
        },
        1,
    );
    recorder.succeeded(
        job(0),
        Times {
            due: 100,
            sent: 160,
            end: 400,
        },
        1,
    );
    recorder.dropped(1, 99);
    recorder.cut(1, 100);
    let snapshot = snapshot(&[&recorder], Instant::now());
    let lengths: Vec<_> = snapshot
        .series
        .iter()
        .map(|series| (series.epoch.0, series.response.max(), series.lag.max()))
        .collect();
    assert_eq!(lengths, [(1, 4_903, 51), (2, 300, 60)]);
    assert_eq!(
        snapshot.dropped,
        [Tally {
            epoch: Epoch(1),
            operation: 1,
            count: 1
        }]
    );
    assert_eq!(
        snapshot.cut,
        [Tally {
            epoch: Epoch(2),
            operation: 1,
            count: 1
        }]
    );
}

#[test]
fn a_closed_loop_has_no_lag_and_one_duration() {
    let (recorder, _) = recorder(false);
    recorder.succeeded(
        job(0),
        Times {
            due: 10,
            sent: 10,
            end: 510,
        },
        3,
    );
    let snapshot = snapshot(&[&recorder], Instant::now());
    let [series] = &snapshot.series[..] else {
        panic!("one series")
    };
    assert_eq!(
        (
            series.rows,
            series.response.len(),
            series.lag.len(),
            series.lag.max()
        ),
        (3, 1, 1, 0)
    );
    assert_eq!(series.response, series.service);
}

#[test]
fn failures_are_counted_by_code_with_their_own_durations() {
    let (recorder, _) = recorder(false);
    let times = Times {
        due: 0,
        sent: 0,
        end: 7,
    };
    recorder.failed(job(1), times, failure("A", "first"));
    recorder.failed(job(1), times, failure("A", "second"));
    recorder.failed(job(1), times, failure("B", "third"));
    let snapshot = snapshot(&[&recorder], Instant::now());
    let [series] = &snapshot.series[..] else {
        panic!("one series")
    };
    assert_eq!(
        (series.outcome, series.operation, series.response.len()),
        (Outcome::Failed, 1, 3)
    );
    let found: Vec<_> = snapshot
        .errors
        .iter()
        .map(|error| (&error.code[..], &error.message[..], error.count))
        .collect();
    assert_eq!(found, [("A", "first", 2), ("B", "third", 1)]);
}

#[test]
fn codes_without_end_are_counted_together() {
    let (recorder, _) = recorder(false);
    for code in 0..ERROR_KINDS + 10 {
        recorder.failed(
            job(0),
            Times {
                due: 0,
                sent: 0,
                end: 1,
            },
            failure(&code.to_string(), ""),
        );
    }
    let snapshot = snapshot(&[&recorder], Instant::now());
    assert_eq!(snapshot.errors.len(), ERROR_KINDS + 1);
    assert_eq!(
        snapshot
            .errors
            .last()
            .map(|error| (&error.code[..], error.count)),
        Some(("OTHER_CODES", 10))
    );
}

#[test]
fn what_was_swapped_out_does_not_come_twice() {
    let (recorder, _) = recorder(true);
    recorder.succeeded(
        job(0),
        Times {
            due: 0,
            sent: 0,
            end: 1,
        },
        1,
    );
    let at = Instant::now();
    assert_eq!(snapshot(&[&recorder], at).series.len(), 1);
    assert_eq!(snapshot(&[&recorder], at), Snapshot::empty(at));
}

/// (recorder, epoch boundary crossed, operation, failed, lag, service)
type Event = (usize, bool, usize, bool, u64, u64);

fn events() -> impl Strategy<Value = Vec<Event>> {
    // The recorders are skewed: number n is up to 3^n times slower than number 0.
    let event = (
        0_usize..8,
        any::<bool>(),
        0_usize..2,
        any::<bool>(),
        0_u64..1_000_000,
        0_u64..1_000_000,
    )
        .prop_map(|(recorder, late, operation, failed, lag, service)| {
            let slower = 3_u64.pow(recorder as u32);
            (
                recorder,
                late,
                operation,
                failed,
                lag * slower,
                service * slower,
            )
        });
    prop::collection::vec(event, 0..400)
}

fn record(recorder: &Recorder, &(_, late, operation, failed, lag, service): &Event) {
    let due = if late { 1_000 } else { 0 };
    let times = Times {
        due,
        sent: due + lag,
        end: due + lag + service,
    };
    if failed {
        recorder.failed(job(operation), times, failure("X", "same"));
    } else {
        recorder.succeeded(job(operation), times, 2);
    }
    recorder.dropped(operation, due);
}

fn sorted(mut snapshot: Snapshot) -> Snapshot {
    // What is drawn at random differs; the samples have a property test of their own.
    snapshot.samples = Samples::default();
    snapshot
        .series
        .sort_by_key(|series| (series.epoch, series.operation, series.outcome));
    snapshot
        .errors
        .sort_by_key(|error| (error.epoch, error.operation));
    snapshot
        .dropped
        .sort_by_key(|tally| (tally.epoch, tally.operation));
    snapshot
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn parts_merged_equal_the_whole(events in events()) {
        let timeline = Arc::new(Timeline::default());
        timeline.enter(0, Epoch(0));
        timeline.enter(1_000, Epoch(1));
        let clock = Clock::starting_now();
        let new = || Recorder::new(Arc::clone(&timeline), clock, 2, true, 1);
        let (whole, parts) = (new(), (0..8).map(|_| new()).collect::<Vec<_>>());
        let at = Instant::now();
        let mut merged = Snapshot::empty(at);
        for (number, event) in events.iter().enumerate() {
            record(&whole, event);
            record(&parts[event.0], event);
            if number % 50 == 49 {
                // Intervals end at their own pace; nothing may depend on where.
                merged.merge(snapshot(&[&parts[number % 8]], at));
            }
        }
        for part in &parts {
            merged.merge(snapshot(&[part], at));
        }
        prop_assert_eq!(sorted(merged), sorted(snapshot(&[&whole], at)));
    }
}
