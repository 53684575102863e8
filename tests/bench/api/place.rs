//! Where the control plane under measurement keeps its data.

use std::path::PathBuf;

use gauntlet_testkit::postgres::Cluster;
use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::process::folder;

/// The testkit's server does not write through to the disk; a store that is measured does.
const DURABLE: [&str; 2] = [
    "ALTER SYSTEM SET fsync = on",
    "ALTER SYSTEM SET full_page_writes = on",
];
const HASTY: [&str; 2] = [
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET full_page_writes = off",
];

/// The two kinds of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }

    /// The name of a figure that the embedded store has without an ending.
    pub fn figure(self, name: &str) -> String {
        match self {
            Self::Sqlite => name.to_owned(),
            Self::Postgres => format!("{name}_postgres"),
        }
    }
}

/// A private server that writes through to the disk.
#[derive(Debug)]
pub struct Server {
    cluster: Cluster,
}

impl Server {
    pub fn start() -> Result<Self> {
        let server = Self {
            cluster: Cluster::start(),
        };
        server.set_durable(true)?;
        Ok(server)
    }

    /// The server's version, such as `15.18`.
    pub fn version(&self) -> Result<String> {
        let text = self.cluster.psql("SHOW server_version").map_err(failed)?;
        Ok(text.split(' ').next().unwrap_or_default().to_owned())
    }

    /// Whether a commit waits for the disk; what is only filled need not.
    fn set_durable(&self, on: bool) -> Result<()> {
        let reload = ["SELECT pg_reload_conf()"];
        let settings = if on { DURABLE } else { HASTY };
        for statement in settings.into_iter().chain(reload) {
            self.cluster.psql(statement).map_err(failed)?;
        }
        Ok(())
    }
}

/// A place for one store, empty at first. What a server holds stays until the server ends.
#[derive(Debug)]
pub struct Place<'a> {
    kind: Kind,
    url: String,
    /// The database's name; empty for a file.
    database: String,
    server: &'a Server,
    folder: TempDir,
}

impl<'a> Place<'a> {
    /// `name` is unique among the places of one server.
    pub fn new(kind: Kind, server: &'a Server, name: &str) -> Result<Self> {
        let folder = folder()?;
        let (url, database) = match kind {
            Kind::Sqlite => {
                let path = folder.path().join("store.db");
                (format!("sqlite:{}", path.display()), String::new())
            }
            Kind::Postgres => (server.cluster.create_database(name), name.to_owned()),
        };
        Ok(Self {
            kind,
            url,
            database,
            server,
            folder,
        })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What `--store` takes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The file of a target that outlives a control plane.
    pub fn target(&self) -> PathBuf {
        self.folder.path().join("target.db")
    }

    /// Before much is written that nobody measures.
    pub fn begin_filling(&self) -> Result<()> {
        self.server.set_durable(false)
    }

    /// Afterwards: what is in the store is on the disk, and known to the planner as after a minute of autovacuum.
    pub fn end_filling(&self) -> Result<()> {
        if self.kind == Kind::Postgres {
            for statement in ["VACUUM ANALYZE", "CHECKPOINT"] {
                let cluster = &self.server.cluster;
                let done = cluster.psql_in(&self.database, statement);
                done.map_err(failed)?;
            }
        }
        self.server.set_durable(true)
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Failed(format!("the private PostgreSQL: {error}"))
}
