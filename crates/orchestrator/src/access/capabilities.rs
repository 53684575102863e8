//! What a target can do and how it is set.

/// What a target can do and how it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Which database it is.
    pub kind: DatabaseKind,
    /// The database's own version text, like `PostgreSQL 15.18`.
    pub version: String,
    /// What a benchmark can make use of, present or not.
    pub features: Vec<Feature>,
    /// The settings that decide about performance, in a fixed order.
    pub settings: Vec<Setting>,
    /// Connections that the server allows, reserved ones included; `None`
    /// where the database does not count them.
    pub max_connections: Option<u32>,
    /// Connections open to the server now, the asking one aside.
    pub connections_in_use: Option<u32>,
    /// Whether writes are refused: a replica, a database set to read only, a
    /// file without permission to write.
    pub read_only: bool,
}

/// Which database a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl DatabaseKind {
    /// Its name in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// Something that a target has or lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// The database's own name for it, like `pg_stat_statements`.
    pub name: String,
    /// Whether it can be used.
    pub status: FeatureStatus,
    /// What it is good for, or what to do to get it.
    pub note: String,
}

/// Whether a feature can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureStatus {
    /// It can.
    Available,
    /// It is not there, or switched off.
    Missing,
    /// It is there, but not for the role that logs in.
    NotPermitted,
}

/// A setting as the sessions of a load find it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The database's own name for it, like `shared_buffers`.
    pub name: String,
    /// Its value; sizes in bytes where the unit says so.
    pub value: String,
    /// The unit of the value, like `bytes`, `ms`, `pages`; `None` without one.
    pub unit: Option<String>,
}
