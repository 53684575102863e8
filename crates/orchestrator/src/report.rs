//! Makes a run's report: reads its intervals, holds its INSERTs against the
//! rows in the target, and lets `model` do the arithmetic.

use std::time::Duration;

use gauntlet_model::{
    id::RunId,
    interval::{BadHistogram, Interval},
    lifecycle::{ShardStage, Window},
    report::{Environment, Facts, Reconciliation, Report, Tally},
    run::{Attempt, Run},
    session::AttemptRef,
    target::Address,
    template::Statement,
    time::Timestamp,
};
use gauntlet_store::{PageQuery, Stores};

use crate::access::{Login, TargetAccess};

/// Intervals read at a time.
const PAGE: u32 = 500;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    #[error(transparent)]
    Store(#[from] gauntlet_store::Error),
    #[error("a stored interval makes no sense: {0}")]
    Interval(#[from] BadHistogram),
}

/// What the run's task knows beside the store.
pub(crate) struct Inputs {
    pub(crate) run: Run,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) measured: Option<Window>,
    pub(crate) command_lateness: Duration,
    pub(crate) target_version: String,
    pub(crate) login: Result<Login, String>,
    pub(crate) version: String,
}

impl Inputs {
    /// Whether the target is a process of its own, so that a worker's
    /// processor time is the load generator's alone.
    fn own_process_target(&self) -> bool {
        !matches!(&self.login, Ok(login) if matches!(login.address, Address::Sqlite { .. }))
    }
}

pub(crate) async fn make(
    stores: &Stores,
    access: &dyn TargetAccess,
    inputs: Inputs,
    now: Timestamp,
) -> Result<Report, ReportError> {
    let tally = tally(stores, &inputs.run).await?;
    let (reconciliations, unreconciled) = reconcile(access, &inputs, &tally).await;
    let report = tally.report(Facts {
        run: inputs.run.id,
        spec: &inputs.run.spec,
        measured: inputs.measured.map(Window::length).unwrap_or_default(),
        reconciliations,
        unreconciled,
        lost_workers: lost(&inputs.attempts),
        peak_cpu: inputs
            .own_process_target()
            .then(|| peak_cpu(&inputs.attempts)),
        start_skew: start_skew(&inputs.attempts),
        clock_uncertainty: clock_uncertainty(&inputs.attempts),
        command_lateness: inputs.command_lateness,
        environment: Environment {
            gauntlet_version: inputs.version,
            target_version: inputs.target_version,
            workers: inputs
                .attempts
                .iter()
                .map(|attempt| attempt.worker_text.clone())
                .collect(),
        },
        now,
    });
    stores.reports.put(&report).await?;
    Ok(report)
}

async fn tally(stores: &Stores, run: &Run) -> Result<Tally, ReportError> {
    let mut tally = Tally::new(run.spec.operations.len());
    each_interval(stores, run.id, |interval| tally.add(interval)).await?;
    Ok(tally)
}

/// Visits all stored intervals of a run, page by page.
pub(crate) async fn each_interval(
    stores: &Stores,
    run: RunId,
    mut visit: impl FnMut(&Interval) -> Result<(), BadHistogram>,
) -> Result<(), ReportError> {
    let mut after = None;
    loop {
        let page = PageQuery { after, limit: PAGE };
        let page = stores.intervals.list(run, page).await?;
        for interval in &page {
            visit(interval)?;
        }
        let Some(last) = page.last().filter(|_| page.len() == PAGE as usize) else {
            return Ok(());
        };
        let AttemptRef { shard, attempt, .. } = last.attempt;
        after = Some((last.end, shard, attempt, last.sequence));
    }
}

/// Counts the rows in every attempt's key range, table by table. Keys of a
/// range belong to one attempt alone, so the rows in it are exactly its INSERTs.
async fn reconcile(
    access: &dyn TargetAccess,
    inputs: &Inputs,
    tally: &Tally,
) -> (Vec<Reconciliation>, Option<String>) {
    let mut done = Vec::new();
    let tables = insert_tables(&inputs.run);
    if tables.is_empty() {
        return (done, None);
    }
    let login = match &inputs.login {
        Ok(login) => login,
        Err(message) => return (done, Some(message.clone())),
    };
    for attempt in &inputs.attempts {
        let reference = AttemptRef {
            run: inputs.run.id,
            shard: attempt.shard,
            attempt: attempt.number,
        };
        for (table, key, operations) in &tables {
            let found = match access.count_keys(login, table, key, attempt.keys).await {
                Ok(found) => found,
                Err(error) => {
                    let message =
                        format!("the rows of table {table} could not be counted: {error}");
                    return (done, Some(message));
                }
            };
            let (mut counted, mut uncertain) = (0, 0);
            for operation in operations {
                let inserted = tally.inserted(reference, *operation);
                counted += inserted.counted;
                uncertain += inserted.uncertain;
            }
            done.push(Reconciliation {
                table: table.clone(),
                shard: attempt.shard,
                attempt: attempt.number,
                counted,
                uncertain,
                found,
            });
        }
    }
    (done, None)
}

/// Tables that INSERT operations write, with their key and the operations.
pub(crate) fn insert_tables(run: &Run) -> Vec<(String, String, Vec<u32>)> {
    let mut tables: Vec<(String, String, Vec<u32>)> = Vec::new();
    for (index, operation) in run.spec.operations.iter().enumerate() {
        let Statement::Insert { table, key, .. } = &operation.statement else {
            continue;
        };
        match tables
            .iter_mut()
            .find(|(known, known_key, _)| known == table && known_key == key)
        {
            Some((_, _, operations)) => operations.push(index as u32),
            None => tables.push((table.clone(), key.clone(), vec![index as u32])),
        }
    }
    tables
}

fn lost(attempts: &[Attempt]) -> Vec<String> {
    attempts
        .iter()
        .filter(|attempt| matches!(attempt.stage, ShardStage::Lost | ShardStage::Failed))
        .map(|attempt| format!("shard {}: {}", attempt.shard, attempt.message))
        .collect()
}

fn peak_cpu(attempts: &[Attempt]) -> f64 {
    f64::from(
        attempts
            .iter()
            .map(|attempt| attempt.peak_cpu_permille)
            .max()
            .unwrap_or(0),
    ) / 1e3
}

fn start_skew(attempts: &[Attempt]) -> Duration {
    let starts = || {
        attempts
            .iter()
            .filter_map(|attempt| attempt.first_operation)
    };
    match (starts().min(), starts().max()) {
        (Some(first), Some(last)) => last.since(first),
        _ => Duration::ZERO,
    }
}

fn clock_uncertainty(attempts: &[Attempt]) -> Duration {
    attempts
        .iter()
        .filter_map(|attempt| attempt.clock_uncertainty)
        .max()
        .unwrap_or_default()
}
