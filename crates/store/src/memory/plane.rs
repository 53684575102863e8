//! Workers in memory, and the store as a whole.

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use gauntlet_model::{
    id::WorkerId,
    run::{Gauges, Worker},
    time::Timestamp,
};

use super::{Memory, page};
use crate::{
    Feed, FeedReceiver, Forgotten, Health, Maintenance, MaintenanceError, PageQuery, Result,
    WorkerKey, Workers,
};

#[async_trait]
impl Workers for Memory {
    async fn put(&self, worker: &Worker) -> Result<()> {
        // What a heartbeat said is of no use when it is read later.
        let stored = Worker {
            gauges: Gauges::default(),
            ..worker.clone()
        };
        self.state().workers.insert(worker.id, stored);
        Ok(())
    }

    async fn get(&self, id: WorkerId) -> Result<Option<Worker>> {
        Ok(self.state().workers.get(&id).cloned())
    }

    async fn list(
        &self,
        seen_since: Timestamp,
        query: PageQuery<WorkerKey>,
    ) -> Result<Vec<Worker>> {
        let state = self.state();
        let mut seen: Vec<(WorkerKey, &Worker)> = state
            .workers
            .values()
            .filter(|worker| worker.seen >= seen_since)
            .map(|worker| ((worker.name.clone(), worker.id), worker))
            .collect();
        seen.sort_by(|one, other| one.0.cmp(&other.0));
        let owned = seen.into_iter().map(|(key, worker)| (key, worker.clone()));
        Ok(page(owned, &query, |key, last| key > last))
    }
}

#[async_trait]
impl Health for Memory {
    async fn check(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Maintenance for Memory {
    async fn vacuum(&self) -> std::result::Result<(), MaintenanceError> {
        Ok(())
    }

    async fn backup(&self, _path: &Path) -> std::result::Result<(), MaintenanceError> {
        Err(MaintenanceError::Unsupported(
            "a store in memory has no backup; use a file",
        ))
    }

    async fn forget(&self, now: Timestamp) -> Result<Forgotten> {
        let yesterday = now.before(Duration::from_hours(24));
        let mut state = self.state();
        let (requests, workers) = (state.requests.len(), state.workers.len());
        state.requests.retain(|_, request| request.at >= yesterday);
        state.workers.retain(|_, worker| worker.seen >= yesterday);
        Ok(Forgotten {
            requests: (requests - state.requests.len()) as u64,
            workers: (workers - state.workers.len()) as u64,
        })
    }
}

impl Feed for Memory {
    fn subscribe(&self) -> FeedReceiver {
        self.feed.subscribe()
    }
}
