//! Follows what other control planes change in a store that they share with
//! this one: each change is read once, and everybody here who watches is told.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use gauntlet_model::id::RunId;
use gauntlet_store::{FeedEvent, PageQuery, Result, Stores, judged};

use crate::{
    hub::{Hub, RunSnapshot},
    orchestrator::Shared,
};

/// How long to wait before a change that could not be read is tried again.
const AGAIN: Duration = Duration::from_secs(1);
/// How often it is tried before everybody is told to begin anew.
const TRIES: u32 = 30;
/// Events read from the store at a time.
const PAGE: u32 = 256;

/// Runs until the store is closed or the control plane ends. What changes from
/// the call on is heard, whenever the future is first polled.
pub(crate) fn follow(shared: Arc<Shared>) -> impl Future<Output = ()> + Send {
    let mut feed = shared.services.stores.feed.subscribe();
    async move {
        let stop = shared.stop.clone();
        let work = async {
            while let Some(event) = feed.next().await {
                take(&shared, event).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }
}

async fn take(shared: &Shared, event: FeedEvent) {
    let (hub, stores) = (&shared.hub, &shared.services.stores);
    match event {
        FeedEvent::Changed(runs) => {
            // Of several changes of a run in one message the last one counts.
            let runs: BTreeMap<RunId, _> = runs.into_iter().map(|one| (one.run, one)).collect();
            for (run, change) in runs {
                match change.revision {
                    Some(_) => refresh_surely(hub, stores, run).await,
                    None => hub.deleted(run, change.project),
                }
            }
        }
        FeedEvent::Resync => {
            hub.runs().forget();
            for run in hub.watched_runs() {
                refresh_surely(hub, stores, run).await;
            }
        }
    }
}

/// A store that is away for a moment is no reason to miss a change.
pub(crate) async fn refresh_surely(hub: &Hub, stores: &Stores, run: RunId) {
    for _ in 0..TRIES {
        match refresh(hub, stores, run).await {
            Ok(()) => return,
            Err(error) => tracing::debug!(%run, %error, "change not read; tried again"),
        }
        tokio::time::sleep(AGAIN).await;
    }
    tracing::warn!(%run, "a change by another control plane could not be read");
    hub.runs().forget();
}

/// Reads a run once and tells everybody of it.
async fn refresh(hub: &Hub, stores: &Stores, id: RunId) -> Result<()> {
    let channel = hub.watched(id);
    if let Some(channel) = &channel {
        let mut after = channel.last_event();
        loop {
            let page = PageQuery {
                after: Some(after),
                limit: PAGE,
            };
            let events = stores.runs.events(id, page).await?;
            let Some(last) = events.last().map(|last| last.sequence) else {
                break;
            };
            after = last;
            channel.publish_events(events);
        }
    }
    let Some(run) = stores.runs.get(id).await? else {
        return Ok(());
    };
    let attempts = if channel.is_some() {
        stores.runs.attempts(id).await?
    } else {
        Vec::new()
    };
    let judged = if run.status().is_terminal() {
        let report = stores.reports.get(id).await?;
        report.map(|report| judged(&report))
    } else {
        None
    };
    hub.changed(RunSnapshot {
        run: Arc::new(run),
        attempts: attempts.into(),
        judged,
    });
    Ok(())
}
