//! Questions to a PostgreSQL server.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error, Row};

use super::driver::Driver;
use super::{catalog, message, target_error};
use crate::access::{ANSWER_WITHIN, COUNT_WITHIN, Column, FACTS_WITHIN, TableDescription, Tested};
use crate::config::Config;
use crate::error::TargetError;
use crate::sql::{Dialect, quoted, quoted_path, sql_text};
use crate::statement::{Statement, StatementKind};

/// A connection for a few questions; dropping it hangs up.
pub(super) struct Line<'a> {
    pub(super) client: Client,
    pub(super) config: Cow<'a, Config>,
    driver: Driver,
    within: Duration,
    connection: JoinHandle<()>,
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl<'a> Line<'a> {
    /// Each statement on it may take `within`.
    pub(super) async fn open(config: &'a Config, within: Duration) -> Result<Self, TargetError> {
        Self::connect(Cow::Borrowed(config), within).await
    }

    async fn connect(config: Cow<'a, Config>, within: Duration) -> Result<Self, TargetError> {
        let driver = Driver::new(&config, within)?;
        let connecting = tokio::time::timeout(super::CONNECT_WITHIN, driver.connect()).await;
        let timed_out = |_| TargetError::Timeout {
            address: config.address(),
            within: super::CONNECT_WITHIN,
        };
        let (client, connection) = connecting
            .map_err(timed_out)?
            .map_err(|error| super::not_connected(&config, &error))?;
        Ok(Self {
            client,
            config,
            driver,
            within,
            connection,
        })
    }

    pub(super) fn failed(&self, error: &Error) -> TargetError {
        target_error(&self.config, error, self.within)
    }

    /// Waits for an answer a moment longer than the server would, in case the server itself is gone.
    pub(super) async fn bounded<A>(
        &self,
        answer: impl Future<Output = Result<A, Error>>,
    ) -> Result<A, TargetError> {
        let timeout = || TargetError::Timeout {
            address: self.config.address(),
            within: self.within,
        };
        match tokio::time::timeout(self.within + Duration::from_secs(1), answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(timeout()),
        }
    }

    async fn ask_about(
        &self,
        table: &str,
        query: &str,
        parameters: &[&i64],
    ) -> Result<Row, TargetError> {
        let parameters: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
            parameters.iter().map(|key| *key as _).collect();
        match self
            .bounded(async { Ok(self.client.query_one(query, &parameters).await) })
            .await?
        {
            Ok(row) => Ok(row),
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => {
                Err(self.no_table(table).await)
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// There is no such table; names like it help to find the right one, but their absence is not another error.
    pub(super) async fn no_table(&self, table: &str) -> TargetError {
        TargetError::NoSuchTable {
            address: self.config.address(),
            table: table.to_owned(),
            near: catalog::near_names(self, table).await.unwrap_or_default(),
        }
    }

    /// From now on nothing is written, and values come as the same text on every server.
    pub(super) async fn only_read(&self) -> Result<(), TargetError> {
        const SETTINGS: &str = "SET default_transaction_read_only = on; SET bytea_output = hex; \
            SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET intervalstyle = postgres; \
            SET extra_float_digits = 1; SET plan_cache_mode = force_generic_plan";
        self.bounded(self.client.batch_execute(SETTINGS)).await
    }
}

impl Line<'static> {
    /// A connection that is kept.
    pub(super) async fn keep(config: Config, within: Duration) -> Result<Self, TargetError> {
        Self::connect(Cow::Owned(config), within).await
    }
}

/// Several questions, which take so long together at most.
pub(super) async fn facts<A>(
    config: &Config,
    asking: impl Future<Output = Result<A, TargetError>>,
) -> Result<A, TargetError> {
    bounded(config, FACTS_WITHIN, asking).await
}

/// Several questions, which take so long together at most.
pub(super) async fn bounded<A>(
    config: &Config,
    within: Duration,
    asking: impl Future<Output = Result<A, TargetError>>,
) -> Result<A, TargetError> {
    let timeout = |_| TargetError::Timeout {
        address: config.address(),
        within,
    };
    tokio::time::timeout(within, asking)
        .await
        .map_err(timeout)?
}

pub(crate) async fn test(config: &Config) -> Result<Tested, TargetError> {
    let line = Line::open(config, ANSWER_WITHIN).await?;
    let row = line
        .bounded(
            line.client
                .query_one("SELECT current_setting('server_version')", &[]),
        )
        .await?;
    let version: String = row.get(0);
    let encrypted = line.driver.negotiated();
    let sent = Instant::now();
    line.bounded(line.client.simple_query("SELECT 1")).await?;
    Ok(Tested {
        version: match encrypted {
            None => format!("PostgreSQL {version}"),
            Some(negotiated) => format!("PostgreSQL {version} over {negotiated}"),
        },
        latency: sent.elapsed(),
    })
}

const COLUMNS: &str = "\
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull \
    FROM pg_attribute a WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

const PRIMARY_KEY: &str = "\
    SELECT a.attname::text FROM pg_index i \
    CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS key (attnum, position) \
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = key.attnum \
    WHERE i.indrelid = to_regclass($1::text) AND i.indisprimary ORDER BY key.position";

/// Minus one until the table has been analysed.
const ESTIMATE: &str = "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass($1::text)";

pub(crate) async fn describe_table(
    config: &Config,
    table: &str,
) -> Result<Option<TableDescription>, TargetError> {
    let line = Line::open(config, ANSWER_WITHIN).await?;
    describe(&line, table).await
}

pub(super) async fn describe(
    line: &Line<'_>,
    table: &str,
) -> Result<Option<TableDescription>, TargetError> {
    let path = quoted_path(table);
    let columns = line.bounded(line.client.query(COLUMNS, &[&path])).await?;
    if columns.is_empty() {
        return Ok(None);
    }
    let column = |row: &Row| Column {
        name: row.get(0),
        kind: row.get(1),
        nullable: row.get(2),
    };
    let keys = line
        .bounded(line.client.query(PRIMARY_KEY, &[&path]))
        .await?;
    let estimate = line
        .bounded(line.client.query_opt(ESTIMATE, &[&path]))
        .await?;
    Ok(Some(TableDescription {
        columns: columns.iter().map(column).collect(),
        primary_key: keys.iter().map(|row| row.get(0)).collect(),
        rows_estimate: estimate.and_then(|row| u64::try_from(row.get::<_, i64>(0)).ok()),
    }))
}

pub(crate) async fn max_key(
    config: &Config,
    table: &str,
    key_column: &str,
) -> Result<Option<i64>, TargetError> {
    let line = Line::open(config, ANSWER_WITHIN).await?;
    let query = format!(
        "SELECT max({})::bigint FROM {}",
        quoted(key_column),
        quoted_path(table)
    );
    Ok(line.ask_about(table, &query, &[]).await?.get(0))
}

pub(crate) async fn count_keys(
    config: &Config,
    table: &str,
    key_column: &str,
    first: i64,
    len: i64,
) -> Result<u64, TargetError> {
    let line = Line::open(config, COUNT_WITHIN).await?;
    let key = quoted(key_column);
    let query = format!(
        "SELECT count(*) FROM {} WHERE {key} >= $1::bigint AND {key} < $2::bigint",
        quoted_path(table)
    );
    let row = line
        .ask_about(table, &query, &[&first, &first.saturating_add(len)])
        .await?;
    Ok(row.get::<_, i64>(0).unsigned_abs())
}

pub(crate) async fn check_statements(
    config: &Config,
    statements: &[Statement],
) -> Result<(), TargetError> {
    let line = Line::open(config, ANSWER_WITHIN).await?;
    for statement in statements {
        check(&line, statement).await?;
    }
    Ok(())
}

pub(super) async fn check(line: &Line<'_>, statement: &Statement) -> Result<(), TargetError> {
    let text = sql_text(Dialect::Postgres, statement);
    let prepared = line
        .bounded(async { Ok(line.client.prepare(&text).await) })
        .await?;
    let refused = |message| TargetError::BadStatement {
        address: line.config.address(),
        operation: statement.name.clone(),
        message,
    };
    let found = match prepared {
        Ok(prepared) => prepared.params().len(),
        Err(error)
            if error.code() == Some(&SqlState::UNDEFINED_TABLE)
                && statement.kind != StatementKind::Sql =>
        {
            return Err(line.no_table(&statement.table).await);
        }
        Err(error) if error.as_db_error().is_some() => return Err(refused(message(&error))),
        Err(error) => return Err(line.failed(&error)),
    };
    if found != statement.parameters() {
        return Err(refused(format!(
            "it has {found} parameters, not {}",
            statement.parameters()
        )));
    }
    Ok(())
}
