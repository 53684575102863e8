//! SQLite as a target of the engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gauntlet_engine::{
    BlockingSession, BlockingTarget, Done, ErrorClass, Failure, Handle, Interrupt, Plan, Value,
    start_blocking,
};
use rusqlite::{Connection, ErrorCode};

use super::{BUSY_WITHIN, CACHE_KIB, open};
use crate::config::Config;
use crate::error::TargetError;
use crate::sql::{Dialect, sql_text};
use crate::statement::Statement;

pub(crate) fn start(
    config: &Config,
    statements: &[Statement],
    plan: Plan,
) -> Result<Handle, TargetError> {
    let Config::Sqlite { path } = config else {
        return Err(TargetError::NotBuilt { kind: "sqlite" });
    };
    if !path.is_file() {
        return Err(TargetError::NoSuchDatabase {
            address: config.address(),
        });
    }
    let texts = statements
        .iter()
        .map(|statement| sql_text(Dialect::Sqlite, statement))
        .collect();
    let target = SqliteTarget {
        path: path.clone(),
        texts,
        busy_within: plan.operation_timeout.min(BUSY_WITHIN),
    };
    Ok(start_blocking(plan, target)?)
}

struct SqliteTarget {
    path: PathBuf,
    texts: Arc<[String]>,
    busy_within: Duration,
}

struct Session {
    connection: Connection,
    texts: Arc<[String]>,
}

impl BlockingTarget for SqliteTarget {
    type Session = Session;

    fn connect(&self, _connection: u32) -> Result<Session, Failure> {
        let connection = open_for_load(&self.path, self.busy_within)
            .map_err(|error| not_opened(&self.path, &error))?;
        connection.set_prepared_statement_cache_capacity(self.texts.len());
        for text in &*self.texts {
            connection
                .prepare_cached(text)
                .map_err(|error| failure(&error))?;
        }
        Ok(Session {
            connection,
            texts: Arc::clone(&self.texts),
        })
    }
}

fn open_for_load(path: &Path, busy_within: Duration) -> rusqlite::Result<Connection> {
    let connection = open(path, busy_within)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    Ok(connection)
}

fn not_opened(path: &Path, error: &rusqlite::Error) -> Failure {
    Failure {
        class: ErrorClass::Connection,
        message: super::target_error(path, error).to_string(),
        ..failure(error)
    }
}

impl BlockingSession for Session {
    fn execute(&mut self, operation: usize, parameters: &[Value]) -> Result<Done, Failure> {
        execute(&self.connection, &self.texts[operation], parameters)
            .map_err(|error| failure(&error))
    }

    /// A file does not hang up.
    fn is_broken(&self) -> bool {
        false
    }

    fn interrupt(&self) -> Option<Interrupt> {
        let handle = self.connection.get_interrupt_handle();
        Some(Arc::new(move || handle.interrupt()))
    }
}

fn execute(connection: &Connection, text: &str, parameters: &[Value]) -> rusqlite::Result<Done> {
    let mut statement = connection.prepare_cached(text)?;
    for (position, parameter) in parameters.iter().enumerate() {
        match parameter {
            Value::Null => statement.raw_bind_parameter(position + 1, rusqlite::types::Null)?,
            Value::Int(int) => statement.raw_bind_parameter(position + 1, int)?,
            Value::Float(float) => statement.raw_bind_parameter(position + 1, float)?,
            Value::Text(text) => statement.raw_bind_parameter(position + 1, text)?,
        }
    }
    if statement.column_count() == 0 {
        return Ok(Done {
            rows: statement.raw_execute()? as u64,
        });
    }
    let mut rows = statement.raw_query();
    let mut count = 0;
    while rows.next()?.is_some() {
        count += 1;
    }
    Ok(Done { rows: count })
}

/// Classes and codes of SQLite's errors.
fn failure(error: &rusqlite::Error) -> Failure {
    let Some(cause) = error.sqlite_error() else {
        return Failure {
            class: ErrorClass::Statement,
            code: "PARAMETER".to_owned(),
            message: error.to_string(),
        };
    };
    let (class, name) = match cause.code {
        ErrorCode::DatabaseBusy => (ErrorClass::Serialization, "SQLITE_BUSY"),
        ErrorCode::DatabaseLocked => (ErrorClass::Serialization, "SQLITE_LOCKED"),
        ErrorCode::ConstraintViolation => (ErrorClass::Constraint, "SQLITE_CONSTRAINT"),
        ErrorCode::OperationInterrupted => (ErrorClass::Timeout, "SQLITE_INTERRUPT"),
        ErrorCode::CannotOpen => (ErrorClass::Connection, "SQLITE_CANTOPEN"),
        ErrorCode::NotADatabase => (ErrorClass::Connection, "SQLITE_NOTADB"),
        ErrorCode::DiskFull => (ErrorClass::Other, "SQLITE_FULL"),
        ErrorCode::ReadOnly => (ErrorClass::Other, "SQLITE_READONLY"),
        ErrorCode::SystemIoFailure => (ErrorClass::Other, "SQLITE_IOERR"),
        ErrorCode::TypeMismatch => (ErrorClass::Statement, "SQLITE_MISMATCH"),
        // SQLite's general error is what a wrong statement gets, which includes a missing table.
        ErrorCode::Unknown => (ErrorClass::Statement, "SQLITE_ERROR"),
        _ => (ErrorClass::Other, "SQLITE"),
    };
    let code = if name == "SQLITE" {
        format!("SQLITE_{}", cause.extended_code)
    } else {
        name.to_owned()
    };
    Failure {
        class,
        code,
        message: error.to_string(),
    }
}
