//! What every store of reports does.

use gauntlet_model::{
    id::RunId,
    interval::ErrorClass,
    report::{
        Environment, ErrorGroup, OperationReport, Reason, ReasonCode, Reconciliation, Report,
        SloReport, Summary,
    },
    time::Timestamp,
    verdict::Verdict,
};
use uuid::Uuid;

use super::samples::{name, run, stored};
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
        operation: (verdict == Verdict::Fail).then(|| name("read")),
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
