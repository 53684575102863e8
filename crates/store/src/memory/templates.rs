//! Templates in memory.

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project},
    template::Template,
};

use super::{Memory, page};
use crate::{Error, Idempotency, NameKey, PageQuery, Result, Templates};

#[async_trait]
impl Templates for Memory {
    async fn insert(
        &self,
        template: &Template,
        idempotency: Option<&Idempotency>,
    ) -> Result<Template> {
        let mut state = self.state();
        if let Some(id) = state.repeated(idempotency)? {
            let mut all = state.templates.values();
            let first = all.find(|all| all[0].id.to_string() == id);
            return first
                .map(|all| all[0].clone())
                .ok_or_else(|| Error::Missing(format!("template {id}")));
        }
        let key = (template.project.clone(), template.name.clone());
        let taken = state.templates.contains_key(&key)
            || state.templates.values().any(|all| all[0].id == template.id);
        if taken {
            let (project, name) = key;
            return Err(Error::AlreadyExists(format!("template {project}/{name}")));
        }
        let first = Template {
            version: 1,
            ..template.clone()
        };
        state.templates.insert(key, vec![first.clone()]);
        state.remember(idempotency, template.id.to_string(), template.created);
        Ok(first)
    }

    async fn append(&self, template: &Template) -> Result<()> {
        let what = || format!("template {}/{}", template.project, template.name);
        let mut state = self.state();
        let all = state
            .templates
            .values_mut()
            .find(|all| all[0].id == template.id)
            .ok_or_else(|| Error::Missing(what()))?;
        if template.version != all.len() as i32 + 1 {
            return Err(Error::Conflict(what()));
        }
        let next = Template {
            project: all[0].project.clone(),
            name: all[0].name.clone(),
            created: all[0].created,
            ..template.clone()
        };
        all.push(next);
        Ok(())
    }

    async fn delete(&self, project: &Project, name: &Name) -> Result<()> {
        let key = (project.clone(), name.clone());
        let removed = self.state().templates.remove(&key);
        removed
            .map(drop)
            .ok_or_else(|| Error::Missing(format!("template {project}/{name}")))
    }

    async fn get(
        &self,
        project: &Project,
        name: &Name,
        version: Option<i32>,
    ) -> Result<Option<Template>> {
        let key = (project.clone(), name.clone());
        let state = self.state();
        let Some(all) = state.templates.get(&key) else {
            return Ok(None);
        };
        Ok(match version {
            None => all.last().cloned(),
            Some(version) => all.iter().find(|one| one.version == version).cloned(),
        })
    }

    async fn list(&self, project: &Project, query: PageQuery<NameKey>) -> Result<Vec<Template>> {
        let state = self.state();
        let newest = state
            .templates
            .iter()
            .filter(|((of, _), _)| project.covers(of))
            .filter_map(|(key, all)| Some((key.clone(), listed(all.last()?))));
        Ok(page(newest, &query, |key, last| key > last))
    }

    async fn versions(
        &self,
        project: &Project,
        name: &Name,
        query: PageQuery<i32>,
    ) -> Result<Vec<Template>> {
        let key = (project.clone(), name.clone());
        let state = self.state();
        let all = state.templates.get(&key).map_or(&[][..], Vec::as_slice);
        let newest_first = all.iter().rev().map(|one| (one.version, listed(one)));
        Ok(page(newest_first, &query, |key, last| key < last))
    }
}

/// A version as lists hold it.
fn listed(template: &Template) -> Template {
    Template {
        source: None,
        ..template.clone()
    }
}
