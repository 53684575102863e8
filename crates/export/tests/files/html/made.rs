//! Runs that have everything that a page can show.

use std::time::Duration;

use gauntlet_export::{Background, Contents};
use gauntlet_model::{
    evidence::{Evidence, Period, Relation, StatementFigures, Wait},
    history::{Resolution, Rollup},
    id::{Name, RunId, WorkerId},
    interval::{Encoded, ErrorClass, Failures, Latencies, empty_histogram},
    lifecycle::{End, Phase, ProcessingStatus, ShardStage, Stage, StopReason, Window},
    report::{
        Environment, ErrorGroup, OperationReport, Reason, ReasonCode, Reconciliation, ShardReport,
        SloReport, Summary,
    },
    run::Attempt,
    search::{Figures, Findings, Fit, Outcome, SearchEnd, Step, StepKind, Trial},
    session::KeyRange,
    template::{Class, Level, Limit, Scope, Slo, Statement},
    verdict::Verdict,
};
use uuid::Uuid;

use crate::support::{ORIGIN, WARMUP_S, at, contents};

const EVIL: &str = "<script>alert(1)</script>";

/// Every second of two operations, whose latencies differ from second to second.
pub fn busy(seconds: i64) -> Vec<Rollup> {
    let mut rollups = Vec::new();
    for second in 0..seconds {
        for operation in 0..2 {
            rollups.push(rollup(second, operation));
        }
    }
    rollups
}

fn rollup(second: i64, operation: u32) -> Rollup {
    let mut histogram = empty_histogram();
    let mut seed = 1 + second.unsigned_abs() * 7 + u64::from(operation);
    for _ in 0..200 {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let draw = (seed >> 40) as f64 / f64::from(1 << 24);
        let ms = (1.0 + f64::from(operation) * 2.0) * (0.3 - (1.0 - draw).ln());
        histogram.record((ms * 1e6) as u64).unwrap();
    }
    let latencies = |histogram: &_| Latencies {
        response: Encoded::from_histogram(histogram),
        rows: 200,
        ..Latencies::default()
    };
    let mut failed = empty_histogram();
    if second % 5 == 4 {
        failed.record(2_000_000_000).unwrap();
    }
    Rollup {
        run: RunId(Uuid::from_u128(7)),
        resolution: Resolution::Second,
        start: at(second),
        operation,
        phase: if second < WARMUP_S {
            Phase::Warmup
        } else {
            Phase::Measurement
        },
        succeeded: latencies(&histogram),
        failed: latencies(&failed),
        failures: Failures::default(),
        cut: 0,
        dropped: 0,
        intervals: 1,
        in_flight_max: 8,
        backlog_max: 3,
    }
}

fn summary(p50_us: f64) -> Summary {
    Summary {
        min_us: p50_us / 4.0,
        mean_us: p50_us * 1.2,
        p50_us,
        p95_us: p50_us * 10.0,
        p99_us: p50_us * 50.0,
        p999_us: 88_000.0,
        max_us: 120_000.0,
    }
}

fn operation(name: Option<&str>, succeeded: u64, failed: u64) -> OperationReport {
    OperationReport {
        operation: name.map(|name| Name::new(name).unwrap()),
        succeeded,
        failed,
        cut: 1,
        dropped: 0,
        rows: succeeded,
        throughput_per_s: 1_234.0,
        response: summary(1_200.0),
        service: summary(1_100.0),
        lag: summary(30.0),
        failed_response: summary(2_000_000.0),
    }
}

fn objective(name: &str, scope: Scope, verdict: Verdict, measured: f64, limit: f64) -> SloReport {
    SloReport {
        name: name.to_owned(),
        scope,
        verdict,
        measured,
        limit,
        samples: if verdict == Verdict::Inconclusive {
            12
        } else {
            20_000
        },
        samples_needed: 299,
        message: "in words".to_owned(),
    }
}

fn slo(name: &str, limit: Limit) -> Slo {
    Slo {
        name: name.to_owned(),
        scope: Scope::All,
        limit,
        confidence: 0.95,
        abort_on_fail: false,
    }
}

fn attempt(shard: u32) -> Attempt {
    Attempt {
        shard,
        number: 1,
        worker: WorkerId(Uuid::from_u128(1 + u128::from(shard))),
        worker_text: format!("w{}, 4 processors", shard + 1),
        stage: ShardStage::Finished,
        message: String::new(),
        keys: KeyRange {
            first: 0,
            length: 10,
        },
        assigned: ORIGIN,
        ended: None,
        first_operation: Some(ORIGIN),
        peak_cpu_permille: 420,
        clock_uncertainty: Some(Duration::from_micros(120)),
        revision: 1,
    }
}

fn shard(attempt: &Attempt, straggler: bool) -> ShardReport {
    ShardReport {
        shard: attempt.shard,
        attempt: attempt.number,
        worker: attempt.worker_text.clone(),
        succeeded: 10_000,
        response_p50_us: 1_200.0,
        response_p99_us: 60_000.0,
        straggler,
        clock_uncertainty_us: 120,
    }
}

fn evidence() -> Evidence {
    let period = Period {
        phase: Phase::Measurement,
        from: at(WARMUP_S),
        to: at(20),
        statements: vec![StatementFigures {
            operation: "read".to_owned(),
            calls: 1_000,
            total_us: 12_000.0,
            rows: 1_000,
            pages_hit: 3_000,
            pages_read: 1,
        }],
        counters: vec![
            ("cache_hit_ratio".to_owned(), 0.995),
            ("wal_bytes".to_owned(), 2_000.0),
            ("file_bytes".to_owned(), -4_000.0),
            ("deadlocks".to_owned(), 0.0),
            ("conflicts".to_owned(), 0.0),
        ],
        waits: vec![Wait {
            kind: "Lock".to_owned(),
            event: "tuple".to_owned(),
            sessions: 1.5,
            share: 0.25,
        }],
        relations: vec![Relation {
            name: "orders".to_owned(),
            index: false,
            bytes: 4_000_000,
            grown_bytes: -1_000,
        }],
    };
    Evidence {
        status: ProcessingStatus::Completed,
        message: String::new(),
        periods: vec![period],
        settings: vec![("shared_buffers".to_owned(), "128MB".to_owned())],
        skipped: vec!["pg_stat_wal: needs version 14".to_owned()],
    }
}

/// A run of twenty seconds, over, with a report that has everything but a search.
pub fn full() -> Contents {
    let mut made = contents();
    let measured = Window {
        from: at(WARMUP_S),
        to: at(20),
    };
    let warmup = Window {
        from: ORIGIN,
        to: at(WARMUP_S),
    };
    made.phases = vec![(Phase::Warmup, warmup), (Phase::Measurement, measured)];
    let run = &mut made.run;
    run.ended = Some(at(21));
    run.state.stage = Stage::Done {
        at: at(21),
        measured: Some(measured),
        end: End {
            reason: StopReason::DurationElapsed,
            message: String::new(),
        },
        processing: ProcessingStatus::Completed,
    };
    run.spec.slos = vec![
        slo("hardly any fails", Limit::ErrorRatio(0.01)),
        slo(
            "reads are fast",
            Limit::Latency {
                percentile: 99.0,
                max: Duration::from_millis(50),
            },
        ),
        slo("enough", Limit::Throughput(100.0)),
    ];
    let read = Scope::Operation(Name::new("read").unwrap());
    let attempts = vec![attempt(0), attempt(1)];
    let report = made.report.as_mut().unwrap();
    report.slos = vec![
        objective("hardly any fails", Scope::All, Verdict::Pass, 0.001, 0.01),
        objective("reads are fast", read, Verdict::Fail, 61_000.0, 50_000.0),
        objective("enough", Scope::All, Verdict::Inconclusive, 99.0, 100.0),
    ];
    report.verdict = Some(Verdict::Fail);
    report.operations = vec![
        operation(Some("read"), 20_000, 0),
        operation(Some("scan"), 978, 21),
    ];
    report.total = operation(None, 20_978, 21);
    report.errors = vec![ErrorGroup {
        operation: Name::new("scan").unwrap(),
        class: ErrorClass::Timeout,
        code: "57014".to_owned(),
        message: "canceling statement".to_owned(),
        count: 21,
    }];
    report.reconciliations = vec![Reconciliation {
        table: "orders".to_owned(),
        shard: 0,
        attempt: 1,
        counted: 1_000,
        uncertain: 3,
        found: 1_002,
    }];
    report.environment = Environment {
        gauntlet_version: "0.1.0".to_owned(),
        target_version: "PostgreSQL 15.14".to_owned(),
        workers: vec!["w1, 4 processors".to_owned()],
    };
    report.shards = vec![shard(&attempts[0], false), shard(&attempts[1], true)];
    report.cost = 0.0123;
    report.evidence = Some(evidence());
    made.background = Background {
        attempts,
        controls: vec![],
        template: "name: t\noperations:\n  - name: read\n".to_owned(),
        made: at(60),
    };
    made
}

fn step(number: u32, kind: StepKind, connections: u32, outcome: Outcome) -> Step {
    let throughput = [800.0, 1_600.0, 1_500.0, 1_650.0, 1_580.0][number as usize - 1];
    Step {
        trial: Trial {
            step: number,
            kind,
            level: Level::Concurrency { connections },
        },
        from: at(1 + 2 * i64::from(number)),
        to: at(3 + 2 * i64::from(number)),
        outcome,
        message: if outcome == Outcome::Slo {
            "p99 is 90 ms".to_owned()
        } else {
            "no stop signal".to_owned()
        },
        figures: Figures {
            succeeded: 1_000,
            failed: 0,
            throughput_per_s: throughput,
            low_per_s: throughput * 0.95,
            high_per_s: throughput * 1.05,
            response: summary(1_000.0),
            queue_ratio: None,
        },
        transition_us: 0,
    }
}

/// A search that found its best level.
pub fn searched() -> Contents {
    let mut made = full();
    let report = made.report.as_mut().unwrap();
    report.search = Some(Findings {
        end: SearchEnd::Found,
        message: "the gap is small enough".to_owned(),
        best: Some(Level::Concurrency { connections: 16 }),
        best_step: 2,
        failed: Some(Level::Concurrency { connections: 32 }),
        steps: vec![
            step(1, StepKind::Grow, 8, Outcome::Passed),
            step(2, StepKind::Grow, 16, Outcome::Passed),
            step(3, StepKind::Grow, 32, Outcome::Slo),
            step(4, StepKind::Bisect, 24, Outcome::Generator),
            step(5, StepKind::Bisect, 20, Outcome::Queueing),
        ],
        fit: Ok(Fit {
            lambda: 110.0,
            sigma: 0.02,
            sigma_interval: (0.01, 0.03),
            kappa: 0.000_5,
            kappa_interval: (0.0, 0.001),
            peak: Some((20.0, 1_700.0)),
            r_squared: 0.98,
            residuals: vec![],
        }),
        knee: Some(Level::Concurrency { connections: 16 }),
        knee_message: "where response time per throughput is the least".to_owned(),
    });
    made
}

/// A run whose every free text is markup.
pub fn hostile() -> Contents {
    let mut made = searched();
    let evil = || EVIL.to_owned();
    made.background.template = evil();
    for attempt in &mut made.background.attempts {
        attempt.message = evil();
        attempt.worker_text = evil();
    }
    let run = &mut made.run;
    run.labels = [(evil(), evil())].into();
    run.notes = evil();
    run.spec.description = evil();
    run.spec.operations[0].statement = Statement::Sql {
        text: evil(),
        class: Class::Read,
    };
    run.spec.operations[1].statement = Statement::PointLookup {
        table: evil(),
        key: evil(),
        columns: vec![evil()],
    };
    let report = made.report.as_mut().unwrap();
    report.reasons = vec![Reason {
        code: ReasonCode::WorkerLost,
        message: evil(),
    }];
    for slo in &mut report.slos {
        slo.name = evil();
        slo.message = evil();
    }
    report.errors[0].code = evil();
    report.errors[0].message = evil();
    report.reconciliations[0].table = evil();
    report.environment.target_version = evil();
    report.environment.gauntlet_version = evil();
    report.environment.workers = vec![evil()];
    let evidence = report.evidence.as_mut().unwrap();
    evidence.settings = vec![(evil(), evil())];
    evidence.skipped = vec![evil()];
    let period = &mut evidence.periods[0];
    period.statements[0].operation = evil();
    period.counters = vec![(evil(), 1.0)];
    period.waits[0].event = evil();
    period.relations[0].name = evil();
    let search = report.search.as_mut().unwrap();
    search.message = evil();
    search.knee_message = evil();
    search.fit = Err(evil());
    for step in &mut search.steps {
        step.message = evil();
    }
    made
}
