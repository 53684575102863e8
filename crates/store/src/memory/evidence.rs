//! Evidence in memory.

use async_trait::async_trait;
use gauntlet_model::{
    evidence::{Piece, Place},
    id::RunId,
    time::Timestamp,
};

use super::{Memory, page};
use crate::{Evidence, PageQuery, Result};

#[async_trait]
impl Evidence for Memory {
    async fn put(&self, run: RunId, piece: &Piece) -> Result<()> {
        let mut state = self.state();
        let evidence = &mut state.record(run)?.evidence;
        evidence.insert(piece.place, piece.clone());
        Ok(())
    }

    async fn get(&self, run: RunId) -> Result<Vec<Piece>> {
        let pieces = self.pieces(run).into_iter();
        Ok(pieces.filter(|piece| !is_activity(piece)).collect())
    }

    async fn activity(&self, run: RunId, query: PageQuery<Timestamp>) -> Result<Vec<Piece>> {
        let pieces = self.pieces(run).into_iter().filter(is_activity);
        let keyed = pieces.map(|piece| (piece.taken, piece));
        Ok(page(keyed, &query, |taken, last| taken > last))
    }
}

impl Memory {
    fn pieces(&self, run: RunId) -> Vec<Piece> {
        let state = self.state();
        state.of_run(run, |record| record.evidence.values().cloned().collect())
    }
}

fn is_activity(piece: &Piece) -> bool {
    matches!(piece.place, Place::Activity(_))
}
