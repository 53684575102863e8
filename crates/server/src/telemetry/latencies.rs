//! Latencies that were measured, as a histogram of Prometheus.
//!
//! Native buckets end at the powers of 2^(1/32): each is 2.2 % wide. Every
//! operation is counted once, in the bucket of the middle of the HdrHistogram
//! bucket that it was recorded in; that one is less than 0.1 % wide, so only a
//! latency within 0.1 % of a bound can be counted on the bound's other side.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use prometheus_client::encoding::{
    MetricEncoder, NativeHistogram, NativeHistogramBuckets, NoLabelSet,
};

/// The native buckets' schema: 2^5 of them from one power of two to the next.
pub(super) const SCHEMA: i32 = 5;
/// The upper bounds of the classic buckets, seconds; one without bound follows.
pub(super) const BOUNDS_S: [f64; 17] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0, 30.0,
];

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LatencyBuckets {
    native: BTreeMap<i32, u64>,
    classic: [u64; BOUNDS_S.len() + 1],
    zero: u64,
    count: u64,
    sum_s: f64,
}

impl LatencyBuckets {
    /// Adds what was recorded, in nanoseconds.
    pub(super) fn add(&mut self, recorded: &Histogram<u64>) {
        for bucket in recorded.iter_recorded() {
            let nanoseconds = recorded.median_equivalent(bucket.value_iterated_to());
            let count = bucket.count_at_value();
            let seconds = nanoseconds as f64 / 1e9;
            match nanoseconds {
                0 => self.zero += count,
                _ => *self.native.entry(native_bucket(seconds)).or_default() += count,
            }
            let at = BOUNDS_S.partition_point(|bound| *bound < seconds);
            self.classic[at] += count;
            self.count += count;
            self.sum_s += seconds * count as f64;
        }
    }

    /// Adds another's.
    pub(super) fn merge(&mut self, other: &Self) {
        for (index, count) in &other.native {
            *self.native.entry(*index).or_default() += count;
        }
        for (own, count) in self.classic.iter_mut().zip(other.classic) {
            *own += count;
        }
        self.zero += other.zero;
        self.count += other.count;
        self.sum_s += other.sum_s;
    }

    /// How many were added.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Writes them, both forms.
    pub(super) fn encode(&self, mut encoder: MetricEncoder<'_>) -> std::fmt::Result {
        let bounds = BOUNDS_S.into_iter().chain([f64::INFINITY]);
        let classic: Vec<(f64, u64)> = bounds.zip(self.classic).collect();
        let (spans, deltas) = self.spans();
        let native = NativeHistogram {
            schema: SCHEMA,
            zero_threshold: 0.0,
            zero_count: self.zero,
            negative: NativeHistogramBuckets {
                spans: &[],
                deltas: &[],
            },
            positive: NativeHistogramBuckets {
                spans: &spans,
                deltas: &deltas,
            },
            created: None,
        };
        encoder.encode_histogram_with_native::<NoLabelSet>(
            self.sum_s, self.count, &classic, None, native,
        )
    }

    /// Runs of neighbouring buckets as (buckets skipped before it, length), and
    /// each bucket's count as the difference to the one before.
    fn spans(&self) -> (Vec<(i32, u32)>, Vec<i64>) {
        let mut spans: Vec<(i32, u32)> = Vec::new();
        let mut deltas = Vec::with_capacity(self.native.len());
        let (mut next, mut before) = (0, 0);
        for (index, count) in &self.native {
            match spans.last_mut() {
                Some((_, length)) if *index == next => *length += 1,
                _ => spans.push((index - next, 1)),
            }
            deltas.push(*count as i64 - before);
            (next, before) = (index + 1, *count as i64);
        }
        (spans, deltas)
    }
}

/// The bucket that ends at 2^(index / 32) seconds and holds its end.
fn native_bucket(seconds: f64) -> i32 {
    (seconds.log2() * f64::from(1 << SCHEMA)).ceil() as i32
}

#[cfg(test)]
mod tests {
    use gauntlet_model::interval::empty_histogram;
    use proptest::prelude::*;

    use super::*;

    fn added(nanoseconds: &[u64]) -> LatencyBuckets {
        let mut recorded = empty_histogram();
        for value in nanoseconds {
            recorded.record(*value).unwrap();
        }
        let mut buckets = LatencyBuckets::default();
        buckets.add(&recorded);
        buckets
    }

    #[test]
    fn spans_name_the_gaps_and_deltas_the_steps() {
        let buckets = LatencyBuckets {
            native: [(-3, 5), (-2, 7), (2, 1)].into(),
            ..LatencyBuckets::default()
        };
        let expected = (vec![(-3, 2), (3, 1)], vec![5, 2, -6]);
        assert_eq!(buckets.spans(), expected);
        assert_eq!(LatencyBuckets::default().spans(), (vec![], vec![]));
    }

    #[test]
    fn a_second_ends_the_bucket_0() {
        assert_eq!(native_bucket(1.0), 0);
        assert_eq!(native_bucket(2.0), 32);
        assert_eq!(native_bucket(1.000_1), 1);
        assert_eq!(added(&[0]).zero, 1);
    }

    proptest! {
        /// Every operation is in one bucket of each form, at most 0.1 % beyond its bounds.
        #[test]
        fn nothing_is_lost_and_little_is_moved(value in 1_u64..3_600_000_000_000) {
            let buckets = added(&[value]);
            prop_assert_eq!((buckets.count, buckets.classic.iter().sum::<u64>()), (1, 1));
            let (index, count) = buckets.native.first_key_value().unwrap();
            let upper = 2_f64.powf(f64::from(*index) / 32.0);
            let lower = 2_f64.powf(f64::from(*index - 1) / 32.0);
            let seconds = value as f64 / 1e9;
            prop_assert_eq!(*count, 1);
            prop_assert!(seconds <= upper * 1.001 && seconds >= lower * 0.999, "{seconds} in {lower}..{upper}");
        }
    }

    #[test]
    fn adding_twice_is_adding_both() {
        let mut both = added(&[1_000, 5_000_000]);
        let mut recorded = empty_histogram();
        recorded.record(7_000).unwrap();
        both.add(&recorded);
        let (together, apart) = (added(&[1_000, 5_000_000, 7_000]), both);
        assert_eq!(
            (together.native, together.classic),
            (apart.native, apart.classic)
        );
    }
}
