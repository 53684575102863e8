//! Measurements over time.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    history::{Distribution, HistoryPoint, OperationStats, PhaseTotal, Stats},
    interval::Failures,
    template::Spec,
    time::micros,
};

use super::operation_name;

/// A stretch of a run; `spec` names the operations.
#[must_use]
pub fn history_point(point: &HistoryPoint, spec: &Spec) -> pb::HistoryPoint {
    pb::HistoryPoint {
        time_us: point.start.0,
        length_us: point.resolution.us(),
        phase: super::phase(point.phase).into(),
        operations: operations(&point.operations, spec),
        total: Some(operation(String::new(), &point.total)),
        in_flight_max: point.in_flight_max,
        backlog_max: point.backlog_max,
        covered_us: micros(point.covered),
    }
}

/// All that one phase has measured; `spec` names the operations.
#[must_use]
pub fn phase_total(total: &PhaseTotal, spec: &Spec) -> pb::HistoryPoint {
    pb::HistoryPoint {
        time_us: total.start.0,
        length_us: micros(total.covered),
        phase: super::phase(total.phase).into(),
        operations: operations(&total.operations, spec),
        total: Some(operation(String::new(), &total.total)),
        in_flight_max: total.in_flight_max,
        backlog_max: total.backlog_max,
        covered_us: micros(total.covered),
    }
}

fn operations(measured: &[OperationStats], spec: &Spec) -> Vec<pb::OperationHistory> {
    let measured = measured.iter();
    measured
        .map(|one| operation(operation_name(spec, one.operation), &one.stats))
        .collect()
}

fn operation(operation: String, stats: &Stats) -> pb::OperationHistory {
    pb::OperationHistory {
        operation,
        succeeded: stats.succeeded,
        failed: stats.failed,
        cut: stats.cut,
        dropped: stats.dropped,
        rows: stats.rows,
        throughput_per_s: stats.throughput_per_s.unwrap_or_default(),
        response: stats.response.as_ref().map(latency),
        service: stats.service.as_ref().map(latency),
        lag: stats.lag.as_ref().map(latency),
        failed_response: stats.failed_response.as_ref().map(latency),
        failures: failures(stats.failures),
    }
}

/// By class, those without any left out.
pub(super) fn failures(failures: Failures) -> Vec<pb::FailureCount> {
    let found = failures.found();
    found
        .map(|(class, count)| pb::FailureCount {
            class: class.as_str().to_owned(),
            count,
        })
        .collect()
}

fn latency(distribution: &Distribution) -> pb::Latency {
    pb::Latency {
        min_us: distribution.min_us,
        mean_us: distribution.mean_us,
        max_us: distribution.max_us,
        percentiles_us: distribution.percentiles_us.clone(),
    }
}
