//! Unique keys: each connection owns an equal part of the shard attempt's block and only ever moves forward in it.

use crate::plan::KeyBlock;
use crate::target::{ErrorClass, Failure};

/// The part of a key block that one connection has left. It outlives the connection's sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    next: i64,
    end: i64,
}

impl Keys {
    /// The part of connection `connection` out of `connections` of this shard.
    pub(crate) fn part(block: KeyBlock, connection: u32, connections: u32) -> Self {
        let length = block.len.max(0) / i64::from(connections);
        let next = block
            .first
            .saturating_add(length.saturating_mul(i64::from(connection)));
        Self {
            next,
            end: next.saturating_add(length),
        }
    }

    pub(crate) fn take(&mut self) -> Result<i64, Failure> {
        if self.next >= self.end {
            return Err(Failure {
                class: ErrorClass::Other,
                code: "KEYS_EXHAUSTED".to_owned(),
                message: "this connection has used up its block of unique keys; give the shard a longer block".to_owned(),
            });
        }
        self.next += 1;
        Ok(self.next - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_exhausted_block_says_so() {
        let mut keys = Keys::part(KeyBlock { first: 5, len: 4 }, 1, 2);
        assert_eq!((keys.take(), keys.take()), (Ok(7), Ok(8)));
        assert_eq!(
            keys.take().map_err(|failure| failure.code),
            Err("KEYS_EXHAUSTED".to_owned())
        );
    }

    proptest! {
        #[test]
        fn parts_never_overlap_and_stay_in_the_block(first in -1_000_i64..1_000, len in 1_i64..400, connections in 1_u32..20) {
            prop_assume!(len >= i64::from(connections));
            let mut seen = std::collections::BTreeSet::new();
            for connection in 0..connections {
                let mut keys = Keys::part(KeyBlock { first, len }, connection, connections);
                while let Ok(key) = keys.take() {
                    prop_assert!((first..first + len).contains(&key));
                    prop_assert!(seen.insert(key), "{} came twice", key);
                }
            }
            prop_assert!(seen.len() as i64 > len - i64::from(connections));
        }
    }
}
