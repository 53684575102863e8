//! The workers that are attached to this control plane or were within the hour.

use std::{collections::BTreeMap, fmt};

use gauntlet_model::run::WorkerStatus;
use gauntlet_orchestrator::Orchestrator;
use prometheus_client::{collector::Collector, encoding::DescriptorEncoder, metrics::MetricType};

const STATUSES: [WorkerStatus; 5] = [
    WorkerStatus::Idle,
    WorkerStatus::Busy,
    WorkerStatus::Draining,
    WorkerStatus::Lost,
    WorkerStatus::Gone,
];

/// See the module.
pub(super) struct AttachedWorkers(Orchestrator);

impl AttachedWorkers {
    pub(super) fn of(orchestrator: &Orchestrator) -> Self {
        Self(orchestrator.clone())
    }
}

impl fmt::Debug for AttachedWorkers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttachedWorkers").finish_non_exhaustive()
    }
}

impl Collector for AttachedWorkers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut counts: BTreeMap<&str, i64> = STATUSES
            .into_iter()
            .map(|status| (status.as_str(), 0))
            .collect();
        for worker in self.0.workers() {
            *counts.entry(worker.status.as_str()).or_default() += 1;
        }
        let help = "Workers that are attached or were within the hour";
        let mut family = encoder.encode_descriptor("workers", help, None, MetricType::Gauge)?;
        for (status, count) in counts {
            let labels = [("status", status.to_ascii_lowercase())];
            family.encode_family(&labels)?.encode_gauge(&count)?;
        }
        Ok(())
    }
}
