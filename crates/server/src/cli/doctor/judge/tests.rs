use std::path::PathBuf;

use super::{super::Health, *};

const OK: Health = Health::Ok;
const WARNING: Health = Health::Warning;
const FAILED: Health = Health::Failed;

/// What is not well has advice, what is well needs none.
fn sound(finding: &Finding) -> bool {
    !finding.message.is_empty() && (finding.result == OK) == finding.advice.is_empty()
}

fn check(finding: &Finding, expected: Health) {
    assert_eq!(finding.result, expected, "{finding:?}");
    assert!(sound(finding), "{finding:?}");
}

#[test]
fn open_files_below_some_thousands_are_few() {
    for (now, most, expected, advice) in [
        (None, None, OK, ""),
        (Some(4_096), Some(4_096), OK, ""),
        (Some(1_024), Some(1_048_576), WARNING, "ulimit -n 65536"),
        (Some(1_024), Some(8_192), WARNING, "ulimit -n 8192"),
        (Some(1_024), None, WARNING, "ulimit -n 65536"),
        (Some(1_024), Some(1_024), WARNING, "administrator"),
    ] {
        let finding = open_files(now, most);
        check(&finding, expected);
        assert!(finding.advice.contains(advice), "{finding:?}");
    }
}

#[test]
fn processors_that_others_use_are_told() {
    for (count, load, expected) in [
        (2, None, OK),
        (2, Some(0.3), OK),
        (2, Some(1.4), OK),
        (2, Some(1.6), WARNING),
        (16, Some(1.6), OK),
    ] {
        check(&processors(count, load), expected);
    }
}

fn folder(free_bytes: Option<u64>) -> Folder {
    Folder {
        path: PathBuf::from(".gauntlet"),
        exists: true,
        free_bytes,
        loose: Vec::new(),
    }
}

#[test]
fn a_disk_without_room_fails() {
    for (free, expected) in [
        (None, WARNING),
        (Some(0), FAILED),
        (Some(200_000_000), WARNING),
        (Some(2_000_000_000), OK),
    ] {
        check(&disk(&folder(free)), expected);
    }
}

#[test]
fn a_key_that_others_can_read_fails() {
    check(&permissions(&folder(None)), OK);
    let absent = Folder {
        exists: false,
        ..folder(None)
    };
    check(&permissions(&absent), OK);
    let loose = Folder {
        loose: vec![(PathBuf::from(".gauntlet/store.key"), 0o644)],
        ..folder(None)
    };
    let finding = permissions(&loose);
    check(&finding, FAILED);
    assert_eq!(finding.advice, "chmod 600 .gauntlet/store.key");
    assert!(finding.message.contains("store.key (644)"), "{finding:?}");
}

fn server(version: &str) -> pb::Server {
    pb::Server {
        version: version.to_owned(),
        started_us: 1_000_000,
        server_time_us: 91_500_000,
        store: "sqlite".to_owned(),
        schema_version: 7,
        failing: Vec::new(),
        dashboard: true,
    }
}

#[test]
fn versions_of_one_minor_understand_each_other() {
    for (ours, theirs, expected) in [
        ("0.1.0", Some("0.1.0"), OK),
        ("0.1.0", Some("0.1.7"), OK),
        ("0.1.0", Some("0.2.0"), WARNING),
        ("0.1.0", Some("1.1.0"), WARNING),
        ("0.1.0", Some("odd"), WARNING),
        ("0.1.0", None, WARNING),
    ] {
        let theirs = theirs.map(server);
        check(&version("http://h:1", ours, theirs.as_ref()), expected);
    }
    let same = version("http://h:1", "0.1.0", Some(&server("0.1.0")));
    assert_eq!(
        same.message,
        "http://h:1 is version 0.1.0, up for 1 min 30 s"
    );
}

#[test]
fn only_a_clock_that_is_certainly_far_is_told() {
    for (offset_us, uncertainty_us, expected) in [
        (0, 100, OK),
        (-50_000, 0, OK),
        (60_000, 20_000, OK),
        (60_000, 1_000, WARNING),
        (-3_600_000_000, 1_000, WARNING),
    ] {
        let finding = clock(Clock {
            offset_us,
            uncertainty_us,
        });
        check(&finding, expected);
    }
}

fn answers() -> Answers {
    Answers {
        server: Some(server(env!("CARGO_PKG_VERSION"))),
        clock: Some(Clock {
            offset_us: 10,
            uncertainty_us: 100,
        }),
        workers: Ok(vec![worker(
            pb::WorkerStatus::Idle,
            env!("CARGO_PKG_VERSION"),
            120,
        )]),
        project: "default".to_owned(),
        targets: Ok(vec![Asked {
            name: "db".to_owned(),
            said: Ok(("PostgreSQL 15".to_owned(), 900)),
        }]),
    }
}

fn worker(status: pb::WorkerStatus, version: &str, clock_uncertainty_us: i64) -> pb::Worker {
    pb::Worker {
        name: "w".to_owned(),
        version: version.to_owned(),
        status: status.into(),
        clock_uncertainty_us,
        ..Default::default()
    }
}

/// How each check of a control plane came out.
fn judged(answers: Answers) -> Vec<(&'static str, Health)> {
    let known = ControlPlane::There {
        url: "http://127.0.0.1:8090".to_owned(),
        answers: Box::new(answers),
    };
    let findings = control_plane(&known);
    assert!(findings.iter().all(sound), "{findings:?}");
    let short = |finding: &Finding| (finding.check, finding.result);
    findings.iter().map(short).collect()
}

#[test]
fn a_control_plane_that_is_well() {
    assert_eq!(
        judged(answers()),
        [
            ("server", OK),
            ("clock", OK),
            ("store", OK),
            ("dashboard", OK),
            ("workers", OK),
            ("target", OK),
        ]
    );
}

#[test]
fn an_older_control_plane_is_asked_for_what_it_knows() {
    let older = Answers {
        server: None,
        clock: None,
        ..answers()
    };
    let expected = [("server", WARNING), ("workers", OK), ("target", OK)];
    assert_eq!(judged(older), expected);
}

#[test]
fn each_part_that_fails_is_told() {
    let sick = Answers {
        server: Some(pb::Server {
            failing: vec!["the store does not answer".to_owned()],
            dashboard: false,
            store: "memory".to_owned(),
            ..server(env!("CARGO_PKG_VERSION"))
        }),
        workers: Ok(vec![
            worker(pb::WorkerStatus::Lost, "0.0.1", 0),
            worker(pb::WorkerStatus::Busy, "9.9.9", 80_000),
        ]),
        targets: Ok(vec![Asked {
            name: "db".to_owned(),
            said: Err("connection refused".to_owned()),
        }]),
        ..answers()
    };
    assert_eq!(
        judged(sick),
        [
            ("server", OK),
            ("clock", OK),
            ("store", WARNING),
            ("dashboard", WARNING),
            ("server", FAILED),
            ("workers", WARNING),
            ("workers", WARNING),
            ("target", FAILED),
        ]
    );
}

#[test]
fn nobody_and_nothing_is_told_too() {
    let empty = Answers {
        workers: Ok(vec![worker(pb::WorkerStatus::Gone, "0.1.0", 0)]),
        targets: Ok(Vec::new()),
        ..answers()
    };
    assert_eq!(judged(empty)[4..], [("workers", WARNING), ("target", OK)]);
    let silent = Answers {
        workers: Err("no answer".to_owned()),
        targets: Err("no answer".to_owned()),
        ..answers()
    };
    assert_eq!(
        judged(silent)[4..],
        [("workers", FAILED), ("target", FAILED)]
    );
}

#[test]
fn without_a_control_plane_the_port_matters() {
    let address = "127.0.0.1:8090".parse().unwrap();
    for (free, expected) in [(Ok(()), OK), (Err("in use".to_owned()), FAILED)] {
        let findings = control_plane(&ControlPlane::Away {
            why: "no control plane answers".to_owned(),
            port: (address, free),
        });
        check(&findings[0], FAILED);
        check(&findings[1], expected);
    }
}
