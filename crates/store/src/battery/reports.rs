//! What every store of reports does.

use gauntlet_model::{
    evidence::{Evidence, Period, Relation, StatementFigures, Wait},
    id::RunId,
    interval::ErrorClass,
    lifecycle::{Phase, ProcessingStatus},
    report::{
        Environment, ErrorGroup, OperationReport, Reason, ReasonCode, Reconciliation, Report,
        ShardReport, SloReport, Summary,
    },
    search::{Findings, Fit, Outcome, SearchEnd, StepKind},
    template::{Class, Level, Scope},
    time::Timestamp,
    verdict::Verdict,
};
use uuid::Uuid;

use super::samples::{name, run, step, stored};
use crate::{Error, Stores};

/// A report with something in every field and every variant.
pub(super) fn report(run: RunId) -> Report {
    Report {
        run,
        measured_us: 60_000_001,
        operations: vec![operation(), OperationReport::default()],
        total: OperationReport {
            operation: None,
            ..operation()
        },
        slos: [Verdict::Pass, Verdict::Inconclusive, Verdict::Fail]
            .map(slo)
            .to_vec(),
        verdict: Some(Verdict::Fail),
        reasons: reasons(),
        warmup_operations: u64::MAX,
        reconciliations: vec![Reconciliation {
            table: "bench.rows".to_owned(),
            shard: 1,
            attempt: 2,
            counted: u64::MAX,
            uncertain: 3,
            found: 4,
        }],
        start_skew_us: -5,
        clock_uncertainty_us: 6,
        offered_per_s: Some(1_000.1),
        environment: Environment {
            gauntlet_version: "0.1.0".to_owned(),
            target_version: "PostgreSQL 15.8".to_owned(),
            workers: vec!["w1".to_owned(), "w2".to_owned()],
        },
        errors: ErrorClass::ALL.map(group).to_vec(),
        created: Timestamp(7),
        search: Some(findings()),
        evidence: Some(evidence()),
        cost: 1.0 / 3.0,
        shards: vec![ShardReport {
            shard: 1,
            attempt: 2,
            worker: "w1".to_owned(),
            succeeded: u64::MAX,
            response_p50_us: 0.1 + 0.2,
            response_p99_us: 1.0 / 7.0,
            straggler: true,
            clock_uncertainty_us: 3,
        }],
        phase_skew_us: -6,
    }
}

fn findings() -> Findings {
    Findings {
        end: SearchEnd::Found,
        message: "found".to_owned(),
        best: Some(Level::Concurrency { connections: 64 }),
        best_step: 2,
        failed: Some(Level::Concurrency { connections: 66 }),
        steps: vec![
            step(1, StepKind::Grow, Outcome::Passed),
            step(2, StepKind::Bisect, Outcome::Slo),
        ],
        fit: Ok(Fit {
            lambda: 1_000.0 / 3.0,
            sigma: 0.02,
            sigma_interval: (0.01, 0.03),
            kappa: 1e-5 / 3.0,
            kappa_interval: (-1e-6, 1e-5),
            peak: Some((310.5, 12_345.6)),
            r_squared: 0.999,
            residuals: vec![-0.1, 0.1 + 0.2],
        }),
        knee: None,
        knee_message: "no knee".to_owned(),
    }
}

pub(super) fn evidence() -> Evidence {
    let statements = StatementFigures {
        operation: "read".to_owned(),
        calls: u64::MAX,
        total_us: 1.0 / 3.0,
        rows: 1,
        pages_hit: 2,
        pages_read: 3,
    };
    let period = Period {
        phase: Phase::Measurement,
        from: Timestamp(1),
        to: Timestamp(2),
        statements: vec![statements],
        counters: vec![("wal_bytes".to_owned(), 1e12 / 7.0)],
        waits: vec![Wait {
            kind: "LWLock".to_owned(),
            event: "WALWrite".to_owned(),
            sessions: 1.5,
            share: 0.25,
        }],
        relations: vec![Relation {
            name: "bench.rows".to_owned(),
            index: false,
            bytes: u64::MAX,
            grown_bytes: -8_192,
        }],
    };
    Evidence {
        status: ProcessingStatus::Completed,
        message: "because \"so\"".to_owned(),
        periods: vec![period],
        settings: vec![("fsync".to_owned(), "on".to_owned())],
        skipped: vec!["waits: none were sampled".to_owned()],
    }
}

fn operation() -> OperationReport {
    // Figures that have no short decimal form.
    let summary = Summary {
        min_us: 1.0 / 3.0,
        mean_us: 0.1 + 0.2,
        p50_us: 123.456_789_012_345_68,
        p95_us: f64::MIN_POSITIVE,
        p99_us: 1e15 + 0.3,
        p999_us: f64::EPSILON,
        max_us: f64::MAX,
    };
    OperationReport {
        operation: Some(name("read")),
        succeeded: u64::MAX,
        failed: 1,
        cut: 2,
        dropped: 3,
        rows: 1 << 63,
        throughput_per_s: 1e5 / 7.0,
        response: summary,
        service: summary,
        lag: summary,
        failed_response: Summary::default(),
    }
}

fn slo(verdict: Verdict) -> SloReport {
    SloReport {
        name: "p99 \"fast\"".to_owned(),
        scope: match verdict {
            Verdict::Pass => Scope::All,
            Verdict::Inconclusive => Scope::Class { class: Class::Read },
            Verdict::Fail => Scope::Operation(name("read")),
        },
        verdict,
        measured: -1.0,
        limit: 0.001,
        samples: 8,
        samples_needed: 9,
        message: "too few".to_owned(),
    }
}

fn reasons() -> Vec<Reason> {
    [
        ReasonCode::NothingMeasured,
        ReasonCode::RateMissed,
        ReasonCode::Dropped,
        ReasonCode::GeneratorCpu,
        ReasonCode::Clock,
        ReasonCode::WorkerLost,
        ReasonCode::CountMismatch,
        ReasonCode::NotReconciled,
    ]
    .map(|code| Reason {
        code,
        message: format!("because of {}", code.as_str()),
    })
    .to_vec()
}

fn group(class: ErrorClass) -> ErrorGroup {
    ErrorGroup {
        operation: name("read"),
        class,
        code: "57014".to_owned(),
        message: "50 % 'gone'".to_owned(),
        count: 10,
    }
}

/// What is read is what was stored, every figure to its last bit.
pub async fn kept_whole(stores: Stores) {
    let run = stored(&stores, &run("acme", "nightly")).await.id;
    assert_eq!(stores.reports.put(&report(run)).await, Ok(()));
    assert_eq!(stores.reports.get(run).await, Ok(Some(report(run))));
}

/// A later report takes the place of an earlier one, and of no other run's.
pub async fn replaced(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly-1")).await.id;
    let other = stored(&stores, &run("acme", "nightly-2")).await.id;
    for id in [one, other] {
        stores.reports.put(&report(id)).await.expect("a report");
    }
    let mut later = report(one);
    later.verdict = None;
    later.search.as_mut().expect("the sample searches").fit = Err("too few steps".to_owned());
    later.evidence = None;
    later.offered_per_s = None;
    later.operations.clear();
    assert_eq!(stores.reports.put(&later).await, Ok(()));
    assert_eq!(stores.reports.get(one).await, Ok(Some(later)));
    assert_eq!(stores.reports.get(other).await, Ok(Some(report(other))));
}

/// A run without a report has none; a report without a run is refused.
pub async fn absent(stores: Stores) {
    let run = stored(&stores, &run("acme", "nightly")).await.id;
    assert_eq!(stores.reports.get(run).await, Ok(None));
    let unknown = RunId(Uuid::now_v7());
    let refused = stores.reports.put(&report(unknown)).await;
    assert_eq!(refused, Err(Error::Missing(format!("run {unknown}"))));
    assert_eq!(stores.reports.get(unknown).await, Ok(None));
}
