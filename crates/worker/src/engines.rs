//! The engines of all shards that the worker holds.

use std::{collections::BTreeMap, future::pending, time::Duration};

use futures_util::future::select_all;
use gauntlet_engine::Handle;
use gauntlet_model::session::AttemptRef;

use crate::{
    commentary::Commentary,
    logs::about,
    plan::Work,
    shard::{Said, Shard},
};

/// See the module.
#[derive(Default)]
pub(crate) struct Engines(BTreeMap<AttemptRef, Engine>);

struct Engine {
    shard: Shard,
    commentary: Commentary,
}

impl Engines {
    /// Opens the connections of a shard in the background.
    pub(crate) fn prepare(&mut self, attempt: AttemptRef, work: Work, within: Duration) {
        let operations = work.plan.operations.iter();
        let commentary = Commentary::new(operations.map(|own| own.name.clone()).collect());
        let shard = Shard::prepare(work, within);
        self.0.insert(attempt, Engine { shard, commentary });
    }

    /// Drops a shard's engine and whatever it still does.
    pub(crate) fn forget(&mut self, attempt: AttemptRef) {
        self.0.remove(&attempt);
    }

    /// The open engine of a shard.
    pub(crate) fn handle(&self, attempt: AttemptRef) -> Option<&Handle> {
        self.0.get(&attempt)?.shard.handle()
    }

    /// What one of them says next; never, while there is none. Safe to cancel.
    pub(crate) async fn next(&mut self) -> (AttemptRef, Said) {
        if self.0.is_empty() {
            return pending().await;
        }
        let engines = self.0.iter_mut();
        let waiting = engines.map(|(attempt, engine)| {
            Box::pin(async move {
                let said = engine.shard.next().await;
                if let Said::Measured { snapshot, .. } = &said {
                    about(*attempt, || engine.commentary.measured(snapshot));
                }
                (*attempt, said)
            })
        });
        select_all(waiting).await.0
    }

    /// Operations in flight, and those due and not sent, of all.
    pub(crate) fn gauges(&self) -> (u32, u64) {
        let engines = self.0.values();
        let statuses = engines.map(|engine| engine.shard.status());
        statuses.fold((0, 0), |(in_flight, backlog), status| {
            (in_flight + status.in_flight, backlog + status.backlog)
        })
    }

    /// Says in the log what has changed since the call before.
    pub(crate) fn comment(&mut self) {
        for (attempt, engine) in &mut self.0 {
            if let Some(handle) = engine.shard.handle() {
                about(*attempt, || engine.commentary.status(handle));
            }
        }
    }
}
