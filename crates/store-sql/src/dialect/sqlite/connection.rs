//! One connection to a file: statements in, rows out, errors with a meaning.

use std::{path::Path, time::Duration};

use gauntlet_store::{Error, Result};
use rusqlite::{
    CachedStatement, Connection, ErrorCode, OpenFlags, ToSql,
    ffi::{
        SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_ROWID,
        SQLITE_CONSTRAINT_UNIQUE,
    },
    types::{ToSqlOutput, Value as Owned, ValueRef},
};

use crate::{
    script::{Done, Row},
    statement::{Statement, Value, Values},
};

/// How long to wait for another process that writes to the file.
const BUSY: Duration = Duration::from_secs(5);
/// Statements kept prepared; more than we have texts.
const PREPARED: usize = 256;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Making the file if it is not there.
    Create,
    /// Writing.
    Write,
    /// Reading only.
    Read,
}

/// Opens a file.
pub(super) fn open(path: &Path, purpose: Use) -> Result<Connection> {
    // Each connection stays on one thread at a time; SQLite need not lock it.
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if purpose == Use::Create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let opened = Connection::open_with_flags(path, flags).and_then(|connection| {
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "query_only", purpose == Use::Read)?;
        Ok(connection)
    });
    opened.map_err(|error| outcome("", &error))
}

/// Sends a statement. `subject` names what it is about.
pub(super) fn run(connection: &Connection, subject: &str, statement: &Statement) -> Result<Done> {
    send(connection, statement).map_err(|error| outcome(subject, &error))
}

fn send(connection: &Connection, statement: &Statement) -> rusqlite::Result<Done> {
    let mut done = Done::default();
    match &statement.values {
        Values::Definition => define(connection, &statement.text)?,
        Values::One(values) => {
            let mut prepared = connection.prepare_cached(&statement.text)?;
            execute(connection, &mut prepared, values, &mut done)?;
        }
        // Nothing goes over a network, so row by row is the fastest way.
        Values::Many(rows) => {
            let Some(first) = rows.first() else {
                return Ok(done);
            };
            let places: Vec<String> = (1..=first.len()).map(|place| format!("${place}")).collect();
            let places = format!("VALUES ({})", places.join(", "));
            let text = statement.text.replace("{rows}", &places);
            let mut prepared = connection.prepare_cached(&text)?;
            for row in rows {
                execute(connection, &mut prepared, row, &mut done)?;
            }
        }
    }
    Ok(done)
}

/// Runs DDL, one statement after the other. SQLite cannot say "add this column
/// if it is not there", so that it is there already is no error.
fn define(connection: &Connection, text: &str) -> rusqlite::Result<()> {
    for statement in text.split_inclusive(";\n") {
        match connection.execute_batch(statement) {
            Err(error) if error.to_string().contains("duplicate column name") => {}
            result => result?,
        }
    }
    Ok(())
}

fn execute(
    connection: &Connection,
    prepared: &mut CachedStatement<'_>,
    values: &[Value],
    done: &mut Done,
) -> rusqlite::Result<()> {
    for index in 1..=prepared.parameter_count() {
        // SQLite numbers `$2` by where it first occurs; its name says which it is.
        let name = prepared.parameter_name(index);
        let place = name.and_then(|name| name[1..].parse::<usize>().ok());
        let value = place.and_then(|place| values.get(place - 1));
        let value = value.ok_or(rusqlite::Error::InvalidParameterCount(index, values.len()))?;
        prepared.raw_bind_parameter(index, value)?;
    }
    let (columns, reads) = (prepared.column_count(), prepared.readonly());
    let mut rows = prepared.raw_query();
    while let Some(row) = rows.next()? {
        let read = |column| Ok(value_of(row.get_ref(column)?));
        let row: rusqlite::Result<Row> = (0..columns).map(read).collect();
        done.rows.push(row?);
    }
    drop(rows);
    if !reads {
        done.changed += connection.changes();
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Integer(Some(value)) => ToSqlOutput::Owned(Owned::Integer(*value)),
            Self::Text(Some(value)) => ToSqlOutput::Borrowed(ValueRef::Text(value.as_bytes())),
            Self::Bytes(Some(value)) => ToSqlOutput::Borrowed(ValueRef::Blob(value)),
            _ => ToSqlOutput::Owned(Owned::Null),
        })
    }
}

fn value_of(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Integer(None),
        ValueRef::Integer(value) => Value::Integer(Some(value)),
        // No column of ours holds one; as text, whoever reads it says what is wrong.
        ValueRef::Real(value) => Value::Text(Some(value.to_string())),
        ValueRef::Text(bytes) => Value::Text(Some(String::from_utf8_lossy(bytes).into_owned())),
        ValueRef::Blob(bytes) => Value::Bytes(Some(bytes.to_vec())),
    }
}

/// What an error means to a caller.
pub(super) fn outcome(subject: &str, error: &rusqlite::Error) -> Error {
    let Some(cause) = error.sqlite_error() else {
        return Error::Unavailable(error.to_string());
    };
    let message = match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        other => other.to_string(),
    };
    match (cause.code, cause.extended_code) {
        (_, SQLITE_CONSTRAINT_UNIQUE | SQLITE_CONSTRAINT_PRIMARYKEY | SQLITE_CONSTRAINT_ROWID) => {
            Error::AlreadyExists(subject.to_owned())
        }
        (_, SQLITE_CONSTRAINT_FOREIGNKEY) => Error::Missing(subject.to_owned()),
        (ErrorCode::DiskFull, _) => Error::Full(message),
        (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => Error::Corrupt(message),
        _ => Error::Unavailable(message),
    }
}
