//! Reads a run's rollups, page by page as they are asked for.

use gauntlet_model::{
    history::{Resolution, Rollup},
    id::RunId,
    lifecycle::Window,
    run::Run,
    time::Timestamp,
};
use gauntlet_store::{Error, PageQuery, RollupKey, Stores, TimeRange};

/// Rollups in memory at a time. One has six histograms of a few kilobytes each.
const PAGE: u32 = 200;

/// Reads the rollups of a stretch: first the coarse ones as far as there are
/// any, then the next finer ones from where those end. A run that goes on has
/// no coarse rollup of the bucket that is just filling, but the finer ones that
/// it will be made of; so nothing is left out and nothing is there twice.
pub(super) struct RollupReader {
    stores: Stores,
    run: RunId,
    operations: Vec<u32>,
    /// What is still to read; `None` at the end.
    resolution: Option<Resolution>,
    window: Window,
    after: Option<RollupKey>,
    /// Where the rollups that were read end.
    covered: Timestamp,
}

impl RollupReader {
    /// Of some operations, all when empty. `window` begins with a bucket.
    pub(super) fn new(
        stores: &Stores,
        run: &Run,
        resolution: Resolution,
        window: Window,
        operations: Vec<u32>,
    ) -> Self {
        Self {
            stores: stores.clone(),
            run: run.id,
            operations,
            resolution: Some(resolution),
            window,
            after: None,
            covered: window.from,
        }
    }

    /// The next rollups, never none, in the order of time; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Rollup>>, Error> {
        while let Some(resolution) = self.resolution {
            let page = self.page(resolution).await?;
            if let Some(last) = page.last() {
                self.after = Some((last.start, last.operation, last.phase));
                self.covered = last.start + resolution.length();
            }
            if page.len() < PAGE as usize {
                self.after = None;
                self.window.from = self.covered;
                let rest = self.window.from < self.window.to;
                self.resolution = resolution.finer().filter(|_| rest);
            }
            if !page.is_empty() {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    async fn page(&self, resolution: Resolution) -> Result<Vec<Rollup>, Error> {
        let started = TimeRange {
            from: Some(self.window.from),
            to: Some(self.window.to),
        };
        let query = PageQuery {
            after: self.after,
            limit: PAGE,
        };
        let rollups = &self.stores.rollups;
        rollups
            .list(self.run, resolution, started, &self.operations, query)
            .await
    }
}
