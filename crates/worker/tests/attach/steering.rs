//! What is done with a load while it runs.

use std::time::Duration;

use gauntlet_model::{
    id::Name,
    interval::Interval,
    lifecycle::{Action, Phase, StepPlan},
    sample::SampleKind,
    session::{ControlMessage, WorkerEvent},
    template::{Level, Parameter, PoolOrder},
};
use gauntlet_targets::count_keys;
use gauntlet_worker::LogTap;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    control_plane::{ControlPlane, Door, now},
    work::{
        KEYS, Told, assign, attempt, busy, command, deliver, demo, quiet, start_worker,
        start_worker_with, succeeded,
    },
};

#[tokio::test]
async fn a_worker_is_steered_tells_examples_and_lines_and_leaves_when_drained() {
    let logs = LogTap::default();
    // For the whole process: a subscriber of one thread does not hear of events that another thread was first to send.
    tracing_subscriber::registry().with(logs.layer()).init();
    let folder = tempfile::tempdir().unwrap();
    let target = demo(folder.path()).await;
    let mut control_plane = ControlPlane::start(Door::Open).await;
    let (worker, _stop) = start_worker_with(&control_plane, logs);
    let (mut session, _) = control_plane.attached(1).await;
    let mut assign = assign(folder.path().join("demo.db"));
    let pool = Name::new("texts").unwrap();
    assign.pools = vec![(pool.clone(), vec![Some("from the pool".to_owned())])];
    assign.spec.operations[1].parameters[1] = Parameter::Pool {
        pool,
        order: PoolOrder::Uniform,
    };
    session.say(ControlMessage::Assign(assign)).await;
    let mut told = Told::default();
    let ready = |event: &WorkerEvent| matches!(event, WorkerEvent::Ready { .. }).then_some(());
    told.until(&mut session, ready).await;

    command(&session, 1, now(), Action::Start(Phase::Warmup)).await;
    told.until(&mut session, busy).await;
    let level = Action::SetTarget(Level::Concurrency { connections: 4 }.into());
    command(&session, 2, now(), level).await;
    command(&session, 3, now(), Action::SetPhase(Phase::Measurement)).await;
    command(&session, 4, now(), Action::Pause).await;
    told.until(&mut session, quiet).await;
    session
        .say(ControlMessage::Drain {
            message: "enough".to_owned(),
        })
        .await;
    command(&session, 5, now(), Action::Resume).await;
    told.until(&mut session, busy).await;
    told.until(&mut session, busy).await;
    command(&session, 6, now(), Action::stop(Duration::from_secs(5))).await;
    let totals = told
        .until(&mut session, |event| match event {
            WorkerEvent::ShardFinished(totals) => Some(*totals),
            _ => None,
        })
        .await;

    let (reads, inserts) = (succeeded(&told.stored, 0), succeeded(&told.stored, 1));
    assert_eq!(totals.operations, reads + inserts);
    let rows = count_keys(&target, "demo", "id", KEYS.first, KEYS.length).await;
    assert_eq!(rows.unwrap(), inserts, "of all four connections");

    let kinds = |operation, kind| {
        let samples = told.samples.iter();
        let own = samples.filter(|one| (one.operation, one.kind) == (operation, kind));
        own.count()
    };
    for operation in [0, 1] {
        assert_eq!(kinds(operation, SampleKind::Slowest), 10);
        assert_eq!(kinds(operation, SampleKind::Reservoir), 10);
        assert_eq!(kinds(operation, SampleKind::FirstError), 0);
    }
    for sample in told.samples.iter().filter(|one| one.operation == 1) {
        let parameters: Vec<&str> = sample.parameters.split(", ").collect();
        let key: i64 = parameters[0].parse().unwrap();
        assert!((KEYS.first..KEYS.first + KEYS.length).contains(&key));
        assert_eq!(parameters[1..3], ["1", "'from the pool'"]);
    }
    // All of them came before the end.
    for beginning in [
        "opening the connections",
        "connections are open, statements prepared",
        "the load starts",
        "entered WARMUP",
        "the level changes connections=4",
        "entered MEASUREMENT",
        "the load is paused",
        "connections are open connections=4",
        "the load goes on",
        "the load stops",
        "the load has ended",
    ] {
        told.has_line(beginning);
    }

    session
        .say(ControlMessage::Release { attempt: attempt() })
        .await;
    let goodbye = session
        .wait_for(|event| match event {
            WorkerEvent::Goodbye { message } => Some(message),
            _ => None,
        })
        .await;
    assert_eq!(goodbye, "the worker was drained: enough");
    assert!(session.next().await.is_none());
    drop(session);
    worker.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_interval_of_a_step_ends_with_its_window() {
    let folder = tempfile::tempdir().unwrap();
    demo(folder.path()).await;
    let mut control_plane = ControlPlane::start(Door::Open).await;
    let (worker, stop) = start_worker(&control_plane);
    let (mut session, _) = control_plane.attached(1).await;
    let assign = assign(folder.path().join("demo.db"));
    session.say(ControlMessage::Assign(assign)).await;
    let mut told = Told::default();
    let ready = |event: &WorkerEvent| matches!(event, WorkerEvent::Ready { .. }).then_some(());
    told.until(&mut session, ready).await;
    let begin = now() + Duration::from_millis(300);
    command(&session, 1, begin, Action::Start(Phase::Measurement)).await;
    let millis = |ms: u64| begin + Duration::from_millis(ms);
    // A window that does not end with a second.
    let (at, from, to) = (millis(100), millis(400), millis(1_650));
    let step = Action::Step(StepPlan {
        step: 1,
        aim: Level::Concurrency { connections: 3 }.into(),
        settle_us: 300_000,
        window_us: 1_250_000,
    });
    command(&session, 2, at, step).await;
    let reached = |event: &WorkerEvent| match event {
        WorkerEvent::Interval { interval, .. } => (interval.end >= to).then_some(()),
        _ => None,
    };
    told.until(&mut session, reached).await;
    told.until(&mut session, busy).await;
    command(&session, 3, now(), Action::stop(Duration::from_secs(5))).await;
    deliver(&mut session, &mut told.stored).await;

    let intervals: Vec<&Interval> = told.stored.values().collect();
    let ends_step = intervals.iter().position(|one| one.end >= to).unwrap();
    let of_step = |interval: &Interval| -> u64 {
        let parts = interval.operations.iter();
        let own = parts.filter(|part| part.step == 1);
        own.map(|part| part.succeeded.response.decode().unwrap().len())
            .sum()
    };
    let counts: Vec<u64> = intervals.iter().map(|one| of_step(one)).collect();
    // The window lies in the first two intervals; what was in flight at its end may come in the next one.
    assert_eq!(ends_step, 1, "{counts:?}");
    assert!(intervals[0].end > from && intervals[0].end < to);
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
    assert!(counts[2..].iter().sum::<u64>() <= 3, "{counts:?}");
    assert!(intervals[2].end >= to + Duration::from_secs(1));
    stop.cancel();
    drop(session);
    worker.await.unwrap().unwrap();
}
