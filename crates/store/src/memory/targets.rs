//! Targets in memory.

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project},
    target::{Sealed, Target},
};

use super::{Memory, page};
use crate::{Error, Idempotency, NameKey, PageQuery, PasswordChange, Result, Targets};

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
            let mut all = state.targets.values();
            let first = all.find(|(first, _)| first.id.to_string() == id);
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
        let first = Target {
            revision: 1,
            ..target.clone()
        };
        state
            .targets
            .insert(key, (first.clone(), password.cloned()));
        state.remember(idempotency, target.id.to_string(), target.created);
        Ok(first)
    }

    async fn update(&self, target: &Target, password: PasswordChange) -> Result<Target> {
        let what = format!("target {}/{}", target.project, target.name);
        let mut state = self.state();
        let mut all = state.targets.values_mut();
        let Some((stored, sealed)) = all.find(|(stored, _)| stored.id == target.id) else {
            return Err(Error::Missing(what));
        };
        if stored.revision != target.revision {
            return Err(Error::Conflict(what));
        }
        stored.address = target.address.clone();
        stored.price_per_hour = target.price_per_hour;
        stored.revision += 1;
        match password {
            PasswordChange::Keep => {}
            PasswordChange::Set(new) => *sealed = Some(new),
            PasswordChange::Remove => *sealed = None,
        }
        Ok(stored.clone())
    }

    async fn delete(&self, project: &Project, name: &Name, revision: Option<i64>) -> Result<()> {
        let key = (project.clone(), name.clone());
        let what = format!("target {project}/{name}");
        let mut state = self.state();
        match state.targets.get(&key) {
            None => Err(Error::Missing(what)),
            Some((stored, _)) if revision.is_some_and(|wanted| wanted != stored.revision) => {
                Err(Error::Conflict(what))
            }
            Some(_) => {
                state.targets.remove(&key);
                Ok(())
            }
        }
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
