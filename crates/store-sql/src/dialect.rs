//! Every difference between the databases.

use std::path::Path;

use async_trait::async_trait;
use gauntlet_store::{ChangedRun, FeedReceiver, MaintenanceError, Result};
use tokio::time::Instant;

use crate::{
    script::{Done, Failed, Row, Script},
    statement::Statement,
};

pub(crate) mod postgres;
pub(crate) mod sqlite;

/// An open database.
#[async_trait]
pub(crate) trait Dialect: Send + Sync {
    /// What is written differently.
    fn words(&self) -> &'static Words;

    /// The rows of a statement that changes nothing.
    async fn fetch(&self, statement: Statement, deadline: Instant) -> Result<Vec<Row>>;

    /// Does a script, all or nothing: the way of every write. Gives what each
    /// statement did.
    async fn write(
        &self,
        script: Script,
        deadline: Instant,
    ) -> std::result::Result<Vec<Done>, Failed>;

    /// Tells other control planes of a change that is stored. Never waits.
    fn announce(&self, change: ChangedRun);

    /// What other control planes tell.
    fn subscribe(&self) -> FeedReceiver;

    /// [`Unavailable`](gauntlet_store::Error::Unavailable) while other control
    /// planes are not heard.
    async fn hears(&self) -> Result<()>;

    /// Gives the room of what was deleted back to the disk.
    async fn vacuum(&self) -> std::result::Result<(), MaintenanceError>;

    /// Writes a copy to a new file.
    async fn backup(&self, path: &Path) -> std::result::Result<(), MaintenanceError>;
}

/// Texts that a dialect writes in its own way.
pub(crate) struct Words {
    /// DDL: the first makes version 1, the next version 2, and so on.
    pub(crate) schema: &'static [&'static str],
    /// Has a row when the table `schema_version` is there.
    pub(crate) schema_exists: &'static str,
    /// Keeps others from applying the schema until the transaction ends;
    /// `None` where a writing transaction does that anyway.
    pub(crate) schema_lock: Option<&'static str>,
}
