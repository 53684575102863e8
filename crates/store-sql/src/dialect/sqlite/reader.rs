//! Reads: a few connections, each on a thread of the runtime's blocking pool
//! while it is used.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gauntlet_store::{Error, Result};
use rusqlite::{Connection, InterruptHandle};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};

use super::connection::{self, Use};
use crate::{database::ACQUIRE, script::Row, statement::Statement};

/// Readers do not wait for the writer, nor for each other.
const READERS: usize = 4;

/// The connections that read. Who finds all of them in use waits for
/// [`ACQUIRE`] and is refused then.
pub(super) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            permits: Arc::new(Semaphore::new(READERS)),
            idle: Arc::default(),
        }
    }

    /// The rows of a statement. Dropped before it is done, it stops the work.
    pub(super) async fn fetch(&self, statement: Statement, deadline: Instant) -> Result<Vec<Row>> {
        let patience = deadline.min(Instant::now() + ACQUIRE);
        let permit = timeout_at(patience, self.permits.clone().acquire_owned()).await;
        let permit = permit.map_err(|_| {
            Error::Unavailable(format!("no connection within {} s", ACQUIRE.as_secs()))
        })?;
        let (path, idle) = (self.path.clone(), self.idle.clone());
        let running = Running::default();
        let handle = running.clone();
        let work = move || {
            let _permit = permit;
            let connection = locked(&idle).pop();
            let connection = match connection {
                Some(connection) => connection,
                None => connection::open(&path, Use::Read)?,
            };
            handle.begin(&connection);
            let done = connection::run(&connection, "", &statement);
            handle.end();
            locked(&idle).push(connection);
            Ok(done?.rows)
        };
        let stop_if_dropped = StopOnDrop(running);
        let rows = tokio::task::spawn_blocking(work).await;
        drop(stop_if_dropped);
        rows.map_err(|error| Error::Unavailable(error.to_string()))?
    }
}

/// What a call does at the moment, seen from outside.
#[derive(Clone, Default)]
struct Running(Arc<Mutex<Option<InterruptHandle>>>);

impl Running {
    fn begin(&self, connection: &Connection) {
        *locked(&self.0) = Some(connection.get_interrupt_handle());
    }

    /// From here on the connection may be somebody else's.
    fn end(&self) {
        *locked(&self.0) = None;
    }
}

/// Stops what still runs when nobody waits for it any more.
struct StopOnDrop(Running);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if let Some(handle) = &*locked(&self.0.0) {
            handle.interrupt();
        }
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // What it guards is whole between any two statements.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
