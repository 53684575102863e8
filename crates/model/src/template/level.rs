//! Levels of load, and how one is split over the shards.

use serde::{Deserialize, Serialize};

/// A new level of a running load: absolute, over all workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Of a closed loop.
    Concurrency {
        /// Connections that send; those above rest.
        connections: u32,
    },
    /// Of an open loop.
    Rate {
        /// Operations due in 1,000 seconds.
        milli_per_s: u64,
    },
}

impl Level {
    /// What the shard `index` of `count` gets: a part of the connections, by
    /// [`share`]. A rate stays whole: every shard takes each `count`-th arrival.
    #[must_use]
    pub fn share(self, index: u32, count: u32) -> Self {
        match self {
            Self::Concurrency { connections } => Self::Concurrency {
                connections: share(u64::from(connections), index, count) as u32,
            },
            Self::Rate { .. } => self,
        }
    }

    /// Connections, or operations per second.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Self::Concurrency { connections } => f64::from(connections),
            Self::Rate { milli_per_s } => milli_per_s as f64 / 1e3,
        }
    }
}

/// How a level is split over the shards: the weight of each. Without weights
/// all that there were at the start have equal parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Split(Vec<u32>);

impl Split {
    /// From the weight of each shard, by its index.
    #[must_use]
    pub fn of(weights: Vec<u32>) -> Self {
        Self(weights)
    }

    /// The weight of each shard, by its index; empty for equal parts.
    #[must_use]
    pub fn weights(&self) -> &[u32] {
        &self.0
    }

    /// Whether the shards have equal parts.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.0.is_empty()
    }

    /// What a shard gets of a level. The parts are whole and sum to the level
    /// (largest remainders first, then the lower index); a shard without a
    /// weight gets nothing. With equal parts see [`Level::share`]; `count` is
    /// then the number of shards.
    #[must_use]
    pub fn part(&self, level: Level, shard: u32, count: u32) -> Level {
        if self.is_equal() {
            return level.share(shard, count);
        }
        match level {
            Level::Concurrency { connections } => Level::Concurrency {
                connections: self.whole_part(u64::from(connections), shard) as u32,
            },
            Level::Rate { milli_per_s } => Level::Rate {
                milli_per_s: self.whole_part(milli_per_s, shard),
            },
        }
    }

    fn whole_part(&self, whole: u64, shard: u32) -> u64 {
        let index = shard as usize;
        if self.0.get(index).is_none_or(|weight| *weight == 0) {
            return 0;
        }
        let total: u128 = self.0.iter().map(|weight| u128::from(*weight)).sum();
        let exact = |weight: u32| u128::from(whole) * u128::from(weight);
        let floor = |weight: u32| (exact(weight) / total) as u64;
        let rest = |weight: u32| exact(weight) % total;
        let given: u64 = self.0.iter().map(|weight| floor(*weight)).sum();
        let own = rest(self.0[index]);
        let before = self.0.iter().enumerate().filter(|(other, weight)| {
            let rest = rest(**weight);
            rest > own || rest == own && *other < index
        });
        floor(self.0[index]) + u64::from((before.count() as u64) < whole - given)
    }
}

/// How many of `total` the shard `index` of `count` gets: as equal as can be,
/// the first ones one more.
#[must_use]
pub fn share(total: u64, index: u32, count: u32) -> u64 {
    let (index, count) = (u64::from(index), u64::from(count.max(1)));
    total / count + u64::from(index < total % count)
}

/// How many the shards before `index` get, by [`share`].
#[must_use]
pub fn share_before(total: u64, index: u32, count: u32) -> u64 {
    (0..index).map(|shard| share(total, shard, count)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_sum_to_the_whole() {
        for total in 0..40 {
            for count in 1..9 {
                let shares: Vec<u64> = (0..count).map(|index| share(total, index, count)).collect();
                assert_eq!(shares.iter().sum::<u64>(), total);
                assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
                assert_eq!(share_before(total, count, count), total);
            }
        }
    }

    fn parts(split: &Split, level: Level) -> Vec<u64> {
        let shards = 0..split.weights().len() as u32;
        let part = |shard| match split.part(level, shard, 0) {
            Level::Concurrency { connections } => u64::from(connections),
            Level::Rate { milli_per_s } => milli_per_s,
        };
        shards.map(part).collect()
    }

    #[test]
    fn parts_are_whole_and_go_by_weight() {
        let connections = Level::Concurrency { connections: 10 };
        for (weights, expected) in [
            (vec![1, 1, 1], vec![4, 3, 3]),
            (vec![0, 1, 1], vec![0, 5, 5]),
            (vec![8, 10, 10], vec![3, 4, 3]),
            (vec![1, 99], vec![0, 10]),
            (vec![u32::MAX, u32::MAX], vec![5, 5]),
            (vec![0, 0], vec![0, 0]),
        ] {
            assert_eq!(parts(&Split::of(weights), connections), expected);
        }
        let beyond = Split::of(vec![1]).part(connections, 7, 0);
        assert_eq!(beyond, Level::Concurrency { connections: 0 });
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_level(
            weights in prop::collection::vec(0_u32..2_000_000, 1..40),
            connections in 0_u32..100_000,
            milli_per_s in 0_u64..10_000_000_000,
        ) {
            prop_assume!(weights.iter().any(|weight| *weight > 0));
            let split = Split::of(weights.clone());
            let connected = parts(&split, Level::Concurrency { connections });
            let rated = parts(&split, Level::Rate { milli_per_s });
            prop_assert_eq!(connected.iter().sum::<u64>(), u64::from(connections));
            prop_assert_eq!(rated.iter().sum::<u64>(), milli_per_s);
            for (weight, part) in weights.iter().zip(connected) {
                prop_assert!(*weight > 0 || part == 0);
            }
        }

        /// What the shards get does not depend on which is which, but for the
        /// one that a tie gives to the lower index.
        #[test]
        fn parts_follow_their_weights(
            weights in prop::collection::vec(0_u32..1_000, 1..20),
            connections in 0_u32..10_000,
        ) {
            let level = Level::Concurrency { connections };
            let backwards: Vec<u32> = weights.iter().rev().copied().collect();
            let one = parts(&Split::of(weights), level);
            let other = parts(&Split::of(backwards), level);
            for (one, other) in one.iter().zip(other.iter().rev()) {
                prop_assert!(one.abs_diff(*other) <= 1);
            }
        }

        #[test]
        fn equal_parts_are_shares(connections in 0_u32..10_000, shard in 0_u32..20, count in 1_u32..20) {
            let level = Level::Concurrency { connections };
            prop_assert_eq!(Split::default().part(level, shard, count), level.share(shard, count));
        }
    }
}
