//! Histograms as they come in: looked through, not built.
//!
//! Every interval has six for each operation, and most are merged from their
//! encoding later on. So the border walks along the encoding once, without
//! memory of its own, and lets in only what every reader of the model can read.

use gauntlet_model::interval::{BadHistogram, Encoded, LARGEST_NS};

/// What the encoding begins with: its name, the payload's length, an unused
/// offset, the digits, the smallest and the largest value, an unused ratio.
const HEADER: usize = 40;
/// The encoding's name: `HdrHistogram` V2 with counts of varying length.
const COOKIE: u32 = 0x1c84_9313;
const DIGITS: u32 = 3;
const SMALLEST: u64 = 1;
/// 2^10 linear steps per power of two: three significant digits.
const HALF_BITS: u32 = 10;
/// The longest number, of which the last byte has eight bits and the others seven.
const LONGEST: usize = 9;

/// Takes bytes that are a histogram of ours, or nothing.
pub(super) fn encoded(bytes: Vec<u8>) -> Result<Encoded, BadHistogram> {
    if !bytes.is_empty() {
        let (buckets, counts) = header(&bytes)?;
        walk(buckets, counts)?;
    }
    Ok(Encoded::from_trusted(bytes))
}

/// How many buckets the histogram has, and its encoded counts.
fn header(bytes: &[u8]) -> Result<(u64, &[u8]), BadHistogram> {
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
fn buckets(largest: u64) -> u64 {
    let powers = (u64::BITS - largest.leading_zeros()).saturating_sub(HALF_BITS + 1);
    u64::from(powers + 2) << HALF_BITS
}

/// Whether all counts lie within the buckets.
fn walk(buckets: u64, mut counts: &[u8]) -> Result<(), BadHistogram> {
    let mut index = 0_u64;
    while !counts.is_empty() {
        let (value, length) = number(counts).ok_or_else(|| bad("it ends within a number"))?;
        counts = &counts[length..];
        // Zigzag: an odd number stands for that many empty buckets.
        let gap = (value >> 1) * (value & 1);
        index = index.saturating_add(gap + 1);
        if index > buckets {
            return Err(bad("it counts values above its largest"));
        }
    }
    Ok(())
}

/// The number that some bytes begin with, and its length; `None` when they end
/// within it.
fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((u64::from(first), 1));
    }
    let mut value = 0;
    for (place, byte) in bytes.iter().take(LONGEST).enumerate() {
        let last = place == LONGEST - 1;
        let bits = if last { *byte } else { byte & 0x7f };
        value |= u64::from(bits) << (7 * place);
        if last || byte & 0x80 == 0 {
            return Some((value, place + 1));
        }
    }
    None
}

fn bad(why: &str) -> BadHistogram {
    BadHistogram(why.to_owned())
}

#[cfg(test)]
mod tests {
    use gauntlet_model::{history::Counts, interval::empty_histogram};
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn histogram(values: &[u64]) -> Encoded {
        let mut histogram = empty_histogram();
        for value in values {
            histogram.record(*value).unwrap();
        }
        Encoded::from_histogram(&histogram)
    }

    fn is_read_by_all(encoded: &Encoded) -> bool {
        encoded.decode().is_ok() && Counts::default().add(encoded).is_ok()
    }

    proptest! {
        #[test]
        fn ours_are_let_in(values in vec(0..=LARGEST_NS, 0..40)) {
            let given = histogram(&values);
            let mut sum = Counts::default();
            sum.add(&given).unwrap();
            for one in [given, sum.encode()] {
                prop_assert_eq!(encoded(one.as_bytes().to_vec()), Ok(one));
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
            if let Ok(one) = encoded(bytes) {
                prop_assert!(is_read_by_all(&one));
            }
        }

        #[test]
        fn any_counts_that_are_let_in_can_be_read(
            largest in 2..=LARGEST_NS * 2,
            counts in vec(any::<u8>(), 0..40),
        ) {
            let mut bytes = COOKIE.to_be_bytes().to_vec();
            bytes.extend((counts.len() as u32).to_be_bytes());
            bytes.extend([0; 4]);
            bytes.extend(DIGITS.to_be_bytes());
            bytes.extend(SMALLEST.to_be_bytes());
            bytes.extend(largest.to_be_bytes());
            bytes.extend(1.0_f64.to_be_bytes());
            bytes.extend(counts);
            if let Ok(one) = encoded(bytes) {
                prop_assert!(is_read_by_all(&one));
            }
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let good = histogram(&[1, 500, 2_000_000]).as_bytes().to_vec();
        let check = |change: fn(&mut Vec<u8>), expected: &str| {
            let mut bytes = good.clone();
            change(&mut bytes);
            let BadHistogram(why) = encoded(bytes).unwrap_err();
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
            "it ends within a number",
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
