//! Values to store: whole, and with something in every field.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use gauntlet_model::{
    id::{Name, Project, RunId, TargetId, TemplateId, WorkerId},
    interval::{
        Encoded, ErrorClass, ErrorCount, Interval, Latencies, OperationInterval, empty_histogram,
    },
    lifecycle::{End, Phase, ProcessingStatus, RunState, ShardStage, Stage, StopReason},
    run::{Attempt, Gauges, Run, RunEvent, RunEventKind, Worker, WorkerStatus},
    session::{AttemptRef, KeyRange},
    target::{Address, Authorities, Encryption, Target},
    template::Template,
    time::Timestamp,
};
use uuid::Uuid;

use crate::{Idempotency, PageQuery, RunChange, RunFilter, Stores};

mod full;
mod spec;
mod step;

pub use full::full;
pub use spec::spec;
pub use step::step;

/// A name.
#[must_use]
pub fn name(text: &str) -> Name {
    Name::new(text).expect("a sample's name is a label")
}

/// A project.
#[must_use]
pub fn project(text: &str) -> Project {
    Project::new(text).expect("a sample's project is a path")
}

/// The first page, with room for all that a case stores.
#[must_use]
pub fn all<K>() -> PageQuery<K> {
    PageQuery {
        after: None,
        limit: 1000,
    }
}

/// The page after a key.
#[must_use]
pub fn after<K>(key: K, limit: u32) -> PageQuery<K> {
    PageQuery {
        after: Some(key),
        limit,
    }
}

/// A request id with the digest of its content.
#[must_use]
pub fn request(key: &str, fingerprint: &str) -> Idempotency {
    Idempotency {
        key: key.to_owned(),
        fingerprint: fingerprint.to_owned(),
    }
}

/// Two labels.
#[must_use]
pub fn labels() -> BTreeMap<String, String> {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    BTreeMap::from([pair("team", "storage"), pair("ticket", "a \"b\" 'c' 50%_ö")])
}

/// A target on PostgreSQL.
#[must_use]
pub fn target(of: &str, called: &str) -> Target {
    Target {
        id: TargetId(Uuid::now_v7()),
        project: project(of),
        name: name(called),
        address: Address::Postgres {
            host: "db.example.com".to_owned(),
            port: 65_535,
            database: "it's".to_owned(),
            user: "o\"neil".to_owned(),
            encryption: Encryption::VerifyHost(Authorities::Pem("-----BEGIN".to_owned())),
        },
        created: Timestamp(1_700_000_000_000_001),
        revision: 1,
        price_per_hour: 1.0 / 3.0,
    }
}

/// A target in a file.
#[must_use]
pub fn file_target(of: &str, called: &str) -> Target {
    Target {
        address: Address::Sqlite {
            path: PathBuf::from("/var/lib/ö/bench.db"),
        },
        ..target(of, called)
    }
}

/// A template's first version.
#[must_use]
pub fn template(of: &str, called: &str) -> Template {
    Template {
        id: TemplateId(Uuid::now_v7()),
        project: project(of),
        name: name(called),
        version: 1,
        spec: spec(),
        source: None,
        created: Timestamp(1_700_000_000_000_002),
        updated: Timestamp(1_700_000_000_000_002),
    }
}

/// A new run. Its id sorts after those made before.
#[must_use]
pub fn run(of: &str, called: &str) -> Run {
    Run {
        id: RunId(Uuid::now_v7()),
        project: project(of),
        name: name(called),
        template: name("point-lookup"),
        template_version: 7,
        spec: spec(),
        state: RunState::prepared(),
        revision: 1,
        labels: labels(),
        notes: "look at \"p99\" — 50 % worse?\nö".to_owned(),
        rerun_of: Some(RunId(Uuid::from_u128(7))),
        created: Timestamp(1_700_000_000_000_003),
        started: None,
        ended: None,
    }
}

/// The event that comes with a new run.
#[must_use]
pub fn created() -> RunEvent {
    event("created")
}

/// An event.
#[must_use]
pub fn event(message: &str) -> RunEvent {
    RunEvent {
        sequence: 0,
        time: Timestamp(1_700_000_000_000_004),
        kind: RunEventKind::Status,
        message: message.to_owned(),
        shard: None,
    }
}

/// A run that is stored.
pub async fn stored(stores: &Stores, run: &Run) -> Run {
    let made = stores.runs.insert(run, &created(), None).await;
    made.expect("a new run is stored")
}

/// A run that is over since an instant.
pub async fn ended(stores: &Stores, called: &str, ended_us: i64) -> RunId {
    let one = stored(stores, &run("acme", called)).await;
    let at = Timestamp(ended_us);
    let done = Stage::Done {
        at,
        measured: None,
        end: End {
            reason: StopReason::DurationElapsed,
            message: String::new(),
        },
        processing: ProcessingStatus::Completed,
    };
    let mut change = moved(&one, done);
    change.run.ended = Some(at);
    let advanced = stores.runs.advance(&change).await;
    advanced.expect("a change is stored");
    one.id
}

/// A change that moves a run to a stage and nothing else.
#[must_use]
pub fn moved(run: &Run, stage: Stage) -> RunChange {
    let state = RunState {
        stage,
        ..run.state.clone()
    };
    RunChange {
        run: Run {
            state,
            ..run.clone()
        },
        attempts: Vec::new(),
        controls: Vec::new(),
        phases: Vec::new(),
        events: Vec::new(),
    }
}

/// Stage STARTING.
#[must_use]
pub fn starting() -> Stage {
    Stage::Starting {
        since: Timestamp(5),
        deadline: Timestamp(6),
    }
}

/// All runs of a project and below.
#[must_use]
pub fn runs_of(of: &str) -> RunFilter {
    RunFilter::all(project(of))
}

/// An attempt with something in every field.
#[must_use]
pub fn attempt(shard: u32, number: u32) -> Attempt {
    Attempt {
        shard,
        number,
        worker: WorkerId(Uuid::now_v7()),
        worker_text: "w1, 2 processors, 0.1.0".to_owned(),
        stage: ShardStage::Lost,
        message: "it went away".to_owned(),
        keys: KeyRange {
            first: i64::MAX - 1,
            length: i64::MAX,
        },
        assigned: Timestamp(7),
        ended: Some(Timestamp(9)),
        first_operation: Some(Timestamp(8)),
        peak_cpu_permille: u32::MAX,
        clock_uncertainty: Some(Duration::from_nanos(123_456_789)),
        revision: 0,
    }
}

/// Attempts as they are stored by a change that makes this revision.
#[must_use]
pub fn attempts_at(revision: i64, attempts: &[Attempt]) -> Vec<Attempt> {
    let at = |attempt: &Attempt| Attempt {
        revision,
        ..attempt.clone()
    };
    attempts.iter().map(at).collect()
}

/// A histogram.
#[must_use]
pub fn histogram(values_ns: &[u64]) -> Encoded {
    let mut histogram = empty_histogram();
    for value in values_ns {
        histogram
            .record(*value)
            .expect("a histogram grows as needed");
    }
    Encoded::from_histogram(&histogram)
}

/// An interval of shard 0, attempt 1.
#[must_use]
pub fn interval(run: RunId, sequence: i64) -> Interval {
    interval_of(run, 0, 1, sequence)
}

/// An interval; it ends `sequence` seconds after the epoch.
#[must_use]
pub fn interval_of(run: RunId, shard: u32, attempt: u32, sequence: i64) -> Interval {
    Interval {
        attempt: AttemptRef {
            run,
            shard,
            attempt,
        },
        sequence,
        start: Timestamp((sequence - 1) * 1_000_000),
        end: Timestamp(sequence * 1_000_000),
        operations: vec![
            operation(1, Phase::Warmup, &[4_000, 5_000]),
            operation(0, Phase::Measurement, &[6_000]),
            operation(1, Phase::Measurement, &[]),
        ],
        errors: vec![error(ErrorClass::Timeout)],
        in_flight: 3,
        backlog: 4,
    }
}

/// An operation's part of an interval.
#[must_use]
pub fn operation(operation: u32, phase: Phase, values_ns: &[u64]) -> OperationInterval {
    OperationInterval {
        operation,
        phase,
        step: operation,
        succeeded: Latencies {
            response: histogram(values_ns),
            service: histogram(&[1_000]),
            lag: histogram(&[2_000]),
            rows: 11,
        },
        failed: Latencies {
            response: histogram(&[9_000_000]),
            service: Encoded::default(),
            lag: histogram(&[3_000, 3_000_000]),
            rows: 12,
        },
        cut: 13,
        dropped: 14,
    }
}

/// Failures of one class.
#[must_use]
pub fn error(class: ErrorClass) -> ErrorCount {
    ErrorCount {
        operation: 1,
        phase: Phase::Warmup,
        class,
        code: "57014".to_owned(),
        message: "canceling statement due to \"timeout\"".to_owned(),
        count: u64::MAX,
    }
}

/// A worker with something in every field.
#[must_use]
pub fn worker(called: &str) -> Worker {
    Worker {
        id: WorkerId(Uuid::now_v7()),
        name: called.to_owned(),
        status: WorkerStatus::Busy,
        capacity: u32::MAX,
        processors: 2,
        labels: labels(),
        version: "0.1.0".to_owned(),
        runs: vec![RunId(Uuid::now_v7()), RunId(Uuid::now_v7())],
        reserved: 77,
        gauges: Gauges::default(),
        attached: Timestamp(10),
        seen: Timestamp(11),
        clock_offset_us: -12,
        clock_uncertainty: Some(Duration::from_micros(13)),
    }
}
