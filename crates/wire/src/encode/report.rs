//! Reports and live metrics.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::Name,
    point::{OperationPoint, Point},
    report::{OperationReport, Reconciliation, Report, ShardReport, SloReport, Summary},
    template::Spec,
    verdict::Verdict,
};

use super::{evidence, history::failures, search, spec::scope};

/// One second of a run; `spec` names the operations.
#[must_use]
pub fn metrics_point(point: &Point, spec: &Spec) -> pb::MetricsPoint {
    pb::MetricsPoint {
        time_us: point.time.0,
        phase: super::phase(point.phase).into(),
        operations: point
            .operations
            .iter()
            .zip(&spec.operations)
            .map(|(measured, operation)| operation_point(measured, operation.name.as_str()))
            .collect(),
        total: Some(operation_point(&point.total, "")),
        in_flight: point.in_flight,
        backlog: point.backlog,
    }
}

fn operation_point(point: &OperationPoint, name: &str) -> pb::OperationPoint {
    pb::OperationPoint {
        operation: name.to_owned(),
        succeeded: point.succeeded,
        failed: point.failed,
        // Zeros would look like a very fast second.
        response: (point.succeeded > 0).then(|| summary(&point.response)),
        failures: failures(point.failures),
    }
}

/// The final result of a run.
#[must_use]
pub fn report(report: &Report) -> pb::Report {
    let validity = if report.reasons.is_empty() {
        pb::Validity::Valid
    } else {
        pb::Validity::Invalid
    };
    pb::Report {
        run_id: report.run.to_string(),
        measured_us: report.measured_us,
        operations: report.operations.iter().map(operation).collect(),
        total: Some(operation(&report.total)),
        slos: report.slos.iter().map(slo).collect(),
        verdict: report
            .verdict
            .map_or(pb::Verdict::Unspecified, verdict)
            .into(),
        validity: validity.into(),
        reasons: report
            .reasons
            .iter()
            .map(|reason| pb::ValidityReason {
                code: reason.code.as_str().to_owned(),
                message: reason.message.clone(),
            })
            .collect(),
        warmup_operations: report.warmup_operations,
        reconciliations: report.reconciliations.iter().map(reconciliation).collect(),
        start_skew_us: report.start_skew_us,
        clock_uncertainty_us: report.clock_uncertainty_us,
        offered_per_s: report.offered_per_s.unwrap_or_default(),
        environment: Some(pb::Environment {
            gauntlet_version: report.environment.gauntlet_version.clone(),
            target_version: report.environment.target_version.clone(),
            workers: report.environment.workers.clone(),
        }),
        errors: report
            .errors
            .iter()
            .map(|group| pb::ErrorGroup {
                operation: group.operation.to_string(),
                class: group.class.as_str().to_owned(),
                code: group.code.clone(),
                message: group.message.clone(),
                count: group.count,
            })
            .collect(),
        created_us: report.created.0,
        search: report.search.as_ref().map(search::findings),
        evidence: report.evidence.as_ref().map(evidence::evidence),
        cost: report.cost,
        shards: report.shards.iter().map(shard).collect(),
        phase_skew_us: report.phase_skew_us,
    }
}

fn operation(report: &OperationReport) -> pb::OperationReport {
    pb::OperationReport {
        operation: name(report.operation.as_ref()),
        succeeded: report.succeeded,
        failed: report.failed,
        cut: report.cut,
        dropped: report.dropped,
        rows: report.rows,
        throughput_per_s: report.throughput_per_s,
        response: Some(summary(&report.response)),
        service: Some(summary(&report.service)),
        lag: Some(summary(&report.lag)),
        failed_response: Some(summary(&report.failed_response)),
    }
}

fn slo(slo: &SloReport) -> pb::SloReport {
    let (operation, class, label) = scope(&slo.scope);
    pb::SloReport {
        name: slo.name.clone(),
        operation,
        verdict: verdict(slo.verdict).into(),
        measured: slo.measured,
        limit: slo.limit,
        samples: slo.samples,
        samples_needed: slo.samples_needed,
        message: slo.message.clone(),
        class: class.into(),
        label,
    }
}

fn shard(report: &ShardReport) -> pb::ShardReport {
    pb::ShardReport {
        shard: report.shard,
        attempt: report.attempt,
        worker: report.worker.clone(),
        succeeded: report.succeeded,
        response_p50_us: report.response_p50_us,
        response_p99_us: report.response_p99_us,
        straggler: report.straggler,
        clock_uncertainty_us: report.clock_uncertainty_us,
    }
}

fn reconciliation(found: &Reconciliation) -> pb::Reconciliation {
    pb::Reconciliation {
        table: found.table.clone(),
        shard: found.shard,
        attempt: found.attempt,
        counted: found.counted,
        uncertain: found.uncertain,
        found: found.found,
        unreported: found.unreported(),
    }
}

pub(super) fn summary(summary: &Summary) -> pb::LatencySummary {
    pb::LatencySummary {
        min_us: summary.min_us,
        mean_us: summary.mean_us,
        p50_us: summary.p50_us,
        p95_us: summary.p95_us,
        p99_us: summary.p99_us,
        p999_us: summary.p999_us,
        max_us: summary.max_us,
    }
}

pub(super) fn verdict(verdict: Verdict) -> pb::Verdict {
    match verdict {
        Verdict::Pass => pb::Verdict::Pass,
        Verdict::Inconclusive => pb::Verdict::Inconclusive,
        Verdict::Fail => pb::Verdict::Fail,
    }
}

fn name(name: Option<&Name>) -> String {
    name.map_or_else(String::new, ToString::to_string)
}
