//! PostgreSQL: one bounded pool, and one more connection for news.
//!
//! A commit is on the server's disk when it is answered, as long as the server
//! keeps `synchronous_commit = on`, its default.

use std::path::Path;

use async_trait::async_trait;
use gauntlet_store::{ChangedRun, Error, FeedReceiver, MaintenanceError, Result};
use tokio::time::Instant;

use super::{Dialect, Words};
use crate::{
    database::Sql,
    location::Location,
    script::{Done, Failed, Row, Script},
    statement::{Statement, query},
};

mod carrier;
mod connection;
mod lanes;
mod news;
mod pool;

use lanes::Lanes;
use news::News;
use pool::Pool;

pub(crate) const WORDS: Words = Words {
    schema: &[
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../sql/schema/postgres/001_first.sql"
        )),
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../sql/schema/postgres/002_api.sql"
        )),
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../sql/schema/postgres/003_orchestration.sql"
        )),
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../sql/schema/postgres/004_history.sql"
        )),
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../sql/schema/postgres/005_faces.sql"
        )),
    ],
    schema_exists: query!("schema/exists_postgres"),
    schema_lock: Some(query!("schema/lock_postgres")),
};

/// An open database.
pub(crate) struct Postgres {
    pool: Pool,
    lanes: Lanes,
    /// `None` for a command that only applies the schema.
    news: Option<News>,
}

#[async_trait]
impl Dialect for Postgres {
    fn words(&self) -> &'static Words {
        &WORDS
    }

    async fn fetch(&self, statement: Statement, _: Instant) -> Result<Vec<Row>> {
        let mut connection = self.pool.acquire().await?;
        let mut fetched = connection.fetch(&statement).await;
        if fetched.as_ref().is_err_and(connection::was_lost) {
            // The server went away while nobody looked: what was idle with it is
            // gone too. A read may be asked again.
            drop(connection);
            self.pool.forget_idle();
            connection = self.pool.acquire().await?;
            fetched = connection.fetch(&statement).await;
        }
        connection.release();
        let done = fetched.map_err(|error| connection::outcome("", &error))?;
        Ok(done.rows)
    }

    async fn write(
        &self,
        script: Script,
        deadline: Instant,
    ) -> std::result::Result<Vec<Done>, Failed> {
        if script.only_inserts {
            return self.lanes.write(script, deadline).await;
        }
        let mut connection = self.pool.acquire().await?;
        let answer = connection.write(script).await;
        connection.release();
        answer
    }

    fn announce(&self, change: ChangedRun) {
        if let Some(news) = &self.news {
            news.tell(change);
        }
    }

    fn subscribe(&self) -> FeedReceiver {
        match &self.news {
            Some(news) => news.subscribe(),
            None => gauntlet_store::feed().subscribe(),
        }
    }

    async fn hears(&self) -> Result<()> {
        match &self.news {
            Some(news) => news.check().await,
            None => Ok(()),
        }
    }

    async fn vacuum(&self) -> std::result::Result<(), MaintenanceError> {
        Err(MaintenanceError::Unsupported(
            "PostgreSQL vacuums by itself; to do it now, run VACUUM with psql",
        ))
    }

    async fn backup(&self, _: &Path) -> std::result::Result<(), MaintenanceError> {
        Err(MaintenanceError::Unsupported(
            "the store is PostgreSQL: back it up with pg_dump, for example \
             pg_dump --format=custom --file=gauntlet.dump",
        ))
    }
}

/// Opens a database, once it has answered: a pool would only say that it got no
/// connection, not why. With news it also listens to other control planes.
pub(crate) async fn open(url: &str, with_news: bool) -> Result<Sql> {
    let location = Location::Postgres(url.to_owned()).to_string();
    let named = |error: Error| match error {
        Error::Unavailable(why) => Error::Unavailable(format!("{location}: {why}")),
        error => error,
    };
    let pool = Pool::new(url).map_err(named)?;
    pool.acquire().await.map_err(named)?.release();
    let news = with_news.then(|| News::start(pool.clone()));
    Ok(Sql {
        dialect: Box::new(Postgres {
            lanes: Lanes::start(&pool),
            pool,
            news,
        }),
        location,
    })
}
