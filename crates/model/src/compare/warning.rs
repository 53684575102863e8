//! Why runs may not be comparable.

use std::fmt::Display;

use super::{Compared, measured_us};
use crate::{run::Run, template::Load};

/// Measurements that differ by more than this share of the longer are of different length.
const LENGTH_TOLERANCE: f64 = 0.01;

/// Something that speaks against a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What kind.
    pub code: WarningCode,
    /// In words.
    pub message: String,
}

/// The kinds of warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WarningCode {
    /// A run has not ended.
    NotEnded,
    /// A run has no report.
    NoReport,
    /// A run's numbers cannot be trusted.
    Invalid,
    /// The targets are of different kinds.
    TargetKind,
    /// Open loop against closed loop.
    LoadMode,
    /// The same loop with another level.
    LoadLevel,
    /// Other operations, weights, statements or parameters.
    Work,
    /// Measurements of different length.
    MeasurementLength,
    /// Other seeds, so other work of the same kind.
    Seed,
    /// A run's load was adjusted while it went on.
    Adjusted,
}

impl WarningCode {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::NotEnded,
        Self::NoReport,
        Self::Invalid,
        Self::TargetKind,
        Self::LoadMode,
        Self::LoadLevel,
        Self::Work,
        Self::MeasurementLength,
        Self::Seed,
        Self::Adjusted,
    ];

    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotEnded => "NOT_ENDED",
            Self::NoReport => "NO_REPORT",
            Self::Invalid => "INVALID",
            Self::TargetKind => "TARGET_KIND",
            Self::LoadMode => "LOAD_MODE",
            Self::LoadLevel => "LOAD_LEVEL",
            Self::Work => "WORK",
            Self::MeasurementLength => "MEASUREMENT_LENGTH",
            Self::Seed => "SEED",
            Self::Adjusted => "ADJUSTED",
        }
    }
}

/// All that speaks against comparing these runs: first what single runs have,
/// then what does not fit the baseline.
pub(super) fn warnings(runs: &[Compared]) -> Vec<Warning> {
    let mut found = Vec::new();
    for side in runs {
        of_one(side, &mut found);
    }
    if let Some((baseline, others)) = runs.split_first() {
        for other in others {
            of_two(baseline, other, &mut found);
        }
    }
    found
}

fn of_one(side: &Compared, found: &mut Vec<Warning>) {
    let name = side.run.name.as_str();
    let mut add = |code, message| found.push(Warning { code, message });
    let status = side.run.status();
    if !status.is_terminal() {
        let message = format!("run {name} has not ended: it is {}", status.as_str());
        add(WarningCode::NotEnded, message);
    }
    let Some(report) = &side.report else {
        let message = format!("run {name} has no report, so it has no figures");
        add(WarningCode::NoReport, message);
        return;
    };
    if !report.reasons.is_empty() {
        let reasons: Vec<&str> = report
            .reasons
            .iter()
            .map(|reason| reason.message.as_str())
            .collect();
        let message = format!("run {name} is INVALID: {}", reasons.join("; "));
        add(WarningCode::Invalid, message);
    }
    let adjustments = side.run.state.adjustments;
    if adjustments > 0 {
        let message = format!("the load of run {name} was adjusted {adjustments} times");
        add(WarningCode::Adjusted, message);
    }
}

fn of_two(baseline: &Compared, other: &Compared, found: &mut Vec<Warning>) {
    let mut add = |code, message| found.push(Warning { code, message });
    let (a, b) = (&baseline.run, &other.run);
    if let (Some(first), Some(second)) = (target_kind(baseline), target_kind(other))
        && first != second
    {
        let what = format!("run against different kinds of target: {first} and {second}");
        add(WarningCode::TargetKind, sentence(a, b, &what));
    }
    match (&a.spec.load, &b.spec.load) {
        (Load::Concurrency { .. }, Load::Concurrency { .. })
        | (Load::Rate { .. }, Load::Rate { .. }) => {
            if a.spec.load != b.spec.load {
                let what = "have different levels of load";
                add(WarningCode::LoadLevel, sentence(a, b, &what));
            }
        }
        _ => {
            let what = "are an open and a closed loop: their latencies mean different things";
            add(WarningCode::LoadMode, sentence(a, b, &what));
        }
    }
    if a.spec.operations != b.spec.operations {
        let what = "do different work: their operations differ";
        add(WarningCode::Work, sentence(a, b, &what));
    }
    let (first, second) = (measured_us(baseline), measured_us(other));
    let longer = first.max(second) as f64;
    if first.abs_diff(second) as f64 > longer * LENGTH_TOLERANCE {
        let seconds = |us: i64| us as f64 / 1e6;
        let what = format!(
            "measured for {:.1} s and {:.1} s",
            seconds(first),
            seconds(second)
        );
        add(WarningCode::MeasurementLength, sentence(a, b, &what));
    }
    if a.spec.seed != b.spec.seed {
        let what = format!("have different seeds: {} and {}", a.spec.seed, b.spec.seed);
        add(WarningCode::Seed, sentence(a, b, &what));
    }
}

fn sentence(a: &Run, b: &Run, what: &impl Display) -> String {
    format!("runs {} and {} {what}", a.name, b.name)
}

/// The first word of the target's version, like `PostgreSQL`.
fn target_kind(side: &Compared) -> Option<&str> {
    let version = &side.report.as_ref()?.environment.target_version;
    version.split_whitespace().next()
}
