//! Targets in memory.

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project},
    target::{Sealed, Target},
};

use super::{Memory, page};
use crate::{Error, Idempotency, NameKey, PageQuery, Result, Targets};

#[async_trait]
impl Targets for Memory {
    async fn insert(
        &self,
        target: &Target,
        password: Option<&Sealed>,
        idempotency: Option<&Idempotency>,
    ) -> Result<Target> {
        let mut state = self.state();
        if let Some(id) = state.repeated(idempotency)? {
            let first = state.targets.values().find(|(first, _)| first.id.0 == id);
            return first
                .map(|(first, _)| first.clone())
                .ok_or_else(|| Error::Missing(format!("target {id}")));
        }
        let key = (target.project.clone(), target.name.clone());
        let taken = state.targets.contains_key(&key)
            || state
                .targets
                .values()
                .any(|(other, _)| other.id == target.id);
        if taken {
            let (project, name) = key;
            return Err(Error::AlreadyExists(format!("target {project}/{name}")));
        }
        state
            .targets
            .insert(key, (target.clone(), password.cloned()));
        state.remember(idempotency, target.id.0);
        Ok(target.clone())
    }

    async fn get(&self, project: &Project, name: &Name) -> Result<Option<Target>> {
        let key = (project.clone(), name.clone());
        Ok(self
            .state()
            .targets
            .get(&key)
            .map(|(target, _)| target.clone()))
    }

    async fn password(&self, project: &Project, name: &Name) -> Result<Option<Sealed>> {
        let key = (project.clone(), name.clone());
        let state = self.state();
        Ok(state
            .targets
            .get(&key)
            .and_then(|(_, password)| password.clone()))
    }

    async fn list(&self, project: &Project, query: PageQuery<NameKey>) -> Result<Vec<Target>> {
        let state = self.state();
        let covered = state
            .targets
            .iter()
            .filter(|((of, _), _)| project.covers(of))
            .map(|(key, (target, _))| (key.clone(), target.clone()));
        Ok(page(covered, &query, |key, last| key > last))
    }
}
