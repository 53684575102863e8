//! Evidence in memory.

use async_trait::async_trait;
use gauntlet_model::{evidence::Piece, id::RunId};

use super::Memory;
use crate::{Evidence, Result};

#[async_trait]
impl Evidence for Memory {
    async fn put(&self, run: RunId, piece: &Piece) -> Result<()> {
        let mut state = self.state();
        let evidence = &mut state.record(run)?.evidence;
        evidence.insert(piece.place, piece.clone());
        Ok(())
    }

    async fn get(&self, run: RunId) -> Result<Vec<Piece>> {
        let state = self.state();
        Ok(state.of_run(run, |record| record.evidence.values().cloned().collect()))
    }
}
