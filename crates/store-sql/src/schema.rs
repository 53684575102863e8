//! The version of the tables.

use async_trait::async_trait;
use gauntlet_store::{Error, Health, Result};

use crate::{
    columns::Columns,
    database::Sql,
    dialect::Dialect,
    statement::{Statement, query},
};

/// What applying the schema did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The version before; `None` when there was none.
    pub from: Option<i32>,
    /// The version now.
    pub to: i32,
}

fn needed<D: Dialect>() -> i32 {
    D::SCHEMA.len() as i32
}

/// Brings the tables to the version of this binary, all or nothing.
pub(crate) async fn apply<D: Dialect>(sql: &Sql<D>) -> Result<Applied> {
    let mut transaction = sql.begin().await?;
    if let Some(lock) = D::SCHEMA_LOCK {
        transaction.fetch("", Statement::new(lock, [])).await?;
    }
    let exists = Statement::new(D::SCHEMA_EXISTS, []);
    let from = if transaction.fetch("", exists).await?.is_empty() {
        None
    } else {
        let version = Statement::new(query!("schema/get"), []);
        stored::<D>(&transaction.fetch("", version).await?)?
    };
    let to = needed::<D>();
    if let Some(newer) = from.filter(|from| *from > to) {
        return Err(newer_than_this(&sql.location, newer, to));
    }
    for text in &D::SCHEMA[from.unwrap_or(0) as usize..] {
        transaction.define(text).await?;
    }
    let record = Statement::new(query!("schema/put"), [to.into()]);
    transaction.execute("", record).await?;
    transaction.commit().await?;
    Ok(Applied { from, to })
}

/// [`Error::Unavailable`] unless the tables are of this binary's version.
pub(crate) async fn check<D: Dialect>(sql: &Sql<D>) -> Result<()> {
    let exists = Statement::new(D::SCHEMA_EXISTS, []);
    if sql.fetch(exists).await?.is_empty() {
        return Err(missing(&sql.location));
    }
    let rows = sql.fetch(Statement::new(query!("schema/get"), [])).await?;
    let (location, needed) = (&sql.location, needed::<D>());
    match stored::<D>(&rows)? {
        None => Err(missing(location)),
        Some(version) if version == needed => Ok(()),
        Some(newer) if newer > needed => Err(newer_than_this(location, newer, needed)),
        Some(older) => Err(Error::Unavailable(format!(
            "{location} has schema version {older}, this gauntlet needs {needed}; \
             run: gauntlet schema apply --store {location}"
        ))),
    }
}

fn stored<D: Dialect>(rows: &[D::Row]) -> Result<Option<i32>> {
    let version = |row| Columns::<D>::new("schema_version", row).number::<i32>();
    let version = rows.first().map(version).transpose()?;
    match version {
        Some(version) if version < 0 => Err(Error::Corrupt(format!("schema version {version}"))),
        version => Ok(version),
    }
}

/// There is nothing yet, or nothing of ours.
pub(crate) fn missing(location: &str) -> Error {
    Error::Unavailable(format!(
        "{location} has no schema; run: gauntlet schema apply --store {location}"
    ))
}

fn newer_than_this(location: &str, found: i32, needed: i32) -> Error {
    Error::Unavailable(format!(
        "{location} has schema version {found}, newer than version {needed} of this gauntlet; \
         use the newer gauntlet"
    ))
}

#[async_trait]
impl<D: Dialect> Health for Sql<D> {
    async fn check(&self) -> Result<()> {
        check(self).await
    }
}
