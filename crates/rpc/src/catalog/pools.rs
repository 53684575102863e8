//! Named lists of parameter values.

use std::collections::BTreeSet;

use gauntlet_model::{
    id::{Name, Project},
    pool::{Source, ValuePool},
    template::{Parameter, Spec, Violation},
    time::Timestamp,
};
use gauntlet_store::{Error as StoreError, PageQuery, Stores};
use gauntlet_wire::decode::{CreateValuePool, Named};

use super::idempotency;

/// Entries that are read at a time.
const PAGE: u32 = 1_000;

/// Why a pool was not found or removed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// There is no such pool.
    #[error(
        "value pool {1} does not exist in project {0}; \"gauntlet pool list\" shows those that do"
    )]
    Missing(Project, Name),
    /// A template draws from it.
    #[error(
        "value pool {pool} is drawn from by version {version} of template {template}; change or remove the template first"
    )]
    InUse {
        /// The pool.
        pool: Name,
        /// The template.
        template: Name,
        /// Its newest version.
        version: i32,
    },
    /// A run that is not over draws from it.
    #[error("value pool {pool} is drawn from by run {run}; wait until the run is over")]
    InRun {
        /// The pool.
        pool: Name,
        /// The run.
        run: Name,
    },
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stores a pool. Returns it without its values.
pub async fn create_pool(
    stores: &Stores,
    request: CreateValuePool,
    now: Timestamp,
) -> Result<ValuePool, StoreError> {
    let Named { project, name } = &request.pool;
    let repeatable = idempotency(
        "CreateValuePool",
        project,
        request.request_id.as_deref(),
        request.fingerprint(),
    );
    let pool = ValuePool {
        project: project.clone(),
        name: name.clone(),
        source: Source::Given,
        count: request.values.len() as u32,
        values: request.values,
        created: now,
    };
    stores.pools.insert(&pool, repeatable.as_ref()).await
}

/// One pool with its values.
pub async fn pool(stores: &Stores, named: &Named) -> Result<ValuePool, PoolError> {
    let Named { project, name } = named;
    let found = stores.pools.get(project, name).await?;
    found.ok_or_else(|| PoolError::Missing(project.clone(), name.clone()))
}

/// Removes a pool, unless a template's newest version or a run that is not over
/// draws from it. Who begins to do so in the same instant is not seen; a start
/// says that the pool is missing.
pub async fn delete_pool(stores: &Stores, named: Named) -> Result<(), PoolError> {
    let Named { project, name } = named;
    let active = stores.runs.active().await?;
    let mut users = active.into_iter().filter(|run| run.project == project);
    if let Some(user) = users.find(|run| draws(&run.spec).any(|(_, pool)| *pool == name)) {
        return Err(PoolError::InRun {
            pool: name,
            run: user.name,
        });
    }
    let mut after = None;
    loop {
        let query = PageQuery { after, limit: PAGE };
        let page = stores.templates.list(&project, query).await?;
        let full = page.len() == PAGE as usize;
        after = page
            .last()
            .map(|last| (last.project.clone(), last.name.clone()));
        // A list covers the projects below, which have pools of their own.
        let mut own = page
            .into_iter()
            .filter(|template| template.project == project);
        if let Some(user) = own.find(|user| draws(&user.spec).any(|(_, pool)| *pool == name)) {
            return Err(PoolError::InUse {
                pool: name,
                template: user.name,
                version: user.version,
            });
        }
        if !full {
            break;
        }
    }
    let deleted = stores.pools.delete(&project, &name).await;
    deleted.map_err(|error| match error {
        StoreError::Missing(_) => PoolError::Missing(project, name),
        error => error.into(),
    })
}

/// A pool that a parameter draws from and that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPool {
    /// The parameter's field, like `operations[1].parameters[0].pool`.
    pub field: String,
    /// The pool.
    pub pool: Name,
}

impl MissingPool {
    /// What is wrong with the description.
    #[must_use]
    pub fn violation(&self, project: &Project) -> Violation {
        let message = format!(
            "there is no value pool {} in project {project}; make it first",
            self.pool
        );
        Violation::new(self.field.clone(), message)
    }
}

/// The parameters that draw from pools that a project does not have.
pub async fn missing_pools(
    stores: &Stores,
    project: &Project,
    spec: &Spec,
) -> Result<Vec<MissingPool>, StoreError> {
    let mut missing: BTreeSet<&Name> = draws(spec).map(|(_, pool)| pool).collect();
    let mut after = None;
    // The list has no values, so that it costs little beside a read of the pools.
    while !missing.is_empty() {
        let query = PageQuery { after, limit: PAGE };
        let page = stores.pools.list(project, query).await?;
        for pool in page.iter().filter(|pool| pool.project == *project) {
            missing.remove(&pool.name);
        }
        // Those of the project come before those of the projects below it.
        let last = page.last().filter(|last| last.project == *project);
        after = match last {
            Some(last) if page.len() == PAGE as usize => {
                Some((last.project.clone(), last.name.clone()))
            }
            _ => break,
        };
    }
    let drawn = draws(spec).filter(|(_, pool)| missing.contains(pool));
    Ok(drawn
        .map(|(field, pool)| MissingPool {
            field,
            pool: pool.clone(),
        })
        .collect())
}

/// The parameters that draw from pools: field and pool.
fn draws(spec: &Spec) -> impl Iterator<Item = (String, &Name)> {
    let operations = spec.operations.iter().enumerate();
    operations.flat_map(|(index, operation)| {
        let parameters = operation.parameters.iter().enumerate();
        parameters.filter_map(move |(place, parameter)| match parameter {
            Parameter::Pool { pool, .. } => {
                let field = format!("operations[{index}].parameters[{place}].pool");
                Some((field, pool))
            }
            _ => None,
        })
    })
}
