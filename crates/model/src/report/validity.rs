//! Whether a run's numbers can be trusted: a question of its own, apart from
//! whether they are good.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Facts, OperationReport, Reconciliation};

/// The open loop may miss its rate by this share.
const RATE_TOLERANCE: f64 = 0.01;
/// Beyond this share of its processors a worker measures itself.
const CPU_LIMIT: f64 = 0.9;
/// A command that comes later than this blurs the phases.
const LATENESS_LIMIT: Duration = Duration::from_millis(20);

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
    /// The warmup ended by its time, and the load was not steady.
    NeverSteady,
    /// The load was another than asked for for a while.
    Degraded,
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
            Self::NeverSteady => "NEVER_STEADY",
            Self::Degraded => "DEGRADED",
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
            "{} operations were due and never sent: the backlog was full, or the search went on to its next step; raise max_backlog, connections or workers",
            total.dropped
        );
        add(ReasonCode::Dropped, message);
    }
    if let Some(message) = busy_generator(facts) {
        add(ReasonCode::GeneratorCpu, message);
    }
    if let Some(message) = blurred(facts) {
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
    if let Some(message) = never_steady(facts) {
        add(ReasonCode::NeverSteady, message);
    }
    for message in &facts.degraded {
        add(ReasonCode::Degraded, message.clone());
    }
    found
}

fn busy_generator(facts: &Facts<'_>) -> Option<String> {
    let peak = facts.peak_cpu.filter(|peak| *peak > CPU_LIMIT)?;
    Some(format!(
        "a worker used {:.0} % of its processors: it may have measured itself; add workers or processors",
        peak * 100.0
    ))
}

/// The uncertainty has the template's bound, which was held at the start; it
/// may have grown since.
fn blurred(facts: &Facts<'_>) -> Option<String> {
    let (uncertainty, lateness) = (facts.clock_uncertainty, facts.command_lateness);
    let bound = facts.spec.control.max_clock_uncertainty;
    if uncertainty <= bound && lateness <= LATENESS_LIMIT {
        return None;
    }
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    Some(format!(
        "phases may differ between workers by {:.1} ms (clock uncertainty {:.1} ms, {:.1} allowed; latest command {:.1} ms late, {:.1} allowed)",
        ms(uncertainty.max(lateness)),
        ms(uncertainty),
        ms(bound),
        ms(lateness),
        ms(LATENESS_LIMIT),
    ))
}

fn never_steady(facts: &Facts<'_>) -> Option<String> {
    let phases = &facts.spec.phases;
    let steady = phases
        .until_steady
        .filter(|_| facts.warmup_steady == Some(false))?;
    Some(format!(
        "the load was not steady for {} s within {} s of warmup: what was measured may still have changed by itself; warm up longer or allow more than {} %",
        steady.window.as_secs_f64(),
        phases.warmup.as_secs_f64(),
        steady.tolerance * 100.0
    ))
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
