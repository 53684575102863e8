//! SQLite, embedded: a blocking session per thread.

mod admin;
mod capabilities;
mod catalog;
mod dataset;
mod evidence;
mod load;
mod plan;
mod profile;
mod sample;

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::TargetError;

pub(crate) use admin::{check_statements, count_keys, describe_table, max_key, test};
pub(crate) use capabilities::capabilities;
pub(crate) use catalog::{catalog, near_tables};
pub(crate) use dataset::load_dataset;
pub(crate) use evidence::statistics;
pub(crate) use load::start;
pub(crate) use plan::preflight;
pub(crate) use profile::profile;
pub(crate) use sample::sample_column;

/// How long a connection waits for another one's lock before it reports that the database is busy.
const BUSY_WITHIN: Duration = Duration::from_secs(5);

/// Page cache per connection, in KiB, with the minus sign by which SQLite knows the unit.
const CACHE_KIB: i32 = -65_536;

/// Opens a database file that exists. Nothing is created: a wrong path must not become an empty database.
fn open(path: &Path, busy_within: Duration) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(busy_within)?;
    Ok(connection)
}

/// What an error means for a caller who asked about the target as a whole.
fn target_error(path: &Path, error: &rusqlite::Error) -> TargetError {
    let address = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen) if !path.exists() => TargetError::NoSuchDatabase { address },
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::NotADatabase) => {
            TargetError::Unreachable {
                address,
                reason: error.to_string(),
            }
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => TargetError::Timeout {
            address,
            within: BUSY_WITHIN,
        },
        _ => TargetError::Failed {
            address,
            message: error.to_string(),
        },
    }
}
