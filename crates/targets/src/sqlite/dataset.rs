//! Loading a dataset into SQLite: one transaction, so all of it or nothing.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, OpenFlags, ffi, params};

use super::{BUSY_WITHIN, CACHE_KIB, admin, target_error};
use crate::access::Progress;
use crate::dataset::{self, DEFINITION, Dataset, Load, Loaded, PROGRESS_ROWS, Row};
use crate::error::TargetError;
use crate::name::TableName;
use crate::sql::{quoted, quoted_path};

/// Set when the caller has given up.
struct GiveUpOnDrop(Arc<AtomicBool>);

impl Drop for GiveUpOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) async fn load_dataset(
    path: &Path,
    dataset: &Dataset,
    progress: Progress,
) -> Result<Loaded, TargetError> {
    let (own_path, dataset) = (path.to_owned(), dataset.clone());
    let given_up = GiveUpOnDrop(Arc::default());
    let stop = Arc::clone(&given_up.0);
    let loading = tokio::task::spawn_blocking(move || load(&own_path, &dataset, &progress, &stop));
    loading
        .await
        .unwrap_or_else(|error| Err(admin::failed(path, &error)))
}

fn load(
    path: &Path,
    dataset: &Dataset,
    progress: &Progress,
    stop: &AtomicBool,
) -> Result<Loaded, TargetError> {
    let is_new = !path.exists();
    let loaded = load_into(path, dataset, progress, stop);
    if is_new && loaded.is_err() {
        // Nobody else can have used a file that did not exist; an empty database would look like a target.
        let _ = std::fs::remove_file(path);
    }
    loaded
}

fn load_into(
    path: &Path,
    dataset: &Dataset,
    progress: &Progress,
    stop: &AtomicBool,
) -> Result<Loaded, TargetError> {
    let failed = |error: rusqlite::Error| target_error(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| {
        match target_error(path, &error) {
            // The file would have been created, so it is its folder that is missing.
            TargetError::NoSuchDatabase { address } => TargetError::Unreachable {
                address,
                reason: error.to_string(),
            },
            other => other,
        }
    })?;
    prepare(&connection).map_err(failed)?;
    let load = decide(&connection, path, dataset)?;
    if load != Load::Nothing {
        write(&mut connection, dataset, load, progress, stop).map_err(failed)?;
    }
    // Last, as a new table is written twice in this mode: to the log and then to the file.
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(failed)?;
    Ok(Loaded {
        rows: dataset.rows,
        created: load != Load::Nothing,
    })
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_WITHIN)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)
}

fn decide(connection: &Connection, path: &Path, dataset: &Dataset) -> Result<Load, TargetError> {
    let failed = |error: rusqlite::Error| target_error(path, &error);
    let Some(description) = admin::describe(connection, &dataset.table).map_err(failed)? else {
        return dataset::decide(dataset, "", None);
    };
    let count = format!("SELECT count(*) FROM {}", quoted_path(&dataset.table));
    let rows: i64 = connection
        .query_row(&count, [], |row| row.get(0))
        .map_err(failed)?;
    dataset::decide(
        dataset,
        &path.display().to_string(),
        Some((&description, rows.unsigned_abs())),
    )
}

fn given_up() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        ffi::Error::new(ffi::SQLITE_INTERRUPT),
        Some("the loading was given up".to_owned()),
    )
}

fn write(
    connection: &mut Connection,
    dataset: &Dataset,
    load: Load,
    progress: &Progress,
    stop: &AtomicBool,
) -> rusqlite::Result<()> {
    let table = quoted_path(&dataset.table);
    let transaction = connection.transaction()?;
    if load == Load::Replace {
        transaction.execute(&format!("DROP TABLE {table}"), [])?;
    }
    transaction.execute(&format!("CREATE TABLE {table} ({DEFINITION})"), [])?;
    {
        let mut insert = transaction.prepare(&format!(
            "INSERT INTO {table} (id, k, c, pad) VALUES (?1, ?2, ?3, ?4)"
        ))?;
        let mut row = Row::default();
        for id in 1..=dataset.rows {
            row.fill(dataset, id);
            insert.execute(params![row.id, row.k, row.c, row.pad])?;
            if id % PROGRESS_ROWS == 0 || id == dataset.rows {
                if stop.load(Ordering::Relaxed) {
                    // The transaction is rolled back when it is dropped.
                    return Err(given_up());
                }
                progress(id);
            }
        }
    }
    let named = TableName::parse(&dataset.table);
    let (schema, name) = (named.schema().unwrap_or("main"), named.name());
    let index = format!("{}.{}", quoted(schema), quoted(&format!("{name}_k")));
    transaction.execute(&format!("CREATE INDEX {index} ON {} (k)", quoted(name)), [])?;
    transaction.execute(&format!("ANALYZE {table}"), [])?;
    transaction.commit()
}
