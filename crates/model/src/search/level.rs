//! Levels as whole units: connections, or operations due in 1,000 seconds.

use crate::template::Level;

/// The level in its units.
pub(super) fn units(level: Level) -> u64 {
    match level {
        Level::Concurrency { connections } => u64::from(connections),
        Level::Rate { milli_per_s } => milli_per_s,
    }
}

/// So many units of the kind that `like` has; at least one.
pub(super) fn of_units(like: Level, units: u64) -> Level {
    let units = units.max(1);
    match like {
        Level::Concurrency { .. } => Level::Concurrency {
            connections: u32::try_from(units).unwrap_or(u32::MAX),
        },
        Level::Rate { .. } => Level::Rate { milli_per_s: units },
    }
}

/// A number of connections or of operations per second in the units of `like`,
/// rounded; at least one.
pub(super) fn to_units(like: Level, value: f64) -> u64 {
    let units = match like {
        Level::Concurrency { .. } => value,
        Level::Rate { .. } => value * 1e3,
    };
    (units.round() as u64).max(1)
}

/// The level in words.
pub(super) fn words(level: Level) -> String {
    match level {
        Level::Concurrency { connections: 1 } => "1 connection".to_owned(),
        Level::Concurrency { connections } => format!("{connections} connections"),
        Level::Rate { milli_per_s } => format!("{} per second", milli_per_s as f64 / 1e3),
    }
}

/// A figure with about three digits, for sentences.
pub(super) fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A share as a percentage without needless digits.
pub(super) fn percent(share: f64) -> String {
    let rounded = (share * 1e4).round() / 1e2;
    format!("{rounded} %")
}
