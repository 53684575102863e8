//! Makes a run's report: reads its intervals, holds its INSERTs against the
//! rows in the target, and lets `model` do the arithmetic.

use std::time::Duration;

mod facts;
mod sums;

pub(crate) use sums::{Sums, sums};

use gauntlet_model::{
    id::RunId,
    interval::{BadHistogram, Interval},
    lifecycle::Window,
    preflight,
    report::{Environment, Facts, Offered, ReasonCode, Reconciliation, Report, Tally},
    run::{Attempt, Run},
    session::AttemptRef,
    target::Address,
    template::Statement,
};
use gauntlet_store::{PageQuery, Stores, TimeRange};

use crate::{
    access::{Login, TargetAccess},
    orchestrator::Services,
    task::evidence::evidence,
};

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

/// What a report is made from beside the intervals.
pub(crate) struct Inputs {
    pub(crate) run: Run,
    pub(crate) attempts: Vec<Attempt>,
    /// The latest that a command was carried out after its instant, as far as
    /// the run's state does not know.
    pub(crate) command_lateness: Duration,
    pub(crate) target_version: String,
    pub(crate) login: Result<Login, String>,
    pub(crate) version: String,
    /// What the target costs per hour; 0 when not known.
    pub(crate) price_per_hour: f64,
    /// The report that there is. What it found at the target when the run ended
    /// cannot be found again.
    pub(crate) before: Option<Report>,
}

impl Inputs {
    /// Whether the target is a process of its own, so that a worker's
    /// processor time is the load generator's alone.
    fn own_process_target(&self) -> bool {
        match (&self.before, &self.login) {
            (Some(before), _) => {
                let mut reasons = before.reasons.iter();
                reasons.any(|reason| reason.code == ReasonCode::GeneratorCpu)
            }
            (None, Ok(login)) => !matches!(login.address, Address::Sqlite { .. }),
            (None, Err(_)) => true,
        }
    }

    fn environment(&self) -> Environment {
        if let Some(before) = &self.before {
            return before.environment.clone();
        }
        let workers = self.attempts.iter();
        Environment {
            gauntlet_version: self.version.clone(),
            target_version: self.target_version.clone(),
            workers: workers.map(|attempt| attempt.worker_text.clone()).collect(),
        }
    }

    fn command_lateness(&self) -> Duration {
        let known = u64::try_from(self.run.state.command_lateness_us).unwrap_or(0);
        self.command_lateness.max(Duration::from_micros(known))
    }
}

/// Makes a report; it is not stored.
pub(crate) async fn make(
    services: &Services,
    inputs: &Inputs,
    sums: Sums,
) -> Result<Report, gauntlet_store::Error> {
    let (run, attempts) = (&inputs.run, &inputs.attempts);
    let Sums {
        ref tally,
        window,
        step,
        findings,
    } = sums;
    let controls = services.stores.runs.controls(run.id, 0).await?;
    let offered = match (run.spec.load.offered_per_s(), window) {
        (Some(rate), Some(window)) => Some(Offered::of(rate, window, &controls)),
        _ => None,
    };
    let cost = match &inputs.before {
        Some(before) => before.cost,
        None => preflight::cost(inputs.price_per_hour, facts::under_load(run, &controls)),
    };
    let before = inputs.before.as_ref();
    let evidence = evidence(&services.stores, run.id).await?;
    let evidence = evidence.or_else(|| before?.evidence.clone());
    let access = services.access.as_ref();
    let (reconciliations, unreconciled) = match &inputs.before {
        Some(before) => reconciled_before(before, inputs, tally),
        None => reconcile(access, inputs, tally).await,
    };
    Ok(tally.report(Facts {
        run: run.id,
        spec: &run.spec,
        measured: window.map(Window::length).unwrap_or_default(),
        offered,
        reconciliations,
        unreconciled,
        lost_workers: facts::lost(run, window, attempts),
        degraded: facts::degraded(run, window, attempts, &controls),
        warmup_steady: run.state.warmup_steady,
        shards: facts::shards(run, window, facts::level(run, step), attempts),
        phase_skew: facts::phase_skew(&services.stores, run.id).await?,
        search: findings,
        evidence,
        cost,
        peak_cpu: inputs
            .own_process_target()
            .then(|| peak_cpu(&inputs.attempts)),
        start_skew: start_skew(run, attempts),
        clock_uncertainty: clock_uncertainty(&inputs.attempts),
        command_lateness: inputs.command_lateness(),
        environment: inputs.environment(),
        now: services.clock.now(),
    }))
}

/// Visits all stored intervals of a run, page by page.
pub(crate) async fn each_interval(
    stores: &Stores,
    run: RunId,
    visit: impl FnMut(&Interval) -> Result<(), BadHistogram>,
) -> Result<(), ReportError> {
    each_interval_of(stores, run, TimeRange::default(), visit).await
}

/// Visits the stored intervals of a run that ended in a stretch of time.
pub(crate) async fn each_interval_of(
    stores: &Stores,
    run: RunId,
    ended: TimeRange,
    mut visit: impl FnMut(&Interval) -> Result<(), BadHistogram>,
) -> Result<(), ReportError> {
    let mut after = None;
    loop {
        let page = PageQuery { after, limit: PAGE };
        let page = stores.intervals.list(run, ended, page).await?;
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

/// The rows that were found when the run ended, against what is counted now.
fn reconciled_before(
    before: &Report,
    inputs: &Inputs,
    tally: &Tally,
) -> (Vec<Reconciliation>, Option<String>) {
    // They were made attempt by attempt, table by table.
    let tables = insert_tables(&inputs.run);
    let known = before.reconciliations.iter().zip(tables.iter().cycle());
    let again = known.map(|(known, (_, _, operations))| {
        let reference = AttemptRef {
            run: inputs.run.id,
            shard: known.shard,
            attempt: known.attempt,
        };
        let (counted, uncertain) = inserted(tally, reference, operations);
        Reconciliation {
            counted,
            uncertain,
            ..known.clone()
        }
    });
    let mut reasons = before.reasons.iter();
    let unreconciled = reasons.find(|reason| reason.code == ReasonCode::NotReconciled);
    (
        again.collect(),
        unreconciled.map(|reason| reason.message.clone()),
    )
}

/// What an attempt counted of some operations: certain, uncertain.
fn inserted(tally: &Tally, attempt: AttemptRef, operations: &[u32]) -> (u64, u64) {
    let parts = operations
        .iter()
        .map(|operation| tally.inserted(attempt, *operation));
    parts.fold((0, 0), |(counted, uncertain), part| {
        (counted + part.counted, uncertain + part.uncertain)
    })
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
        let reference = attempt.of(inputs.run.id);
        for (table, key, operations) in &tables {
            let found = match access.count_keys(login, table, key, attempt.keys).await {
                Ok(found) => found,
                Err(error) => {
                    let message =
                        format!("the rows of table {table} could not be counted: {error}");
                    return (done, Some(message));
                }
            };
            let (counted, uncertain) = inserted(tally, reference, operations);
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

fn peak_cpu(attempts: &[Attempt]) -> f64 {
    f64::from(
        attempts
            .iter()
            .map(|attempt| attempt.peak_cpu_permille)
            .max()
            .unwrap_or(0),
    ) / 1e3
}

/// Of those that began together.
fn start_skew(run: &Run, attempts: &[Attempt]) -> Duration {
    let together = |attempt: &&Attempt| attempt.number == 1 && attempt.shard < run.spec.workers;
    let starts = || {
        let together = attempts.iter().filter(together);
        together.filter_map(|attempt| attempt.first_operation)
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
