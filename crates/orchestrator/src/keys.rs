//! Which keys the INSERTs of an attempt use: a block that no other attempt of
//! any run gets.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use gauntlet_model::{run::Run, session::KeyRange, target::Address};

use crate::{access::Login, orchestrator::Shared, report::insert_tables};

/// Keys per attempt. At a million INSERTs per second they last for an hour.
pub(crate) const BLOCK: i64 = 1 << 32;

/// The key space of a table is used up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there are not {needed} free keys above {first} for INSERT operations; delete the rows with the greatest keys"
)]
pub struct KeysExhausted {
    first: i64,
    needed: i64,
}

/// Hands out blocks. Two runs against one target at a time find the same
/// greatest key in it, so what was handed out is remembered.
#[derive(Debug, Default)]
pub(crate) struct KeyBlocks {
    next: Mutex<HashMap<String, i64>>,
}

impl KeyBlocks {
    /// One block per shard, at or above `free`.
    pub(crate) fn take(
        &self,
        target: &Address,
        free: i64,
        shards: u32,
    ) -> Result<Vec<KeyRange>, KeysExhausted> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = next.entry(target.to_string()).or_insert(i64::MIN);
        let first = free.max(*entry);
        let needed = i64::from(shards) * BLOCK;
        let end = first
            .checked_add(needed)
            .ok_or(KeysExhausted { first, needed })?;
        *entry = end;
        Ok((0..i64::from(shards))
            .map(|shard| KeyRange {
                first: first + shard * BLOCK,
                length: BLOCK,
            })
            .collect())
    }

    /// Remembers a block that was handed out before a restart.
    pub(crate) fn remember(&self, target: &Address, range: KeyRange) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = next.entry(target.to_string()).or_insert(i64::MIN);
        *entry = (*entry).max(range.first.saturating_add(range.length));
    }
}

/// Keys for a run's INSERTs, one block per shard, above all that the target has.
/// A run without INSERTs gets blocks that mean nothing.
pub(crate) async fn take(
    shared: &Shared,
    run: &Run,
    login: &Login,
    shards: u32,
) -> Result<Vec<KeyRange>, String> {
    let tables = insert_tables(run);
    if tables.is_empty() {
        let any = KeyRange {
            first: 1,
            length: BLOCK,
        };
        return Ok(vec![any; shards as usize]);
    }
    let mut free = 1;
    for (table, key, _) in tables {
        let access = &shared.services.access;
        let next = access.next_free_key(login, &table, &key).await;
        free = free.max(next.map_err(|error| error.to_string())?);
    }
    let taken = shared.keys.take(&login.address, free, shards);
    taken.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Address {
        Address::Sqlite {
            path: "/t.db".into(),
        }
    }

    #[test]
    fn blocks_never_overlap() {
        let blocks = KeyBlocks::default();
        let first = blocks.take(&target(), 101, 2).unwrap();
        let second = blocks.take(&target(), 101, 1).unwrap();
        let starts: Vec<i64> = first
            .iter()
            .chain(&second)
            .map(|block| block.first)
            .collect();
        assert_eq!(starts, [101, 101 + BLOCK, 101 + 2 * BLOCK]);
    }

    #[test]
    fn a_restart_forgets_nothing() {
        let blocks = KeyBlocks::default();
        blocks.remember(
            &target(),
            KeyRange {
                first: 500,
                length: BLOCK,
            },
        );
        assert_eq!(
            blocks.take(&target(), 501, 1).unwrap()[0].first,
            500 + BLOCK
        );
    }

    #[test]
    fn the_end_of_the_key_space_is_an_error() {
        let blocks = KeyBlocks::default();
        assert!(blocks.take(&target(), i64::MAX - 5, 1).is_err());
    }
}
