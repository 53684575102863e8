use std::collections::BTreeMap;

use gauntlet_model::{id::RunId, session::AttemptRef, template::RUN_LABEL};
use uuid::Uuid;

use super::*;

const NOW: Timestamp = Timestamp(1_000_000_000);

fn hello(id: u128, name: &str) -> Hello {
    Hello {
        protocol_min: gauntlet_model::session::PROTOCOL,
        protocol_max: gauntlet_model::session::PROTOCOL,
        worker: worker_id(id),
        name: name.to_owned(),
        capacity: 10,
        labels: BTreeMap::new(),
        processors: 2,
        version: "1".to_owned(),
        resumes: Vec::new(),
    }
}

fn worker_id(id: u128) -> WorkerId {
    WorkerId(Uuid::from_u128(id))
}

fn run(id: u128) -> RunId {
    RunId(Uuid::from_u128(id))
}

fn need(workers: u32, connections: u32) -> Need {
    Need {
        workers,
        connections,
        labels: BTreeMap::new(),
    }
}

fn labelled(need: &Need, key: &str, value: &str) -> Need {
    let labels = BTreeMap::from([(key.to_owned(), value.to_owned())]);
    Need {
        labels,
        ..need.clone()
    }
}

/// Some workers of capacity 10: a name, and the value of its label "zone".
struct Fleet {
    registry: Registry,
    sessions: Vec<Attached>,
}

impl Fleet {
    fn of(workers: &[(&str, &str)]) -> Self {
        let mut fleet = Self {
            registry: Registry::default(),
            sessions: Vec::new(),
        };
        for (name, zone) in workers {
            fleet.attach(name, "zone", zone);
        }
        fleet
    }

    fn attach(&mut self, name: &str, key: &str, value: &str) {
        let id = u128::from(name.as_bytes()[0]);
        let mut hello = hello(id, name);
        hello.labels.insert(key.to_owned(), value.to_owned());
        self.sessions
            .push(self.registry.attach(&hello, NOW).unwrap());
    }

    fn reserve(&self, id: u128, need: &Need) -> Result<String, String> {
        let reserved = self.registry.reserve(run(id), need, NOW);
        reserved
            .map(|workers| names(&workers))
            .map_err(|lack| lack.to_string())
    }

    /// The names of those that it got at once; empty while it waits.
    fn wait(&self, id: u128, since: i64, need: Need) -> String {
        self.registry.wait(run(id), Timestamp(since), need, NOW);
        self.granted(id)
    }

    fn granted(&self, id: u128) -> String {
        let granted = self.registry.take_grant(run(id), NOW);
        granted.map_or(String::new(), |workers| names(&workers))
    }

    fn free(&self, name: &str, id: u128) {
        let worker = worker_id(u128::from(name.as_bytes()[0]));
        assert!(self.registry.free(worker, run(id), NOW).is_some());
    }

    fn positions(&self, ids: [u128; 3]) -> [u32; 3] {
        ids.map(|id| self.registry.position(run(id)))
    }
}

fn names(workers: &[Worker]) -> String {
    let names: Vec<&str> = workers.iter().map(|worker| worker.name.as_str()).collect();
    names.join("")
}

#[test]
fn workers_serve_several_runs_as_their_capacity_allows() {
    let fleet = Fleet::of(&[("b", ""), ("a", ""), ("c", "")]);
    // By name, then those with fewer runs first.
    assert_eq!(fleet.reserve(1, &need(1, 4)).unwrap(), "a");
    assert_eq!(fleet.reserve(2, &need(3, 4)).unwrap(), "bca");
    let a = fleet.registry.get(worker_id(u128::from(b'a'))).unwrap();
    assert_eq!((a.runs, a.reserved), (vec![run(1), run(2)], 8));
    assert_eq!(a.status, WorkerStatus::Busy);
    // 2 are left of a's 10, 6 of the others'.
    assert_eq!(fleet.reserve(3, &need(2, 6)).unwrap(), "bc");
    let refused = fleet.reserve(4, &need(2, 2)).unwrap_err();
    assert!(
        refused.contains("1 of 3 attached workers are free;"),
        "{refused}"
    );
    assert_eq!(fleet.reserve(4, &need(1, 2)).unwrap(), "a");
}

#[test]
fn a_worker_has_one_shard_of_a_run() {
    let fleet = Fleet::of(&[("a", ""), ("b", "")]);
    assert!(fleet.reserve(1, &need(3, 1)).is_err());
    assert_eq!(fleet.reserve(1, &need(1, 1)).unwrap(), "a");
    let more = || fleet.registry.reserve_one_more(run(1), &need(9, 1), NOW);
    assert_eq!(more().unwrap().name, "b");
    assert_eq!(more(), None);
}

#[test]
fn what_is_lacking_is_said_in_one_sentence() {
    let mut fleet = Fleet::of(&[("a", "x"), ("b", "y"), ("c", "y")]);
    fleet.attach("d", RUN_LABEL, &run(7).to_string());
    let zone = labelled(&need(3, 2), "zone", "y");
    assert_eq!(
        fleet.reserve(1, &zone).unwrap_err(),
        "the run needs 3 workers with 2 connections each and the labels zone=y, 2 of 4 attached workers are free; start more with \"gauntlet worker --label zone=y\""
    );
    assert_eq!(fleet.wait(2, 1, labelled(&need(2, 11), "zone", "y")), "");
    assert_eq!(
        fleet.reserve(1, &need(4, 2)).unwrap_err(),
        "the run needs 4 workers with 2 connections each, 3 of 4 attached workers are free and 1 run waits before it; start more with \"gauntlet worker\""
    );
}

#[test]
fn a_worker_of_a_run_serves_no_other() {
    let mut fleet = Fleet::of(&[]);
    fleet.attach("a", RUN_LABEL, &run(7).to_string());
    assert!(fleet.reserve(8, &need(1, 1)).is_err());
    let own = labelled(&need(1, 1), RUN_LABEL, &run(7).to_string());
    assert_eq!(fleet.reserve(7, &own).unwrap(), "a");
}

#[test]
fn a_silent_small_or_leaving_worker_is_not_reserved() {
    let fleet = Fleet::of(&[("a", "")]);
    assert!(fleet.reserve(1, &need(1, 11)).is_err());
    let later = NOW + Duration::from_secs(4);
    assert!(fleet.registry.reserve(run(1), &need(1, 1), later).is_err());
    let a = worker_id(u128::from(b'a'));
    fleet.registry.drain(a, "maintenance").unwrap();
    assert!(fleet.reserve(1, &need(1, 1)).is_err());
}

#[test]
fn a_freed_worker_goes_to_who_waits_for_longest() {
    let fleet = Fleet::of(&[("a", ""), ("b", "")]);
    assert_eq!(fleet.reserve(1, &need(2, 10)).unwrap(), "ab");
    assert_eq!(fleet.wait(3, 30, need(1, 10)), "");
    assert_eq!(fleet.wait(2, 20, need(2, 10)), "");
    assert_eq!(fleet.wait(4, 40, need(1, 1)), "");
    assert_eq!(fleet.positions([2, 3, 4]), [1, 2, 3]);
    // a alone does not serve the first, and nobody takes it from it.
    fleet.free("a", 1);
    assert_eq!([2, 3, 4].map(|id| fleet.granted(id)), ["", "", ""]);
    assert!(fleet.reserve(5, &need(1, 1)).is_err());
    fleet.free("b", 1);
    assert_eq!(fleet.granted(2), "ab");
    assert_eq!(fleet.positions([2, 3, 4]), [0, 1, 2]);
    fleet.free("a", 2);
    assert_eq!([3, 4].map(|id| fleet.granted(id)), ["a", ""]);
    // A run in the middle leaves.
    assert_eq!(fleet.wait(6, 60, need(1, 1)), "");
    fleet.registry.vacate(run(4), NOW);
    assert_eq!(fleet.registry.position(run(6)), 1);
    fleet.free("b", 2);
    assert_eq!(fleet.granted(6), "b");
}

#[test]
fn a_run_that_fits_on_other_workers_is_not_held_back() {
    let mut fleet = Fleet::of(&[("a", "x"), ("b", "x"), ("c", "y")]);
    assert_eq!(
        fleet
            .reserve(1, &labelled(&need(1, 10), "zone", "x"))
            .unwrap(),
        "a"
    );
    assert_eq!(fleet.wait(2, 20, labelled(&need(2, 5), "zone", "x")), "");
    assert_eq!(fleet.wait(3, 30, need(2, 5)), "", "b is waited for");
    assert_eq!(
        fleet.wait(4, 40, labelled(&need(1, 10), "zone", "y")),
        "",
        "c as well"
    );
    fleet.registry.vacate(run(3), NOW);
    assert_eq!(fleet.granted(4), "c");
    // More than there are: it waits for others to attach and holds back nobody.
    fleet.registry.vacate(run(2), NOW);
    assert_eq!(fleet.wait(5, 50, labelled(&need(3, 1), "zone", "x")), "");
    assert_eq!(fleet.wait(6, 60, labelled(&need(1, 1), "zone", "x")), "b");
    fleet.attach("d", "zone", "x");
    fleet.free("a", 1);
    assert_eq!(fleet.granted(5), "adb");
}

#[test]
fn a_run_that_is_under_load_comes_before_those_that_wait() {
    let fleet = Fleet::of(&[("a", ""), ("b", "")]);
    assert_eq!(fleet.reserve(1, &need(1, 6)).unwrap(), "a");
    assert_eq!(fleet.wait(2, 20, need(2, 6)), "");
    let more = fleet.registry.reserve_one_more(run(1), &need(1, 6), NOW);
    assert_eq!(more.unwrap().name, "b");
}

#[test]
fn a_granted_worker_that_goes_is_taken_back() {
    let mut fleet = Fleet::of(&[("a", "")]);
    let granted = fleet.registry.wait(run(1), NOW, need(1, 5), NOW);
    let (a, generation) = (
        worker_id(u128::from(b'a')),
        fleet.sessions[0].welcome.generation,
    );
    fleet.registry.detach(a, generation, false);
    assert_eq!(fleet.granted(1), "");
    assert_eq!(fleet.registry.position(run(1)), 1);
    fleet.attach("b", "zone", "");
    assert_eq!(fleet.granted(1), "b");
    drop(granted);
}

#[tokio::test]
async fn a_waiting_run_is_told() {
    let mut fleet = Fleet::of(&[]);
    let granted = fleet.registry.wait(run(1), NOW, need(1, 5), NOW);
    fleet.attach("a", "zone", "");
    granted.wait().await;
    assert_eq!(fleet.granted(1), "a");
}

#[test]
fn what_was_reserved_before_a_restart_is_so_before_the_worker_is_back() {
    let mut fleet = Fleet::of(&[]);
    let a = worker_id(u128::from(b'a'));
    fleet.registry.claim(a, run(1), 7);
    fleet.attach("a", "zone", "");
    let worker = fleet.registry.get(a).unwrap();
    assert_eq!((worker.runs, worker.reserved), (vec![run(1)], 7));
    assert_eq!(worker.status, WorkerStatus::Busy);
    assert!(fleet.reserve(2, &need(1, 4)).is_err());
    assert_eq!(fleet.reserve(2, &need(1, 3)).unwrap(), "a");
    // A part of the load may grow by what the others leave, and rests when it falls.
    for (id, connections, resized, reserved) in [
        (1, 8, Err(7), 10),
        (1, 6, Ok(()), 10),
        (2, 4, Err(3), 10),
        (2, 3, Ok(()), 10),
    ] {
        assert_eq!(fleet.registry.resize(a, run(id), connections), resized);
        assert_eq!(fleet.registry.get(a).unwrap().reserved, reserved);
    }
    fleet.free("a", 1);
    assert_eq!(fleet.registry.resize(a, run(2), 10), Ok(()));
    assert_eq!(fleet.registry.get(a).unwrap().reserved, 10);
}

#[test]
fn a_newer_session_ends_the_older_one() {
    let registry = Registry::default();
    let mut old = registry.attach(&hello(1, "a"), NOW).unwrap();
    let new = registry.attach(&hello(1, "a"), NOW).unwrap();
    let id = worker_id(1);
    assert!(new.welcome.generation > old.welcome.generation);
    assert!(!registry.seen(id, old.welcome.generation, NOW));
    assert!(registry.seen(id, new.welcome.generation, NOW));
    assert_eq!(
        old.down.try_recv(),
        Err(mpsc::error::TryRecvError::Disconnected)
    );
    registry.detach(id, old.welcome.generation, false);
    assert_eq!(registry.get(id).unwrap().status, WorkerStatus::Idle);
}

#[test]
fn a_worker_that_does_not_read_is_disconnected() {
    let registry = Registry::default();
    let attached = registry.attach(&hello(1, "a"), NOW).unwrap();
    let id = worker_id(1);
    let message = || ControlMessage::HeartbeatReply {
        sent: NOW,
        received: NOW,
        replied: NOW,
    };
    for _ in 0..DOWN_QUEUE {
        assert!(registry.send(id, message()));
    }
    assert!(!registry.send(id, message()));
    assert_eq!(registry.get(id).unwrap().status, WorkerStatus::Lost);
    drop(attached);
}

#[test]
fn a_heartbeat_says_what_the_worker_does() {
    let registry = Registry::default();
    let attached = registry.attach(&hello(1, "a"), NOW).unwrap();
    let heartbeat = Heartbeat {
        sent: NOW,
        clock_offset_us: -5,
        clock_uncertainty: Some(Duration::from_micros(80)),
        cpu: 0.5,
        memory_bytes: 7,
        in_flight: 3,
        backlog: 2,
    };
    registry.heartbeat(worker_id(1), attached.welcome.generation, &heartbeat, NOW);
    let worker = registry.get(worker_id(1)).unwrap();
    let expected = Gauges {
        cpu: 0.5,
        memory_bytes: 7,
        in_flight: 3,
        backlog: 2,
        operations_per_s: 0.0,
    };
    assert_eq!((worker.gauges, worker.clock_offset_us), (expected, -5));
}

/// An interval of a second that ended so many seconds after NOW.
fn second(run: RunId, end: u64) -> Interval {
    Interval {
        attempt: AttemptRef {
            run,
            shard: 0,
            attempt: 1,
        },
        sequence: 1,
        start: NOW + Duration::from_secs(end - 1),
        end: NOW + Duration::from_secs(end),
        operations: Vec::new(),
        errors: Vec::new(),
        in_flight: 0,
        backlog: 0,
    }
}

#[test]
fn a_worker_does_what_its_newest_intervals_say() {
    let fleet = Fleet::of(&[("a", "")]);
    let a = worker_id(u128::from(b'a'));
    let session = fleet.sessions[0].welcome.generation;
    for id in [1, 2] {
        assert_eq!(fleet.reserve(id, &need(1, 4)).unwrap(), "a");
    }
    let rate = |fleet: &Fleet| fleet.registry.get(a).unwrap().gauges.operations_per_s;
    for (id, end, ended, expected) in [
        (1, 1, 100, 100.0),
        (2, 1, 7, 107.0),
        (1, 3, 50, 57.0),
        // One of before, come again.
        (1, 2, 900, 57.0),
        (1, 3, 900, 57.0),
        (1, 4, 0, 7.0),
        // A run that it does not serve.
        (3, 9, 900, 7.0),
    ] {
        let interval = second(run(id), end);
        fleet.registry.measured(a, session, &interval, ended);
        let found = rate(&fleet);
        assert!((found - expected).abs() < 1e-9, "{id} {end}: {found}");
    }
    // Of an older session.
    fleet
        .registry
        .measured(a, session - 1, &second(run(2), 9), 900);
    assert_eq!(rate(&fleet).to_string(), "7");
    fleet.free("a", 2);
    assert_eq!(rate(&fleet).to_string(), "0");
    fleet.registry.measured(a, session, &second(run(1), 10), 30);
    assert_eq!(rate(&fleet).to_string(), "30");
    fleet.registry.detach(a, session, false);
    assert_eq!(rate(&fleet).to_string(), "0");
}

#[test]
fn who_waits_is_told_when_the_queue_changes() {
    let fleet = Fleet::of(&[]);
    let mut queue = fleet.registry.queue();
    let mut changed = || {
        let has_changed = queue.has_changed().unwrap();
        queue.mark_unchanged();
        has_changed
    };
    fleet.wait(1, 10, need(1, 6));
    assert!(changed());
    fleet.wait(2, 20, need(1, 6));
    assert!(changed());
    // It waits already.
    fleet.wait(2, 20, need(1, 6));
    assert!(!changed());
    fleet.registry.vacate(run(3), NOW);
    assert!(!changed());
    fleet.registry.vacate(run(1), NOW);
    assert!(changed());
    assert_eq!(fleet.registry.position(run(2)), 1);
}

#[test]
fn foreign_protocols_are_refused() {
    let registry = Registry::default();
    let newer = Hello {
        protocol_min: 3,
        protocol_max: 4,
        ..hello(1, "a")
    };
    assert_eq!(
        registry.attach(&newer, NOW).unwrap_err(),
        AttachError::Protocol { min: 3, max: 4 }
    );
}
