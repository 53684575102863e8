//! What is removed with time: runs that ended long ago, what runs measured in
//! each second, and what the store forgets after a day.
//!
//! Runs go one at a time, each with all that belongs to it, so that calls find
//! their turn in between. A run that is active or was never started stays.

use std::{sync::Arc, time::Duration};

use gauntlet_model::time::{Clock, Timestamp};
use gauntlet_orchestrator::{Orchestrator, hub::Hub};
use gauntlet_store::{Error, PageQuery, RunKey, Stores};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Runs that are read at a time.
const PAGE: u32 = 100;
/// How often it is looked for what is too old.
const PERIOD: Duration = Duration::from_hours(1);

/// How long what belongs to runs stays after their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The runs themselves; `None` is for ever.
    pub runs: Option<Duration>,
    /// Who measured what in which second, of runs with a report; `None` is as
    /// long as the run. Reports, rollups and error groups stay.
    pub raw: Option<Duration>,
}

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Runs.
    pub runs: u64,
    /// Seconds of workers, of runs that stay.
    pub intervals: u64,
}

/// Removes the runs that ended before an instant and tells those who watch;
/// gives how many went. `dry` only counts. Ends early when `stop` fires.
pub(super) async fn remove(
    stores: &Stores,
    ended_before: Timestamp,
    dry: bool,
    hub: Option<&Hub>,
    stop: &CancellationToken,
) -> Result<u64, Error> {
    let (mut removed, mut after) = (0, None);
    while let Some(page) = page(stores, ended_before, &mut after, stop).await? {
        for (_, run, project) in page {
            if stop.is_cancelled() {
                break;
            }
            if dry {
                removed += 1;
                continue;
            }
            match stores.runs.delete(run).await {
                Ok(()) => removed += 1,
                // Somebody else was faster.
                Err(Error::Missing(_) | Error::Conflict(_)) => continue,
                Err(error) => return Err(error),
            }
            if let Some(hub) = hub {
                hub.deleted(run, project);
            }
        }
    }
    Ok(removed)
}

/// Removes what the workers measured in each second from runs that ended before
/// an instant, from those on that come after `after`, which is moved on; gives
/// how many seconds of workers went. Ends early when `stop` fires.
pub(super) async fn thin(
    stores: &Stores,
    ended_before: Timestamp,
    after: &mut Option<RunKey>,
    stop: &CancellationToken,
) -> Result<u64, Error> {
    let mut removed = 0;
    let mut next = *after;
    while let Some(page) = page(stores, ended_before, &mut next, stop).await? {
        for (ended, run, _) in page {
            if stop.is_cancelled() {
                return Ok(removed);
            }
            removed += stores.intervals.prune(run, ended_before).await?;
            *after = Some((ended, run));
        }
    }
    Ok(removed)
}

type Ended = (
    Timestamp,
    gauntlet_model::id::RunId,
    gauntlet_model::id::Project,
);

/// The next runs that ended before an instant; `None` when there are no more,
/// or `stop` has fired.
async fn page(
    stores: &Stores,
    ended_before: Timestamp,
    after: &mut Option<RunKey>,
    stop: &CancellationToken,
) -> Result<Option<Vec<Ended>>, Error> {
    if stop.is_cancelled() {
        return Ok(None);
    }
    let query = PageQuery {
        after: *after,
        limit: PAGE,
    };
    let page = stores.runs.ended(ended_before, query).await?;
    *after = page.last().map(|(ended, run, _)| (*ended, *run));
    Ok(after.is_some().then_some(page))
}

/// The schedule of a control plane: looks at once, and then every hour until
/// the control plane ends.
pub(super) struct Schedule {
    pub(super) stores: Stores,
    pub(super) orchestrator: Orchestrator,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) keep: Retention,
    pub(super) stop: CancellationToken,
}

impl Schedule {
    pub(super) async fn follow(self) {
        let mut hourly = interval(PERIOD);
        hourly.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // Runs grow too old in the order of their ends, so those before were seen to.
        let mut thinned = None;
        while self.stop.run_until_cancelled(hourly.tick()).await.is_some() {
            self.forget().await;
            if let Some(keep) = self.keep.runs {
                self.remove(keep).await;
            }
            if let Some(keep) = self.keep.raw {
                self.thin(keep, &mut thinned).await;
            }
        }
    }

    async fn forget(&self) {
        match self.stores.maintenance.forget(self.clock.now()).await {
            Ok(gone) if gone.requests + gone.workers == 0 => {}
            Ok(gone) => tracing::info!(
                requests = gone.requests,
                workers = gone.workers,
                "forgot request ids and workers of yesterday"
            ),
            Err(error) => tracing::warn!(%error, "nothing forgotten; tried again in an hour"),
        }
    }

    async fn remove(&self, keep: Duration) {
        let before = self.clock.now().before(keep);
        let hub = Some(self.orchestrator.hub());
        match remove(&self.stores, before, false, hub, &self.stop).await {
            Ok(0) => {}
            Ok(runs) => tracing::info!(runs, "removed runs that ended too long ago"),
            Err(error) => tracing::warn!(%error, "old runs not removed; tried again in an hour"),
        }
    }

    async fn thin(&self, keep: Duration, thinned: &mut Option<RunKey>) {
        let before = self.clock.now().before(keep);
        match thin(&self.stores, before, thinned, &self.stop).await {
            Ok(0) => {}
            Ok(intervals) => tracing::info!(intervals, "removed what old runs measured by second"),
            Err(error) => tracing::warn!(%error, "old runs not thinned; tried again in an hour"),
        }
    }
}

#[cfg(test)]
mod tests {
    use gauntlet_model::id::RunId;
    use gauntlet_store::{
        battery::samples::{ended, moved, run, starting, stored},
        memory,
    };

    use super::*;

    const BEFORE: Timestamp = Timestamp(1_000_000);

    /// More than a page of old runs; then one that ended at the instant itself.
    async fn aged(stores: &Stores) -> (Vec<RunId>, RunId) {
        let mut old = Vec::new();
        for index in 0..i64::from(PAGE) + 5 {
            old.push(ended(stores, &format!("old-{index}"), 1_000 + index / 3).await);
        }
        (old, ended(stores, "young", BEFORE.0).await)
    }

    #[tokio::test]
    async fn old_runs_go_and_those_who_watch_are_told() {
        let stores = memory::stores();
        let (old, young) = aged(&stores).await;
        let active = stored(&stores, &run("acme", "active")).await;
        let change = moved(&active, starting());
        stores.runs.advance(&change).await.unwrap();
        let (hub, stop) = (Hub::new(Timestamp(1)), CancellationToken::new());
        let seen = *hub.runs().newest().borrow();
        let count = Ok(old.len() as u64);

        assert_eq!(
            remove(&stores, BEFORE, true, Some(&hub), &stop).await,
            count
        );
        assert!(
            stores.runs.get(old[0]).await.unwrap().is_some(),
            "only counted"
        );
        assert_eq!(
            remove(&stores, BEFORE, false, Some(&hub), &stop).await,
            count
        );
        for id in &old {
            assert_eq!(stores.runs.get(*id).await, Ok(None));
        }
        for id in [young, active.id] {
            assert!(stores.runs.get(id).await.unwrap().is_some());
        }
        let told = *hub.runs().newest().borrow() - seen;
        assert_eq!(told, old.len() as i64);
    }

    #[tokio::test]
    async fn a_stop_ends_it() {
        let stores = memory::stores();
        ended(&stores, "old", 1).await;
        let stop = CancellationToken::new();
        stop.cancel();
        assert_eq!(remove(&stores, BEFORE, false, None, &stop).await, Ok(0));
        assert_eq!(thin(&stores, BEFORE, &mut None, &stop).await, Ok(0));
    }

    #[tokio::test]
    async fn thinning_goes_on_where_it_was() {
        let stores = memory::stores();
        let (old, _) = aged(&stores).await;
        let (mut after, stop) = (None, CancellationToken::new());
        assert_eq!(thin(&stores, BEFORE, &mut after, &stop).await, Ok(0));
        let last = after.map(|(_, run)| run);
        assert_eq!(last, old.last().copied());
        let later = ended(&stores, "later", BEFORE.0 - 1).await;
        thin(&stores, BEFORE, &mut after, &stop).await.unwrap();
        assert_eq!(after, Some((Timestamp(BEFORE.0 - 1), later)));
    }
}
