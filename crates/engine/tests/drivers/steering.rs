//! Levels, pauses and growth, with both drivers.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use gauntlet_engine::{
    AsyncSession, AsyncTarget, BlockingSession, BlockingTarget, Done, Epoch, ErrorClass, Failure,
    Handle, SetupError, Status, Value, start_async, start_blocking,
};

use crate::scripted::{Answer, Asked, Script};
use crate::support::{Counts, counts, failure, ok_in, open, plan, rest, stop_now};

/// A target that is done at once.
struct Willing;

impl AsyncTarget for Willing {
    type Session = Self;

    async fn connect(&self, _connection: u32) -> Result<Self, Failure> {
        Ok(Self)
    }
}

impl AsyncSession for Willing {
    async fn execute(&mut self, _operation: usize, _parameters: &[Value]) -> Result<Done, Failure> {
        Ok(Done { rows: 1 })
    }

    fn is_broken(&self) -> bool {
        false
    }
}

impl BlockingTarget for Willing {
    type Session = Self;

    fn connect(&self, _connection: u32) -> Result<Self, Failure> {
        Ok(Self)
    }
}

impl BlockingSession for Willing {
    fn execute(&mut self, _operation: usize, _parameters: &[Value]) -> Result<Done, Failure> {
        Ok(Done { rows: 1 })
    }

    fn is_broken(&self) -> bool {
        false
    }
}

/// An open loop of 1,000/s by either driver, connected.
async fn open_loops() -> [Handle; 2] {
    let plan = || open(1_000.0, 2, 1_000);
    let mut handles = [
        start_async(plan(), Willing).expect("a valid plan"),
        start_blocking(plan(), Willing).expect("a valid plan"),
    ];
    for handle in &mut handles {
        handle.ready().await.expect("all connections are accepted");
    }
    handles
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A quarter of a millisecond before an arrival at the end, so rounding decides nothing.
fn before(origin: Instant, after_ms: u64) -> Instant {
    origin + Duration::from_micros(after_ms * 1_000 - 250)
}

#[tokio::test]
async fn a_rate_changes_at_its_instant_and_every_arrival_is_counted() {
    for mut handle in open_loops().await {
        let origin = Instant::now() + ms(100);
        handle.start(origin, Epoch(1));
        for (after, per_second, epoch) in [(50, 2_000.0, 2), (100, 500.0, 3)] {
            handle.enter(origin + ms(after), Epoch(epoch));
            assert_eq!(handle.set_rate(origin + ms(after), per_second), ms(0));
        }
        handle.stop(before(origin, 140), Duration::from_mins(1));
        let whole = rest(&mut handle).await;
        assert_eq!(
            [1, 2, 3].map(|epoch| ok_in(&whole, epoch)),
            [50, 100, 20],
            "by the rate of each stretch"
        );
        assert_eq!(counts(&whole).due(), 170);
    }
}

#[tokio::test]
async fn nothing_is_due_in_a_pause_of_an_open_loop_and_it_is_no_latency() {
    for mut handle in open_loops().await {
        let origin = Instant::now() + ms(100);
        handle.start(origin, Epoch(1));
        for (from, until) in [(30, 70), (100, 120)] {
            handle.pause(origin + ms(from));
            handle.enter(origin + ms(from), Epoch(2));
            handle.resume(origin + ms(until));
            handle.enter(origin + ms(until), Epoch(1));
        }
        handle.stop(before(origin, 150), Duration::from_mins(1));
        let whole = rest(&mut handle).await;
        assert_eq!((ok_in(&whole, 1), ok_in(&whole, 2)), (90, 0));
    }
}

#[tokio::test]
async fn a_stop_ends_a_pause() {
    for mut handle in open_loops().await {
        handle.start(Instant::now(), Epoch(1));
        handle.pause(Instant::now());
        stop_now(&handle);
        let counted = counts(&rest(&mut handle).await);
        assert_eq!((counted.failed, counted.dropped, counted.cut), (0, 0, 0));
    }
}

#[tokio::test]
async fn a_rate_that_is_set_in_a_pause_holds_after_it() {
    for mut handle in open_loops().await {
        let origin = Instant::now() + ms(100);
        handle.pause(origin);
        handle.start(origin, Epoch(1));
        handle.resume(origin + ms(50));
        handle.set_rate(origin + ms(20), 2_000.0);
        handle.stop(before(origin, 100), Duration::from_mins(1));
        assert_eq!(counts(&rest(&mut handle).await).due(), 100);
    }
}

#[tokio::test]
async fn a_late_level_takes_effect_now_and_says_how_late_it_was() {
    let [handle, blocking] = open_loops().await;
    for handle in [handle, blocking] {
        let past = Instant::now()
            .checked_sub(ms(20))
            .expect("the machine runs for longer");
        assert!(handle.set_rate(past, 5.0) >= ms(20));
        assert!(handle.set_connections(past, 5) >= ms(20));
        assert!(handle.clear_backlog(past) >= ms(20));
        assert!(handle.pause(past) >= ms(20));
        assert!(handle.resume(past) >= ms(20));
    }
}

/// The index in the work, which the only parameter shows.
fn index(parameters: &[Value]) -> u64 {
    match parameters {
        [Value::Int(index)] => *index as u64,
        other => panic!("one number is expected: {other:?}"),
    }
}

/// Waits until the status is as wanted; returns how many operations succeeded in the snapshots that it took.
async fn until(handle: &mut Handle, wanted: impl Fn(Status) -> bool) -> u64 {
    let mut taken = 0;
    while !wanted(handle.status()) {
        taken += counts(&handle.next_snapshot().await.expect("the load runs")).ok;
    }
    taken
}

#[tokio::test]
async fn a_higher_level_opens_connections_while_the_others_go_on() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    handle.start(Instant::now(), Epoch(1));
    let (first, answer) = script.execute().await;
    assert_eq!((index(&first), handle.status().connections), (0, 1));
    handle.set_connections(Instant::now(), 3);
    // Both are asked for at once, with numbers beyond those of all shards.
    let (one, accepted) = script.connect().await;
    let (two, refused) = script.connect().await;
    let mut numbers = [one, two];
    numbers.sort_unstable();
    assert_eq!(numbers, [64, 65]);
    let _ = answer.send(Answer::Done);
    let (second, at_first) = script.execute().await;
    assert_eq!(index(&second), 64, "the first one goes on meanwhile");
    let _ = accepted.send(Ok(()));
    let (third, at_second) = script.execute().await;
    let extra = index(&third);
    assert_eq!(extra, (u64::from(one) - 64 + 1) << 40);
    let _ = refused.send(Err(failure(ErrorClass::Connection, "TOO_MANY")));
    let before = until(&mut handle, |status| status.missing == 1).await;
    assert_eq!(handle.status().connections, 2);
    assert!(matches!(
        handle.refusal(),
        Some(SetupError::Connection { connection, failure })
            if connection == two && failure.code == "TOO_MANY"
    ));
    // A lower level: what is above ends its operation and rests.
    handle.set_connections(Instant::now(), 1);
    let _ = at_second.send(Answer::Done);
    let _ = at_first.send(Answer::Done);
    let (fourth, answer) = script.execute().await;
    assert_eq!(index(&fourth), 128, "only the first one sends");
    // What was refused is tried again with the next level, what is open is not opened again.
    handle.set_connections(Instant::now(), 3);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        match script.asked.recv().await.expect("the load runs") {
            Asked::Connect { connection, answer } => {
                assert_eq!(connection, two);
                let _ = answer.send(Ok(()));
            }
            Asked::Execute { parameters, answer } => seen.push((index(&parameters), answer)),
            Asked::Cancelled | Asked::Closed => panic!("too early"),
        }
    }
    let mut indices: Vec<u64> = seen.iter().map(|(index, _)| *index).collect();
    indices.sort_unstable();
    let again = (u64::from(two) - 64 + 1) << 40;
    let mut expected = [extra + 1, again];
    expected.sort_unstable();
    assert_eq!(indices, expected);
    assert_eq!(
        (handle.status().connections, handle.status().missing),
        (3, 0)
    );
    stop_now(&handle);
    for answer in seen.into_iter().map(|(_, answer)| answer).chain([answer]) {
        let _ = answer.send(Answer::Done);
    }
    assert_eq!(
        counts(&rest(&mut handle).await),
        Counts {
            ok: 6 - before,
            ..Counts::default()
        }
    );
}

#[tokio::test]
async fn connections_that_a_level_brings_wait_for_its_instant() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    handle.start(Instant::now(), Epoch(1));
    let (_, answer) = script.execute().await;
    handle.set_connections(Instant::now() + Duration::from_hours(1), 2);
    assert_eq!(script.accept().await, 64);
    let before = until(&mut handle, |status| status.connections == 2).await;
    // It is open, and would have sent before the first one does again.
    let _ = answer.send(Answer::Done);
    let (next, answer) = script.execute().await;
    assert_eq!(index(&next), 64);
    stop_now(&handle);
    let _ = answer.send(Answer::Done);
    assert_eq!(counts(&rest(&mut handle).await).ok, 2 - before);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_connections_that_are_being_opened() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    handle.start(Instant::now(), Epoch(1));
    let (_, answer) = script.execute().await;
    handle.set_connections(Instant::now(), 2);
    let (_, _unanswered) = script.connect().await;
    stop_now(&handle);
    let _ = answer.send(Answer::Done);
    assert_eq!(counts(&rest(&mut handle).await).ok, 1);
}

#[tokio::test]
async fn a_paused_connection_ends_its_operation_and_goes_on_after_the_pause() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    handle.start(Instant::now(), Epoch(1));
    let (_, answer) = script.execute().await;
    handle.pause(Instant::now());
    let _ = answer.send(Answer::Done);
    let before = until(&mut handle, |status| status.operations == 1).await;
    assert_eq!(handle.status().in_flight, 0);
    handle.resume(Instant::now());
    handle.enter(Instant::now(), Epoch(2));
    let (_, answer) = script.execute().await;
    handle.pause(Instant::now());
    let _ = answer.send(Answer::Done);
    stop_now(&handle);
    // Nothing was sent after the second pause, or the load would wait for its answer.
    assert_eq!(counts(&rest(&mut handle).await).due(), 2 - before);
    assert!(matches!(script.asked.recv().await, Some(Asked::Closed)));
}

/// A blocking target that accepts so many connections and waits for an answer to each operation.
struct Gated {
    accepts: Mutex<u32>,
    asked: Mutex<Sender<(u64, Sender<()>)>>,
}

struct GatedSession(Sender<(u64, Sender<()>)>);

impl BlockingTarget for Gated {
    type Session = GatedSession;

    fn connect(&self, _connection: u32) -> Result<GatedSession, Failure> {
        let mut accepts = self.accepts.lock().expect("nobody panics with it");
        *accepts = accepts
            .checked_sub(1)
            .ok_or_else(|| failure(ErrorClass::Connection, "TOO_MANY"))?;
        let asked = self.asked.lock().expect("nobody panics with it").clone();
        Ok(GatedSession(asked))
    }
}

impl BlockingSession for GatedSession {
    fn execute(&mut self, _operation: usize, parameters: &[Value]) -> Result<Done, Failure> {
        let (answer, answered) = channel();
        let _ = self.0.send((index(parameters), answer));
        let _ = answered.recv();
        Ok(Done { rows: 1 })
    }

    fn is_broken(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn a_blocking_load_grows_shrinks_and_pauses_alike() {
    let (sender, asked) = channel();
    let target = Gated {
        accepts: Mutex::new(2),
        asked: Mutex::new(sender),
    };
    let mut handle = start_blocking(plan(), target).expect("a valid plan");
    handle.ready().await.expect("the connection is accepted");
    handle.start(Instant::now(), Epoch(1));
    let (first, at_first) = asked.recv().expect("the load runs");
    assert_eq!(first, 0);
    handle.set_connections(Instant::now(), 3);
    let (extra, at_extra) = asked.recv().expect("the load runs");
    assert!(extra >= 1 << 40, "one of the new ones sends: {extra}");
    let mut before = until(&mut handle, |status| status.missing == 1).await;
    assert_eq!(handle.status().connections, 2);
    handle.set_connections(Instant::now(), 1);
    at_extra.send(()).expect("the engine waits");
    at_first.send(()).expect("the engine waits");
    let (second, at_first) = asked.recv().expect("the load runs");
    assert_eq!(second, 64, "only the first one sends");
    handle.pause(Instant::now());
    at_first.send(()).expect("the engine waits");
    before += until(&mut handle, |status| status.operations == 3).await;
    assert_eq!(handle.status().in_flight, 0);
    handle.resume(Instant::now());
    let (third, at_first) = asked.recv().expect("the load runs");
    assert_eq!(third, 128);
    stop_now(&handle);
    at_first.send(()).expect("the engine waits");
    assert_eq!(counts(&rest(&mut handle).await).due(), 4 - before);
}

#[tokio::test]
async fn a_load_whose_level_is_set_at_its_start_begins_with_it() {
    let mut plan = plan();
    plan.load = gauntlet_engine::Load::Closed {
        connections: 5,
        think: Duration::ZERO,
    };
    let (mut script, mut handle) = Script::ready(plan).await;
    let origin = Instant::now() + ms(100);
    handle.start(origin, Epoch(1));
    handle.set_connections(origin, 1);
    for _ in 0..20 {
        let (_, answer) = script.execute().await;
        assert!(script.asked.try_recv().is_err(), "one connection sends");
        let _ = answer.send(Answer::Done);
    }
    handle.abort();
    rest(&mut handle).await;
    let mut handle = start_async(open(100_000.0, 2, 1_000), Willing).expect("a valid plan");
    handle.ready().await.expect("all connections are accepted");
    let origin = Instant::now() + ms(100);
    handle.start(origin, Epoch(1));
    handle.set_rate(origin, 100.0);
    handle.stop(before(origin, 100), Duration::from_mins(1));
    assert_eq!(counts(&rest(&mut handle).await).due(), 10);
}

#[tokio::test]
async fn an_interval_ends_when_it_is_asked_to() {
    let mut handle = start_async(open(1_000.0, 2, 1_000), Willing).expect("a valid plan");
    handle.ready().await.expect("all connections are accepted");
    let origin = Instant::now() + ms(100);
    handle.start(origin, Epoch(1));
    // It would end 20 ms after the origin, and every 20 ms.
    handle.end_interval(origin + ms(30));
    let first = handle.next_snapshot().await.expect("it is under load");
    assert_eq!(first.started, origin);
    assert!(first.ended >= origin + ms(30));
    let second = handle.next_snapshot().await.expect("it is under load");
    assert_eq!(second.started, first.ended);
    assert!(second.ended >= origin + ms(50));
    handle.abort();
    rest(&mut handle).await;
}
