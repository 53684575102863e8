//! Runs as if they had been: written into the store without a worker.

use std::time::Duration;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    history::Roller,
    id::RunId,
    interval::{Encoded, Interval, Latencies, OperationInterval, empty_histogram},
    lifecycle::{End, Phase, ProcessingStatus, RunState, Stage, StopReason, Window},
    report::{Environment, OperationReport, Report},
    run::{PhaseTransition, Run},
    session::AttemptRef,
    time::Timestamp,
    verdict::Verdict,
};
use gauntlet_store::RunChange;
use uuid::Uuid;

use crate::support::{Plane, create_template, spec};

/// When the load of every made run began: 1,000 s before a plane's clock begins.
pub const ORIGIN: Timestamp = Timestamp(1_699_999_000_000_000);

/// So many seconds after the load began.
pub fn second(seconds: u64) -> Timestamp {
    ORIGIN + Duration::from_secs(seconds)
}

/// A template of two operations, "read" and "write".
pub async fn create_mixed(plane: &Plane) {
    let mut template = create_template("mixed");
    let mut mixed = spec();
    let mut write = mixed.operations[0].clone();
    "read".clone_into(&mut mixed.operations[0].name);
    mixed.operations[0].weight = 50.0;
    "write".clone_into(&mut write.name);
    write.weight = 50.0;
    mixed.operations.push(write);
    template.spec = Some(mixed);
    plane.templates().create_template(template).await.unwrap();
}

pub async fn create_named(plane: &Plane, template: &str, name: &str) -> RunId {
    let request = pb::CreateRunRequest {
        project: "acme".to_owned(),
        template: template.to_owned(),
        name: name.to_owned(),
        ..pb::CreateRunRequest::default()
    };
    let made = plane.runs().create_run(request).await.unwrap();
    id(&made.into_inner().run.unwrap().run_id)
}

pub fn id(text: &str) -> RunId {
    RunId(Uuid::parse_str(text).unwrap())
}

/// Writes another state of a run, with the phases that led to it.
pub async fn put(plane: &Plane, run: Run, phases: &[(Phase, Timestamp)]) -> Run {
    let phases = phases.iter();
    let change = RunChange {
        run: run.clone(),
        attempts: Vec::new(),
        controls: Vec::new(),
        phases: phases
            .map(|(phase, at)| PhaseTransition {
                phase: *phase,
                at: *at,
            })
            .collect(),
        events: Vec::new(),
    };
    let advanced = plane.backend.stores.runs.advance(&change).await.unwrap();
    Run {
        revision: advanced.revision,
        ..run
    }
}

pub async fn get(plane: &Plane, id: RunId) -> Run {
    plane.backend.stores.runs.get(id).await.unwrap().unwrap()
}

/// A run that was ended after so many seconds of measurement.
pub async fn ended(plane: &Plane, id: RunId, reason: StopReason, seconds: u64) -> Run {
    let run = get(plane, id).await;
    let measured = Window {
        from: ORIGIN,
        to: second(seconds),
    };
    let stage = Stage::Done {
        at: measured.to,
        measured: Some(measured),
        end: End {
            reason,
            message: "over".to_owned(),
        },
        processing: ProcessingStatus::Completed,
    };
    let over = Run {
        state: RunState {
            stage,
            load_started: Some(ORIGIN),
            ..RunState::prepared()
        },
        started: Some(ORIGIN),
        ended: Some(measured.to),
        ..run
    };
    let phases = [(Phase::Measurement, ORIGIN), (Phase::Done, measured.to)];
    put(plane, over, &phases).await
}

/// A run under load since [`ORIGIN`].
pub async fn measuring(plane: &Plane, id: RunId) -> Run {
    let run = get(plane, id).await;
    let stage = Stage::Measurement {
        since: ORIGIN,
        ends: second(3_600),
    };
    let running = Run {
        state: RunState {
            stage,
            load_started: Some(ORIGIN),
            ..RunState::prepared()
        },
        started: Some(ORIGIN),
        ..run
    };
    put(plane, running, &[(Phase::Measurement, ORIGIN)]).await
}

/// One second of one shard: latencies by operation, nanoseconds.
pub fn interval(run: RunId, shard: u32, at: u64, measured: &[(u32, &[u64])]) -> Interval {
    let latencies = |values: &[u64]| {
        let mut histogram = empty_histogram();
        for value in values {
            histogram.record(*value).unwrap();
        }
        let encoded = Encoded::from_histogram(&histogram);
        Latencies {
            response: encoded.clone(),
            service: encoded.clone(),
            lag: encoded,
            rows: values.len() as u64,
        }
    };
    let operations = measured.iter();
    Interval {
        attempt: AttemptRef {
            run,
            shard,
            attempt: 1,
        },
        sequence: at as i64 + 1,
        start: second(at),
        end: second(at + 1),
        operations: operations
            .map(|(operation, values)| OperationInterval {
                operation: *operation,
                phase: Phase::Measurement,
                step: 0,
                succeeded: latencies(values),
                failed: Latencies::default(),
                cut: 0,
                dropped: 0,
            })
            .collect(),
        errors: Vec::new(),
        in_flight: 1,
        backlog: 0,
    }
}

/// Stores what was measured, and its rollups up to an instant.
pub async fn measure(plane: &Plane, run: RunId, intervals: &[Interval], until: Timestamp) {
    let stores = &plane.backend.stores;
    stores.intervals.append(intervals).await.unwrap();
    let mut roller = Roller::new(run, ORIGIN);
    for interval in intervals {
        assert_eq!(roller.add(interval), Ok(Vec::new()));
    }
    let rollups = roller.take_until(until);
    stores.rollups.put(&rollups).await.unwrap();
}

/// Stores a report that says nothing but how the run was judged.
pub async fn judge(plane: &Plane, run: &Run, verdict: Option<Verdict>, valid: bool) {
    use gauntlet_model::report::{Reason, ReasonCode};
    let reasons = if valid {
        Vec::new()
    } else {
        vec![Reason {
            code: ReasonCode::RateMissed,
            message: "too slow".to_owned(),
        }]
    };
    let named = |name| OperationReport {
        operation: Some(name),
        ..OperationReport::default()
    };
    let operations = run.spec.operations.iter();
    let report = Report {
        run: run.id,
        measured_us: 10_000_000,
        operations: operations
            .map(|operation| named(operation.name.clone()))
            .collect(),
        total: OperationReport::default(),
        slos: Vec::new(),
        verdict,
        reasons,
        warmup_operations: 0,
        reconciliations: Vec::new(),
        start_skew_us: 0,
        clock_uncertainty_us: 0,
        offered_per_s: None,
        environment: Environment::default(),
        errors: Vec::new(),
        created: ORIGIN,
        search: None,
        evidence: None,
        cost: 0.0,
        shards: Vec::new(),
        phase_skew_us: 0,
    };
    plane.backend.stores.reports.put(&report).await.unwrap();
}
