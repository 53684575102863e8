//! The asynchronous driver, open loop.

use std::time::Duration;

use gauntlet_engine::Plan;

use crate::scripted::{Answer, Asked, Script};
use crate::support::{Counts, counts, open, rest, run_open};

#[tokio::test]
async fn an_open_loop_counts_each_arrival_once_when_the_target_stalls() {
    let (_script, mut handle) = Script::ready(open(2_000.0, 3, 10)).await;
    run_open(&handle, 2_000.0, 100, Duration::ZERO);
    let found = counts(&rest(&mut handle).await);
    assert_eq!(found.due(), 100, "{found:?}");
    assert_eq!(
        found,
        Counts {
            dropped: 87,
            cut: 13,
            ..Counts::default()
        }
    );
}

#[tokio::test]
async fn a_backlog_is_sent_during_the_drain_and_counts_as_late() {
    let (mut script, mut handle) = Script::ready(open(5_000.0, 1, 1_000)).await;
    run_open(&handle, 5_000.0, 50, Duration::from_mins(1));
    let (_, stalled) = script.execute().await;
    // By the time of the next snapshot everything has been due for long.
    while handle.status().backlog < 49 {
        handle.next_snapshot().await;
    }
    let _ = stalled.send(Answer::Done);
    for _ in 1..50 {
        script.answer(Answer::Done).await;
    }
    let whole = rest(&mut handle).await;
    assert_eq!(
        counts(&whole),
        Counts {
            ok: 50,
            ..Counts::default()
        }
    );
    let [series] = &whole.series[..] else {
        panic!("one series")
    };
    assert!(
        series.response.max() >= series.service.max(),
        "response includes the wait"
    );
    assert!(
        series.lag.value_at_quantile(0.5) > 1_000_000,
        "those that waited were late"
    );
    assert!(series.lag.min() < series.lag.max());
}

#[tokio::test]
async fn arrivals_wait_while_a_connection_is_lost_and_are_cut_with_it() {
    let (mut script, mut handle) = Script::ready(open(1_000.0, 1, 1_000)).await;
    run_open(&handle, 1_000.0, 20, Duration::from_mins(1));
    script.answer(Answer::Lost).await;
    let (_, _unanswered) = script.connect().await;
    let mut whole = handle.next_snapshot().await.expect("the load runs");
    while handle.status().backlog < 19 {
        whole.merge(handle.next_snapshot().await.expect("the load runs"));
    }
    handle.abort();
    whole.merge(rest(&mut handle).await);
    let expected = Counts {
        failed: 1,
        cut: 19,
        ..Counts::default()
    };
    assert_eq!(counts(&whole), expected);
}

#[tokio::test]
async fn a_stop_at_the_end_leaves_no_one_waiting_for_a_connection_that_is_not_needed() {
    let plan = Plan {
        threads: 1,
        ..open(1_000.0, 2, 1_000)
    };
    let (mut script, mut handle) = Script::ready(plan).await;
    run_open(&handle, 1_000.0, 10, Duration::from_mins(1));
    script.answer(Answer::Lost).await;
    let mut reconnect = None;
    let mut sent = 1;
    while sent < 10 {
        match script.asked.recv().await.expect("the load runs") {
            Asked::Execute { answer, .. } => {
                let _ = answer.send(Answer::Done);
                sent += 1;
            }
            Asked::Connect { answer, .. } => reconnect = Some(answer),
            Asked::Cancelled | Asked::Closed => panic!("too early"),
        }
    }
    assert_eq!(
        counts(&rest(&mut handle).await),
        Counts {
            ok: 9,
            failed: 1,
            ..Counts::default()
        }
    );
    drop(reconnect);
}
