//! The list of workers: those attached to this process over those stored.

use std::{collections::HashSet, time::Duration};

use gauntlet_model::run::{Gauges, Worker, WorkerStatus};
use gauntlet_store::{PageQuery, WorkerKey};
use tonic::Status;

use crate::{Backend, status};

/// Workers that have been gone for longer are not listed.
pub const REMEMBERED: Duration = Duration::from_hours(1);

/// Workers that are read at a time.
pub(crate) const PAGE: u32 = 1_000;

/// The place of a worker in the list.
#[must_use]
pub fn key(worker: &Worker) -> WorkerKey {
    (worker.name.clone(), worker.id)
}

/// The workers after `after`, by name and id. What the registry says of a
/// worker wins: the stored row may be older. A worker that only the store knows
/// is not attached, whatever its row says.
#[must_use]
pub fn merge(
    registered: Vec<Worker>,
    stored: Vec<Worker>,
    after: Option<&WorkerKey>,
) -> Vec<Worker> {
    let known: HashSet<_> = registered.iter().map(|worker| worker.id).collect();
    let forgotten = stored
        .into_iter()
        .filter(|worker| !known.contains(&worker.id))
        .map(detached);
    let mut all: Vec<Worker> = registered
        .into_iter()
        .chain(forgotten)
        .filter(|worker| after.is_none_or(|last| key(worker) > *last))
        .collect();
    all.sort_by_key(key);
    all
}

/// Workers after `after`, by name and id; no more than [`PAGE`].
pub(crate) async fn page(
    backend: &Backend,
    after: Option<&WorkerKey>,
) -> Result<Vec<Worker>, Status> {
    let since = backend.clock.now().before(REMEMBERED);
    let query = PageQuery {
        after: after.cloned(),
        limit: PAGE,
    };
    let stored = backend.stores.workers.list(since, query).await;
    let stored = stored.map_err(status::store)?;
    let mut workers = merge(backend.orchestrator.workers(), stored, after);
    // Beyond as many as were read, stored ones may be missing.
    workers.truncate(PAGE as usize);
    Ok(workers)
}

/// One worker: as the registry knows it, or else as it was stored last.
#[must_use]
pub fn one(registered: Option<Worker>, stored: Option<Worker>) -> Option<Worker> {
    registered.or_else(|| stored.map(detached))
}

fn detached(worker: Worker) -> Worker {
    match worker.status {
        WorkerStatus::Idle | WorkerStatus::Busy | WorkerStatus::Draining => Worker {
            status: WorkerStatus::Lost,
            runs: Vec::new(),
            reserved: 0,
            gauges: Gauges::default(),
            ..worker
        },
        WorkerStatus::Lost | WorkerStatus::Gone => worker,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use gauntlet_model::{id::WorkerId, time::Timestamp};
    use uuid::Uuid;

    use super::*;

    fn worker(id: u128, name: &str, status: WorkerStatus) -> Worker {
        Worker {
            id: WorkerId(Uuid::from_u128(id)),
            name: name.to_owned(),
            status,
            capacity: 1,
            processors: 1,
            labels: BTreeMap::new(),
            version: String::new(),
            runs: Vec::new(),
            reserved: 0,
            gauges: Gauges::default(),
            attached: Timestamp(1),
            seen: Timestamp(2),
            clock_offset_us: 0,
            clock_uncertainty: None,
        }
    }

    fn shape(workers: &[Worker]) -> Vec<(&str, u128, WorkerStatus)> {
        workers
            .iter()
            .map(|w| (w.name.as_str(), w.id.0.as_u128(), w.status))
            .collect()
    }

    #[test]
    fn the_registry_wins_over_the_store() {
        use WorkerStatus::{Busy, Gone, Idle, Lost};
        let registered = vec![worker(3, "c", Busy), worker(1, "a", Idle)];
        let stored = vec![
            worker(1, "a", Lost),
            worker(2, "a", Idle),
            worker(4, "b", Gone),
        ];
        let all = merge(registered.clone(), stored.clone(), None);
        let expected = [
            ("a", 1, Idle),
            ("a", 2, Lost),
            ("b", 4, Gone),
            ("c", 3, Busy),
        ];
        assert_eq!(shape(&all), expected);

        let rest = merge(registered, stored, Some(&key(&all[1])));
        assert_eq!(shape(&rest), expected[2..]);
    }

    #[test]
    fn a_worker_that_only_the_store_knows_is_not_attached() {
        use WorkerStatus::{Busy, Draining, Gone, Lost};
        let status = |registered: Option<WorkerStatus>, stored: Option<WorkerStatus>| {
            let worker = |status| worker(1, "a", status);
            one(registered.map(worker), stored.map(worker)).map(|worker| worker.status)
        };
        assert_eq!(status(Some(Busy), Some(Gone)), Some(Busy));
        assert_eq!(status(None, Some(Draining)), Some(Lost));
        assert_eq!(status(None, Some(Gone)), Some(Gone));
        assert_eq!(status(None, None), None);
    }
}
