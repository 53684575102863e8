//! The store in SQLite and in PostgreSQL, from one SQL text.
//!
//! The statements are files in `sql/queries`, the tables in `sql/schema`.
//! Whatever differs between the two databases is in `dialect`; the rest of the
//! crate does not know which one it speaks to. Every write is a
//! [`script`](script::Script) of statements and goes through one place,
//! `database::Sql::write`: a script is data, so a dialect may put several into
//! one transaction or send one in a single round trip.
//!
//! Nothing here runs DDL but [`apply_schema`].

use std::sync::Arc;

use gauntlet_store::{Result, Stores};

mod columns;
mod database;
mod dialect;
mod evidence;
mod intervals;
mod location;
mod logs;
mod plane;
mod pools;
mod reports;
mod rollups;
mod runs;
mod samples;
mod schema;
mod script;
mod statement;
mod targets;
mod templates;
#[cfg(test)]
mod tests;

use database::Sql;
use dialect::{postgres, sqlite};
pub use location::{BadLocation, Location};
pub use schema::Applied;

/// The version of the schema that this binary needs of a store.
#[must_use]
pub fn schema_version(location: &Location) -> u32 {
    schema::needed(location)
}

/// Makes the tables that are missing; running it again changes nothing. A
/// SQLite file and its folder are created. A schema that is newer than this
/// binary is refused.
pub async fn apply_schema(location: &Location) -> Result<Applied> {
    match location {
        Location::Sqlite(path) => schema::apply(&sqlite::create(path)?).await,
        Location::Postgres(url) => schema::apply(&postgres::open(url, false).await?).await,
    }
}

/// Opens a store whose schema is there and current; else
/// [`Unavailable`](gauntlet_store::Error::Unavailable) says which command to run.
pub async fn open(location: &Location) -> Result<Stores> {
    let sql = match location {
        Location::Sqlite(path) => sqlite::open(path)?,
        Location::Postgres(url) => {
            schema::check(&postgres::open(url, false).await?).await?;
            postgres::open(url, true).await?
        }
    };
    schema::check(&sql).await?;
    Ok(stores(sql))
}

fn stores(sql: Sql) -> Stores {
    let sql = Arc::new(sql);
    Stores {
        targets: sql.clone(),
        templates: sql.clone(),
        pools: sql.clone(),
        runs: sql.clone(),
        intervals: sql.clone(),
        rollups: sql.clone(),
        errors: sql.clone(),
        samples: sql.clone(),
        logs: sql.clone(),
        reports: sql.clone(),
        evidence: sql.clone(),
        workers: sql.clone(),
        health: sql.clone(),
        maintenance: sql.clone(),
        feed: sql,
    }
}
