//! SQLite: one writer and a few readers on a file in WAL mode.
//!
//! A commit survives the end of this process, however it ends. With
//! `synchronous = NORMAL` a loss of power may take back the last commits, never
//! a part of one: WAL is synced at checkpoints.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use gauntlet_store::{ChangedRun, Error, FeedReceiver, FeedSender, MaintenanceError, Result, feed};
use rusqlite::Connection;
use tokio::time::Instant;

use super::{Dialect, Words};
use crate::{
    database::Sql,
    location::Location,
    schema,
    script::{Done, Failed, Row, Script},
    statement::{Statement, query},
};

mod connection;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use reader::Readers;
use writer::Writer;

pub(crate) const WORDS: Words = Words {
    schema: &[
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../sql/schema/sqlite/001_first.sql"
        )),
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../sql/schema/sqlite/002_api.sql"
        )),
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../sql/schema/sqlite/003_orchestration.sql"
        )),
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../sql/schema/sqlite/004_history.sql"
        )),
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../sql/schema/sqlite/005_faces.sql"
        )),
    ],
    schema_exists: query!("schema/exists_sqlite"),
    schema_lock: None,
};

/// An open file.
pub(crate) struct Sqlite {
    file: File,
    readers: Readers,
    writer: Writer,
    /// Silent: nobody else writes.
    feed: FeedSender,
}

#[async_trait]
impl Dialect for Sqlite {
    fn words(&self) -> &'static Words {
        &WORDS
    }

    async fn fetch(&self, statement: Statement, deadline: Instant) -> Result<Vec<Row>> {
        self.file.still_there()?;
        self.readers.fetch(statement, deadline).await
    }

    async fn write(
        &self,
        script: Script,
        deadline: Instant,
    ) -> std::result::Result<Vec<Done>, Failed> {
        self.file.still_there()?;
        self.writer.write(script, deadline).await
    }

    fn announce(&self, _: ChangedRun) {}

    fn subscribe(&self) -> FeedReceiver {
        self.feed.subscribe()
    }

    async fn hears(&self) -> Result<()> {
        Ok(())
    }

    async fn vacuum(&self) -> std::result::Result<(), MaintenanceError> {
        self.file.still_there()?;
        Ok(self.writer.vacuum().await?)
    }

    async fn backup(&self, path: &Path) -> std::result::Result<(), MaintenanceError> {
        self.file.still_there()?;
        let (from, to) = (self.file.path.clone(), path.to_owned());
        let copied = tokio::task::spawn_blocking(move || copy(&from, &to)).await;
        let copied = copied.map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(copied?)
    }
}

/// Copies a store as it is at one instant; others read and write meanwhile.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let shown = to.display();
    if to.exists() {
        return Err(Error::AlreadyExists(format!("the file {shown}")));
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(Error::Missing(format!("the folder {}", folder.display())));
    }
    // Half a copy must not look like a whole one.
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let cannot = |error: std::io::Error| {
        Error::Unavailable(format!("the file {shown} cannot be written: {error}"))
    };
    match fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot(error)),
        _ => {}
    }
    let connection = connection::open(from, connection::Use::Write)?;
    let copied = connection.execute("VACUUM INTO ?1", [part.to_string_lossy()]);
    copied.map_err(|error| connection::outcome("", &error))?;
    let file = fs::File::open(&part).map_err(cannot)?;
    file.sync_all().map_err(cannot)?;
    fs::rename(&part, to).map_err(cannot)
}

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
pub(crate) fn create(path: &Path) -> Result<Sql> {
    let cannot = |error: &dyn std::fmt::Display| {
        let path = path.display();
        Error::Unavailable(format!("the file {path} cannot be made: {error}"))
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|error| cannot(&error))?;
    }
    let made: Connection = connection::open(path, connection::Use::Create)?;
    made.close().map_err(|(_, error)| cannot(&error))?;
    open(path)
}

/// Opens a file that is there.
pub(crate) fn open(path: &Path) -> Result<Sql> {
    let location = Location::Sqlite(path.to_owned()).to_string();
    let file = File::of(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => schema::missing(&location),
        _ => Error::Unavailable(format!("{location} cannot be opened: {error}")),
    })?;
    let dialect = Sqlite {
        file,
        readers: Readers::new(path),
        writer: Writer::start(path)?,
        feed: feed(),
    };
    Ok(Sql {
        dialect: Box::new(dialect),
        location,
    })
}
