//! The mix: which operation is the next one, smoothly and exactly by weight.

/// A cycle of operation numbers in which each appears exactly by its weight and never runs ahead or behind by a whole
/// operation: after `n` slots, operation `i` has come within one of `n * weight / total` times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    slots: Vec<u16>,
}

impl Mix {
    /// The shortest such cycle for these weights.
    ///
    /// Each occurrence of an operation has a window: the slots in which it neither comes too early nor too late. Taking
    /// the occurrence whose window closes first meets all windows (S. Baruah et al., "Proportionate progress", 1996).
    ///
    /// # Panics
    /// If all weights are 0 or there are more than 65,535 operations; [`Plan::validate`](crate::Plan::validate) refuses both.
    #[must_use]
    pub fn new(weights: &[u32]) -> Self {
        let divisor = weights.iter().fold(0, |divisor, weight| {
            greatest_common_divisor(divisor, u64::from(*weight))
        });
        assert!(divisor > 0, "the weights of a mix are not all zero");
        let weights: Vec<u64> = weights
            .iter()
            .map(|weight| u64::from(*weight) / divisor)
            .collect();
        let length: u64 = weights.iter().sum();
        let mut taken = vec![0_u64; weights.len()];
        let slots = (0..length)
            .map(|slot| {
                let (_, next) = weights
                    .iter()
                    .enumerate()
                    .filter(|&(operation, weight)| {
                        taken[operation] < *weight
                            && taken[operation] * length < (slot + 1) * weight
                    })
                    .map(|(operation, weight)| {
                        (
                            ((taken[operation] + 1) * length).div_ceil(*weight),
                            operation,
                        )
                    })
                    .min()
                    .expect("the windows of all operations together cover each slot");
                taken[next] += 1;
                u16::try_from(next).expect("a mix has at most 65,535 operations")
            })
            .collect();
        Self { slots }
    }

    /// Length of the cycle.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a mix is never empty")]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// The operation in a slot, counted on beyond the end of the cycle.
    #[must_use]
    pub fn operation(&self, slot: u64) -> usize {
        usize::from(self.slots[(slot % self.slots.len() as u64) as usize])
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(weights: &[u32], expected: &[u16]) {
        assert_eq!(Mix::new(weights).slots, expected, "{weights:?}");
    }

    #[test]
    fn small_mixes_are_spread_out_and_reduced() {
        check(&[10_000], &[0]);
        check(&[5_000, 5_000], &[0, 1]);
        check(&[7_500, 2_500], &[0, 0, 0, 1]);
        check(&[0, 10_000], &[1]);
        check(&[5_000, 3_000, 2_000], &[0, 1, 0, 2, 0, 1, 0, 1, 0, 2]);
    }

    #[test]
    fn a_rare_operation_is_there_exactly_once() {
        let mix = Mix::new(&[9_999, 1]);
        assert_eq!(mix.len(), 10_000);
        assert_eq!(mix.slots.iter().filter(|slot| **slot == 1).count(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn the_mix_is_exact_and_never_a_whole_operation_off(cuts in prop::collection::vec(0_u32..=10_000, 0..9)) {
            let mut cuts = cuts;
            cuts.extend([0, 10_000]);
            cuts.sort_unstable();
            let weights: Vec<u32> = cuts.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let mix = Mix::new(&weights);
            let mut counts = vec![0_i64; weights.len()];
            for slot in 0..mix.len() as u64 {
                counts[mix.operation(slot)] += 1;
                for (count, weight) in counts.iter().zip(&weights) {
                    let due = i64::from(*weight) * (slot as i64 + 1);
                    prop_assert!((count * 10_000 - due).abs() < 10_000, "slot {} of {:?}", slot, weights);
                }
            }
            for (count, weight) in counts.iter().zip(&weights) {
                prop_assert_eq!(*count * 10_000, i64::from(*weight) * mix.len() as i64);
            }
        }
    }
}
