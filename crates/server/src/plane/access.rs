//! How the control plane reaches targets: over the drivers that the workers use.

mod convert;
mod evidence;

use std::{collections::BTreeSet, time::Instant};

use async_trait::async_trait;
use gauntlet_model::{
    evidence::Snapshot,
    session::KeyRange,
    target::Dataset,
    template::{Spec, Statement},
    time::micros,
};
use gauntlet_orchestrator::access::{
    AccessError, CATALOG_AT_MOST, Capabilities, CatalogTable, Loaded, Login, PROFILE_ROWS_AT_MOST,
    PreflightFacts, SAMPLE_VALUES_AT_MOST, TableProfile, TargetAccess, TargetVersion, WaitWatch,
};
use gauntlet_targets::{Config, SessionWatch, TableDescription, TargetError};
use tokio::sync::watch;

/// What the target shows for our sessions.
const APPLICATION: &str = "gauntlet control plane";

/// Reaches targets from this process.
pub(super) struct DirectAccess;

#[async_trait]
impl TargetAccess for DirectAccess {
    async fn test(&self, login: &Login) -> Result<TargetVersion, AccessError> {
        let asked = Instant::now();
        let tested = gauntlet_targets::test(&config(login))
            .await
            .map_err(outcome)?;
        Ok(TargetVersion {
            version: tested.version,
            connect_us: micros(asked.elapsed()),
        })
    }

    async fn check(&self, login: &Login, spec: &Spec) -> Result<TargetVersion, AccessError> {
        let version = self.test(login).await?;
        let config = config(login);
        for (table, key, inserts) in tables(spec) {
            let found = gauntlet_targets::describe_table(&config, table).await;
            let Some(found) = found.map_err(outcome)? else {
                let near = gauntlet_targets::near_tables(&config, table).await;
                return Err(outcome(TargetError::NoSuchTable {
                    address: config.address(),
                    table: table.to_owned(),
                    near: near.map_err(outcome)?,
                }));
            };
            check_key(&config, table, key, inserts, &found)?;
        }
        let statements = gauntlet_worker::statements(spec);
        gauntlet_targets::check_statements(&config, &statements)
            .await
            .map_err(outcome)?;
        Ok(version)
    }

    async fn next_free_key(
        &self,
        login: &Login,
        table: &str,
        key: &str,
    ) -> Result<i64, AccessError> {
        let largest = gauntlet_targets::max_key(&config(login), table, key).await;
        let largest = largest.map_err(outcome)?.unwrap_or(0);
        Ok(largest.saturating_add(1).max(1))
    }

    async fn count_keys(
        &self,
        login: &Login,
        table: &str,
        key: &str,
        range: KeyRange,
    ) -> Result<u64, AccessError> {
        gauntlet_targets::count_keys(&config(login), table, key, range.first, range.length)
            .await
            .map_err(outcome)
    }

    async fn load_dataset(
        &self,
        login: &Login,
        dataset: &Dataset,
        progress: &(dyn Fn(Loaded) + Send + Sync),
    ) -> Result<Loaded, AccessError> {
        let config = config(login);
        let wanted = gauntlet_targets::Dataset {
            table: dataset.table.clone(),
            rows: dataset.rows.unsigned_abs(),
            seed: dataset.seed,
            replace: dataset.replace,
        };
        // The driver tells from a thread of its own; here the newest word is passed on.
        let (tell, mut told) = watch::channel(0);
        let tell = move |rows| {
            tell.send_replace(rows);
        };
        let loading = gauntlet_targets::load_dataset(&config, &wanted, tell);
        tokio::pin!(loading);
        loop {
            tokio::select! {
                biased;
                loaded = &mut loading => {
                    let loaded = loaded.map_err(outcome)?;
                    return Ok(so_far(loaded.rows, !loaded.created));
                }
                Ok(()) = told.changed() => progress(so_far(*told.borrow_and_update(), false)),
            }
        }
    }

    async fn capabilities(&self, login: &Login) -> Result<Capabilities, AccessError> {
        let config = config(login);
        let found = gauntlet_targets::capabilities(&config).await;
        Ok(convert::capabilities(
            config.dialect(),
            found.map_err(outcome)?,
        ))
    }

    async fn catalog(
        &self,
        login: &Login,
        schema: Option<&str>,
        after: Option<(String, String)>,
        limit: u32,
    ) -> Result<Vec<CatalogTable>, AccessError> {
        let after = after.as_ref();
        let after = after.map(|(schema, name)| (schema.as_str(), name.as_str()));
        let limit = limit.min(CATALOG_AT_MOST);
        let found = gauntlet_targets::catalog(&config(login), schema, after, limit).await;
        let found = found.map_err(outcome)?.into_iter();
        Ok(found.map(convert::table).collect())
    }

    async fn profile(
        &self,
        login: &Login,
        table: &str,
        sample_rows: u32,
    ) -> Result<TableProfile, AccessError> {
        let rows = sample_rows.min(PROFILE_ROWS_AT_MOST);
        let found = gauntlet_targets::profile(&config(login), table, rows).await;
        found.map(convert::profile).map_err(outcome)
    }

    async fn sample_column(
        &self,
        login: &Login,
        table: &str,
        column: &str,
        limit: u32,
        seed: u64,
    ) -> Result<Vec<Option<String>>, AccessError> {
        let limit = limit.min(SAMPLE_VALUES_AT_MOST);
        gauntlet_targets::sample_column(&config(login), table, column, limit, seed)
            .await
            .map_err(outcome)
    }

    async fn preflight(&self, login: &Login, spec: &Spec) -> Result<PreflightFacts, AccessError> {
        let statements = gauntlet_worker::statements(spec);
        let found = gauntlet_targets::preflight(&config(login), &statements).await;
        found.map(convert::preflight).map_err(outcome)
    }

    async fn evidence(&self, login: &Login, spec: &Spec) -> Result<Option<Snapshot>, AccessError> {
        let statements = gauntlet_worker::statements(spec);
        let found = gauntlet_targets::statistics(&config(login), &statements).await;
        found.map(evidence::snapshot).map(Some).map_err(outcome)
    }

    async fn watch_waits(
        &self,
        login: &Login,
        run_name: &str,
    ) -> Result<Option<Box<dyn WaitWatch>>, AccessError> {
        let application = gauntlet_worker::application(run_name);
        let opened = SessionWatch::open(&config(login), &application).await;
        let watch = opened.map_err(outcome)?.map(evidence::Watch);
        Ok(watch.map(|watch| Box::new(watch) as Box<dyn WaitWatch>))
    }
}

fn so_far(rows: u64, already_present: bool) -> Loaded {
    Loaded {
        rows: i64::try_from(rows).unwrap_or(i64::MAX),
        already_present,
    }
}

/// The tables that operations name, each with its key and whether rows are inserted.
fn tables(spec: &Spec) -> BTreeSet<(&str, &str, bool)> {
    let named = spec.operations.iter().filter_map(|operation| {
        let (table, key) = operation.statement.table_and_key()?;
        let inserts = matches!(operation.statement, Statement::Insert { .. });
        Some((table, key, inserts))
    });
    named.collect()
}

/// The key must be there. Keys of INSERT operations come from ranges of 2^32,
/// so the column must hold 64-bit integers.
fn check_key(
    config: &Config,
    table: &str,
    key: &str,
    inserts: bool,
    found: &TableDescription,
) -> Result<(), AccessError> {
    let Some(column) = found.columns.iter().find(|column| column.name == key) else {
        return Err(outcome(TargetError::NoSuchColumn {
            address: config.address(),
            table: table.to_owned(),
            column: key.to_owned(),
            columns: found.columns.iter().map(|c| c.name.clone()).collect(),
        }));
    };
    if !inserts || holds_64_bits(config, &column.kind) {
        return Ok(());
    }
    Err(AccessError::Refused(format!(
        "the key {key} of table {table} at {} is of type {}, INSERT operations need 64-bit integers; make it a BIGINT",
        config.address(),
        column.kind,
    )))
}

fn holds_64_bits(config: &Config, kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    match config {
        // SQLite gives every type with "int" in its name the same 64 bits.
        Config::Sqlite { .. } => kind.contains("int"),
        Config::Postgres { .. } => matches!(kind.as_str(), "bigint" | "int8"),
    }
}

fn config(login: &Login) -> Config {
    let application = APPLICATION.to_owned();
    gauntlet_worker::target_config(&login.address, login.password.as_ref(), application)
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn outcome(error: TargetError) -> AccessError {
    let message = error.to_string();
    match error {
        TargetError::Unreachable { .. } | TargetError::Timeout { .. } => {
            AccessError::Unreachable(message)
        }
        TargetError::TableDiffers { .. } | TargetError::RowsDiffer { .. } => {
            AccessError::AlreadyExists(message)
        }
        TargetError::AuthenticationFailed { .. }
        | TargetError::Encryption { .. }
        | TargetError::NoSuchDatabase { .. }
        | TargetError::NoSuchTable { .. }
        | TargetError::NoSuchColumn { .. }
        | TargetError::ValuesTooLarge { .. }
        | TargetError::BadStatement { .. }
        | TargetError::Parameters { .. }
        | TargetError::NotBuilt { .. }
        | TargetError::Plan(_)
        | TargetError::Failed { .. } => AccessError::Refused(message),
    }
}

#[cfg(test)]
mod tests;
