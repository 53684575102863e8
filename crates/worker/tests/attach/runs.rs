//! Whole runs of one worker.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_model::{
    id::RunId,
    lifecycle::{Action, Phase},
    session::{Command, ControlMessage, KeyRange, WorkerEvent},
};
use gauntlet_targets::count_keys;
use uuid::Uuid;

use crate::{
    control_plane::{ControlPlane, Door, now},
    work::{KEYS, acked, assign, attempt, command, deliver, demo, start_worker, succeeded},
};

#[tokio::test]
async fn nothing_is_lost_or_doubled_over_a_broken_stream() {
    let folder = tempfile::tempdir().unwrap();
    let target = demo(folder.path()).await;
    let mut control_plane = ControlPlane::start(Door::Open).await;
    let (worker, stop) = start_worker(&control_plane);

    let (mut session, hello) = control_plane.attached(1).await;
    assert_eq!((hello.name.as_str(), hello.resumes), ("w1", vec![]));
    session
        .say(ControlMessage::Assign(assign(
            folder.path().join("demo.db"),
        )))
        .await;
    let version = session
        .wait_for(|event| match event {
            WorkerEvent::Ready { target_version, .. } => Some(target_version),
            WorkerEvent::ShardFailed { message, .. } => panic!("{message}"),
            _ => None,
        })
        .await;
    assert!(version.contains("SQLite"), "{version}");

    let begin = now() + Duration::from_millis(100);
    command(&session, 1, begin, Action::Start(Phase::Measurement)).await;
    acked(&mut session, 1).await;
    // The first interval arrives and is not acknowledged: the stream breaks.
    let told = session
        .wait_for(|event| match event {
            WorkerEvent::Interval {
                first_operation, ..
            } => first_operation,
            _ => None,
        })
        .await;
    assert!((begin..now()).contains(&told), "{told:?} after {begin:?}");
    drop(session);

    let (mut session, again) = control_plane.attached(2).await;
    assert_eq!(again.worker, hello.worker);
    let resume = again.resumes[0];
    assert_eq!((resume.attempt, resume.last_command), (attempt(), 1));
    command(&session, 2, now(), Action::stop(Duration::from_secs(5))).await;
    let mut stored = BTreeMap::new();
    let totals = deliver(&mut session, &mut stored).await;

    let sequences: Vec<i64> = stored.keys().copied().collect();
    assert_eq!(sequences, (1..=totals.intervals).collect::<Vec<_>>());
    let (reads, inserts) = (succeeded(&stored, 0), succeeded(&stored, 1));
    assert!(reads > 0 && inserts > 0);
    assert_eq!(totals.operations, reads + inserts);
    assert!(totals.first_operation.is_some());
    let errors = stored.values().map(|interval| interval.errors.len());
    assert_eq!(errors.sum::<usize>(), 0);
    let rows = count_keys(&target, "demo", "id", KEYS.first, KEYS.length).await;
    assert_eq!(rows.unwrap(), inserts);

    // Free again, and gone when told to.
    session
        .say(ControlMessage::Release { attempt: attempt() })
        .await;
    stop.cancel();
    session
        .wait_for(|event| matches!(event, WorkerEvent::Goodbye { .. }).then_some(()))
        .await;
    assert!(session.next().await.is_none());
    drop(session);
    worker.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_worker_under_load_delivers_what_it_measured_before_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let target = demo(folder.path()).await;
    let mut control_plane = ControlPlane::start(Door::Open).await;
    let (worker, stop) = start_worker(&control_plane);
    let (mut session, _) = control_plane.attached(1).await;
    session
        .say(ControlMessage::Assign(assign(
            folder.path().join("demo.db"),
        )))
        .await;
    session
        .wait_for(|event| matches!(event, WorkerEvent::Ready { .. }).then_some(()))
        .await;
    command(&session, 1, now(), Action::Start(Phase::Measurement)).await;
    let first = session
        .wait_for(|event| match event {
            WorkerEvent::Interval { interval, .. } => Some(*interval),
            _ => None,
        })
        .await;
    stop.cancel();
    let mut stored = BTreeMap::from([(first.sequence, first)]);
    deliver(&mut session, &mut stored).await;
    assert!(matches!(
        session.next().await,
        Some(WorkerEvent::Goodbye { .. })
    ));
    assert!(session.next().await.is_none());
    drop(session);
    worker.await.unwrap().unwrap();
    // An INSERT that was cut may or may not have left a row.
    let cut: u64 = stored
        .values()
        .flat_map(|interval| &interval.operations)
        .map(|part| part.cut)
        .sum();
    let inserts = succeeded(&stored, 1);
    let rows = count_keys(&target, "demo", "id", KEYS.first, KEYS.length).await;
    assert!((inserts..=inserts + cut).contains(&rows.unwrap()));
}

#[tokio::test]
async fn two_runs_share_a_worker_and_end_apart() {
    let folder = tempfile::tempdir().unwrap();
    let target = demo(folder.path()).await;
    let mut control_plane = ControlPlane::start(Door::Open).await;
    let (worker, stop) = start_worker(&control_plane);
    let (mut session, _) = control_plane.attached(1).await;
    let first = assign(folder.path().join("demo.db"));
    let mut second = first.clone();
    second.attempt.run = RunId(Uuid::from_u128(2));
    second.keys = KeyRange {
        first: KEYS.first + KEYS.length,
        ..KEYS
    };
    let assigns = [first, second];
    for assign in &assigns {
        let assign = ControlMessage::Assign(assign.clone());
        session.say(assign).await;
        session
            .wait_for(|event| matches!(event, WorkerEvent::Ready { .. }).then_some(()))
            .await;
    }
    let say = |run: usize, sequence, at, action| {
        let command = Command {
            attempt: assigns[run].attempt,
            sequence,
            at,
            action,
        };
        session.say(ControlMessage::Command(command))
    };
    for run in [0, 1] {
        say(run, 1, now(), Action::Start(Phase::Measurement)).await;
    }
    let drain = Duration::from_secs(5);
    say(
        0,
        2,
        now() + Duration::from_millis(1_500),
        Action::stop(drain),
    )
    .await;
    let (mut intervals, mut ended) = ([Vec::new(), Vec::new()], Vec::new());
    while ended.len() < 2 {
        match session.next().await.expect("the stream goes on") {
            WorkerEvent::Interval { interval, .. } => {
                let run = usize::from(interval.attempt != assigns[0].attempt);
                intervals[run].push(*interval);
            }
            WorkerEvent::ShardFinished(totals) => {
                ended.push(totals);
                // The other one goes on until it is told to end.
                if totals.attempt == assigns[0].attempt {
                    let stop = Command {
                        attempt: assigns[1].attempt,
                        sequence: 2,
                        at: now(),
                        action: Action::stop(drain),
                    };
                    session.say(ControlMessage::Command(stop)).await;
                }
            }
            WorkerEvent::ShardFailed { message, .. } => panic!("{message}"),
            _ => {}
        }
    }
    for (run, assign) in assigns.iter().enumerate() {
        assert_eq!(ended[run].attempt, assign.attempt);
        let stored = intervals[run].iter().cloned();
        let stored: BTreeMap<i64, _> = stored.map(|one| (one.sequence, one)).collect();
        let (reads, inserts) = (succeeded(&stored, 0), succeeded(&stored, 1));
        assert_eq!(ended[run].operations, reads + inserts);
        let keys = assign.keys;
        let rows = count_keys(&target, "demo", "id", keys.first, keys.length).await;
        assert_eq!(rows.unwrap(), inserts);
    }
    stop.cancel();
    drop(session);
    worker.await.unwrap().unwrap();
}
