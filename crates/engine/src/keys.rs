//! Unique keys: each planned connection owns an equal part of the shard attempt's block and only ever moves forward in
//! it; a reserve serves those that come later.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::plan::KeyBlock;
use crate::target::{ErrorClass, Failure};

/// The last quarter of a key block is a reserve, which is handed out in this many pieces at the most: to connections
/// that a higher level adds, and to those that have used up their part.
const PIECES: i64 = 65_536;

/// What is left of the reserve of a key block.
#[derive(Debug)]
pub(crate) struct Reserve {
    next: AtomicI64,
    end: i64,
    piece: i64,
}

impl Reserve {
    pub(crate) fn new(block: KeyBlock) -> Self {
        let length = reserved(block);
        let end = block.first.saturating_add(block.len.max(0));
        Self {
            next: AtomicI64::new(end - length),
            end,
            piece: (length / PIECES).max(1),
        }
    }

    /// The next piece: its first key and the one after its last.
    fn take(&self) -> Option<(i64, i64)> {
        let after = |next: i64| next.saturating_add(self.piece).min(self.end);
        let step = |next: i64| (next < self.end).then(|| after(next));
        let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
        let next = self.next.fetch_update(success, failure, step).ok()?;
        Some((next, after(next)))
    }
}

fn reserved(block: KeyBlock) -> i64 {
    block.len.max(0) / 4
}

/// The part of a key block that one connection has left. It outlives the connection's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    next: i64,
    end: i64,
}

impl Keys {
    /// The part of connection `connection` out of the `connections` that are planned for this shard; nothing for one
    /// beyond those, which lives on the reserve.
    pub(crate) fn part(block: KeyBlock, connection: u32, connections: u32) -> Self {
        if connection >= connections {
            return Self { next: 0, end: 0 };
        }
        let length = (block.len.max(0) - reserved(block)) / i64::from(connections);
        let next = block
            .first
            .saturating_add(length.saturating_mul(i64::from(connection)));
        Self {
            next,
            end: next.saturating_add(length),
        }
    }

    #[inline]
    pub(crate) fn take(&mut self, reserve: &Reserve) -> Result<i64, Failure> {
        if self.next >= self.end {
            (self.next, self.end) = reserve.take().ok_or_else(used_up)?;
        }
        self.next += 1;
        Ok(self.next - 1)
    }

    /// The key that was taken last.
    #[inline]
    pub(crate) fn last(&self) -> i64 {
        self.next - 1
    }
}

fn used_up() -> Failure {
    Failure {
        class: ErrorClass::Other,
        code: "KEYS_EXHAUSTED".to_owned(),
        message: "this shard has used up its block of unique keys; give it a longer block"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_exhausted_block_says_so() {
        let block = KeyBlock { first: 5, len: 4 };
        let reserve = Reserve::new(block);
        let mut keys = Keys::part(block, 1, 3);
        assert_eq!((keys.take(&reserve), keys.last()), (Ok(6), 6));
        assert_eq!((keys.take(&reserve), keys.last()), (Ok(8), 8));
        assert_eq!(
            keys.take(&reserve).map_err(|failure| failure.code),
            Err("KEYS_EXHAUSTED".to_owned())
        );
    }

    proptest! {
        #[test]
        fn parts_never_overlap_and_stay_in_the_block(
            first in -1_000_i64..1_000, len in 1_i64..200_000, connections in 1_u32..20, more in 0_u32..4,
        ) {
            prop_assume!(len >= i64::from(connections));
            let block = KeyBlock { first, len };
            let reserve = Reserve::new(block);
            let mut all: Vec<Keys> =
                (0..connections + more).map(|connection| Keys::part(block, connection, connections)).collect();
            let mut seen = std::collections::BTreeSet::new();
            let mut taken = 1;
            while taken > 0 {
                taken = 0;
                for keys in &mut all {
                    while let Ok(key) = keys.take(&reserve) {
                        prop_assert!((first..first + len).contains(&key));
                        prop_assert!(seen.insert(key), "{} came twice", key);
                        taken += 1;
                        if taken % 3 == 0 {
                            break;
                        }
                    }
                }
            }
            prop_assert!(seen.len() as i64 > len - i64::from(connections));
        }
    }
}
