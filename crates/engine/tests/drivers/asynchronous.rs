use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gauntlet_engine::{
    AsyncSession, AsyncTarget, Done, Epoch, ErrorClass, Failure, Generator, Handle, Load, Plan, SetupError, Value, start_async,
};
use tokio::sync::{mpsc, oneshot};

use crate::support::{Counts, counts, errors, failure, ok_in, open, plan, rest};

/// What the fake target asks the test.
enum Asked {
    Connect { connection: u32, answer: oneshot::Sender<Result<(), Failure>> },
    Execute { parameters: Vec<Value>, answer: oneshot::Sender<Answer> },
    Cancelled,
    Closed,
}

enum Answer {
    Done,
    Failed(Failure),
    Lost,
    Panic,
}

struct Scripted(mpsc::UnboundedSender<Asked>);

struct Session {
    asked: mpsc::UnboundedSender<Asked>,
    broken: Arc<AtomicBool>,
}

impl AsyncTarget for Scripted {
    type Session = Session;

    async fn connect(&self, connection: u32) -> Result<Session, Failure> {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send(Asked::Connect { connection, answer });
        answered.await.unwrap_or_else(|_| Err(failure(ErrorClass::Connection, "GONE")))?;
        Ok(Session { asked: self.0.clone(), broken: Arc::default() })
    }
}

impl AsyncSession for Session {
    async fn execute(&mut self, _operation: usize, parameters: &[Value]) -> Result<Done, Failure> {
        let (answer, answered) = oneshot::channel();
        let _ = self.asked.send(Asked::Execute { parameters: parameters.to_vec(), answer });
        match answered.await.unwrap_or(Answer::Lost) {
            Answer::Done => Ok(Done { rows: 2 }),
            Answer::Failed(failure) => Err(failure),
            Answer::Lost => {
                self.broken.store(true, Ordering::Relaxed);
                Err(failure(ErrorClass::Connection, "LOST"))
            }
            Answer::Panic => panic!("scripted"),
        }
    }

    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    async fn cancel(&mut self) {
        let _ = self.asked.send(Asked::Cancelled);
    }

    async fn close(self) {
        let _ = self.asked.send(Asked::Closed);
    }
}

struct Script {
    asked: mpsc::UnboundedReceiver<Asked>,
}

impl Script {
    /// Starts a load whose connections are all accepted, but not the load itself.
    async fn ready(plan: Plan) -> (Self, Handle) {
        let (mut script, mut handle) = Self::connecting(plan.clone());
        for _ in 0..plan.load.connections() {
            script.accept().await;
        }
        handle.ready().await.expect("all connections were accepted");
        (script, handle)
    }

    fn connecting(plan: Plan) -> (Self, Handle) {
        let (sender, asked) = mpsc::unbounded_channel();
        (Self { asked }, start_async(plan, Scripted(sender)).expect("a valid plan"))
    }

    async fn connect(&mut self) -> (u32, oneshot::Sender<Result<(), Failure>>) {
        match self.asked.recv().await {
            Some(Asked::Connect { connection, answer }) => (connection, answer),
            _ => panic!("expected a connect"),
        }
    }

    async fn accept(&mut self) -> u32 {
        let (connection, answer) = self.connect().await;
        answer.send(Ok(())).expect("the engine waits for it");
        connection
    }

    async fn execute(&mut self) -> (Vec<Value>, oneshot::Sender<Answer>) {
        match self.asked.recv().await {
            Some(Asked::Execute { parameters, answer }) => (parameters, answer),
            _ => panic!("expected an operation"),
        }
    }

    async fn answer(&mut self, with: Answer) {
        let (_, answer) = self.execute().await;
        let _ = answer.send(with);
    }
}

/// Lets a closed loop begin nothing more after the operation that is in flight.
fn stop_now(handle: &Handle) {
    handle.stop(Instant::now(), Duration::from_secs(60));
}

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
    assert_eq!(counts(&whole), Counts { ok: 2, ..Counts::default() });
    assert_eq!(whole.series.iter().map(|series| series.rows).sum::<u64>(), 4);
}

#[tokio::test]
async fn a_start_in_the_past_is_a_start_now_and_says_how_late_it_was() {
    let (mut script, mut handle) = Script::ready(open(1.0, 1, 10)).await;
    let past = Instant::now();
    let lateness = handle.start(past, Epoch(1));
    assert!(lateness > Duration::ZERO);
    script.answer(Answer::Done).await;
    handle.abort();
    let first = handle.first_operation_at().expect("one was sent");
    assert!(first >= past + lateness, "the schedule begins when the command came, not before");
    assert_eq!(counts(&rest(&mut handle).await).ok, 1);
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
    assert!(matches!(script.asked.recv().await, Some(Asked::Closed)), "the session ends in good order");
}

#[tokio::test]
async fn what_is_in_flight_after_the_drain_is_cut_and_counted() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    handle.start(Instant::now(), Epoch(4));
    let (_, _unanswered) = script.execute().await;
    handle.stop(Instant::now(), Duration::ZERO);
    let whole = rest(&mut handle).await;
    assert_eq!(counts(&whole), Counts { cut: 1, ..Counts::default() });
    assert_eq!(whole.cut[0].epoch, Epoch(4));
    assert!(matches!(script.asked.recv().await, Some(Asked::Cancelled)), "the target is told to give up");
}

#[tokio::test]
async fn an_operation_beyond_its_timeout_is_cut_and_the_connection_opened_again() {
    let plan = Plan { operation_timeout: Duration::from_millis(20), ..plan() };
    let (mut script, mut handle) = Script::ready(plan).await;
    handle.start(Instant::now(), Epoch(0));
    let (_, _unanswered) = script.execute().await;
    assert!(matches!(script.asked.recv().await, Some(Asked::Cancelled)));
    script.accept().await;
    let (_, second) = script.execute().await;
    stop_now(&handle);
    let _ = second.send(Answer::Done);
    let whole = rest(&mut handle).await;
    assert_eq!(counts(&whole), Counts { ok: 1, failed: 1, ..Counts::default() });
    assert_eq!(errors(&whole), [(ErrorClass::Timeout, "OPERATION_TIMEOUT".into(), 1)]);
    let failed = whole.series.iter().find(|series| series.rows == 0).expect("the failure has its durations");
    assert!(failed.response.min() >= 19_900_000, "it counts with the time until the cut");
}

#[tokio::test]
async fn each_failed_try_to_reconnect_is_a_failed_operation_of_a_closed_loop() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    handle.start(Instant::now(), Epoch(0));
    script.answer(Answer::Failed(failure(ErrorClass::Constraint, "C"))).await;
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
    assert_eq!(counts(&whole), Counts { ok: 1, failed: 4, ..Counts::default() });
    let expected =
        [(ErrorClass::Connection, "LOST".into(), 1), (ErrorClass::Connection, "REFUSED".into(), 2), (ErrorClass::Constraint, "C".into(), 1)];
    assert_eq!(errors(&whole), expected);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_target_that_accepts_no_connection() {
    let (mut script, mut handle) = Script::ready(plan()).await;
    handle.start(Instant::now(), Epoch(0));
    script.answer(Answer::Lost).await;
    let (_, _unanswered) = script.connect().await;
    stop_now(&handle);
    assert_eq!(counts(&rest(&mut handle).await), Counts { failed: 1, ..Counts::default() });
}

#[tokio::test]
async fn unique_keys_go_on_after_a_reconnect_and_their_end_is_said() {
    let mut plan = plan();
    plan.operations[0].parameters = vec![Generator::UniqueKey];
    plan.keys.first = 100;
    plan.keys.len = 3;
    let (mut script, mut handle) = Script::ready(plan).await;
    handle.start(Instant::now(), Epoch(0));
    for (expected, reply) in [(100, Answer::Done), (101, Answer::Lost), (102, Answer::Done)] {
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
    assert!(errors(&whole).iter().any(|(class, code, _)| (*class, &code[..]) == (ErrorClass::Other, "KEYS_EXHAUSTED")));
}

/// An open loop from its start to an exact number of arrivals.
fn run_open(handle: &Handle, rate_per_s: f64, arrivals: u32, drain: Duration) {
    let origin = Instant::now() + Duration::from_millis(2);
    handle.start(origin, Epoch(1));
    // Half a gap after the last arrival, so rounding decides nothing.
    let length = Duration::from_secs_f64((f64::from(arrivals) - 0.5) / rate_per_s);
    handle.stop(origin + length, drain);
}

#[tokio::test]
async fn an_open_loop_counts_each_arrival_once_when_the_target_stalls() {
    let (_script, mut handle) = Script::ready(open(2_000.0, 3, 10)).await;
    run_open(&handle, 2_000.0, 100, Duration::ZERO);
    let found = counts(&rest(&mut handle).await);
    assert_eq!(found.due(), 100, "{found:?}");
    assert_eq!(found, Counts { dropped: 87, cut: 13, ..Counts::default() });
}

#[tokio::test]
async fn a_backlog_is_sent_during_the_drain_and_counts_as_late() {
    let (mut script, mut handle) = Script::ready(open(5_000.0, 1, 1_000)).await;
    run_open(&handle, 5_000.0, 50, Duration::from_secs(60));
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
    assert_eq!(counts(&whole), Counts { ok: 50, ..Counts::default() });
    let [series] = &whole.series[..] else { panic!("one series") };
    assert!(series.response.max() >= series.service.max(), "response includes the wait");
    assert!(series.lag.value_at_quantile(0.5) > 1_000_000, "those that waited were late");
    assert!(series.lag.min() < series.lag.max());
}

#[tokio::test]
async fn arrivals_wait_while_a_connection_is_lost_and_are_cut_with_it() {
    let (mut script, mut handle) = Script::ready(open(1_000.0, 1, 1_000)).await;
    run_open(&handle, 1_000.0, 20, Duration::ZERO);
    script.answer(Answer::Lost).await;
    let (_, _unanswered) = script.connect().await;
    let whole = rest(&mut handle).await;
    assert_eq!(counts(&whole), Counts { failed: 1, cut: 19, ..Counts::default() });
}

#[tokio::test]
async fn a_stop_at_the_end_leaves_no_one_waiting_for_a_connection_that_is_not_needed() {
    let plan = Plan { threads: 1, ..open(1_000.0, 2, 1_000) };
    let (mut script, mut handle) = Script::ready(plan).await;
    run_open(&handle, 1_000.0, 10, Duration::from_secs(60));
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
    assert_eq!(counts(&rest(&mut handle).await), Counts { ok: 9, failed: 1, ..Counts::default() });
    drop(reconnect);
}

#[tokio::test]
async fn a_refused_connection_is_named_and_ends_the_setup() {
    let mut plan = plan();
    plan.load = Load::Closed { connections: 3, think: Duration::ZERO };
    plan.share.first_connection = 5;
    let (mut script, mut handle) = Script::connecting(plan);
    let mut waiting = vec![script.connect().await, script.connect().await, script.connect().await];
    waiting.sort_by_key(|(connection, _)| *connection);
    assert_eq!(waiting.iter().map(|(connection, _)| *connection).collect::<Vec<_>>(), [5, 6, 7]);
    let _ = waiting.remove(1).1.send(Err(failure(ErrorClass::Connection, "REFUSED")));
    let expected = SetupError::Connection { connection: 6, failure: failure(ErrorClass::Connection, "REFUSED") };
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
    assert!(handle.fault().is_some_and(|fault| fault.contains("panicked")));
}

#[tokio::test]
async fn snapshots_that_nobody_takes_are_merged() {
    let plan = Plan { snapshot_every: Duration::from_millis(1), ..plan() };
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
    plan.load = Load::Closed { connections: 4, think: Duration::ZERO };
    let mut handle = start_async(plan, Immediate).expect("a valid plan");
    handle.ready().await.expect("it accepts everyone");
    handle.start(Instant::now(), Epoch(0));
    while handle.status().operations < 1_000 {
        handle.next_snapshot().await;
    }
    handle.abort();
    assert!(counts(&rest(&mut handle).await).failed == 0);
}

#[tokio::test]
async fn a_think_time_separates_the_operations_of_a_connection() {
    let mut plan = plan();
    plan.load = Load::Closed { connections: 1, think: Duration::from_millis(5) };
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
