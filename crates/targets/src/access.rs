//! What a control plane asks a target. Each question opens one connection and is bounded in time.

use std::time::Duration;

use crate::config::Config;
use crate::dataset::{Dataset, Loaded};
use crate::error::TargetError;
use crate::evidence::{Sessions, Statistics};
use crate::facts::{Capabilities, CatalogTable, PreflightFacts, TableProfile};
use crate::statement::Statement;

/// How long a question may take, connecting included.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long counting may take, which reads a part of the table.
pub(crate) const COUNT_WITHIN: Duration = Duration::from_mins(2);

/// How long one of several questions about tables, columns and plans may take, all of them together three times as long.
#[cfg(feature = "postgres")]
pub(crate) const FACT_WITHIN: Duration = ANSWER_WITHIN;

/// How long all questions of one call about tables, columns and plans may take.
pub(crate) const FACTS_WITHIN: Duration = Duration::from_secs(30);

/// How long reading a target's statistics may take: they belong to an instant.
pub(crate) const EVIDENCE_WITHIN: Duration = Duration::from_secs(5);

/// The most tables of one call of [`catalog`].
pub(crate) const CATALOG_AT_MOST: u32 = 1_000;

/// The most values of one call of [`sample_column`], and the most bytes of all of them.
pub(crate) const VALUES_AT_MOST: u32 = 100_000;
pub(crate) const VALUES_BYTES: usize = 8 << 20;

/// The most names in which to look for one like another.
pub(crate) const NAMES_AT_MOST: u32 = 5_000;

/// A target that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// What the target says of itself, for example `PostgreSQL 15.18`, and how the connection is encrypted, if it is:
    /// `PostgreSQL 15.18 over TLSv1.3 with TLS_AES_256_GCM_SHA384`.
    pub version: String,
    /// Time for one round trip on an open connection.
    pub latency: Duration,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type, as the database writes it.
    pub kind: String,
    /// Whether it can be NULL.
    pub nullable: bool,
}

/// What a target knows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDescription {
    /// The columns in their order.
    pub columns: Vec<Column>,
    /// The columns of the primary key, in the order of the key; empty without one.
    pub primary_key: Vec<String>,
    /// The database's own estimate of the number of rows, if it has one.
    pub rows_estimate: Option<u64>,
}

/// Calls the same function of the module that the target belongs to.
macro_rules! ask {
    ($config:ident, $function:ident ( $($argument:expr),* )) => {
        match $config {
            #[cfg(feature = "sqlite")]
            Config::Sqlite { path } => crate::sqlite::$function(path $(, $argument)*).await,
            #[cfg(not(feature = "sqlite"))]
            Config::Sqlite { .. } => Err(TargetError::NotBuilt { kind: "sqlite" }),
            #[cfg(feature = "postgres")]
            Config::Postgres { .. } => crate::postgres::$function($config $(, $argument)*).await,
            #[cfg(not(feature = "postgres"))]
            Config::Postgres { .. } => Err(TargetError::NotBuilt { kind: "postgres" }),
        }
    };
}

/// Connects and asks for the version.
pub async fn test(config: &Config) -> Result<Tested, TargetError> {
    ask!(config, test())
}

/// Describes a table (`table` or `schema.table`); `None` if there is none.
pub async fn describe_table(
    config: &Config,
    table: &str,
) -> Result<Option<TableDescription>, TargetError> {
    ask!(config, describe_table(table))
}

/// The highest key of a table; `None` if it is empty.
pub async fn max_key(
    config: &Config,
    table: &str,
    key_column: &str,
) -> Result<Option<i64>, TargetError> {
    ask!(config, max_key(table, key_column))
}

/// Counts the rows whose key is in `first..first + len`.
pub async fn count_keys(
    config: &Config,
    table: &str,
    key_column: &str,
    first: i64,
    len: i64,
) -> Result<u64, TargetError> {
    ask!(config, count_keys(table, key_column, first, len))
}

/// Prepares each statement; the error names the first operation that the target does not accept.
pub async fn check_statements(
    config: &Config,
    statements: &[Statement],
) -> Result<(), TargetError> {
    ask!(config, check_statements(statements))
}

/// Creates and fills a table, all of it or nothing; tells `progress` how many rows have been written. A table that has
/// the right columns and number of rows is left as it is. Dropping the future gives up and leaves nothing behind.
pub async fn load_dataset(
    config: &Config,
    dataset: &Dataset,
    progress: impl Fn(u64) + Send + Sync + 'static,
) -> Result<Loaded, TargetError> {
    ask!(config, load_dataset(dataset, Box::new(progress)))
}

/// Names of tables that are like one that is not there, the likest first.
pub async fn near_tables(config: &Config, table: &str) -> Result<Vec<String>, TargetError> {
    ask!(config, near_tables(table))
}

/// What the target can do and how it is set.
pub async fn capabilities(config: &Config) -> Result<Capabilities, TargetError> {
    ask!(config, capabilities())
}

/// Tables ordered by (schema, name) in bytes, of one schema or all, after a (schema, name); at most 1,000. The database's
/// own tables are left out.
pub async fn catalog(
    config: &Config,
    schema: Option<&str>,
    after: Option<(&str, &str)>,
    limit: u32,
) -> Result<Vec<CatalogTable>, TargetError> {
    ask!(
        config,
        catalog(schema, after, limit.clamp(1, CATALOG_AT_MOST))
    )
}

/// What is in a table, from about `sample_rows` of its rows; fewer of a wide table: 500,000 values are looked at.
pub async fn profile(
    config: &Config,
    table: &str,
    sample_rows: u32,
) -> Result<TableProfile, TargetError> {
    ask!(config, profile(table, sample_rows))
}

/// Values of a column from rows taken by chance, as text, as often as the rows have them; `None` is NULL, bytes are
/// written `\x0a0b`. At most 100,000, and 8 MiB. The same table, as it is stored, and seed give the same values.
pub async fn sample_column(
    config: &Config,
    table: &str,
    column: &str,
    limit: u32,
    seed: u64,
) -> Result<Vec<Option<String>>, TargetError> {
    ask!(
        config,
        sample_column(table, column, limit.clamp(1, VALUES_AT_MOST), seed)
    )
}

/// What the target says about statements, without executing any. What is wrong with a statement or a table is among the
/// facts, not an error.
pub async fn preflight(
    config: &Config,
    statements: &[Statement],
) -> Result<PreflightFacts, TargetError> {
    ask!(config, preflight(statements))
}

/// What the target's own statistics say at this instant, of itself and of statements. What the target does not have is
/// among the statistics, not an error.
pub async fn statistics(
    config: &Config,
    statements: &[Statement],
) -> Result<Statistics, TargetError> {
    ask!(config, statistics(statements))
}

/// Looks at the sessions of one application over a connection that is kept; dropping it hangs up.
pub struct SessionWatch(#[cfg(feature = "postgres")] crate::postgres::WaitLine);

impl SessionWatch {
    /// `None` when the target does not tell what its sessions wait for.
    pub async fn open(config: &Config, application: &str) -> Result<Option<Self>, TargetError> {
        match config {
            Config::Sqlite { .. } => Ok(None),
            #[cfg(feature = "postgres")]
            Config::Postgres { .. } => {
                let line = crate::postgres::WaitLine::open(config, application).await?;
                Ok(Some(Self(line)))
            }
            #[cfg(not(feature = "postgres"))]
            Config::Postgres { .. } => Err(TargetError::NotBuilt { kind: "postgres" }),
        }
    }

    /// One look, bounded by two seconds. After an error open another watch.
    pub async fn look(&self) -> Result<Sessions, TargetError> {
        #[cfg(feature = "postgres")]
        return self.0.look().await;
        #[cfg(not(feature = "postgres"))]
        Ok(Sessions::default())
    }
}

/// Where loading reports the rows written so far.
pub(crate) type Progress = Box<dyn Fn(u64) + Send + Sync>;
