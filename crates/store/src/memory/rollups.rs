//! Rollups and error groups in memory.

use async_trait::async_trait;
use gauntlet_model::{
    errors::ErrorGroup,
    history::{Resolution, Rollup},
    id::RunId,
};

use super::{Memory, page};
use crate::{Errors, PageQuery, Result, RollupKey, Rollups, TimeRange};

#[async_trait]
impl Rollups for Memory {
    async fn put(&self, rollups: &[Rollup]) -> Result<()> {
        let mut state = self.state();
        for rollup in rollups {
            state.record(rollup.run)?;
        }
        for rollup in rollups {
            let key = (
                rollup.resolution,
                (rollup.start, rollup.operation, rollup.phase.as_str()),
            );
            let record = state.record(rollup.run)?;
            record.rollups.insert(key, rollup.clone());
        }
        Ok(())
    }

    async fn list(
        &self,
        run: RunId,
        resolution: Resolution,
        started: TimeRange,
        operations: &[u32],
        query: PageQuery<RollupKey>,
    ) -> Result<Vec<Rollup>> {
        let query = PageQuery {
            after: query
                .after
                .map(|(start, operation, phase)| (start, operation, phase.as_str())),
            limit: query.limit,
        };
        let state = self.state();
        Ok(state.of_run(run, |record| {
            let wanted = record
                .rollups
                .iter()
                .filter(|((of, _), _)| *of == resolution)
                .filter(|(_, rollup)| started.contains(rollup.start))
                .filter(|(_, rollup)| {
                    operations.is_empty() || operations.contains(&rollup.operation)
                })
                .map(|((_, key), rollup)| (*key, rollup.clone()));
            page(wanted, &query, |key, last| key > last)
        }))
    }
}

#[async_trait]
impl Errors for Memory {
    async fn list(&self, run: RunId) -> Result<Vec<ErrorGroup>> {
        let state = self.state();
        let bounded = |group: ErrorGroup| ErrorGroup {
            count: group.count.min(i64::MAX.unsigned_abs()),
            ..group
        };
        Ok(state.of_run(run, |record| {
            let groups = record.errors.clone().into_groups();
            groups.into_iter().map(bounded).collect()
        }))
    }
}
