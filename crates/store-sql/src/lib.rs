//! The store in SQLite and in PostgreSQL, from one SQL text.
//!
//! The statements are files in `sql/queries`, the tables in `sql/schema`.
//! Whatever differs between the two databases is in `dialect`; the rest of the
//! crate does not know which one it speaks to. Every write goes through one
//! place, `database::Sql::begin`.
//!
//! Nothing here runs DDL but [`apply_schema`].

use std::sync::Arc;

use gauntlet_store::{Result, Stores};

mod columns;
mod database;
mod dialect;
mod idempotency;
mod intervals;
mod location;
mod reports;
mod runs;
mod schema;
mod statement;
mod targets;
mod templates;
mod workers;

use database::Sql;
use dialect::{Dialect, postgres, sqlite};
pub use location::{BadLocation, Location};
pub use schema::Applied;

/// Makes the tables that are missing; running it again changes nothing. A
/// SQLite file and its folder are created. A schema that is newer than this
/// binary is refused.
pub async fn apply_schema(location: &Location) -> Result<Applied> {
    match location {
        Location::Sqlite(path) => schema::apply(&sqlite::create(path).await?).await,
        Location::Postgres(url) => schema::apply(&postgres::open(url).await?).await,
    }
}

/// Opens a store whose schema is there and current; else
/// [`Unavailable`](gauntlet_store::Error::Unavailable) says which command to run.
pub async fn open(location: &Location) -> Result<Stores> {
    match location {
        Location::Sqlite(path) => checked(sqlite::open(path)?).await,
        Location::Postgres(url) => Box::pin(checked(postgres::open(url).await?)).await,
    }
}

async fn checked<D: Dialect>(sql: Sql<D>) -> Result<Stores> {
    schema::check(&sql).await?;
    Ok(stores(sql))
}

fn stores<D: Dialect>(sql: Sql<D>) -> Stores {
    let sql = Arc::new(sql);
    Stores {
        targets: sql.clone(),
        templates: sql.clone(),
        runs: sql.clone(),
        intervals: sql.clone(),
        reports: sql.clone(),
        workers: sql.clone(),
        health: sql,
    }
}
