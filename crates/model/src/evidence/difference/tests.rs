use super::*;
use crate::evidence::{RelationSize, WaitNow, WaitSample};

fn counters(reset: Option<i64>, values: &[(&str, f64)]) -> Counters {
    Counters {
        source: "pg_stat_database".to_owned(),
        reset: reset.map(Timestamp),
        values: values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect(),
    }
}

fn figures(operation: &str, calls: u64) -> StatementFigures {
    StatementFigures {
        operation: operation.to_owned(),
        calls,
        total_us: calls as f64 * 10.0,
        rows: calls * 2,
        pages_hit: calls * 3,
        pages_read: calls * 4,
    }
}

fn statements(reset: i64, forgotten: u64, calls: &[(&str, u64)]) -> Statements {
    let figures = calls.iter().map(|(name, calls)| figures(name, *calls));
    Statements {
        reset: Some(Timestamp(reset)),
        forgotten,
        figures: figures.collect(),
    }
}

fn size(name: &str, index: bool, bytes: u64) -> RelationSize {
    RelationSize {
        name: name.to_owned(),
        index,
        bytes,
    }
}

fn piece(place: Place, taken: i64, found: Found) -> Piece {
    Piece {
        place,
        taken: Timestamp(taken),
        found,
    }
}

/// The two ends of a measurement.
fn measured(before: Snapshot, after: Snapshot) -> Vec<Piece> {
    vec![
        piece(Place::AfterWarmup, 10, Found::Snapshot(Box::new(before))),
        piece(
            Place::AfterMeasurement,
            20,
            Found::Snapshot(Box::new(after)),
        ),
    ]
}

fn of(pieces: &[Piece]) -> Evidence {
    Evidence::of(pieces, true).expect("there are pieces")
}

fn snapshot_of(counters: Counters) -> Snapshot {
    Snapshot {
        counters: vec![counters],
        ..Snapshot::default()
    }
}

#[test]
fn a_measurement_is_the_difference_of_its_ends() {
    let before = Snapshot {
        counters: vec![counters(
            Some(1),
            &[("blks_hit", 100.0), ("blks_read", 50.0)],
        )],
        levels: vec![("file_bytes".to_owned(), 4_096.0)],
        statements: Some(statements(1, 0, &[("read", 5)])),
        relations: vec![size("t", false, 100), size("t_pkey", true, 50)],
        settings: vec![("fsync".to_owned(), "off".to_owned())],
        skipped: vec!["wal: none".to_owned()],
    };
    let after = Snapshot {
        counters: vec![counters(
            Some(1),
            &[("blks_hit", 190.0), ("blks_read", 60.0), ("new", 7.0)],
        )],
        levels: vec![("file_bytes".to_owned(), 2_048.0)],
        statements: Some(statements(1, 0, &[("read", 15), ("write", 3)])),
        relations: vec![size("t", false, 80), size("t_pkey", true, 70)],
        settings: vec![("fsync".to_owned(), "on".to_owned())],
        skipped: vec!["wal: none".to_owned()],
    };
    let mut pieces = measured(before, after);
    let mut waits = Waits::default();
    let now = |kind: &str, sessions| WaitNow {
        kind: kind.to_owned(),
        event: String::new(),
        sessions,
        queued: kind == "Lock",
    };
    for queued in [2, 4] {
        waits.add(&WaitSample {
            sessions: 10,
            waits: vec![now("Lock", queued), now("CPU", 1)],
        });
    }
    pieces.push(piece(Place::Waits, 15, Found::Waits(waits)));
    let named = |name: &str, value| (name.to_owned(), value);
    let grown = |name: &str, index, bytes, grown_bytes| Relation {
        name: name.to_owned(),
        index,
        bytes,
        grown_bytes,
    };
    let wait = |kind: &str, sessions, share| Wait {
        kind: kind.to_owned(),
        event: String::new(),
        sessions,
        share,
    };
    let period = Period {
        phase: Phase::Measurement,
        from: Timestamp(10),
        to: Timestamp(20),
        statements: vec![figures("read", 10), figures("write", 3)],
        counters: vec![
            named("blks_hit", 90.0),
            named("blks_read", 10.0),
            named("cache_hit_ratio", 0.9),
            named("file_bytes", -2_048.0),
        ],
        waits: vec![wait("Lock", 3.0, 0.75), wait("CPU", 1.0, 0.25)],
        relations: vec![grown("t", false, 80, -20), grown("t_pkey", true, 70, 20)],
    };
    let expected = Evidence {
        status: ProcessingStatus::Completed,
        message: String::new(),
        periods: vec![period],
        settings: vec![("fsync".to_owned(), "on".to_owned())],
        skipped: vec!["wal: none".to_owned()],
    };
    assert_eq!(of(&pieces), expected);
}

#[test]
fn statistics_that_were_set_back_give_no_difference() {
    let first = counters(Some(1), &[("xact_commit", 9.0)]);
    for second in [
        counters(Some(2), &[("xact_commit", 10.0)]),
        counters(None, &[("xact_commit", 10.0)]),
        counters(Some(1), &[("xact_commit", 8.0)]),
    ] {
        let made = of(&measured(snapshot_of(first.clone()), snapshot_of(second)));
        assert_eq!(made.periods[0].counters, []);
        assert_eq!(
            made.skipped,
            [
                "pg_stat_database: set back during MEASUREMENT, so there is no difference; \
                 leave the statistics alone during a run"
            ]
        );
        assert_eq!(made.status, ProcessingStatus::Completed);
    }
    let with = |statements| Snapshot {
        statements: Some(statements),
        ..Snapshot::default()
    };
    for second in [
        statements(2, 0, &[("read", 9)]),
        statements(1, 0, &[("read", 4)]),
    ] {
        let made = of(&measured(
            with(statements(1, 0, &[("read", 5)])),
            with(second),
        ));
        assert_eq!(made.periods[0].statements, []);
        assert!(made.skipped[0].starts_with("the statistics of statements: set back"));
    }
}

#[test]
fn statements_that_the_target_forgot_are_told() {
    let with = |statements| Snapshot {
        statements: Some(statements),
        ..Snapshot::default()
    };
    let made = of(&measured(
        with(statements(1, 3, &[("read", 5)])),
        with(statements(1, 5, &[("read", 6)])),
    ));
    assert_eq!(made.periods[0].statements, [figures("read", 1)]);
    assert!(made.skipped[0].starts_with("the target forgot 2 statements in MEASUREMENT"));
}

#[test]
fn warmup_and_measurement_are_apart() {
    let with = |value| snapshot_of(counters(None, &[("xact_commit", value)]));
    let mut pieces = measured(with(10.0), with(100.0));
    let first = Found::Snapshot(Box::new(with(0.0)));
    pieces.push(piece(Place::BeforeWarmup, 5, first));
    let made = of(&pieces);
    let commits: Vec<(Phase, i64, f64)> = made
        .periods
        .iter()
        .map(|period| (period.phase, period.from.0, period.counters[0].1))
        .collect();
    assert_eq!(
        commits,
        [(Phase::Warmup, 5, 10.0), (Phase::Measurement, 10, 90.0)]
    );
}

#[test]
fn the_status_says_what_came_of_it() {
    let there = || Found::Snapshot(Box::default());
    let first = || piece(Place::AfterWarmup, 1, there());
    let skipped = Found::Skipped("no statistics".to_owned());
    let failed = Found::Failed("no answer".to_owned());
    let ended = "the run ended before its measurement began";
    let unread = "the target's statistics were not read when the measurement was over";
    assert_eq!(Evidence::of(&[], true), None);
    for (pieces, over, status, message) in [
        (vec![first()], false, ProcessingStatus::Running, ""),
        (vec![first()], true, ProcessingStatus::Failed, unread),
        (
            vec![piece(Place::BeforeWarmup, 1, there())],
            true,
            ProcessingStatus::Skipped,
            ended,
        ),
        (
            vec![piece(Place::AfterWarmup, 1, skipped)],
            false,
            ProcessingStatus::Skipped,
            "no statistics",
        ),
        (
            vec![first(), piece(Place::AfterMeasurement, 2, failed)],
            false,
            ProcessingStatus::Failed,
            "no answer",
        ),
        (
            vec![first(), piece(Place::AfterMeasurement, 2, there())],
            false,
            ProcessingStatus::Completed,
            "",
        ),
    ] {
        let made = Evidence::of(&pieces, over).expect("there are pieces");
        assert_eq!((made.status, made.message.as_str()), (status, message));
    }
}

#[test]
fn the_queue_is_a_share_of_all_sessions() {
    let wait = |sessions, queued| WaitNow {
        kind: "Lock".to_owned(),
        event: "transactionid".to_owned(),
        sessions,
        queued,
    };
    let mut sample = WaitSample::default();
    assert_eq!(sample.queue_ratio(), None);
    sample.sessions = 10;
    assert_eq!(sample.queue_ratio(), Some(0.0));
    sample.waits = vec![wait(3, true), wait(4, false), wait(2, true)];
    assert_eq!(sample.queue_ratio(), Some(0.5));
}

#[test]
fn samples_that_failed_are_told() {
    let mut waits = Waits::default();
    waits.fail("no answer".to_owned());
    waits.add(&WaitSample::default());
    let mut pieces = measured(Snapshot::default(), Snapshot::default());
    pieces.push(piece(Place::Waits, 15, Found::Waits(waits)));
    let made = of(&pieces);
    assert_eq!(
        made.skipped,
        ["1 of 2 samples of waits could not be taken: no answer"]
    );
    assert_eq!(made.periods[0].waits, []);
}
