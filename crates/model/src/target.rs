//! Databases under test.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    id::{Name, Project, TargetId},
    time::Timestamp,
};

/// A database under test. Its password is not here: see [`Secret`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The target's id.
    pub id: TargetId,
    /// The project it belongs to.
    pub project: Project,
    /// Unique in its project.
    pub name: Name,
    /// Where it is and who logs in.
    pub address: Address,
    /// When it was registered.
    pub created: Timestamp,
    /// Counts from 1; grows by one with every change.
    pub revision: i64,
    /// What it costs per hour, in a currency of the user's choice; 0 when not known.
    pub price_per_hour: f64,
}

/// Where a target is and who logs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Address {
    /// An embedded SQLite database file.
    Sqlite {
        /// An absolute path on the machine of the workers.
        path: PathBuf,
    },
    /// A PostgreSQL database.
    Postgres {
        /// A host name, an address, or the folder of a unix socket.
        host: String,
        /// The port.
        port: u16,
        /// The database's name.
        database: String,
        /// The role that logs in.
        user: String,
    },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(f, "sqlite:{}", path.display()),
            Self::Postgres {
                host,
                port,
                database,
                user,
            } => write!(f, "postgres://{user}@{host}:{port}/{database}"),
        }
    }
}

/// A password. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a password.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The password itself; for the login only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A password as it is stored: sealed by the control plane's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// A table to make on a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The table, with or without its schema.
    pub table: String,
    /// How many rows.
    pub rows: i64,
    /// The seed of the contents.
    pub seed: u64,
    /// Whether a table with another content is dropped first.
    pub replace: bool,
}
