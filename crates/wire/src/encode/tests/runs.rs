//! Runs, their history, and runs side by side.

use std::time::Duration;

use gauntlet_model::{
    compare::{Compared, compare},
    history::{Distribution, HistoryPoint, OperationStats, PhaseTotal, Resolution, Stats},
    interval::Failures,
    lifecycle::{Action, Aim, Phase, ProcessingStatus, StepPlan, Window},
    point::{OperationPoint, Point},
    run::{ControlEvent, PhaseEntry, RunEvent, RunEventKind},
    template::{Level, Split},
};

use super::*;

#[test]
fn a_run_says_what_people_wrote_and_steered() {
    let other = RunId(Uuid::from_u128(9));
    let state = RunState {
        level: Some(Level::Rate { milli_per_s: 1_500 }),
        paused: true,
        ..RunState::prepared()
    };
    let written = Run {
        notes: "cold cache".into(),
        rerun_of: Some(other),
        ..a_run(state)
    };
    let message = run(&written, Timestamp(99));
    assert_eq!(
        (message.notes.as_str(), message.etag),
        ("cold cache", written.etag())
    );
    assert_eq!(
        (message.rerun_of, message.paused),
        (other.to_string(), true)
    );
    let level = message.level.and_then(|level| level.level);
    assert_eq!(level, Some(pb::load_level::Level::PerSecond(1.5)));
}

fn stats(succeeded: u64, median_us: f64) -> Stats {
    Stats {
        succeeded,
        failed: 1,
        failures: Failures::from_counts([0, 0, 1, 0, 0, 0]),
        throughput_per_s: Some(succeeded as f64),
        response: (succeeded > 0).then(|| Distribution {
            percentiles_us: vec![median_us, 2.0 * median_us, 3.0 * median_us],
            ..Distribution::default()
        }),
        ..Stats::default()
    }
}

fn point(start_s: f64, phase: Phase, covered_s: f64, stats: Stats) -> HistoryPoint {
    let operation = OperationStats {
        operation: 0,
        stats: stats.clone(),
    };
    HistoryPoint {
        start: Timestamp((start_s * 1e6) as i64),
        resolution: Resolution::Second,
        phase,
        covered: Duration::from_secs_f64(covered_s),
        operations: vec![operation],
        total: stats,
        in_flight_max: 1,
        backlog_max: 2,
    }
}

#[test]
fn a_point_names_its_operations() {
    let spec = a_simple_spec();
    let message = history_point(&point(3.0, Phase::Warmup, 1.0, stats(7, 5.0)), &spec);
    assert_eq!((message.time_us, message.length_us), (3_000_000, 1_000_000));
    assert_eq!(message.phase(), pb::RunPhase::Warmup);
    assert_eq!((message.in_flight_max, message.backlog_max), (1, 2));
    assert_eq!(message.operations[0].operation, "read");
    let failed = pb::FailureCount {
        class: "CONSTRAINT".to_owned(),
        count: 1,
    };
    assert_eq!(message.operations[0].failures, [failed]);
    let total = message.total.unwrap();
    assert_eq!((total.operation.as_str(), total.succeeded), ("", 7));
    assert_eq!(total.response.unwrap().percentiles_us, [5.0, 10.0, 15.0]);

    let whole = PhaseTotal {
        phase: Phase::Measurement,
        start: Timestamp(5),
        covered: Duration::from_micros(17),
        operations: Vec::new(),
        total: stats(1, 1.0),
        in_flight_max: 3,
        backlog_max: 4,
    };
    let message = phase_total(&whole, &spec);
    assert_eq!((message.time_us, message.length_us), (5, 17));
    assert_eq!((message.in_flight_max, message.backlog_max), (3, 4));
}

#[test]
fn latencies_are_absent_where_nothing_succeeded() {
    let spec = a_simple_spec();
    let nothing = history_point(&point(3.0, Phase::Warmup, 1.0, stats(0, 0.0)), &spec);
    assert_eq!(nothing.total.unwrap().response, None);
    let second = |succeeded| {
        let total = OperationPoint {
            succeeded,
            ..OperationPoint::default()
        };
        let point = Point {
            time: Timestamp(1),
            phase: Phase::Warmup,
            operations: Vec::new(),
            total,
            in_flight: 4,
            backlog: 0,
        };
        metrics_point(&point, &spec).total.unwrap().response
    };
    assert!(second(1).is_some());
    assert_eq!(second(0), None);
}

#[test]
fn a_command_says_what_it_does_and_nothing_else() {
    let aim = Aim {
        level: Level::Rate { milli_per_s: 2_500 },
        split: Split::of(vec![3, 1]),
    };
    let step = StepPlan {
        step: 4,
        aim: aim.clone(),
        settle_us: 1,
        window_us: 2,
    };
    let level = Some(pb::LoadLevel {
        level: Some(pb::load_level::Level::PerSecond(2.5)),
    });
    let nothing = pb::ControlCommand {
        sequence: 7,
        at_us: -9,
        ..pb::ControlCommand::default()
    };
    let doing = |action: pb::ControlAction| pb::ControlCommand {
        action: action.into(),
        ..nothing
    };
    let start = pb::ControlCommand {
        phase: pb::RunPhase::Warmup.into(),
        ..doing(pb::ControlAction::Start)
    };
    let set_phase = pb::ControlCommand {
        phase: pb::RunPhase::Measurement.into(),
        ..doing(pb::ControlAction::SetPhase)
    };
    let set_target = pb::ControlCommand {
        level,
        ..doing(pb::ControlAction::SetTarget)
    };
    let stepped = pb::ControlCommand {
        level,
        step: 4,
        ..doing(pb::ControlAction::Step)
    };
    for (action, expected) in [
        (Action::Start(Phase::Warmup), start),
        (Action::SetPhase(Phase::Measurement), set_phase),
        (Action::SetTarget(aim), set_target),
        (Action::Step(step), stepped),
        (Action::Pause, doing(pb::ControlAction::Pause)),
        (Action::Resume, doing(pb::ControlAction::Resume)),
        (Action::stop(Duration::ZERO), doing(pb::ControlAction::Stop)),
    ] {
        let command = ControlEvent {
            sequence: 7,
            at: Timestamp(-9),
            action,
        };
        let message = run_event(&event(RunEventKind::Control(command)));
        assert_eq!(message.kind(), pb::RunEventKind::Control);
        assert_eq!(message.command, Some(expected));
    }
    for kind in [
        RunEventKind::Status,
        RunEventKind::Phase,
        RunEventKind::Worker(None),
        RunEventKind::Error,
    ] {
        let message = run_event(&event(kind));
        assert_eq!((message.command, message.entered), (None, None));
    }
    let entry = PhaseEntry {
        phase: Phase::Measurement,
        at: Timestamp(-8),
        joined: true,
    };
    let message = run_event(&event(RunEventKind::Worker(Some(entry))));
    assert_eq!(message.kind(), pb::RunEventKind::Worker);
    let entered = pb::PhaseEntry {
        phase: pb::RunPhase::Measurement.into(),
        at_us: -8,
        joined: true,
    };
    assert_eq!(message.entered, Some(entered));
}

fn event(kind: RunEventKind) -> RunEvent {
    RunEvent {
        sequence: 3,
        time: Timestamp(5),
        kind,
        message: "in words".to_owned(),
        shard: None,
    }
}

#[test]
fn a_second_says_what_failed_and_what_waits() {
    let failing = OperationPoint {
        failed: 6,
        failures: Failures::from_counts([1, 0, 0, 0, 0, 5]),
        ..OperationPoint::default()
    };
    let second = Point {
        time: Timestamp(1),
        phase: Phase::Warmup,
        operations: vec![failing.clone()],
        total: failing,
        in_flight: 7,
        backlog: 8,
    };
    let message = metrics_point(&second, &a_simple_spec());
    assert_eq!((message.in_flight, message.backlog), (7, 8));
    let count = |class: &str, count| pb::FailureCount {
        class: class.to_owned(),
        count,
    };
    let expected = [count("TIMEOUT", 1), count("OTHER", 5)];
    assert_eq!(message.operations[0].failures, expected);
    assert_eq!(message.total.unwrap().failures, expected);
}

/// A run whose measurement began at an instant, with its points.
fn compared(id: u128, measured_from_s: f64, points: Vec<HistoryPoint>) -> Compared {
    let window = Window {
        from: Timestamp((measured_from_s * 1e6) as i64),
        to: Timestamp(60_000_000),
    };
    let state = RunState {
        stage: Stage::Done {
            at: window.to,
            measured: Some(window),
            end: End {
                reason: StopReason::DurationElapsed,
                message: String::new(),
            },
            processing: ProcessingStatus::Completed,
        },
        load_started: Some(Timestamp(0)),
        ..RunState::prepared()
    };
    let run = Run {
        id: RunId(Uuid::from_u128(id)),
        ..a_run(state)
    };
    let report = None;
    Compared {
        run,
        report,
        points,
    }
}

#[test]
fn points_of_runs_stand_side_by_side() {
    use Phase::{Cooldown, Measurement, Warmup};
    // The second run warms up for 1.7 s: its buckets lie between those of the first.
    let first = vec![
        point(0.0, Warmup, 1.0, stats(10, 1.0)),
        // One that was late for its phase is not what that second was like.
        point(1.0, Warmup, 1.0, stats(1, 9.0)),
        point(1.0, Measurement, 1.0, stats(11, 1.0)),
        point(2.0, Measurement, 1.0, stats(12, 1.0)),
    ];
    let second = vec![
        point(0.0, Warmup, 1.0, stats(20, 1.0)),
        point(1.0, Warmup, 0.7, stats(21, 1.0)),
        point(1.0, Measurement, 0.3, stats(22, 1.0)),
        point(2.0, Measurement, 1.0, stats(0, 0.0)),
        // The end fell just after a second began: no rate and no percentile of a sliver is shown.
        point(3.0, Measurement, 0.1, stats(1, 9.0)),
        // Nothing is due in the drain: its zeros are no fall.
        point(3.0, Cooldown, 0.9, stats(0, 0.0)),
        point(4.0, Cooldown, 1.0, stats(0, 0.0)),
    ];
    let compared = compare(vec![compared(1, 1.0, first), compared(2, 1.7, second)]).unwrap();
    let runs = vec![pb::Run::default(); 2];
    let message = comparison(&compared, runs, Resolution::Second);
    let shown: Vec<(i64, Vec<Option<f64>>)> = message
        .series
        .iter()
        .map(|point| {
            let values = point.values.iter().map(|value| value.throughput_per_s);
            (point.offset_us, values.collect())
        })
        .collect();
    assert_eq!(
        shown,
        [
            (-2_000_000, vec![None, Some(20.0)]),
            (-1_000_000, vec![Some(10.0), Some(21.0)]),
            (0, vec![Some(11.0), Some(0.0)]),
            (1_000_000, vec![Some(12.0), None]),
        ]
    );
    let nothing = &message.series[2].values[1];
    assert_eq!(
        (nothing.response_p50_us, nothing.error_ratio),
        (None, Some(1.0))
    );
    let something = &message.series[0].values[1];
    assert_eq!(something.response_p99_us, Some(3.0));
    assert_eq!(message.series[0].values[0], pb::AlignedValue::default());
}

#[test]
fn metrics_carry_their_unit_and_their_better_side() {
    let compared = vec![compared(1, 1.0, Vec::new()), compared(2, 1.0, Vec::new())];
    let compared = compare(compared).unwrap();
    let message = comparison(&compared, vec![pb::Run::default(); 2], Resolution::Minute);
    let total = message.operations.last().unwrap();
    assert_eq!(total.operation, "");
    let metric = |name: &str| {
        let mut metrics = total.metrics.iter();
        metrics.find(|one| one.metric == name).unwrap()
    };
    assert!(metric("throughput_per_s").higher_is_better);
    assert!(!metric("response_p99_us").higher_is_better);
    assert!(!metric("error_ratio").higher_is_better);
    // Without reports there is nothing to say.
    assert_eq!(metric("succeeded").values, [pb::MetricValue::default(); 2]);
    assert_eq!(message.resolution_us, 60_000_000);
}
