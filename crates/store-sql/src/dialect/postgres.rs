//! PostgreSQL: one bounded pool.

use std::{fmt::Display, str::FromStr};

use gauntlet_store::{Error, Result};
use sqlx::{
    ConnectOptions, Postgres,
    error::DatabaseError,
    postgres::{PgConnectOptions, PgPoolOptions, PgQueryResult},
};
use tokio::time::timeout;

use super::Dialect;
use crate::{
    database::{ACQUIRE, DEADLINE, Sql},
    location::Location,
    statement::query,
};

/// The most connections of one control plane.
const CONNECTIONS: u32 = 16;

impl Dialect for Postgres {
    const SCHEMA: &'static [&'static str] = &[include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../sql/schema/postgres/001_first.sql"
    ))];
    const SCHEMA_EXISTS: &'static str = query!("schema/exists_postgres");
    const SCHEMA_LOCK: Option<&'static str> = Some(query!("schema/lock_postgres"));
    const BEGIN: &'static str = "BEGIN";
    type Witness = ();

    fn still_there((): &()) -> Result<()> {
        Ok(())
    }

    fn outcome(error: &dyn DatabaseError) -> Error {
        let message = error.message().to_owned();
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        match error.code().as_deref() {
            Some("53100") => Error::Full(message),
            Some("XX001" | "XX002") => Error::Corrupt(message),
            _ => Error::Unavailable(message),
        }
    }

    fn changed(result: &PgQueryResult) -> u64 {
        result.rows_affected()
    }
}

/// Opens a database, once it has answered: a pool would only say that it got no
/// connection, not why.
pub(crate) async fn open(url: &str) -> Result<Sql<Postgres>> {
    let location = Location::Postgres(url.to_owned()).to_string();
    let unavailable = |why: &dyn Display| Error::Unavailable(format!("{location}: {why}"));
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| unavailable(&error))?
        .application_name("gauntlet")
        // The server gives up when we do, so nothing is written behind our back.
        .options([("statement_timeout", DEADLINE.as_millis().to_string())]);
    match timeout(ACQUIRE, options.connect()).await {
        Err(_) => {
            let seconds = ACQUIRE.as_secs();
            return Err(unavailable(&format!("no answer within {seconds} s")));
        }
        Ok(Err(sqlx::Error::Database(error))) => return Err(unavailable(&error.message())),
        Ok(Err(error)) => return Err(unavailable(&error)),
        // The answer is all that is wanted of it; whether the goodbye arrives is not.
        Ok(Ok(connection)) => drop(connection),
    }
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE)
        .connect_lazy_with(options);
    Ok(Sql::new(pool.clone(), pool, (), location))
}
