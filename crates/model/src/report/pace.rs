//! How many operations succeeded in each stretch of time: what says how sure a
//! throughput is.

use std::{collections::BTreeMap, time::Duration};

use crate::{interval::Interval, time::Timestamp};

/// The most stretches that are kept; beyond, neighbours are joined.
const MOST: usize = 512;
/// With fewer whole stretches their spread says too little.
const FEWEST: usize = 5;
/// The most batches: neighbours that resemble each other fall into one.
const MOST_BATCHES: usize = 20;
/// Counts are kept in thousandths, so that adding them is exact in any order.
const THOUSANDTHS: u128 = 1_000;

/// Operations that succeeded, by the stretch of time in which they ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// The length of a stretch, microseconds: seconds, doubled as needed.
    width_us: i64,
    /// By the number of the stretch since the epoch.
    stretches: BTreeMap<i64, u64>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            width_us: 1_000_000,
            stretches: BTreeMap::new(),
        }
    }

    /// Adds what succeeded in an interval to the stretches, by the time that each
    /// shares with it: workers' seconds are not ours, and intervals that could not
    /// be sent were merged into longer ones.
    pub(super) fn add(&mut self, interval: &Interval, succeeded: u64) {
        let (Timestamp(start), Timestamp(end)) = (interval.start, interval.end);
        let end = end.max(start.saturating_add(1));
        while end.saturating_sub(start) / self.width_us >= MOST as i64 {
            self.widen();
        }
        let (first, last) = (
            start.div_euclid(self.width_us),
            (end - 1).div_euclid(self.width_us),
        );
        for stretch in first..=last {
            let from = start.max(stretch.saturating_mul(self.width_us));
            let to = end.min((stretch + 1).saturating_mul(self.width_us));
            let shared = u128::from(succeeded) * THOUSANDTHS * u128::from(to.abs_diff(from));
            *self.stretches.entry(stretch).or_default() +=
                (shared / u128::from(end.abs_diff(start))) as u64;
        }
        self.shorten();
    }

    pub(super) fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        while self.width_us < other.width_us {
            self.widen();
        }
        while other.width_us < self.width_us {
            other.widen();
        }
        for (stretch, count) in other.stretches {
            *self.stretches.entry(stretch).or_default() += count;
        }
        self.shorten();
    }

    /// The rates of batches of equal length within a measurement of this length,
    /// operations per second; empty when it is too short. The first and the last
    /// stretch are left out: they belong to it only in part.
    pub(super) fn batches(&self, measured: Duration) -> Vec<f64> {
        let width = self.width_us as f64 / 1e6;
        let whole = ((measured.as_secs_f64() / width).floor() as usize).saturating_sub(1);
        let Some(first) = self.stretches.keys().next().filter(|_| whole >= FEWEST) else {
            return Vec::new();
        };
        let counts: Vec<f64> = (first + 1..)
            .take(whole)
            .map(|stretch| self.stretches.get(&stretch).copied().unwrap_or(0) as f64 / 1e3)
            .collect();
        let size = whole.div_ceil(MOST_BATCHES);
        let rate = |batch: &[f64]| batch.iter().sum::<f64>() / (width * size as f64);
        counts.chunks_exact(size).map(rate).collect()
    }

    fn shorten(&mut self) {
        while self.stretches.len() > MOST {
            self.widen();
        }
    }

    fn widen(&mut self) {
        self.width_us *= 2;
        let mut wider: BTreeMap<i64, u64> = BTreeMap::new();
        for (stretch, count) in &self.stretches {
            *wider.entry(stretch.div_euclid(2)).or_default() += count;
        }
        self.stretches = wider;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::{id::RunId, session::AttemptRef};

    fn interval(start: i64, end: i64) -> Interval {
        Interval {
            attempt: AttemptRef {
                run: RunId(Uuid::nil()),
                shard: 0,
                attempt: 1,
            },
            sequence: 1,
            start: Timestamp(start),
            end: Timestamp(end),
            operations: vec![],
            errors: vec![],
            in_flight: 0,
            backlog: 0,
        }
    }

    #[test]
    fn seconds_that_are_not_ours_are_shared_out() {
        let mut pace = Pace::new();
        for second in 0..10 {
            let start = 1_400_000 + second * 1_000_000;
            pace.add(&interval(start, start + 1_000_000), 100);
        }
        // Ten seconds from 1.4 on: those from 2 to 11 are whole.
        let batches = pace.batches(Duration::from_secs(10));
        assert_eq!(batches, vec![100.0; 9]);
        assert_eq!(pace.batches(Duration::from_secs(5)), [0.0; 0]);
    }

    #[test]
    fn a_second_in_which_nothing_succeeded_counts() {
        let mut pace = Pace::new();
        for second in [0, 1, 2, 6, 7] {
            let start = second * 1_000_000;
            pace.add(&interval(start, start + 1_000_000), 10);
        }
        let batches = pace.batches(Duration::from_secs(8));
        assert_eq!(batches, [10.0, 10.0, 0.0, 0.0, 0.0, 10.0, 10.0]);
    }

    #[test]
    fn a_day_stays_small() {
        let mut pace = Pace::new();
        for second in 0..86_400 {
            let start = second * 1_000_000;
            pace.add(&interval(start, start + 1_000_000), 3);
        }
        assert!(pace.stretches.len() <= MOST);
        let batches = pace.batches(Duration::from_hours(24));
        assert_eq!(batches, vec![3.0; batches.len()]);
        assert!((FEWEST..=MOST_BATCHES).contains(&batches.len()));
        let mut absurd = Pace::new();
        absurd.add(&interval(i64::MIN, i64::MAX), 1);
        assert!(absurd.stretches.len() <= MOST + 1);
    }

    proptest! {
        #[test]
        fn the_order_does_not_matter(
            parts in prop::collection::vec((0_i64..2_000_000_000, 0_i64..5_000_000, 0_u64..9_999), 0..60),
            split in 0_usize..60,
        ) {
            let intervals: Vec<(Interval, u64)> = parts
                .iter()
                .map(|(start, length, count)| (interval(*start, start + length), *count))
                .collect();
            let sum = |intervals: &[(Interval, u64)]| {
                let mut pace = Pace::new();
                for (interval, count) in intervals {
                    pace.add(interval, *count);
                }
                pace
            };
            let whole = sum(&intervals);
            let (one, other) = intervals.split_at(split.min(intervals.len()));
            let mut merged = sum(other);
            merged.merge(&sum(one));
            let total = |pace: &Pace| pace.stretches.values().sum::<u64>();
            // What is shared out is rounded down to thousandths.
            prop_assert!(total(&merged).abs_diff(total(&whole)) <= 8 * parts.len() as u64);
            if whole.width_us == 1_000_000 {
                prop_assert_eq!(merged, whole);
            }
        }
    }
}
