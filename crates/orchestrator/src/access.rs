//! How the control plane reaches a target, and who can open its password.

mod capabilities;
mod catalog;
mod evidence;
mod preflight;

use async_trait::async_trait;
use gauntlet_model::{
    evidence::Snapshot,
    session::KeyRange,
    target::{Address, Dataset, Sealed, Secret},
    template::Spec,
};

pub use capabilities::{Capabilities, DatabaseKind, Feature, FeatureStatus, Setting};
pub use catalog::{
    CatalogColumn, CatalogIndex, CatalogTable, ColumnProfile, SampleMethod, TableKind, TableProfile,
};
pub use evidence::WaitWatch;
pub use preflight::{OperationFacts, PreflightFacts, TableFacts};

/// The most tables that one call of [`TargetAccess::catalog`] gives.
pub const CATALOG_AT_MOST: u32 = 1_000;

/// The most rows that one call of [`TargetAccess::profile`] samples.
pub const PROFILE_ROWS_AT_MOST: u32 = 1_000_000;

/// The most values that one call of [`TargetAccess::sample_column`] gives.
pub const SAMPLE_VALUES_AT_MOST: u32 = 100_000;

/// Where to log in and with what.
#[derive(Clone, Debug)]
pub struct Login {
    /// The target's address.
    pub address: Address,
    /// Its password.
    pub password: Option<Secret>,
}

/// Why a target did not do what was asked. Every message is one sentence that
/// names the target and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// It does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// It answers, and says no: login, database, table, column, statement.
    #[error("{0}")]
    Refused(String),
    /// What was to be made is there already, with another content.
    #[error("{0}")]
    AlreadyExists(String),
}

/// What a target says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetVersion {
    /// The database's own version text.
    pub version: String,
    /// From opening the connection to the answer, microseconds.
    pub connect_us: i64,
}

/// How far a dataset is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Rows written so far.
    pub rows: i64,
    /// Whether the table was already there with the content asked for.
    pub already_present: bool,
}

/// Reaches targets. Every call has a deadline of its own, loading aside, and
/// none but loading writes.
#[async_trait]
pub trait TargetAccess: Send + Sync {
    /// Connects, logs in, asks for the version.
    async fn test(&self, login: &Login) -> Result<TargetVersion, AccessError>;
    /// Whether every operation of a template can be prepared: tables, columns
    /// and statements are there, keys of INSERT operations are 64-bit integers.
    async fn check(&self, login: &Login, spec: &Spec) -> Result<TargetVersion, AccessError>;
    /// One more than the largest key of a table; 1 when it is empty.
    async fn next_free_key(
        &self,
        login: &Login,
        table: &str,
        key: &str,
    ) -> Result<i64, AccessError>;
    /// How many rows have a key in a range.
    async fn count_keys(
        &self,
        login: &Login,
        table: &str,
        key: &str,
        range: KeyRange,
    ) -> Result<u64, AccessError>;
    /// Makes and fills a table; `progress` is called now and then.
    async fn load_dataset(
        &self,
        login: &Login,
        dataset: &Dataset,
        progress: &(dyn Fn(Loaded) + Send + Sync),
    ) -> Result<Loaded, AccessError>;
    /// What the target can do and how it is set.
    async fn capabilities(&self, login: &Login) -> Result<Capabilities, AccessError>;
    /// Tables ordered by (schema, name), of one schema or all, after a (schema,
    /// name); at most `limit` and [`CATALOG_AT_MOST`]. The database's own tables
    /// are left out.
    async fn catalog(
        &self,
        login: &Login,
        schema: Option<&str>,
        after: Option<(String, String)>,
        limit: u32,
    ) -> Result<Vec<CatalogTable>, AccessError>;
    /// What is in a table, from about `sample_rows` rows, at most
    /// [`PROFILE_ROWS_AT_MOST`]; fewer for very wide tables. The same content
    /// gives the same profile.
    async fn profile(
        &self,
        login: &Login,
        table: &str,
        sample_rows: u32,
    ) -> Result<TableProfile, AccessError>;
    /// Values of a column from rows taken by chance, as often as the rows have
    /// them; `None` is NULL, bytes are written `\x0a0b`. At most `limit` and
    /// [`SAMPLE_VALUES_AT_MOST`] values, 8 MiB together; fewer when the table has
    /// fewer rows. The same content and seed give the same values.
    async fn sample_column(
        &self,
        login: &Login,
        table: &str,
        column: &str,
        limit: u32,
        seed: u64,
    ) -> Result<Vec<Option<String>>, AccessError>;
    /// What the target says about the operations of a template, without
    /// executing any. What is wrong with one operation or table is in the facts,
    /// not an error.
    async fn preflight(&self, login: &Login, spec: &Spec) -> Result<PreflightFacts, AccessError>;
    /// What the target's own statistics say at this instant, within 5 s. What it
    /// does not have is in the snapshot, not an error; `None` when it keeps no
    /// statistics at all.
    async fn evidence(&self, login: &Login, spec: &Spec) -> Result<Option<Snapshot>, AccessError> {
        let _ = (login, spec);
        Ok(None)
    }
    /// Looks at the sessions of the run of a name; `None` when the target does
    /// not tell what its sessions wait for.
    async fn watch_waits(
        &self,
        login: &Login,
        run_name: &str,
    ) -> Result<Option<Box<dyn WaitWatch>>, AccessError> {
        let _ = (login, run_name);
        Ok(None)
    }
}

/// A password cannot be opened: it was sealed with another key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the target's password cannot be opened: {0}")]
pub struct BadSeal(pub String);

/// Seals passwords for the store and opens them for a login.
pub trait Vault: Send + Sync {
    /// Seals a password.
    fn seal(&self, secret: &Secret) -> Sealed;
    /// Opens a sealed password.
    fn open(&self, sealed: &Sealed) -> Result<Secret, BadSeal>;
}
