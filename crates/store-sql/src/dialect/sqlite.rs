//! SQLite: one writer and a few readers on a file in WAL mode.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use gauntlet_store::{Error, Result};
use sqlx::{
    Sqlite,
    error::DatabaseError,
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteQueryResult,
        SqliteSynchronous,
    },
};

use super::Dialect;
use crate::{
    database::{ACQUIRE, Sql},
    location::Location,
    schema,
    statement::query,
};

#[cfg(test)]
mod tests;

/// How long to wait for another process that writes to the file.
const BUSY: Duration = Duration::from_secs(5);
/// Readers do not wait for the writer, nor for each other.
const READERS: u32 = 4;

impl Dialect for Sqlite {
    const SCHEMA: &'static [&'static str] = &[include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../sql/schema/sqlite/001_first.sql"
    ))];
    const SCHEMA_EXISTS: &'static str = query!("schema/exists_sqlite");
    const SCHEMA_LOCK: Option<&'static str> = None;
    // A transaction that began by reading could not go on to write after
    // another process had written.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    type Witness = File;

    fn still_there(file: &File) -> Result<()> {
        file.still_there()
    }

    fn outcome(error: &dyn DatabaseError) -> Error {
        let code: Option<i32> = error.code().and_then(|code| code.parse().ok());
        let message = error.message().to_owned();
        // The low byte is the kind: https://www.sqlite.org/rescode.html
        match code.map(|code| code & 0xff) {
            Some(SQLITE_FULL) => Error::Full(message),
            Some(SQLITE_CORRUPT | SQLITE_NOTADB) => Error::Corrupt(message),
            _ => Error::Unavailable(message),
        }
    }

    fn changed(result: &SqliteQueryResult) -> u64 {
        result.rows_affected()
    }
}

const SQLITE_CORRUPT: i32 = 11;
const SQLITE_FULL: i32 = 13;
const SQLITE_NOTADB: i32 = 26;

/// The file that was opened. SQLite goes on writing to a file that was removed,
/// and nobody would ever read that again.
pub(crate) struct File {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl File {
    fn of(path: &Path) -> std::io::Result<Self> {
        let found = fs::metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
        })
    }

    fn still_there(&self) -> Result<()> {
        let path = self.path.display();
        match Self::of(&self.path) {
            Ok(now) if (now.device, now.inode) == (self.device, self.inode) => Ok(()),
            Ok(_) => Err(Error::Unavailable(format!(
                "the file {path} was replaced; restart gauntlet to use the new one"
            ))),
            Err(error) => Err(Error::Unavailable(format!(
                "the file {path} is gone: {error}; put it back and restart gauntlet"
            ))),
        }
    }
}

/// Opens a file, made if it is not there, with its folder.
pub(crate) async fn create(path: &Path) -> Result<Sql<Sqlite>> {
    let cannot = |error: &dyn std::fmt::Display| {
        let path = path.display();
        Error::Unavailable(format!("the file {path} cannot be made: {error}"))
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| cannot(&error))?;
    }
    let options = options(path).create_if_missing(true);
    let connection = sqlx::ConnectOptions::connect(&options).await;
    let connection = connection.map_err(|error| crate::database::outcome::<Sqlite>("", error))?;
    sqlx::Connection::close(connection)
        .await
        .map_err(|error| cannot(&error))?;
    open(path)
}

/// Opens a file that is there.
pub(crate) fn open(path: &Path) -> Result<Sql<Sqlite>> {
    let location = Location::Sqlite(path.to_owned()).to_string();
    let file = File::of(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => schema::missing(&location),
        _ => Error::Unavailable(format!("{location} cannot be opened: {error}")),
    })?;
    let pool = |most| {
        SqlitePoolOptions::new()
            .max_connections(most)
            .acquire_timeout(ACQUIRE)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    // One writer: two would only wait for each other, and could time out.
    let writer = pool(1).connect_lazy_with(options(path));
    let reader = pool(READERS).connect_lazy_with(options(path).pragma("query_only", "ON"));
    Ok(Sql::new(reader, writer, file, location))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(BUSY)
}
