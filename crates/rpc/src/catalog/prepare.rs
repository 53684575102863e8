//! Looks at a template's tables and makes value pools from their columns.

use gauntlet_model::{
    id::Name,
    pool::{Source, ValuePool},
    template::{Spec, Template},
    time::Timestamp,
};
use gauntlet_orchestrator::access::{AccessError, Login, TableProfile, TargetAccess, Vault};
use gauntlet_store::{Error as StoreError, Stores};
use gauntlet_wire::{
    Violations,
    decode::{Named, PoolFromColumn, PrepareTemplate},
};

use super::{LoginError, TemplateError, login, template};

/// What was prepared.
#[derive(Debug, PartialEq)]
pub struct Prepared {
    /// Each table that operations name, in their order.
    pub tables: Vec<TableProfile>,
    /// The pools asked for, without their values.
    pub pools: Vec<ValuePool>,
}

/// Why a template was not prepared. Pools made before stay: the call can be
/// repeated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// The template is not there.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Its target cannot be logged in to.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The target says no.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The request does not fit the template.
    #[error(transparent)]
    Request(Violations),
    /// There is nothing to draw from.
    #[error("pool {pool} cannot be made: table {table} is empty; load rows into it first")]
    Empty {
        /// The pool.
        pool: Name,
        /// The table.
        table: String,
    },
    /// Another pool has the name.
    #[error(
        "value pool {0} exists already with another content; choose another name, or remove it with \"gauntlet pool delete\""
    )]
    Taken(Name),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Profiles the tables of a template, then makes the pools asked for.
pub async fn prepare(
    stores: &Stores,
    vault: &dyn Vault,
    access: &dyn TargetAccess,
    request: PrepareTemplate,
    now: Timestamp,
) -> Result<Prepared, PrepareError> {
    let template = template(stores, &request.template).await?;
    let named = tables(&template.spec);
    let drawn = with_tables(&request.pools, &named).map_err(PrepareError::Request)?;
    let target = Named {
        project: template.project.clone(),
        name: template.spec.target.clone(),
    };
    let login = login(stores, vault, &target).await?;
    let mut tables = Vec::with_capacity(named.len());
    for table in named {
        tables.push(access.profile(&login, table, request.sample_rows).await?);
    }
    let mut pools = Vec::with_capacity(drawn.len());
    for (wanted, table) in drawn {
        let draw = Draw {
            template: &template,
            login: &login,
            wanted,
            table,
        };
        pools.push(draw.made(stores, access, now).await?);
    }
    Ok(Prepared { tables, pools })
}

/// The tables that operations name, each once, in their order.
fn tables(spec: &Spec) -> Vec<&str> {
    let mut tables: Vec<&str> = Vec::new();
    for operation in &spec.operations {
        if let Some((table, _)) = operation.statement.table_and_key()
            && !tables.contains(&table)
        {
            tables.push(table);
        }
    }
    tables
}

/// The table of each pool: its own, or the only one that operations name.
fn with_tables<'a>(
    pools: &'a [PoolFromColumn],
    named: &[&'a str],
) -> Result<Vec<(&'a PoolFromColumn, &'a str)>, Violations> {
    let mut drawn = Vec::with_capacity(pools.len());
    for (index, pool) in pools.iter().enumerate() {
        let table = match (&pool.table, named) {
            (Some(table), _) => table.as_str(),
            (None, [table]) => table,
            (None, named) => {
                let message = match named {
                    [] => "is required: the template's operations name no table".to_owned(),
                    several => format!(
                        "is required: the template's operations name {}",
                        several.join(", ")
                    ),
                };
                return Err(Violations::one(format!("pools[{index}].table"), message));
            }
        };
        drawn.push((pool, table));
    }
    Ok(drawn)
}

/// One pool to make.
struct Draw<'a> {
    template: &'a Template,
    login: &'a Login,
    wanted: &'a PoolFromColumn,
    table: &'a str,
}

impl Draw<'_> {
    /// The pool, as it was made now or by an equal request before.
    async fn made(
        &self,
        stores: &Stores,
        access: &dyn TargetAccess,
        now: Timestamp,
    ) -> Result<ValuePool, PrepareError> {
        let PoolFromColumn { name, column, .. } = self.wanted;
        if let Some(there) = self.there(stores).await? {
            return Ok(there);
        }
        let (size, seed) = (self.wanted.size, self.wanted.seed);
        let values = access
            .sample_column(self.login, self.table, column, size, seed)
            .await?;
        if values.is_empty() {
            return Err(PrepareError::Empty {
                pool: name.clone(),
                table: self.table.to_owned(),
            });
        }
        let pool = ValuePool {
            project: self.template.project.clone(),
            name: name.clone(),
            source: self.source(),
            count: values.len() as u32,
            values,
            created: now,
        };
        match stores.pools.insert(&pool, None).await {
            Ok(made) => Ok(made),
            // Somebody was faster; perhaps with the same.
            Err(StoreError::AlreadyExists(_)) => {
                let there = self.there(stores).await?;
                there.ok_or_else(|| PrepareError::Taken(name.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The pool of this name, if it is there with the same source.
    async fn there(&self, stores: &Stores) -> Result<Option<ValuePool>, PrepareError> {
        let name = &self.wanted.name;
        match stores.pools.get(&self.template.project, name).await? {
            None => Ok(None),
            Some(pool) if pool.source == self.source() => Ok(Some(ValuePool {
                values: Vec::new(),
                ..pool
            })),
            Some(_) => Err(PrepareError::Taken(name.clone())),
        }
    }

    fn source(&self) -> Source {
        Source::Column {
            target: self.template.spec.target.clone(),
            table: self.table.to_owned(),
            column: self.wanted.column.clone(),
            seed: self.wanted.seed,
        }
    }
}
