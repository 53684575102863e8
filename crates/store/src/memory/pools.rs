//! Value pools in memory.

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project},
    pool::ValuePool,
};

use super::{Memory, page};
use crate::{Error, Idempotency, NameKey, PageQuery, Result, ValuePools};

fn without_values(pool: &ValuePool) -> ValuePool {
    ValuePool {
        project: pool.project.clone(),
        name: pool.name.clone(),
        source: pool.source.clone(),
        values: Vec::new(),
        count: pool.count,
        created: pool.created,
    }
}

#[async_trait]
impl ValuePools for Memory {
    async fn insert(
        &self,
        pool: &ValuePool,
        idempotency: Option<&Idempotency>,
    ) -> Result<ValuePool> {
        let mut state = self.state();
        let id = format!("{}/{}", pool.project, pool.name);
        if let Some(id) = state.repeated(idempotency)? {
            let first = state
                .pools
                .values()
                .find(|first| format!("{}/{}", first.project, first.name) == id);
            return first
                .map(without_values)
                .ok_or_else(|| Error::Missing(format!("value pool {id}")));
        }
        let key = (pool.project.clone(), pool.name.clone());
        if state.pools.contains_key(&key) {
            return Err(Error::AlreadyExists(format!("value pool {id}")));
        }
        state.pools.insert(key, pool.clone());
        state.remember(idempotency, id, pool.created);
        Ok(without_values(pool))
    }

    async fn get(&self, project: &Project, name: &Name) -> Result<Option<ValuePool>> {
        let key = (project.clone(), name.clone());
        Ok(self.state().pools.get(&key).cloned())
    }

    async fn list(&self, project: &Project, query: PageQuery<NameKey>) -> Result<Vec<ValuePool>> {
        let state = self.state();
        let covered = state
            .pools
            .iter()
            .filter(|((of, _), _)| project.covers(of))
            .map(|(key, pool)| (key.clone(), without_values(pool)));
        Ok(page(covered, &query, |key, last| key > last))
    }

    async fn delete(&self, project: &Project, name: &Name) -> Result<()> {
        let key = (project.clone(), name.clone());
        let removed = self.state().pools.remove(&key);
        removed
            .map(drop)
            .ok_or_else(|| Error::Missing(format!("value pool {project}/{name}")))
    }
}
