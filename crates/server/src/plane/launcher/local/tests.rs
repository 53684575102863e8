use std::{collections::BTreeMap, sync::Arc};

use gauntlet_model::{
    id::RunId,
    time::{Clock, Timestamp},
};
use gauntlet_orchestrator::launcher::Heard;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open, test_kill_process},
};
use uuid::Uuid;

use super::{super::super::worker_process::tests::program, *};

struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Timestamp {
        Timestamp(1)
    }
}

fn run(id: u128) -> RunId {
    RunId(Uuid::from_u128(id))
}

fn order(id: u128) -> (Order, Heard) {
    let (news, heard) = News::channel(Arc::new(NoClock));
    let order = Order {
        attempt: AttemptRef {
            run: run(id),
            shard: 0,
            attempt: 1,
        },
        name: "bench-0-1".to_owned(),
        labels: BTreeMap::from([("zone".to_owned(), "a".to_owned())]),
        capacity: 5,
        workers: 1_000,
        news,
    };
    (order, heard)
}

/// A launcher of a program that does what the shell script says.
fn launcher(script: &str) -> (tempfile::TempDir, LocalLauncher, CancellationToken) {
    let (folder, path) = program(script);
    let stop = CancellationToken::new();
    let server = "http://127.0.0.1:1".to_owned();
    let launcher = LocalLauncher::of_program(path, server, stop.clone());
    (folder, launcher, stop)
}

fn pid(id: &LaunchId) -> Pid {
    Pid::from_raw(id.0.parse().unwrap()).unwrap()
}

#[tokio::test]
async fn what_a_worker_prints_and_how_it_ends_is_told() {
    let (_folder, launcher, _stop) = launcher("echo \"$@\"; echo no such luck >&2; exit 7");
    let (order, mut heard) = order(7);
    launcher.start(order).await.unwrap();
    launcher.ended().await;
    let told = heard.ended().unwrap();
    assert_eq!(told, "ended (exit status: 7); it said: no such luck");
    let mut lines = Vec::new();
    while let Some(line) = heard.line() {
        lines.push((line.level, line.text));
    }
    lines.sort();
    let given = "worker --server http://127.0.0.1:1 --exit-with-parent --name bench-0-1 --threads 1 --capacity 5 --log error --label zone=a";
    let expected = [(Level::Info, given), (Level::Warn, "no such luck")];
    assert_eq!(
        lines,
        expected.map(|(level, text)| (level, text.to_owned()))
    );
    assert_eq!(launcher.list(None).await.unwrap(), []);
}

#[tokio::test]
async fn a_worker_that_prints_without_end_is_read_and_mostly_dropped() {
    let script = "head -c 1000000 /dev/zero | tr '\\\\0' x; yes | head -n 100000; exit 0";
    let (_folder, launcher, _stop) = launcher(script);
    let (order, mut heard) = order(7);
    launcher.start(order).await.unwrap();
    launcher.ended().await;
    assert_eq!(heard.ended(), Some("ended (exit status: 0)"));
    let mut kept = 0;
    while let Some(line) = heard.line() {
        assert!(line.text.len() <= LONGEST);
        kept += 1;
    }
    assert!(kept < 1_000, "{kept}");
    assert_eq!(kept + heard.dropped(), 100_000 + 1_000_000 / LONGEST as u64);
}

#[tokio::test]
async fn a_worker_that_does_not_want_to_end_is_ended_with_all_that_it_started() {
    // It says which process it has started.
    let script = "trap '' TERM; (trap '' TERM; exec sleep 600) & echo $!; wait; sleep 600";
    let (_folder, launcher, _stop) = launcher(script);
    let (mine, mut heard) = order(7);
    let (other, _other) = order(8);
    let id = launcher.start(mine).await.unwrap();
    let other = launcher.start(other).await.unwrap();
    let listed = launcher.list(Some(run(7))).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].id, listed[0].attempt.run), (&id, run(7)));
    let child = loop {
        match heard.line() {
            Some(line) => break pid(&LaunchId(line.text)),
            None => tokio::task::yield_now().await,
        }
    };
    let child = pidfd_open(child, PidfdFlags::empty()).unwrap();
    launcher.stop(&id).await.unwrap();
    assert!(heard.ended().unwrap().contains("signal: 9"));
    assert!(test_kill_process(pid(&id)).is_err(), "it still runs");
    let patience = Timespec {
        tv_sec: 10,
        tv_nsec: 0,
    };
    let mut ends = [PollFd::new(&child, PollFlags::IN)];
    let ended = poll(&mut ends, Some(&patience)).unwrap();
    assert_eq!(ended, 1, "what it started still runs");
    launcher.stop(&id).await.unwrap();
    let goes_on = test_kill_process(pid(&other)).is_ok();
    assert!(goes_on, "the other one was ended too");
    launcher.stop(&other).await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_control_plane_ends_all_and_starts_none() {
    let (_folder, launcher, stop) = launcher("cat > /dev/null");
    let (first, heard) = order(7);
    let id = launcher.start(first).await.unwrap();
    stop.cancel();
    launcher.ended().await;
    assert!(heard.ended().is_some());
    assert!(test_kill_process(pid(&id)).is_err(), "it still runs");
    let (second, _heard) = order(7);
    assert!(launcher.start(second).await.is_err());
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    let (folder, launcher, _stop) = launcher("exit 0");
    drop(folder);
    let (order, _heard) = order(7);
    let error = launcher.start(order).await.unwrap_err();
    assert!(error.to_string().contains("No such file"), "{error}");
}
