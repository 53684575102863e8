//! The blocking driver.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gauntlet_engine::{
    BlockingSession, BlockingTarget, Done, Epoch, ErrorClass, Failure, Handle, Interrupt, Load,
    Plan, SetupError, Value, start_blocking,
};

use crate::support::{
    Counts, counts, errors, failure, ok_in, open, plan, rest, run_open, stop_now,
};

/// What the fake target asks the test: it executes this, and waits for an answer.
struct Asked {
    parameters: Vec<Value>,
    answer: Sender<Answer>,
}

enum Answer {
    Done,
    Lost,
    Interrupted,
}

/// `hears` says whether its sessions can be interrupted; `accepts` how many connects succeed.
struct Scripted {
    asked: Mutex<Sender<Asked>>,
    hears: bool,
    accepts: Mutex<u32>,
}

struct Session {
    asked: Sender<Asked>,
    answer: Arc<Mutex<Option<Sender<Answer>>>>,
    hears: bool,
    broken: bool,
}

impl BlockingTarget for Scripted {
    type Session = Session;

    fn connect(&self, _connection: u32) -> Result<Session, Failure> {
        let mut accepts = self.accepts.lock().expect("nobody panics with it");
        *accepts = accepts
            .checked_sub(1)
            .ok_or_else(|| failure(ErrorClass::Connection, "REFUSED"))?;
        Ok(Session {
            asked: self.asked.lock().expect("nobody panics with it").clone(),
            answer: Arc::default(),
            hears: self.hears,
            broken: false,
        })
    }
}

impl BlockingSession for Session {
    fn execute(&mut self, _operation: usize, parameters: &[Value]) -> Result<Done, Failure> {
        let (answer, answered) = channel();
        *self.answer.lock().expect("nobody panics with it") = Some(answer.clone());
        let _ = self.asked.send(Asked {
            parameters: parameters.to_vec(),
            answer,
        });
        match answered.recv() {
            Ok(Answer::Done) => Ok(Done { rows: 1 }),
            Ok(Answer::Interrupted) => Err(failure(ErrorClass::Other, "INTERRUPT")),
            Ok(Answer::Lost) | Err(_) => {
                self.broken = true;
                Err(failure(ErrorClass::Connection, "LOST"))
            }
        }
    }

    fn is_broken(&self) -> bool {
        self.broken
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let answer = Arc::clone(&self.answer);
        self.hears.then(|| -> Interrupt {
            Arc::new(move || {
                if let Some(answer) = &*answer.lock().expect("nobody panics with it") {
                    let _ = answer.send(Answer::Interrupted);
                }
            })
        })
    }
}

async fn ready_with(plan: Plan, hears: bool, accepts: u32) -> (Receiver<Asked>, Handle) {
    let (sender, asked) = channel();
    let target = Scripted {
        asked: Mutex::new(sender),
        hears,
        accepts: Mutex::new(accepts),
    };
    let mut handle = start_blocking(plan, target).expect("a valid plan");
    handle.ready().await.expect("all connections are accepted");
    (asked, handle)
}

async fn ready(plan: Plan) -> (Receiver<Asked>, Handle) {
    ready_with(plan, true, u32::MAX).await
}

#[tokio::test]
async fn an_operation_counts_in_the_epoch_in_which_it_was_due() {
    let (asked, mut handle) = ready(plan()).await;
    handle.start(Instant::now(), Epoch(1));
    let first = asked.recv().expect("the load runs");
    assert_eq!(first.parameters, [Value::Int(0)]);
    handle.enter(Instant::now(), Epoch(2));
    first.answer.send(Answer::Done).expect("the engine waits");
    let second = asked.recv().expect("the load runs");
    assert_eq!(second.parameters, [Value::Int(64)]);
    stop_now(&handle);
    second.answer.send(Answer::Done).expect("the engine waits");
    let whole = rest(&mut handle).await;
    assert_eq!((ok_in(&whole, 1), ok_in(&whole, 2)), (1, 1));
    assert_eq!(
        counts(&whole),
        Counts {
            ok: 2,
            ..Counts::default()
        }
    );
}

#[tokio::test]
async fn a_timeout_interrupts_the_operation_and_keeps_a_session_that_survived() {
    let plan = Plan {
        operation_timeout: Duration::from_millis(20),
        ..plan()
    };
    let (asked, mut handle) = ready_with(plan, true, 1).await;
    handle.start(Instant::now(), Epoch(0));
    let _unanswered = asked.recv().expect("the load runs");
    let second = asked.recv().expect("the load runs");
    stop_now(&handle);
    second.answer.send(Answer::Done).expect("the engine waits");
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
}

#[tokio::test]
async fn the_end_of_the_drain_cuts_what_is_in_flight() {
    for hears in [true, false] {
        let (asked, mut handle) = ready_with(plan(), hears, 1).await;
        handle.start(Instant::now(), Epoch(3));
        let unanswered = asked.recv().expect("the load runs");
        handle.stop(Instant::now(), Duration::ZERO);
        // Without an interrupt the thread is left behind; the load ends all the same, and the late answer does not count.
        let whole = rest_but_gauges(&mut handle).await;
        assert_eq!(
            counts(&whole),
            Counts {
                cut: 1,
                ..Counts::default()
            },
            "hears: {hears}"
        );
        let _ = unanswered.answer.send(Answer::Done);
    }
}

/// An abandoned operation stays in flight, which is the truth.
async fn rest_but_gauges(handle: &mut Handle) -> gauntlet_engine::Snapshot {
    let mut whole = handle
        .next_snapshot()
        .await
        .expect("a last snapshot always comes");
    while let Some(snapshot) = handle.next_snapshot().await {
        whole.merge(snapshot);
    }
    whole
}

#[tokio::test]
async fn a_lost_connection_is_opened_again_and_refusals_count() {
    let (asked, mut handle) = ready_with(plan(), true, 1).await;
    handle.start(Instant::now(), Epoch(0));
    asked
        .recv()
        .expect("the load runs")
        .answer
        .send(Answer::Lost)
        .expect("the engine waits");
    while handle.status().operations < 3 {
        handle.next_snapshot().await;
    }
    handle.abort();
    while handle.next_snapshot().await.is_some() {}
    assert!(handle.fault().is_none());
}

#[tokio::test]
async fn an_open_loop_counts_each_arrival_once_when_the_target_stalls() {
    let (_asked, mut handle) = ready(open(2_000.0, 3, 10)).await;
    run_open(&handle, 2_000.0, 100, Duration::ZERO);
    let found = counts(&rest(&mut handle).await);
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
async fn a_backlog_is_sent_during_the_drain_by_whoever_is_free() {
    let (asked, mut handle) = ready(open(5_000.0, 2, 1_000)).await;
    run_open(&handle, 5_000.0, 50, Duration::from_mins(1));
    let stalled = [
        asked.recv().expect("the load runs"),
        asked.recv().expect("the load runs"),
    ];
    while handle.status().backlog < 48 {
        handle.next_snapshot().await;
    }
    for asked in stalled {
        asked.answer.send(Answer::Done).expect("the engine waits");
    }
    for _ in 2..50 {
        asked
            .recv()
            .expect("the load runs")
            .answer
            .send(Answer::Done)
            .expect("the engine waits");
    }
    let whole = rest(&mut handle).await;
    assert_eq!(
        counts(&whole),
        Counts {
            ok: 50,
            ..Counts::default()
        }
    );
    assert!(whole.series[0].lag.value_at_quantile(0.5) > 1_000_000);
}

#[tokio::test]
async fn a_refused_connection_ends_the_setup() {
    let mut plan = plan();
    plan.load = Load::Closed {
        connections: 2,
        think: Duration::ZERO,
    };
    let (sender, _asked) = channel();
    let target = Scripted {
        asked: Mutex::new(sender),
        hears: true,
        accepts: Mutex::new(0),
    };
    let mut handle = start_blocking(plan, target).expect("a valid plan");
    assert!(matches!(
        handle.ready().await,
        Err(SetupError::Connection { .. })
    ));
    assert_eq!(counts(&rest(&mut handle).await), Counts::default());
}

#[tokio::test]
async fn an_idle_open_loop_stops_when_it_is_told() {
    let (asked, mut handle) = ready(open(0.001, 2, 10)).await;
    handle.start(Instant::now(), Epoch(0));
    asked
        .recv()
        .expect("the load runs")
        .answer
        .send(Answer::Done)
        .expect("the engine waits");
    // The next arrival is due in a quarter of an hour.
    handle.abort();
    assert_eq!(
        counts(&rest(&mut handle).await),
        Counts {
            ok: 1,
            ..Counts::default()
        }
    );
}
