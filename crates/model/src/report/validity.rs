//! Whether a run's numbers can be trusted: a question of its own, apart from
//! whether they are good.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Facts, OperationReport, Reconciliation};

/// The open loop may miss its rate by this share.
const RATE_TOLERANCE: f64 = 0.01;
/// Beyond this share of its processors a worker measures itself.
const CPU_LIMIT: f64 = 0.9;
/// Phases that begin at different workers further apart than this are blurred.
const CLOCK_LIMIT: Duration = Duration::from_millis(20);

/// One reason not to trust a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// A stable word.
    pub code: ReasonCode,
    /// In words, with figures.
    pub message: String,
}

/// The reasons there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReasonCode {
    /// Nothing was measured.
    NothingMeasured,
    /// The open loop's rate was not reached.
    RateMissed,
    /// Operations were due and never sent.
    Dropped,
    /// A worker had no processor time to spare.
    GeneratorCpu,
    /// The workers' clocks are too uncertain or a command came too late.
    Clock,
    /// A worker was lost or failed.
    WorkerLost,
    /// The rows in the target are not those that were counted.
    CountMismatch,
    /// The rows in the target could not be counted.
    NotReconciled,
}

impl ReasonCode {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NothingMeasured => "NOTHING_MEASURED",
            Self::RateMissed => "RATE_MISSED",
            Self::Dropped => "DROPPED",
            Self::GeneratorCpu => "GENERATOR_CPU",
            Self::Clock => "CLOCK",
            Self::WorkerLost => "WORKER_LOST",
            Self::CountMismatch => "COUNT_MISMATCH",
            Self::NotReconciled => "NOT_RECONCILED",
        }
    }
}

pub(super) fn reasons(facts: &Facts<'_>, total: &OperationReport, due: u64) -> Vec<Reason> {
    let mut found = Vec::new();
    let mut add = |code, message| found.push(Reason { code, message });
    if due == 0 {
        add(
            ReasonCode::NothingMeasured,
            "no operation was due in the measurement".to_owned(),
        );
    }
    if let Some(message) = missed_rate(facts, due) {
        add(ReasonCode::RateMissed, message);
    }
    if total.dropped > 0 {
        let message = format!(
            "{} operations were due and never sent: the backlog was full; raise max_backlog, connections or workers",
            total.dropped
        );
        add(ReasonCode::Dropped, message);
    }
    if let Some(peak) = facts.peak_cpu.filter(|peak| *peak > CPU_LIMIT) {
        let message = format!(
            "a worker used {:.0} % of its processors: it may have measured itself; add workers or processors",
            peak * 100.0
        );
        add(ReasonCode::GeneratorCpu, message);
    }
    let clock = facts.clock_uncertainty.max(facts.command_lateness);
    if clock > CLOCK_LIMIT {
        let message = format!(
            "phases may differ between workers by {:.1} ms (clock uncertainty {:.1} ms, latest command {:.1} ms late)",
            clock.as_secs_f64() * 1e3,
            facts.clock_uncertainty.as_secs_f64() * 1e3,
            facts.command_lateness.as_secs_f64() * 1e3,
        );
        add(ReasonCode::Clock, message);
    }
    for message in &facts.lost_workers {
        add(ReasonCode::WorkerLost, message.clone());
    }
    for message in facts.reconciliations.iter().filter_map(mismatch) {
        add(ReasonCode::CountMismatch, message);
    }
    if let Some(message) = &facts.unreconciled {
        add(ReasonCode::NotReconciled, message.clone());
    }
    found
}

fn missed_rate(facts: &Facts<'_>, due: u64) -> Option<String> {
    let offered = facts.offered?;
    let expected = offered.operations;
    // One arrival at each end, and at each change of the rate, may fall on
    // either side of the boundary.
    let off = (due as f64 - expected).abs() - 2.0 - f64::from(offered.changes);
    if off <= 0.0 || off <= expected * RATE_TOLERANCE {
        return None;
    }
    let rate = match offered.changes {
        0 => format!("{}/s", offered.per_second),
        changes => format!("{:.1}/s on average, {changes} changes", offered.per_second),
    };
    Some(format!(
        "{due} operations were due in the measurement, {expected:.0} were asked for ({rate}); add workers"
    ))
}

/// Rows are missing, or there are more than the uncertain ones explain.
fn mismatch(found: &Reconciliation) -> Option<String> {
    let most = found.counted + found.uncertain;
    (found.found < found.counted || found.found > most).then(|| {
        format!(
            "table {}, shard {}: {} rows are in the target, {} INSERTs were counted and {} had an unknown outcome",
            found.table, found.shard, found.found, found.counted, found.uncertain
        )
    })
}
