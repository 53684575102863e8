//! A run and its measurements.

use std::ops::Range;

use gauntlet_export::{Background, Contents, Exporter, Format};
use gauntlet_model::{
    history::{Percentiles, Resolution, Roller, Rollup},
    id::{Name, Project, RunId},
    interval::{
        Encoded, ErrorClass, ErrorCount, Interval, Latencies, OperationInterval, empty_histogram,
    },
    lifecycle::{Phase, RunState, Window},
    report::{Environment, OperationReport, Report},
    run::Run,
    search::{Figures, Outcome, Step, StepKind, Trial},
    session::AttemptRef,
    template::Level,
    time::Timestamp,
};
use hdrhistogram::Histogram;
use serde_json::json;
use uuid::Uuid;

/// 2026-11-20 13:55:00.25 UTC.
pub const ORIGIN: Timestamp = Timestamp(1_795_182_900_250_000);
pub const WARMUP_S: i64 = 1;

pub fn at(second: i64) -> Timestamp {
    Timestamp(ORIGIN.0 + second * 1_000_000)
}

fn run() -> Run {
    let seconds = |seconds: i64| json!({ "secs": seconds, "nanos": 0 });
    let operation = |name: &str| {
        let sql = json!({ "sql": { "text": "SELECT 'a', \"b\"", "class": "read" } });
        json!({ "name": name, "weight": 5_000, "statement": sql, "parameters": [] })
    };
    let spec = json!({
        "description": "", "target": "db", "operations": [operation("read"), operation("scan")],
        "load": { "concurrency": { "connections": 8, "think_time": seconds(0) } },
        "phases": { "warmup": seconds(WARMUP_S), "measurement": seconds(60), "drain_timeout": seconds(1) },
        "workers": 2, "seed": 1, "slos": [], "worker_loss": "fail",
        "operation_timeout": seconds(1), "start_timeout": seconds(1)
    });
    let mut state = RunState::prepared();
    state.load_started = Some(ORIGIN);
    Run {
        id: RunId(Uuid::from_u128(7)),
        project: Project::new("acme/web").unwrap(),
        name: Name::new("nightly").unwrap(),
        template: Name::new("t").unwrap(),
        template_version: 3,
        spec: serde_json::from_value(spec).unwrap(),
        state,
        revision: 1,
        labels: [(
            "note".to_owned(),
            "=1+1, \"quoted\"\nsecond line".to_owned(),
        )]
        .into(),
        notes: "a note".to_owned(),
        rerun_of: None,
        created: ORIGIN,
        started: Some(ORIGIN),
        ended: None,
    }
}

pub fn contents() -> Contents {
    let run = run();
    let measurement = Window {
        from: at(WARMUP_S),
        to: at(100_000),
    };
    Contents {
        report: Some(report(&run)),
        run,
        resolution: Resolution::Second,
        percentiles: Percentiles::default(),
        phases: vec![(Phase::Measurement, measurement)],
        background: Background::default(),
    }
}

fn report(run: &Run) -> Report {
    Report {
        run: run.id,
        measured_us: 60_000_000,
        operations: vec![],
        total: OperationReport::default(),
        slos: vec![],
        verdict: None,
        reasons: vec![],
        warmup_operations: 0,
        reconciliations: vec![],
        start_skew_us: 0,
        clock_uncertainty_us: 0,
        offered_per_s: None,
        environment: Environment::default(),
        errors: vec![],
        created: ORIGIN,
        search: None,
        evidence: None,
        cost: 0.0,
        shards: vec![],
        phase_skew_us: 0,
    }
}

/// A step of which the window is the measurement's second second.
pub fn a_step() -> Step {
    Step {
        trial: Trial {
            step: 1,
            kind: StepKind::Grow,
            level: Level::Concurrency { connections: 8 },
        },
        from: at(2),
        to: at(3),
        outcome: Outcome::Passed,
        message: "no stop signal".to_owned(),
        figures: Figures::default(),
        transition_us: 0,
    }
}

/// Measurements of one second resolution, and every response time that is in them.
pub struct Sample {
    pub rollups: Vec<Rollup>,
    /// Response times in the measurement, nanoseconds, by operation.
    pub responses: [Histogram<u64>; 2],
}

impl Sample {
    /// Two workers and two operations: `scan` fails once a second.
    pub fn of_seconds(seconds: i64) -> Self {
        Self::with_standstill(seconds, 0..0)
    }

    /// The same, but in some of the seconds nothing ends.
    pub fn with_standstill(seconds: i64, still: Range<i64>) -> Self {
        let mut roller = Roller::new(RunId(Uuid::from_u128(7)), ORIGIN);
        let mut responses = [empty_histogram(), empty_histogram()];
        let mut rollups = Vec::new();
        for second in 0..seconds {
            for shard in 0..2 {
                let interval = if still.contains(&second) {
                    standstill(second, shard)
                } else {
                    interval(second, shard, &mut responses)
                };
                assert_eq!(roller.add(&interval).unwrap(), []);
            }
            rollups.extend(roller.take_until(at(second + 1)));
        }
        rollups.retain(|rollup| rollup.resolution == Resolution::Second);
        Self { rollups, responses }
    }
}

/// All is in flight, and nothing ends.
fn standstill(second: i64, shard: u32) -> Interval {
    let mut still = interval(second, shard, &mut [empty_histogram(), empty_histogram()]);
    for part in &mut still.operations {
        part.succeeded = Latencies::default();
        part.failed = Latencies::default();
        part.dropped = 0;
    }
    still.errors.clear();
    still
}

fn interval(second: i64, shard: u32, responses: &mut [Histogram<u64>; 2]) -> Interval {
    let phase = if second < WARMUP_S {
        Phase::Warmup
    } else {
        Phase::Measurement
    };
    let mut operation = |operation: u32| {
        let values: Vec<u64> = (0..5)
            .map(|value| {
                200_000 * (1 + u64::from(operation) * 10) + value * 1_000 + second as u64 % 100
            })
            .collect();
        if phase == Phase::Measurement {
            for value in &values {
                responses[operation as usize].record(*value).unwrap();
            }
        }
        let failed = if operation == 1 && shard == 0 {
            latencies(&[3_000_000_000])
        } else {
            Latencies::default()
        };
        OperationInterval {
            operation,
            phase,
            step: 0,
            succeeded: latencies(&values),
            failed,
            cut: 0,
            dropped: 1,
        }
    };
    Interval {
        attempt: AttemptRef {
            run: RunId(Uuid::from_u128(7)),
            shard,
            attempt: 1,
        },
        sequence: second + 1,
        start: at(second),
        end: at(second + 1),
        operations: vec![operation(0), operation(1)],
        errors: if shard == 0 {
            vec![late(phase)]
        } else {
            Vec::new()
        },
        in_flight: 4,
        backlog: 0,
    }
}

/// The one failure of `scan`.
fn late(phase: Phase) -> ErrorCount {
    ErrorCount {
        operation: 1,
        phase,
        class: ErrorClass::Timeout,
        code: String::new(),
        message: "too long".to_owned(),
        count: 1,
    }
}

fn latencies(values: &[u64]) -> Latencies {
    let mut histogram = empty_histogram();
    for value in values {
        histogram.record(*value).unwrap();
    }
    let response = Encoded::from_histogram(&histogram);
    Latencies {
        service: response.clone(),
        lag: Encoded::default(),
        response,
        rows: values.len() as u64,
    }
}

/// The whole file.
pub fn write(format: Format, contents: &Contents, rollups: &[Rollup]) -> Vec<u8> {
    let (mut exporter, mut file) = Exporter::begin(format, contents).unwrap();
    for rollup in rollups {
        file.extend(exporter.push(rollup).unwrap());
    }
    file.extend(exporter.finish().unwrap());
    file
}
