//! What an operator does with a store from another process.

use std::{path::Path, time::Duration};

use gauntlet_model::time::Clock as _;
use gauntlet_store::{MaintenanceError, Stores};
use gauntlet_store_sql::{Applied, Location};
use tokio_util::sync::CancellationToken;

use super::{
    Error, Pruned, Retention,
    clock::SystemClock,
    lock,
    retention::{remove, thin},
};

/// Why the store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    /// A control plane serves it and would not know of the change.
    #[error(
        "a control plane serves {0}; stop it first, or let it remove old runs by itself: gauntlet serve --retain 30d"
    )]
    Served(Location),
    /// The same, for what no control plane does.
    #[error("a control plane serves {0}; stop it first: its writes would wait until they fail")]
    Busy(Location),
    /// The same, for tables that a control plane of another version would not know.
    #[error(
        "a control plane serves {0}; stop it first: it would go on with the tables as they were"
    )]
    Writing(Location),
    /// It cannot be locked.
    #[error(transparent)]
    Plane(#[from] Error),
    /// It cannot be opened or refused.
    #[error(transparent)]
    Store(#[from] gauntlet_store::Error),
    /// It does not do this.
    #[error(transparent)]
    Maintenance(#[from] MaintenanceError),
}

/// Brings a store's tables to the version of this binary.
pub async fn apply_schema(location: &Location) -> Result<Applied, UpkeepError> {
    let _lock = hold(location, UpkeepError::Writing)?;
    Ok(gauntlet_store_sql::apply_schema(location).await?)
}

/// Removes what is older than it is to stay; gives how much went. A SQLite
/// store must not be served meanwhile: its control plane would not hear of it.
/// PostgreSQL tells its control planes.
pub async fn prune(
    location: &Location,
    keep: Retention,
    stop: &CancellationToken,
) -> Result<Pruned, UpkeepError> {
    let _lock = hold(location, UpkeepError::Served)?;
    let stores = open(location).await?;
    let now = SystemClock::starting_now().now();
    let mut pruned = Pruned::default();
    if let Some(keep) = keep.runs {
        pruned.runs = remove(&stores, now.before(keep), false, None, stop).await?;
    }
    if let Some(keep) = keep.raw {
        pruned.intervals = thin(&stores, now.before(keep), &mut None, stop).await?;
    }
    Ok(pruned)
}

/// How many runs [`prune`] would remove now, also while the store is served.
pub async fn count_old(
    location: &Location,
    keep: Duration,
    stop: &CancellationToken,
) -> Result<u64, UpkeepError> {
    let stores = open(location).await?;
    let before = SystemClock::starting_now().now().before(keep);
    Ok(remove(&stores, before, true, None, stop).await?)
}

/// Gives the room of what was removed back to the disk.
pub async fn vacuum(location: &Location) -> Result<(), UpkeepError> {
    let _lock = hold(location, UpkeepError::Busy)?;
    Ok(open(location).await?.maintenance.vacuum().await?)
}

/// Copies the store as it is at one instant to a new file, also while it is served.
pub async fn backup(location: &Location, to: &Path) -> Result<(), UpkeepError> {
    Ok(open(location).await?.maintenance.backup(to).await?)
}

async fn open(location: &Location) -> Result<Stores, gauntlet_store::Error> {
    gauntlet_store_sql::open(location).await
}

fn hold(
    location: &Location,
    held: fn(Location) -> UpkeepError,
) -> Result<Option<std::fs::File>, UpkeepError> {
    // A store that is not there gets no file beside it.
    if let Location::Sqlite(path) = location
        && !path.exists()
    {
        return Ok(None);
    }
    lock::take(location).map_err(|error| match error {
        Error::StoreInUse(location) => held(location),
        other => other.into(),
    })
}
