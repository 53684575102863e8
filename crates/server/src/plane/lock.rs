//! One control plane per SQLite store: two would both lead its runs.

use std::fs::{File, TryLockError};

use gauntlet_store_sql::Location;

use super::Error;

/// Locks the store for as long as the file is held; the system lets go of it
/// however the process ends. A PostgreSQL store has no lock yet.
pub(super) fn take(store: &Location) -> Result<Option<File>, Error> {
    let Location::Sqlite(path) = store else {
        return Ok(None);
    };
    let path = path.with_extension("lock");
    let opened = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let locked = opened
        .map_err(TryLockError::Error)
        .and_then(|file| file.try_lock().map(|()| file));
    match locked {
        Ok(file) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Error::StoreInUse(store.clone())),
        Err(TryLockError::Error(error)) => Err(Error::Folder { path, error }),
    }
}
