//! The history of a run: its measurements at any resolution.
//!
//! The store keeps what each attempt measured, second by second, and *rollups*:
//! the same measurements merged over all attempts at every [`Resolution`].
//! A rollup is exactly the merge of the intervals that it covers: counts are
//! sums, percentiles come from added histograms and are never averaged.
//!
//! - [`Roller`] makes the rollups while intervals come in.
//! - [`Buckets`] makes them from what is stored, when something came too late.
//! - [`Series`] turns rollups into points for a viewer.
//! - [`choose`] and [`reads`] say at which resolution and from where to read.

use std::time::Duration;

use crate::{
    id::RunId,
    interval::{Failures, Latencies},
    lifecycle::{Phase, Window},
    run::PhaseTransition,
    time::{Timestamp, micros},
};

mod buckets;
mod counts;
mod roller;
mod series;
#[cfg(test)]
mod tests;
mod totals;

pub use buckets::Buckets;
pub use counts::Counts;
pub use roller::{Rebuild, Roller};
pub use series::{
    BadPercentiles, Distribution, HistoryPoint, OperationStats, Percentiles, Series, SeriesError,
    Stats,
};
pub use totals::{PhaseTotal, Totals};

/// The most points that one answer may have.
pub const MOST_POINTS: u32 = 2_000;

/// How long a bucket is. Each is a multiple of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resolution {
    /// 1 s.
    Second,
    /// 10 s.
    TenSeconds,
    /// 1 min.
    Minute,
    /// 10 min.
    TenMinutes,
    /// 1 h.
    Hour,
}

impl Resolution {
    /// All of them, the finest first.
    pub const ALL: [Self; 5] = [
        Self::Second,
        Self::TenSeconds,
        Self::Minute,
        Self::TenMinutes,
        Self::Hour,
    ];

    /// A bucket's length, microseconds.
    #[must_use]
    pub fn us(self) -> i64 {
        match self {
            Self::Second => 1_000_000,
            Self::TenSeconds => 10_000_000,
            Self::Minute => 60_000_000,
            Self::TenMinutes => 600_000_000,
            Self::Hour => 3_600_000_000,
        }
    }

    /// The resolution whose buckets are so long.
    #[must_use]
    pub fn from_us(us: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|resolution| resolution.us() == us)
    }

    /// A bucket's length.
    #[must_use]
    pub fn length(self) -> Duration {
        Duration::from_micros(self.us().unsigned_abs())
    }

    /// The next finer one.
    #[must_use]
    pub fn finer(self) -> Option<Self> {
        let place = self as usize;
        place.checked_sub(1).map(|place| Self::ALL[place])
    }

    /// The start of the bucket that holds an instant, where the buckets are
    /// counted from `origin`.
    #[must_use]
    pub fn bucket_of(self, origin: Timestamp, instant: Timestamp) -> Timestamp {
        let into = instant.0.saturating_sub(origin.0).rem_euclid(self.us());
        Timestamp(instant.0.saturating_sub(into))
    }
}

/// The merged measurements of one operation in one phase of one bucket, over
/// all attempts of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollup {
    /// The run.
    pub run: RunId,
    /// How long the bucket is.
    pub resolution: Resolution,
    /// The bucket's start: a whole number of buckets after the run's load began.
    pub start: Timestamp,
    /// The operation's place in the template.
    pub operation: u32,
    /// The phase that the operations were due in.
    pub phase: Phase,
    /// Those that succeeded.
    pub succeeded: Latencies,
    /// Those that failed.
    pub failed: Latencies,
    /// The same by class; nothing where they were measured before classes were kept.
    pub failures: Failures,
    /// Those cut when the drain timeout ended.
    pub cut: u64,
    /// Those due and never sent.
    pub dropped: u64,
    /// Intervals merged here that spoke of this operation and phase.
    pub intervals: u64,
    /// Of the whole run: operations in flight at the end of a second, over all
    /// attempts; the most in the bucket. A gauge: not exact when intervals came late.
    pub in_flight_max: u64,
    /// Of the whole run: operations due and not sent at the end of a second,
    /// over all attempts; the most in the bucket. A gauge like `in_flight_max`.
    pub backlog_max: u64,
}

/// No resolution shows the range with so few points.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{hours} hours do not fit into {max_points} points of an hour; ask for a shorter range or more points (at most {MOST_POINTS})"
)]
pub struct RangeTooLong {
    /// The range's length in whole hours, rounded up.
    pub hours: u64,
    /// The most points asked for.
    pub max_points: u32,
}

/// The resolution for a range of such a `length`: the coarsest that is at least
/// as fine as `asked`, and coarser only where it would give more than
/// `max_points` (1 … [`MOST_POINTS`]). Without `asked`, the finest that fits.
pub fn choose(
    length: Duration,
    asked: Option<Duration>,
    max_points: u32,
) -> Result<Resolution, RangeTooLong> {
    let max_points = max_points.clamp(1, MOST_POINTS);
    let wanted = Resolution::ALL
        .into_iter()
        .rev()
        .find(|resolution| asked.is_some_and(|asked| resolution.length() <= asked))
        .unwrap_or(Resolution::Second);
    let fits = |resolution: &Resolution| {
        length.as_micros().div_ceil(resolution.length().as_micros()) <= u128::from(max_points)
    };
    Resolution::ALL
        .into_iter()
        .filter(|resolution| *resolution >= wanted)
        .find(fits)
        .ok_or_else(|| RangeTooLong {
            hours: length.as_secs().div_ceil(3_600),
            max_points,
        })
}

/// A stretch of time and the rollups that cover it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Which rollups.
    pub resolution: Resolution,
    /// The bucket starts to read: from, up to and without to.
    pub window: Window,
}

/// What to read, in order, to show `range` at `resolution`: the coarse rollups
/// as far as there are any, then finer ones. `complete_until` says for each
/// resolution where its rollups end ([`Roller::complete_until`]; the end of time
/// when the run is over). What lies behind the last second is not complete yet
/// and left out. The buckets at both ends of the range are read whole.
#[must_use]
pub fn reads(
    origin: Timestamp,
    range: Window,
    resolution: Resolution,
    complete_until: impl Fn(Resolution) -> Timestamp,
) -> Vec<Read> {
    let mut from = resolution.bucket_of(origin, range.from);
    let last = resolution.bucket_of(origin, Timestamp(range.to.0.saturating_sub(1)));
    let to = last + resolution.length();
    let mut found = Vec::new();
    let finer = Resolution::ALL.into_iter().rev();
    for resolution in finer.filter(|finer| *finer <= resolution) {
        let end = complete_until(resolution).min(to);
        if range.from < range.to && from < end {
            let window = Window { from, to: end };
            found.push(Read { resolution, window });
            from = end;
        }
    }
    found
}

/// When each phase was, for [`Series`]: from one transition to the next, the
/// last one up to `until`.
#[must_use]
pub fn phase_windows(transitions: &[PhaseTransition], until: Timestamp) -> Vec<(Phase, Window)> {
    let ends = transitions
        .iter()
        .skip(1)
        .map(|next| next.at)
        .chain([until]);
    transitions
        .iter()
        .zip(ends)
        .map(|(entered, to)| {
            let from = entered.at;
            (entered.phase, Window { from, to })
        })
        .collect()
}

/// How much of a bucket a phase covers, microseconds.
fn overlap(bucket: Window, phase: Window) -> i64 {
    let (from, to) = (bucket.from.max(phase.from), bucket.to.min(phase.to));
    micros(to.since(from))
}
