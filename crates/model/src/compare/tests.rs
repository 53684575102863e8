use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::{
    history::{Resolution, Stats},
    id::Project,
    lifecycle::{End, ProcessingStatus, RunState, StopReason, Window},
    report::{Environment, Reason, ReasonCode, Summary},
    template::{Load, Spec},
};

const SECOND_US: i64 = 1_000_000;

fn spec() -> Spec {
    let seconds = |seconds: u64| json!({ "secs": seconds, "nanos": 0 });
    let operation = |name: &str| {
        let sql = json!({ "sql": { "text": "SELECT 1", "class": "read" } });
        json!({ "name": name, "weight": 5_000, "statement": sql, "parameters": [] })
    };
    serde_json::from_value(json!({
        "description": "", "target": "db", "operations": [operation("read"), operation("scan")],
        "load": { "concurrency": { "connections": 8, "think_time": { "secs": 0, "nanos": 0 } } },
        "phases": { "warmup": seconds(5), "measurement": seconds(60), "drain_timeout": seconds(1) },
        "workers": 2, "seed": 1, "slos": [], "worker_loss": "fail",
        "operation_timeout": seconds(1), "start_timeout": seconds(1)
    }))
    .unwrap()
}

fn run(number: u128, spec: Spec) -> Run {
    let start = 1_000 * number as i64 * SECOND_US;
    let measured = Window {
        from: Timestamp(start + 5 * SECOND_US),
        to: Timestamp(start + 65 * SECOND_US),
    };
    let mut state = RunState::prepared();
    state.load_started = Some(Timestamp(start));
    state.stage = Stage::Done {
        at: Timestamp(start + 70 * SECOND_US),
        measured: Some(measured),
        end: End {
            reason: StopReason::DurationElapsed,
            message: String::new(),
        },
        processing: ProcessingStatus::Completed,
    };
    Run {
        id: RunId(Uuid::from_u128(number)),
        project: Project::new("acme").unwrap(),
        name: Name::new(format!("r{number}")).unwrap(),
        template: Name::new("t").unwrap(),
        template_version: 1,
        spec,
        state,
        revision: 1,
        labels: std::collections::BTreeMap::new(),
        notes: String::new(),
        rerun_of: None,
        created: Timestamp(start),
        started: Some(Timestamp(start)),
        ended: Some(Timestamp(start + 70 * SECOND_US)),
    }
}

fn operation(name: Option<&str>, succeeded: u64, p99_us: f64) -> OperationReport {
    OperationReport {
        operation: name.map(|name| Name::new(name).unwrap()),
        succeeded,
        failed: 10,
        rows: succeeded * 2,
        throughput_per_s: succeeded as f64 / 60.0,
        response: Summary {
            p99_us,
            ..Summary::default()
        },
        ..OperationReport::default()
    }
}

fn report(run: &Run, version: &str, read: OperationReport) -> Report {
    Report {
        run: run.id,
        measured_us: 60 * SECOND_US,
        total: OperationReport {
            operation: None,
            ..read.clone()
        },
        operations: vec![read],
        slos: vec![],
        verdict: None,
        reasons: vec![],
        warmup_operations: 0,
        reconciliations: vec![],
        start_skew_us: 0,
        clock_uncertainty_us: 0,
        offered_per_s: None,
        environment: Environment {
            gauntlet_version: "0.1.0".to_owned(),
            target_version: version.to_owned(),
            workers: vec!["w1, 2 processors".to_owned()],
        },
        errors: vec![],
        created: Timestamp(0),
        search: None,
        evidence: None,
        cost: 0.0,
        shards: Vec::new(),
        phase_skew_us: 0,
    }
}

fn side(number: u128, spec: Spec) -> Compared {
    let run = run(number, spec);
    let report = report(
        &run,
        "PostgreSQL 15.13",
        operation(Some("read"), 6_000, 900.0),
    );
    Compared {
        run,
        report: Some(report),
        points: Vec::new(),
    }
}

fn values(comparison: &OperationComparison, metric: Metric) -> &MetricComparison {
    let mut metrics = comparison.metrics.iter();
    metrics.find(|entry| entry.metric == metric).unwrap()
}

fn codes(comparison: &Comparison) -> Vec<WarningCode> {
    comparison
        .warnings
        .iter()
        .map(|warning| warning.code)
        .collect()
}

#[test]
fn equal_runs_differ_in_nothing() {
    let comparison = compare(vec![side(1, spec()), side(2, spec())]).unwrap();
    assert_eq!(
        comparison.runs,
        [1, 2].map(|number| RunId(Uuid::from_u128(number)))
    );
    assert_eq!(
        (comparison.configuration.len(), comparison.environment.len()),
        (0, 0)
    );
    assert_eq!(comparison.warnings, []);
    let throughput = values(&comparison.total, Metric::Throughput);
    assert_eq!(throughput.values, [Some(100.0), Some(100.0)]);
    assert_eq!(throughput.differences, [Some(0.0), Some(0.0)]);
    assert_eq!(throughput.ratios, [Some(1.0), Some(1.0)]);
}

#[test]
fn figures_are_held_against_the_first_run() {
    let mut other = side(2, spec());
    let report = other.report.as_mut().unwrap();
    report.operations = vec![
        operation(Some("read"), 3_000, 1_800.0),
        operation(Some("new"), 0, 0.0),
    ];
    let mut unreported = side(3, spec());
    unreported.report = None;
    unreported.run.spec.operations[1].name = Name::new("new").unwrap();
    let comparison = compare(vec![side(1, spec()), other, unreported]).unwrap();

    let names: Vec<&str> = comparison
        .operations
        .iter()
        .map(|entry| entry.operation.as_ref().unwrap().as_str())
        .collect();
    assert_eq!(names, ["read", "scan", "new"]);
    let read = &comparison.operations[0];
    let p99 = values(read, Metric::Response(Statistic::P99));
    assert_eq!(p99.values, [Some(900.0), Some(1_800.0), None]);
    assert_eq!(p99.differences, [Some(0.0), Some(900.0), None]);
    assert_eq!(p99.ratios, [Some(1.0), Some(2.0), None]);
    assert_eq!(
        values(read, Metric::RowThroughput).values,
        [Some(200.0), Some(100.0), None]
    );
    assert_eq!(
        values(read, Metric::ErrorRatio).values[0],
        Some(10.0 / 6_010.0)
    );
    // The lag was zero in the baseline: there is a difference, but no ratio.
    assert_eq!(
        values(read, Metric::Lag(Statistic::P99)).ratios,
        [None, None, None]
    );
    assert_eq!(
        values(read, Metric::Lag(Statistic::P99)).differences,
        [Some(0.0), Some(0.0), None]
    );
    // Nothing succeeded, so there is no latency.
    let new = &comparison.operations[2];
    assert_eq!(
        values(new, Metric::Response(Statistic::P99)).values,
        [None, None, None]
    );
    assert_eq!(values(new, Metric::Failed).values, [None, Some(10.0), None]);
    assert_eq!(values(new, Metric::Failed).ratios, [None, None, None]);
}

#[test]
fn each_metric_has_a_word_of_its_own() {
    let metrics = Metric::all();
    let mut words: Vec<String> = metrics.iter().map(|metric| metric.word()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!((words.len(), metrics.len()), (26, 26));
    assert_eq!(Metric::Response(Statistic::P999).word(), "response_p999");
}

#[test]
fn differences_of_the_description_have_paths() {
    let mut other = side(2, spec());
    other.run.spec.operations[1].weight = 4_000;
    other.run.spec.operations[0].name = Name::new("lookup").unwrap();
    other.run.spec.phases.warmup = std::time::Duration::from_millis(1_500);
    other.run.template_version = 2;
    other.report.as_mut().unwrap().environment.target_version = "SQLite 3.50".to_owned();
    let comparison = compare(vec![side(1, spec()), other]).unwrap();
    let shown = |differences: &[Difference]| -> Vec<String> {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        differences
            .iter()
            .map(|entry| {
                format!(
                    "{}: {}",
                    entry.path,
                    entry
                        .values
                        .iter()
                        .map(text)
                        .collect::<Vec<_>>()
                        .join(" | ")
                )
            })
            .collect()
    };
    assert_eq!(
        shown(&comparison.configuration),
        [
            "operations[lookup].name: - | \"lookup\"",
            "operations[lookup].parameters: - | []",
            "operations[lookup].statement.sql.class: - | \"read\"",
            "operations[lookup].statement.sql.text: - | \"SELECT 1\"",
            "operations[lookup].weight: - | 5000",
            "operations[read].name: \"read\" | -",
            "operations[read].parameters: [] | -",
            "operations[read].statement.sql.class: \"read\" | -",
            "operations[read].statement.sql.text: \"SELECT 1\" | -",
            "operations[read].weight: 5000 | -",
            "operations[scan].weight: 5000 | 4000",
            "phases.warmup: \"5s\" | \"1.5s\"",
            "template_version: 1 | 2",
        ]
    );
    assert_eq!(
        shown(&comparison.environment),
        ["target_version: \"PostgreSQL 15.13\" | \"SQLite 3.50\""]
    );
    assert_eq!(
        codes(&comparison),
        [WarningCode::TargetKind, WarningCode::Work]
    );
}

#[test]
fn what_speaks_against_a_comparison_is_said() {
    let mut other = side(2, spec());
    other.run.spec.seed = 2;
    other.run.spec.load = Load::Rate {
        per_second: 100.0,
        connections: 8,
        max_backlog: 10,
    };
    other.run.state.adjustments = 3;
    let report = other.report.as_mut().unwrap();
    report.measured_us = 30 * SECOND_US;
    report.reasons = vec![Reason {
        code: ReasonCode::Dropped,
        message: "7 operations were dropped".to_owned(),
    }];
    let mut running = side(3, spec());
    running.report = None;
    running.run.state.stage = Stage::Measurement {
        since: Timestamp(0),
        ends: Timestamp(1),
    };
    let comparison = compare(vec![side(1, spec()), other, running]).unwrap();
    let messages: Vec<(WarningCode, &str)> = comparison
        .warnings
        .iter()
        .map(|warning| (warning.code, warning.message.as_str()))
        .collect();
    assert_eq!(
        messages,
        [
            (
                WarningCode::Invalid,
                "run r2 is INVALID: 7 operations were dropped"
            ),
            (
                WarningCode::Adjusted,
                "the load of run r2 was adjusted 3 times"
            ),
            (WarningCode::NotEnded, "run r3 has not ended: it is RUNNING"),
            (
                WarningCode::NoReport,
                "run r3 has no report, so it has no figures"
            ),
            (
                WarningCode::LoadMode,
                "runs r1 and r2 are an open and a closed loop: their latencies mean different things"
            ),
            (
                WarningCode::MeasurementLength,
                "runs r1 and r2 measured for 60.0 s and 30.0 s"
            ),
            (
                WarningCode::Seed,
                "runs r1 and r2 have different seeds: 1 and 2"
            ),
        ]
    );
}

fn point(start: i64, phase: Phase) -> HistoryPoint {
    HistoryPoint {
        start: Timestamp(start),
        resolution: Resolution::Second,
        phase,
        covered: std::time::Duration::from_secs(1),
        operations: Vec::new(),
        total: Stats::default(),
        in_flight_max: 0,
        backlog_max: 0,
    }
}

#[test]
fn histories_meet_at_the_start_of_the_measurement() {
    let points = |number: i64| {
        let start = 1_000 * number * SECOND_US;
        vec![
            point(start + 4 * SECOND_US, Phase::Warmup),
            point(start + 5 * SECOND_US, Phase::Measurement),
        ]
    };
    let (mut first, mut second, mut third) = (side(1, spec()), side(2, spec()), side(3, spec()));
    first.points = points(1);
    second.points = points(2);
    // Never measured.
    third.points = vec![point(7, Phase::Warmup), point(9, Phase::Warmup)];
    third.run.state = RunState::prepared();
    let comparison = compare(vec![first, second, third]).unwrap();
    let offsets: Vec<Vec<i64>> = comparison
        .series
        .iter()
        .map(|series| series.points.iter().map(|point| point.offset_us).collect())
        .collect();
    assert_eq!(
        offsets,
        [vec![-SECOND_US, 0], vec![-SECOND_US, 0], vec![0, 2]]
    );
    assert_eq!(
        comparison.series[0].zero,
        Some(Timestamp(1_005 * SECOND_US))
    );
    assert_eq!(comparison.series[2].zero, None);
}

#[test]
fn one_run_or_the_same_twice_is_refused() {
    assert_eq!(compare(vec![side(1, spec())]), Err(Incomparable::Number(1)));
    let many = (0..=MOST as u128)
        .map(|number| side(number, spec()))
        .collect();
    assert_eq!(compare(many), Err(Incomparable::Number(MOST + 1)));
    let twice = compare(vec![side(1, spec()), side(2, spec()), side(1, spec())]);
    assert_eq!(twice, Err(Incomparable::Twice(RunId(Uuid::from_u128(1)))));
}
