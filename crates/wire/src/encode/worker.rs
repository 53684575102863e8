//! Workers, as `WorkerService` answers them.

use gauntlet_api::v1 as pb;
use gauntlet_model::run::{Worker, WorkerStatus};

use super::uncertainty;

/// A worker.
#[must_use]
pub fn worker(worker: &Worker) -> pb::Worker {
    let runs: Vec<String> = worker.runs.iter().map(ToString::to_string).collect();
    pb::Worker {
        worker_id: worker.id.to_string(),
        name: worker.name.clone(),
        status: status(worker.status).into(),
        capacity: worker.capacity,
        processors: worker.processors,
        labels: worker.labels.clone().into_iter().collect(),
        version: worker.version.clone(),
        run_id: runs.first().cloned().unwrap_or_default(),
        attached_us: worker.attached.0,
        seen_us: worker.seen.0,
        clock_offset_us: worker.clock_offset_us,
        clock_uncertainty_us: uncertainty(worker.clock_uncertainty),
        cpu: worker.gauges.cpu,
        memory_bytes: worker.gauges.memory_bytes,
        in_flight: worker.gauges.in_flight,
        backlog: worker.gauges.backlog,
        operations_per_s: worker.gauges.operations_per_s,
        reserved: worker.reserved,
        run_ids: runs,
    }
}

fn status(status: WorkerStatus) -> pb::WorkerStatus {
    match status {
        WorkerStatus::Idle => pb::WorkerStatus::Idle,
        WorkerStatus::Busy => pb::WorkerStatus::Busy,
        WorkerStatus::Draining => pb::WorkerStatus::Draining,
        WorkerStatus::Lost => pb::WorkerStatus::Lost,
        WorkerStatus::Gone => pb::WorkerStatus::Gone,
    }
}
