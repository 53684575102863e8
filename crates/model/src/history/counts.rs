//! A histogram that is quick to merge from its encoding.
//!
//! The same buckets as every histogram of ours (nanoseconds, three significant
//! digits, HdrHistogram's layout), but only the pages that hold something exist
//! and the encoded counts are added without building a histogram first. So the
//! work goes with what was recorded, not with the range that it spans.

use crate::interval::{
    BadHistogram, Encoded,
    encoding::{self, HALF_BITS},
};

const HALF: usize = 1 << HALF_BITS;
/// A page's counts fill one 64-bit mask.
const PAGE: usize = 64;
/// Counts by bucket.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    pages: Vec<Option<Box<Page>>>,
    total: u64,
}

#[derive(Clone, Debug)]
struct Page {
    /// Bit `i` is set when `counts[i]` is not zero.
    occupied: u64,
    total: u64,
    counts: [u64; PAGE],
}

impl Counts {
    /// How many values were recorded.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.total
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        if self.total == 0 {
            return;
        }
        for page in self.pages.iter_mut().flatten() {
            if page.occupied != 0 {
                **page = Page::default();
            }
        }
        self.total = 0;
    }

    /// Adds an encoded histogram. When it is none, what was read of it before
    /// the fault stays in: throw the sum away then.
    pub fn add(&mut self, encoded: &Encoded) -> Result<(), BadHistogram> {
        let bytes = encoded.as_bytes();
        if bytes.is_empty() {
            return Ok(());
        }
        let (buckets, mut payload) = encoding::payload(bytes)?;
        let mut index = 0_usize;
        while !payload.is_empty() {
            if index >= buckets {
                return Err(encoding::above());
            }
            let number = index / PAGE;
            index = self.page(number).fill(number, index, &mut payload)?;
        }
        self.total = self
            .pages
            .iter()
            .flatten()
            .map(|page| page.total)
            .fold(0, u64::saturating_add);
        Ok(())
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        for (number, page) in other.pages.iter().enumerate() {
            if let Some(page) = page.as_deref().filter(|page| page.total > 0) {
                self.page(number).merge(page);
            }
        }
        self.total = self.total.saturating_add(other.total);
    }

    /// The smallest value, nanoseconds; 0 when there is none.
    #[must_use]
    pub fn min(&self) -> u64 {
        let first = self.filled().next();
        first.map_or(0, |(number, page)| {
            lowest(number * PAGE + page.occupied.trailing_zeros() as usize)
        })
    }

    /// The largest value, nanoseconds; 0 when there is none.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.last().map_or(0, highest)
    }

    /// The mean, nanoseconds; 0 when there is nothing.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        let mut sum = 0.0;
        for (number, page) in self.filled() {
            page.each(|slot, count| sum += middle(number * PAGE + slot) as f64 * count as f64);
        }
        sum / self.total as f64
    }

    /// Passes each rank's value, nanoseconds, to `take`. Ranks count from 1 to
    /// [`Counts::len`] and must not fall.
    pub(super) fn at_ranks(&self, ranks: impl IntoIterator<Item = u64>, mut take: impl FnMut(u64)) {
        let mut pages = self.filled().peekable();
        let mut before = 0_u64;
        for rank in ranks {
            while let Some((number, page)) = pages.peek() {
                if before.saturating_add(page.total) >= rank {
                    take(highest(number * PAGE + page.at_rank(rank - before)));
                    break;
                }
                before = before.saturating_add(page.total);
                pages.next();
            }
            if pages.peek().is_none() {
                take(self.max());
            }
        }
    }

    /// The encoding that every histogram of ours has; no bytes when nothing was recorded.
    #[must_use]
    pub fn encode(&self) -> Encoded {
        let Some(last) = self.last() else {
            return Encoded::default();
        };
        let mut bytes = encoding::begin(end_of_range(last), 2 * PAGE);
        let mut next = 0;
        for (number, page) in self.filled() {
            bytes.reserve(2 * PAGE);
            page.each(|slot, count| {
                let index = number * PAGE + slot;
                encoding::push(index - next, count, &mut bytes);
                next = index + 1;
            });
        }
        encoding::finish(&mut bytes);
        Encoded::from_trusted(bytes)
    }

    fn page(&mut self, number: usize) -> &mut Page {
        if number >= self.pages.len() {
            self.pages.resize(number + 1, None);
        }
        self.pages[number].get_or_insert_default()
    }

    /// The pages that hold something, in order, with their numbers.
    fn filled(&self) -> impl Iterator<Item = (usize, &Page)> {
        let pages = self.pages.iter().enumerate();
        pages.filter_map(|(number, page)| {
            let page = page.as_deref().filter(|page| page.occupied != 0)?;
            Some((number, page))
        })
    }

    /// The last bucket that holds something.
    fn last(&self) -> Option<usize> {
        let (number, page) = self.filled().last()?;
        Some(number * PAGE + PAGE - 1 - page.occupied.leading_zeros() as usize)
    }
}

impl Default for Page {
    fn default() -> Self {
        Self {
            occupied: 0,
            total: 0,
            counts: [0; PAGE],
        }
    }
}

impl Page {
    /// Reads encoded counts from the bucket `index` on, until the page is full.
    /// Returns the next bucket.
    fn fill(
        &mut self,
        number: usize,
        mut index: usize,
        payload: &mut &[u8],
    ) -> Result<usize, BadHistogram> {
        let first = number * PAGE;
        while index < first + PAGE {
            let Some(entry) = encoding::next(payload)? else {
                break;
            };
            // Without a branch on what is there: it cannot be foreseen.
            let (slot, count) = (index - first, entry.count);
            self.occupied |= u64::from(count > 0) << slot;
            self.counts[slot] = self.counts[slot].saturating_add(count);
            self.total = self.total.saturating_add(count);
            index = index.saturating_add(entry.buckets);
        }
        Ok(index)
    }

    fn merge(&mut self, other: &Self) {
        self.occupied |= other.occupied;
        self.total = self.total.saturating_add(other.total);
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum = sum.saturating_add(*count);
        }
    }

    fn each(&self, mut take: impl FnMut(usize, u64)) {
        let mut left = self.occupied;
        while left != 0 {
            let slot = left.trailing_zeros() as usize;
            left &= left - 1;
            take(slot, self.counts[slot]);
        }
    }

    /// The slot in which the count reaches `rank`.
    fn at_rank(&self, rank: u64) -> usize {
        let mut seen = 0_u64;
        let reached = self.counts.iter().position(|count| {
            seen = seen.saturating_add(*count);
            seen >= rank
        });
        reached.unwrap_or(PAGE - 1)
    }
}

/// How far a bucket's values are shifted.
fn shift_of(index: usize) -> usize {
    (index >> HALF_BITS).saturating_sub(1)
}

/// The smallest value of a bucket.
fn lowest(index: usize) -> u64 {
    let shift = shift_of(index);
    ((index - shift * HALF) as u64) << shift
}

/// The largest value of a bucket.
fn highest(index: usize) -> u64 {
    lowest(index) + (1 << shift_of(index)) - 1
}

/// The value that a bucket counts as in the mean.
fn middle(index: usize) -> u64 {
    lowest(index) + ((1 << shift_of(index)) >> 1)
}

/// The largest value of the power of two that a bucket lies in.
fn end_of_range(index: usize) -> u64 {
    ((2 * HALF as u64) << shift_of(index)) - 1
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;
    use crate::interval::{LARGEST_NS, empty_histogram};

    fn histogram(values: &[u64]) -> Histogram<u64> {
        let mut histogram = empty_histogram();
        for value in values {
            histogram.record(*value).unwrap();
        }
        histogram
    }

    fn counts(parts: &[&[u64]]) -> Counts {
        let mut counts = Counts::default();
        for part in parts {
            counts
                .add(&Encoded::from_histogram(&histogram(part)))
                .unwrap();
        }
        counts
    }

    fn latency() -> impl Strategy<Value = u64> {
        prop_oneof![0..5_000_u64, 50_000..3_000_000_u64, 0..=LARGEST_NS]
    }

    proptest! {
        #[test]
        fn it_says_what_one_recorder_of_all_values_says(
            first in prop::collection::vec(latency(), 0..80),
            second in prop::collection::vec(latency(), 1..80),
        ) {
            let all: Vec<u64> = first.iter().chain(&second).copied().collect();
            let whole = histogram(&all);
            let mut merged = counts(&[&first]);
            merged.merge(&counts(&[&second]));
            for sum in [counts(&[&first, &second]), merged] {
                prop_assert_eq!(sum.len(), whole.len());
                prop_assert_eq!(sum.min(), whole.min());
                prop_assert_eq!(sum.max(), whole.max());
                prop_assert!((sum.mean() - whole.mean()).abs() <= whole.mean() * 1e-12);
                prop_assert_eq!(sum.encode().decode().unwrap(), whole.clone());
                let mut sorted = all.clone();
                sorted.sort_unstable();
                let ranks: Vec<u64> = (1..=sorted.len() as u64).collect();
                let mut at = sorted.iter().map(|value| whole.highest_equivalent(*value));
                sum.at_ranks(ranks, |value| assert_eq!(Some(value), at.next()));
            }
        }

        #[test]
        fn its_encoding_is_the_same_bytes(values in prop::collection::vec(latency(), 0..80)) {
            let encoded = Encoded::from_histogram(&histogram(&values));
            let mut sum = Counts::default();
            sum.add(&encoded).unwrap();
            // The crate rounds the range that it announces differently; the rest is equal.
            let same = |bytes: &[u8]| [bytes.get(..24), bytes.get(32..)].map(|part| part.map(<[u8]>::to_vec));
            prop_assert_eq!(same(sum.encode().as_bytes()), same(encoded.as_bytes()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Counts::default().add(&Encoded::from_trusted(bytes.clone()));
            let mut whole = encoding::begin(LARGEST_NS, bytes.len());
            whole.append(&mut bytes);
            encoding::finish(&mut whole);
            let _ = Counts::default().add(&Encoded::from_trusted(whole));
        }
    }

    #[test]
    fn cleared_it_is_empty_and_can_be_used_again() {
        let mut sum = counts(&[&[7, 70_000, LARGEST_NS]]);
        sum.clear();
        assert!(sum.is_empty());
        assert_eq!(sum.encode(), Encoded::default());
        assert_eq!((sum.min(), sum.max()), (0, 0));
        sum.add(&Encoded::from_histogram(&histogram(&[7]))).unwrap();
        assert_eq!((sum.len(), sum.min(), sum.max()), (1, 7, 7));
    }

    #[test]
    fn other_histograms_are_refused() {
        let mut coarse: Histogram<u64> = Histogram::new_with_bounds(1, 1_000, 2).unwrap();
        coarse.record(5).unwrap();
        let mut shifted: Histogram<u64> = Histogram::new_with_bounds(1_000, 100_000, 3).unwrap();
        shifted.record(5_000).unwrap();
        for other in [coarse, shifted] {
            let error = Counts::default()
                .add(&Encoded::from_histogram(&other))
                .unwrap_err();
            assert!(error.0.starts_with("it reaches from"), "{error}");
        }
        let whole = Encoded::from_histogram(&histogram(&[5, 5_000_000]));
        for length in 1..whole.as_bytes().len() {
            let cut = Encoded::from_trusted(whole.as_bytes()[..length].to_vec());
            assert!(Counts::default().add(&cut).is_err(), "{length}");
        }
    }
}
