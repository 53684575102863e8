//! The asynchronous driver from its setup to its end.

use std::time::{Duration, Instant};

use gauntlet_engine::{
    AsyncSession, AsyncTarget, Done, Epoch, ErrorClass, Failure, Load, Plan, SetupError, Value,
    start_async,
};

use crate::scripted::{Answer, Asked, Script};
use crate::support::{Counts, counts, failure, open, plan, rest, stop_now};

#[tokio::test]
async fn a_start_in_the_past_is_a_start_now_and_says_how_late_it_was() {
    let (mut script, mut handle) = Script::ready(open(1.0, 1, 10)).await;
    let past = Instant::now();
    let lateness = handle.start(past, Epoch(1));
    assert!(lateness > Duration::ZERO);
    script.answer(Answer::Done).await;
    handle.abort();
    let first = handle.first_operation_at().expect("one was sent");
    assert!(
        first >= past + lateness,
        "the schedule begins when the command came, not before"
    );
    assert_eq!(counts(&rest(&mut handle).await).ok, 1);
}

#[tokio::test]
async fn a_refused_connection_is_named_and_ends_the_setup() {
    let mut plan = plan();
    plan.load = Load::Closed {
        connections: 3,
        think: Duration::ZERO,
    };
    plan.share.first_connection = 5;
    let (mut script, mut handle) = Script::connecting(plan);
    let mut waiting = vec![
        script.connect().await,
        script.connect().await,
        script.connect().await,
    ];
    waiting.sort_by_key(|(connection, _)| *connection);
    assert_eq!(
        waiting
            .iter()
            .map(|(connection, _)| *connection)
            .collect::<Vec<_>>(),
        [5, 6, 7]
    );
    let _ = waiting
        .remove(1)
        .1
        .send(Err(failure(ErrorClass::Connection, "REFUSED")));
    let expected = SetupError::Connection {
        connection: 6,
        failure: failure(ErrorClass::Connection, "REFUSED"),
    };
    assert_eq!(handle.ready().await, Err(expected));
    assert_eq!(counts(&rest(&mut handle).await), Counts::default());
}

#[tokio::test]
async fn an_abort_before_the_start_ends_everything() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    handle.abort();
    assert_eq!(counts(&rest(&mut handle).await), Counts::default());
    assert!(matches!(script.asked.recv().await, Some(Asked::Closed)));
    let (_script, mut handle) = Script::connecting(crate::support::plan());
    handle.abort();
    assert_eq!(handle.ready().await, Err(SetupError::Stopped));
}

#[tokio::test]
async fn dropping_the_handle_ends_the_load() {
    let (mut script, handle) = Script::ready(plan()).await;
    handle.start(Instant::now(), Epoch(0));
    let (_, mut answer) = script.execute().await;
    drop(handle);
    answer.closed().await;
}

#[tokio::test]
async fn a_driver_that_panics_ends_the_load_with_a_fault() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    handle.start(Instant::now(), Epoch(0));
    script.answer(Answer::Panic).await;
    while handle.next_snapshot().await.is_some() {}
    assert!(
        handle
            .fault()
            .is_some_and(|fault| fault.contains("panicked"))
    );
}

#[tokio::test]
async fn snapshots_that_nobody_takes_are_merged() {
    let plan = Plan {
        snapshot_every: Duration::from_millis(1),
        ..plan()
    };
    let (mut script, mut handle) = Script::ready(plan).await;
    handle.start(Instant::now(), Epoch(0));
    for _ in 0..200 {
        script.answer(Answer::Done).await;
    }
    let (_, last) = script.execute().await;
    stop_now(&handle);
    let _ = last.send(Answer::Done);
    assert!(matches!(script.asked.recv().await, Some(Asked::Closed)));
    assert_eq!(counts(&rest(&mut handle).await).ok, 201);
}

/// A target that answers at once, without ever making its caller wait.
struct Immediate;

impl AsyncTarget for Immediate {
    type Session = Self;

    async fn connect(&self, _connection: u32) -> Result<Self, Failure> {
        Ok(Self)
    }
}

impl AsyncSession for Immediate {
    async fn execute(&mut self, _operation: usize, _parameters: &[Value]) -> Result<Done, Failure> {
        Ok(Done { rows: 1 })
    }

    fn is_broken(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_target_that_never_waits_does_not_keep_the_load_from_ending() {
    let mut plan = plan();
    plan.load = Load::Closed {
        connections: 4,
        think: Duration::ZERO,
    };
    let mut handle = start_async(plan, Immediate).expect("a valid plan");
    handle.ready().await.expect("it accepts everyone");
    handle.start(Instant::now(), Epoch(0));
    while handle.status().operations < 1_000 {
        handle.next_snapshot().await;
    }
    handle.abort();
    assert!(counts(&rest(&mut handle).await).failed == 0);
}
