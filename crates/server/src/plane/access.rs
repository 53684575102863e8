//! How the control plane reaches targets: over the drivers that the workers use.

use std::{collections::BTreeSet, time::Instant};

use async_trait::async_trait;
use gauntlet_model::{
    session::KeyRange,
    target::Dataset,
    template::{Spec, Statement},
    time::micros,
};
use gauntlet_orchestrator::access::{AccessError, Loaded, Login, TargetAccess, TargetVersion};
use gauntlet_targets::{Config, TableDescription, TargetError};
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
            let found = found.map_err(outcome)?.ok_or_else(|| {
                outcome(TargetError::NoSuchTable {
                    address: config.address(),
                    table: table.to_owned(),
                })
            })?;
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
        let names: Vec<&str> = found.columns.iter().map(|c| c.name.as_str()).collect();
        return Err(AccessError::Refused(format!(
            "table {table} at {} has no column {key}; correct key_column (there are: {})",
            config.address(),
            names.join(", "),
        )));
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
        | TargetError::NoSuchDatabase { .. }
        | TargetError::NoSuchTable { .. }
        | TargetError::BadStatement { .. }
        | TargetError::Parameters { .. }
        | TargetError::NotBuilt { .. }
        | TargetError::Plan(_)
        | TargetError::Failed { .. } => AccessError::Refused(message),
    }
}

#[cfg(test)]
mod tests;
