//! The asynchronous driver, closed loop.

use std::time::{Duration, Instant};

use gauntlet_engine::{Epoch, ErrorClass, Generator, Load, Plan, Value};

use crate::scripted::{Answer, Asked, Script};
use crate::support::{Counts, counts, errors, failure, ok_in, plan, rest, stop_now};

#[tokio::test]
async fn an_operation_counts_in_the_epoch_in_which_it_was_due() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    assert_eq!(handle.first_operation_at(), None);
    handle.start(Instant::now(), Epoch(1));
    let (_, first) = script.execute().await;
    assert!(handle.first_operation_at().is_some());
    // The first operation is in flight while the epoch changes; the second is due afterwards.
    handle.enter(Instant::now(), Epoch(2));
    let _ = first.send(Answer::Done);
    let (_, second) = script.execute().await;
    assert_eq!(handle.status().in_flight, 1);
    stop_now(&handle);
    let _ = second.send(Answer::Done);
    let whole = rest(&mut handle).await;
    assert_eq!((ok_in(&whole, 1), ok_in(&whole, 2)), (1, 1));
    assert_eq!(
        counts(&whole),
        Counts {
            ok: 2,
            ..Counts::default()
        }
    );
    assert_eq!(
        whole.series.iter().map(|series| series.rows).sum::<u64>(),
        4
    );
}

#[tokio::test]
async fn work_is_a_function_of_the_connection_and_the_count() {
    let mut plan = plan();
    plan.share.first_connection = 3;
    plan.share.connections_total = 10;
    let (mut script, mut handle) = Script::ready(plan).await;
    handle.start(Instant::now(), Epoch(0));
    for expected in [3, 13, 23] {
        let (parameters, answer) = script.execute().await;
        assert_eq!(parameters, [Value::Int(expected)]);
        if expected == 23 {
            stop_now(&handle);
        }
        let _ = answer.send(Answer::Done);
    }
    assert_eq!(counts(&rest(&mut handle).await).ok, 3);
    assert!(
        matches!(script.asked.recv().await, Some(Asked::Closed)),
        "the session ends in good order"
    );
}

#[tokio::test]
async fn what_is_in_flight_after_the_drain_is_cut_and_counted() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    handle.start(Instant::now(), Epoch(4));
    let (_, _unanswered) = script.execute().await;
    handle.stop(Instant::now(), Duration::ZERO);
    let whole = rest(&mut handle).await;
    assert_eq!(
        counts(&whole),
        Counts {
            cut: 1,
            ..Counts::default()
        }
    );
    assert_eq!(whole.cut[0].epoch, Epoch(4));
    assert!(
        matches!(script.asked.recv().await, Some(Asked::Cancelled)),
        "the target is told to give up"
    );
}

#[tokio::test]
async fn an_operation_beyond_its_timeout_is_cut_and_the_connection_opened_again() {
    let plan = Plan {
        operation_timeout: Duration::from_millis(20),
        ..plan()
    };
    let (mut script, mut handle) = Script::ready(plan).await;
    handle.start(Instant::now(), Epoch(0));
    let (_, _unanswered) = script.execute().await;
    assert!(matches!(script.asked.recv().await, Some(Asked::Cancelled)));
    script.accept().await;
    let (_, second) = script.execute().await;
    stop_now(&handle);
    let _ = second.send(Answer::Done);
    let whole = rest(&mut handle).await;
    assert_eq!(
        counts(&whole),
        Counts {
            ok: 1,
            failed: 1,
            ..Counts::default()
        }
    );
    assert_eq!(
        errors(&whole),
        [(ErrorClass::Timeout, "OPERATION_TIMEOUT".into(), 1)]
    );
    let failed = whole
        .series
        .iter()
        .find(|series| series.rows == 0)
        .expect("the failure has its durations");
    assert!(
        failed.response.min() >= 19_900_000,
        "it counts with the time until the cut"
    );
}

#[tokio::test]
async fn each_failed_try_to_reconnect_is_a_failed_operation_of_a_closed_loop() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    handle.start(Instant::now(), Epoch(0));
    script
        .answer(Answer::Failed(failure(ErrorClass::Constraint, "C")))
        .await;
    script.answer(Answer::Lost).await;
    for _ in 0..2 {
        let (_, answer) = script.connect().await;
        let _ = answer.send(Err(failure(ErrorClass::Connection, "REFUSED")));
    }
    assert_eq!(script.accept().await, 0, "a connection keeps its number");
    let (_, last) = script.execute().await;
    stop_now(&handle);
    let _ = last.send(Answer::Done);
    let whole = rest(&mut handle).await;
    assert_eq!(
        counts(&whole),
        Counts {
            ok: 1,
            failed: 4,
            ..Counts::default()
        }
    );
    let expected = [
        (ErrorClass::Connection, "LOST".into(), 1),
        (ErrorClass::Connection, "REFUSED".into(), 2),
        (ErrorClass::Constraint, "C".into(), 1),
    ];
    assert_eq!(errors(&whole), expected);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_target_that_accepts_no_connection() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    handle.start(Instant::now(), Epoch(0));
    script.answer(Answer::Lost).await;
    let (_, _unanswered) = script.connect().await;
    stop_now(&handle);
    assert_eq!(
        counts(&rest(&mut handle).await),
        Counts {
            failed: 1,
            ..Counts::default()
        }
    );
}

#[tokio::test]
async fn unique_keys_go_on_after_a_reconnect_and_their_end_is_said() {
    let mut plan = plan();
    plan.operations[0].parameters = vec![Generator::UniqueKey];
    plan.keys.first = 100;
    plan.keys.len = 3;
    let (mut script, mut handle) = Script::ready(plan).await;
    handle.start(Instant::now(), Epoch(0));
    for (expected, reply) in [
        (100, Answer::Done),
        (101, Answer::Lost),
        (102, Answer::Done),
    ] {
        let (parameters, answer) = script.execute().await;
        assert_eq!(parameters, [Value::Int(expected)]);
        let lost = matches!(reply, Answer::Lost);
        let _ = answer.send(reply);
        if lost {
            script.accept().await;
        }
    }
    let used_up = handle.next_snapshot().await;
    let mut whole = used_up.expect("the load runs");
    while counts(&whole).failed < 2 {
        whole.merge(handle.next_snapshot().await.expect("the load runs"));
    }
    handle.abort();
    whole.merge(rest(&mut handle).await);
    assert_eq!(counts(&whole).ok, 2);
    assert!(
        errors(&whole)
            .iter()
            .any(|(class, code, _)| (*class, &code[..]) == (ErrorClass::Other, "KEYS_EXHAUSTED"))
    );
}

#[tokio::test]
async fn a_think_time_separates_the_operations_of_a_connection() {
    let mut plan = plan();
    plan.load = Load::Closed {
        connections: 1,
        think: Duration::from_millis(5),
    };
    let (mut script, mut handle) = Script::ready(plan).await;
    handle.start(Instant::now(), Epoch(0));
    script.answer(Answer::Done).await;
    let answered = Instant::now();
    let (_, second) = script.execute().await;
    // The answer was given a moment before the engine saw it, so the pause is at least as long from here.
    assert!(answered.elapsed() >= Duration::from_millis(4));
    stop_now(&handle);
    let _ = second.send(Answer::Done);
    let whole = rest(&mut handle).await;
    assert_eq!(counts(&whole).ok, 2);
    assert!(whole.series[0].lag.max() == 0);
}
