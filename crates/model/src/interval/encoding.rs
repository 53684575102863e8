//! The encoding of a histogram: `HdrHistogram` V2, looked through rather than built.
//!
//! An interval has six for each operation, and most are merged from their encoding
//! later on ([`Counts`](crate::history::Counts)). So the border walks along each
//! once, without memory of its own, and lets in only what every reader can read.

use super::{BadHistogram, LARGEST_NS};

/// 2^10 linear steps per power of two: three significant digits.
pub(crate) const HALF_BITS: u32 = 10;
/// What the encoding begins with: its name, the payload's length, an unused
/// offset, the digits, the smallest and the largest value, an unused ratio.
const HEADER: usize = 40;
/// The encoding's name: `HdrHistogram` V2 with counts of varying length.
const COOKIE: u32 = 0x1c84_9313;
const DIGITS: u32 = 3;
const SMALLEST: u64 = 1;
/// The greatest count of a bucket.
const MOST: u64 = i64::MAX as u64;

/// How many buckets the histogram has, and its encoded counts.
pub(crate) fn payload(bytes: &[u8]) -> Result<(usize, &[u8]), BadHistogram> {
    let Some((header, counts)) = bytes.split_at_checked(HEADER) else {
        return Err(bad("it ends within its header"));
    };
    let word = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let long = |at: usize| (u64::from(word(at)) << 32) | u64::from(word(at + 4));
    if word(0) != COOKIE || word(8) != 0 || long(32) != 1.0_f64.to_bits() {
        return Err(bad("its header is another format's"));
    }
    let (digits, smallest, largest) = (word(12), long(16), long(24));
    if digits != DIGITS || smallest != SMALLEST || !(2..=LARGEST_NS * 2).contains(&largest) {
        return Err(BadHistogram(format!(
            "it reaches from {smallest} to {largest} ns with {digits} digits; ours reach from {SMALLEST} to {LARGEST_NS} with {DIGITS}"
        )));
    }
    if counts.len() as u64 != u64::from(word(4)) {
        return Err(bad("its counts are not as long as it says"));
    }
    Ok((buckets(largest), counts))
}

/// The buckets up to the end of the power of two that a value lies in.
fn buckets(largest: u64) -> usize {
    let powers = (u64::BITS - largest.leading_zeros()).saturating_sub(HALF_BITS + 1);
    (powers as usize + 2) << HALF_BITS
}

/// How many values were recorded: 0 for no bytes. Whether all of them lie within
/// the buckets is looked at on the way.
pub(crate) fn total(bytes: &[u8]) -> Result<u64, BadHistogram> {
    if bytes.is_empty() {
        return Ok(0);
    }
    let (buckets, mut counts) = payload(bytes)?;
    let (mut total, mut index) = (0_u64, 0_usize);
    while let Some(entry) = next(&mut counts)? {
        total = total.saturating_add(entry.count);
        index = index.saturating_add(entry.buckets);
        if index > buckets {
            return Err(above());
        }
    }
    Ok(total)
}

/// One number of the encoded counts.
pub(crate) struct Entry {
    /// Of the bucket that it is of; 0 for empty ones.
    pub(crate) count: u64,
    /// The buckets that it is of: several when they are empty.
    pub(crate) buckets: usize,
}

/// Takes the next number of the encoded counts; `None` at the end.
#[inline]
pub(crate) fn next(counts: &mut &[u8]) -> Result<Option<Entry>, BadHistogram> {
    // Zigzag: an even number is twice a count, an odd one stands for empty
    // buckets. Without a branch on which it is: that cannot be foreseen.
    let entry = |value: u64| {
        let (half, odd) = (value >> 1, value & 1);
        Entry {
            count: half * (1 - odd),
            buckets: usize::try_from(1 + half * odd).unwrap_or(usize::MAX),
        }
    };
    Ok(read_varint(counts)?.map(entry))
}

/// Begins an encoding whose values reach to `largest`.
pub(crate) fn begin(largest: u64, capacity: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + capacity);
    bytes.extend(COOKIE.to_be_bytes());
    bytes.extend([0; 8]);
    bytes.extend(DIGITS.to_be_bytes());
    bytes.extend(SMALLEST.to_be_bytes());
    bytes.extend(largest.to_be_bytes());
    bytes.extend(1.0_f64.to_be_bytes());
    bytes
}

/// Adds a bucket's count behind so many empty buckets.
pub(crate) fn push(empty: usize, count: u64, bytes: &mut Vec<u8>) {
    match empty {
        0 => {}
        1 => bytes.push(0),
        // The negative number in zigzag.
        empty => write_varint(2 * empty as u64 - 1, bytes),
    }
    write_varint(2 * count.min(MOST), bytes);
}

/// Ends an encoding: what comes before the counts says how long they are.
pub(crate) fn finish(bytes: &mut [u8]) {
    let length = (bytes.len() - HEADER) as u32;
    bytes[4..8].copy_from_slice(&length.to_be_bytes());
}

/// Values lie above those that the histogram says it has.
pub(crate) fn above() -> BadHistogram {
    bad("it counts values above its largest")
}

fn bad(why: &str) -> BadHistogram {
    BadHistogram(why.to_owned())
}

/// Takes a number of seven bits a byte, the lowest first, whose ninth byte has
/// eight; `None` at the end.
#[inline]
fn read_varint(bytes: &mut &[u8]) -> Result<Option<u64>, BadHistogram> {
    // Nearly all numbers have one or two bytes: which, is not branched on.
    if let [first, second, ..] = **bytes {
        let two = first >> 7;
        if two & (second >> 7) == 0 {
            let high = u64::from(second & 0x7f) * u64::from(two);
            *bytes = &bytes[1 + usize::from(two)..];
            return Ok(Some(u64::from(first & 0x7f) | (high << 7)));
        }
    }
    read_long_varint(bytes)
}

fn read_long_varint(bytes: &mut &[u8]) -> Result<Option<u64>, BadHistogram> {
    let Some((&first, mut rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let mut value = u64::from(first & 0x7f);
    let (mut byte, mut shift) = (first, 7);
    while byte & 0x80 != 0 && shift <= 56 {
        let (&next, after) = rest
            .split_first()
            .ok_or_else(|| bad("it ends within a count"))?;
        let bits = if shift == 56 { next } else { next & 0x7f };
        value |= u64::from(bits) << shift;
        (byte, rest, shift) = (next, after, shift + 7);
    }
    *bytes = rest;
    Ok(Some(value))
}

/// The inverse of [`read_varint`].
fn write_varint(mut value: u64, bytes: &mut Vec<u8>) {
    for _ in 0..8 {
        if value < 0x80 {
            bytes.push(value as u8);
            return;
        }
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        history::Counts,
        interval::{Encoded, empty_histogram},
    };

    fn histogram(values: &[u64]) -> Encoded {
        let mut histogram = empty_histogram();
        for value in values {
            histogram.record(*value).unwrap();
        }
        Encoded::from_histogram(&histogram)
    }

    /// All readers read the same from what is let in.
    fn check(encoded: &Encoded) {
        let mut counts = Counts::default();
        counts.add(encoded).unwrap();
        assert_eq!(encoded.count(), Ok(counts.len()));
        // The crate gives up at sums that 64 bits do not hold.
        if counts.len() < u64::MAX {
            assert_eq!(encoded.decode().unwrap().len(), counts.len());
        }
    }

    proptest! {
        #[test]
        fn ours_are_let_in(values in vec(0..=LARGEST_NS, 0..40)) {
            let given = histogram(&values);
            prop_assert_eq!(given.count(), Ok(values.len() as u64));
            let mut sum = Counts::default();
            sum.add(&given).unwrap();
            for one in [given, sum.encode()] {
                prop_assert_eq!(Encoded::from_bytes(one.as_bytes().to_vec()), Ok(one));
            }
        }

        #[test]
        fn what_is_let_in_can_be_read(
            values in vec(0..=LARGEST_NS, 1..20),
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in 0..4_usize,
        ) {
            let mut bytes = histogram(&values).as_bytes().to_vec();
            for (place, byte) in changes {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            bytes.truncate(bytes.len() - cut);
            if let Ok(one) = Encoded::from_bytes(bytes) {
                check(&one);
            }
        }

        #[test]
        fn any_counts_that_are_let_in_can_be_read(
            largest in 2..=LARGEST_NS * 2,
            counts in vec(any::<u8>(), 0..40),
        ) {
            let mut bytes = begin(largest, 0);
            bytes.extend(counts);
            finish(&mut bytes);
            if let Ok(one) = Encoded::from_bytes(bytes) {
                check(&one);
            }
        }

        #[test]
        fn numbers_survive_their_encoding(value in any::<u64>()) {
            let mut bytes = Vec::new();
            write_varint(value, &mut bytes);
            prop_assert!(bytes.len() <= 9);
            let mut left = bytes.as_slice();
            prop_assert_eq!(read_varint(&mut left).unwrap(), Some(value));
            prop_assert!(left.is_empty());
        }

        #[test]
        fn entries_survive_their_encoding(empty in 0..1_usize << 40, count in 0..=MOST) {
            let mut bytes = Vec::new();
            push(empty, count, &mut bytes);
            let mut left = bytes.as_slice();
            if empty > 0 {
                let zeros = next(&mut left).unwrap().unwrap();
                prop_assert_eq!((zeros.count, zeros.buckets), (0, empty));
            }
            let entry = next(&mut left).unwrap().unwrap();
            prop_assert_eq!((entry.count, entry.buckets), (count, 1));
            prop_assert!(left.is_empty());
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let good = histogram(&[1, 500, 2_000_000]).as_bytes().to_vec();
        let check = |change: fn(&mut Vec<u8>), expected: &str| {
            let mut bytes = good.clone();
            change(&mut bytes);
            let BadHistogram(why) = Encoded::from_bytes(bytes).unwrap_err();
            assert!(why.starts_with(expected), "{why}");
        };
        check(|bytes| bytes.truncate(39), "it ends within its header");
        check(|bytes| bytes[3] = 0x14, "its header is another format's");
        check(|bytes| bytes[15] = 2, "it reaches from 1 to");
        check(|bytes| bytes[24] = 1, "it reaches from 1 to");
        check(|bytes| bytes.push(0), "its counts are not as long");
        check(|bytes| bytes[4] = 0xff, "its counts are not as long");
        check(
            |bytes| *bytes.last_mut().unwrap() = 0x80,
            "it ends within a count",
        );
        // A gap of more buckets than there are.
        check(
            |bytes| {
                bytes.splice(bytes.len() - 2.., [0xff, 0x7f]);
            },
            "it counts values above its largest",
        );
    }
}
