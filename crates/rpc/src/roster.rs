//! The list of workers: those attached to this process over those stored.

use std::{collections::HashSet, time::Duration};

use gauntlet_model::run::{Worker, WorkerStatus};
use gauntlet_store::WorkerKey;

/// Workers that have been gone for longer are not listed.
pub const REMEMBERED: Duration = Duration::from_hours(1);

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

fn detached(worker: Worker) -> Worker {
    match worker.status {
        WorkerStatus::Idle | WorkerStatus::Busy => Worker {
            status: WorkerStatus::Lost,
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
            run: None,
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
}
