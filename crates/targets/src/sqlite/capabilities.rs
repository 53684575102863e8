//! What the linked SQLite can do, and how a file and a load's connection to it are set.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::admin::ask;
use super::{CACHE_KIB, target_error};
use crate::access::FACTS_WITHIN;
use crate::error::TargetError;
use crate::facts::{Capabilities, Feature, FeatureStatus, Setting};

/// What makes a difference to a load, with the unit of its value.
const SETTINGS: [(&str, Option<&str>); 14] = [
    ("journal_mode", None),
    ("synchronous", None),
    ("page_size", Some("bytes")),
    ("page_count", Some("pages")),
    ("freelist_count", Some("pages")),
    ("cache_size", Some("pages")),
    ("mmap_size", Some("bytes")),
    ("wal_autocheckpoint", Some("pages")),
    ("journal_size_limit", Some("bytes")),
    ("foreign_keys", None),
    ("auto_vacuum", None),
    ("locking_mode", None),
    ("temp_store", None),
    ("encoding", None),
];

/// What was compiled in: the option, the feature's name, what it is good for.
const COMPILED: [(&str, &str, &str); 5] = [
    (
        "ENABLE_STAT4",
        "stat4",
        "ANALYZE also notes how values are spread over an index",
    ),
    (
        "ENABLE_DBSTAT_VTAB",
        "dbstat",
        "sizes of tables and indexes",
    ),
    ("ENABLE_FTS5", "fts5", "full-text search"),
    (
        "ENABLE_RTREE",
        "rtree",
        "search in ranges of several dimensions",
    ),
    (
        "ENABLE_MATH_FUNCTIONS",
        "math_functions",
        "sin(), ln(), pow() and the like in statements",
    ),
];

pub(crate) async fn capabilities(path: &Path) -> Result<Capabilities, TargetError> {
    ask(path, FACTS_WITHIN, |connection, path| {
        read(connection).map_err(|error| target_error(path, &error))
    })
    .await
}

fn read(connection: &Connection) -> rusqlite::Result<Capabilities> {
    // What a load sets for its own connections; the file is not changed by it.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", CACHE_KIB)?;
    Ok(Capabilities {
        version: version(connection)?,
        features: features(connection)?,
        settings: read_settings(connection)?,
        max_connections: None,
        connections_in_use: None,
        read_only: connection.is_readonly("main")?,
    })
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("SELECT 'SQLite ' || sqlite_version()", [], |row| row.get(0))
}

pub(super) fn read_settings(connection: &Connection) -> rusqlite::Result<Vec<Setting>> {
    let mut settings = Vec::new();
    for (name, unit) in SETTINGS {
        // A build may lack a pragma; it then answers with no row.
        let mut value = None;
        connection.pragma_query(None, name, |row| {
            value = Some(row.get::<_, Value>(0)?);
            Ok(())
        })?;
        settings.extend(value.map(|value| setting(name, value, unit)));
    }
    Ok(settings)
}

/// Numbers become the words of the documentation, and a cache's KiB become bytes.
fn setting(name: &str, value: Value, unit: Option<&str>) -> Setting {
    const SYNCHRONOUS: &[&str] = &["off", "normal", "full", "extra"];
    const AUTO_VACUUM: &[&str] = &["none", "full", "incremental"];
    const TEMP_STORE: &[&str] = &["default", "file", "memory"];
    const SWITCH: &[&str] = &["off", "on"];
    let words = match name {
        "synchronous" => SYNCHRONOUS,
        "auto_vacuum" => AUTO_VACUUM,
        "temp_store" => TEMP_STORE,
        "foreign_keys" => SWITCH,
        _ => &[],
    };
    let (value, unit) = match value {
        Value::Integer(kib) if name == "cache_size" && kib < 0 => {
            ((-kib).saturating_mul(1024).to_string(), Some("bytes"))
        }
        Value::Integer(number) => {
            let word = usize::try_from(number).ok().and_then(|n| words.get(n));
            (
                word.map_or_else(|| number.to_string(), |word| (*word).to_owned()),
                unit,
            )
        }
        Value::Text(text) => (text, unit),
        Value::Real(real) => (real.to_string(), unit),
        Value::Null | Value::Blob(_) => (String::new(), unit),
    };
    Setting {
        name: name.to_owned(),
        value,
        unit: unit.map(str::to_owned),
    }
}

fn features(connection: &Connection) -> rusqlite::Result<Vec<Feature>> {
    let mut statement = connection.prepare("SELECT compile_options FROM pragma_compile_options")?;
    let options: Vec<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    let analyzed = connection.table_exists(Some("main"), "sqlite_stat1")?;
    let mut features = vec![
        feature(
            "wal",
            mode == "wal",
            "readers and a writer do not wait for each other",
            "the first load switches the file to the write-ahead log",
        ),
        feature(
            "statistics",
            analyzed,
            "the planner knows how many rows the tables have",
            "run ANALYZE, so that the planner knows how many rows the tables have",
        ),
    ];
    features.extend(COMPILED.map(|(option, name, use_of_it)| {
        let compiled = options.iter().any(|found| found == option);
        feature(
            name,
            compiled,
            use_of_it,
            "not compiled into this program's SQLite",
        )
    }));
    Ok(features)
}

fn feature(name: &str, available: bool, use_of_it: &str, remedy: &str) -> Feature {
    let (status, note) = if available {
        (FeatureStatus::Available, use_of_it)
    } else {
        (FeatureStatus::Missing, remedy)
    };
    Feature {
        name: name.to_owned(),
        status,
        note: note.to_owned(),
    }
}
