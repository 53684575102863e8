//! How many operations failed, by class.

use super::ErrorClass;

const CLASSES: usize = ErrorClass::ALL.len();

/// Failures by class: one count for each, so that adding neither allocates nor
/// depends on the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures([u64; CLASSES]);

impl Failures {
    /// From one count for each class, in the order of [`ErrorClass::ALL`].
    #[must_use]
    pub fn from_counts(counts: [u64; CLASSES]) -> Self {
        Self(counts)
    }

    /// One count for each class, in the order of [`ErrorClass::ALL`].
    #[must_use]
    pub fn counts(self) -> [u64; CLASSES] {
        self.0
    }

    /// Adds failures of one class.
    pub fn add(&mut self, class: ErrorClass, count: u64) {
        let known = &mut self.0[class as usize];
        *known = known.saturating_add(count);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        for (known, more) in self.0.iter_mut().zip(other.0) {
            *known = known.saturating_add(more);
        }
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The classes with any, in the order of [`ErrorClass::ALL`].
    pub fn found(self) -> impl Iterator<Item = (ErrorClass, u64)> {
        let all = ErrorClass::ALL.into_iter().zip(self.0);
        all.filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_class_has_a_place_of_its_own() {
        for (place, class) in ErrorClass::ALL.into_iter().enumerate() {
            let mut failures = Failures::default();
            assert!(failures.is_empty());
            failures.add(class, 3);
            failures.add(class, u64::MAX);
            let mut counts = [0; CLASSES];
            counts[place] = u64::MAX;
            assert_eq!(failures, Failures::from_counts(counts));
            assert_eq!(failures.found().collect::<Vec<_>>(), [(class, u64::MAX)]);
        }
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_whole(
            failed in prop::collection::vec((0..CLASSES, any::<u64>(), 0..3_usize), 0..30),
        ) {
            let (mut whole, mut parts) = (Failures::default(), [Failures::default(); 3]);
            for (class, count, part) in failed {
                whole.add(ErrorClass::ALL[class], count);
                parts[part].add(ErrorClass::ALL[class], count);
            }
            let mut merged = Failures::default();
            for part in parts {
                merged.merge(part);
            }
            prop_assert_eq!(merged, whole);
        }
    }
}
