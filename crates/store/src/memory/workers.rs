//! Workers in memory.

use async_trait::async_trait;
use gauntlet_model::{run::Worker, time::Timestamp};

use super::{Memory, page};
use crate::{PageQuery, Result, WorkerKey, Workers};

#[async_trait]
impl Workers for Memory {
    async fn put(&self, worker: &Worker) -> Result<()> {
        self.state().workers.insert(worker.id, worker.clone());
        Ok(())
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
