//! How far behind the store the watchers are: one more watcher, which looks at
//! the clock.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use gauntlet_model::{id::RunId, run::WorkerStatus};
use gauntlet_orchestrator::hub::{Hub, RunNews};
use prometheus_client::{
    metrics::{counter::Counter, histogram::Histogram},
    registry::{Registry, Unit},
};
use tokio::sync::watch;

use super::seconds;

/// Stored changes whose publication is waited for; more are not timed.
const PENDING: usize = 4_096;

/// See the module.
#[derive(Debug)]
pub(super) struct Publishing {
    /// By run: the first revision that was stored and not yet published, and when.
    pending: Mutex<HashMap<RunId, (i64, Instant)>>,
    lag: Histogram,
    published: Counter,
    missed: Counter,
    lost: Counter,
    followed: watch::Sender<i64>,
}

impl Publishing {
    pub(super) fn new() -> Self {
        Self {
            pending: Mutex::default(),
            lag: seconds(),
            published: Counter::default(),
            missed: Counter::default(),
            lost: Counter::default(),
            followed: watch::Sender::new(i64::MIN),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "hub_lag",
            "From a change of a run that is stored to the moment when a watcher has it",
            Unit::Seconds,
            self.lag.clone(),
        );
        let published = "Changes of runs and workers that were published to watchers";
        registry.register("hub_published", published, self.published.clone());
        let missed = "Times that a watcher which keeps up had to begin anew";
        registry.register("hub_resyncs", missed, self.missed.clone());
        let lost = "Workers that were lost: silent, or their queue was full";
        registry.register("workers_lost", lost, self.lost.clone());
    }

    pub(super) fn followed(&self) -> watch::Receiver<i64> {
        self.followed.subscribe()
    }

    /// A change was stored.
    pub(super) fn stored(&self, run: RunId, revision: i64, now: Instant) {
        let mut pending = self.lock();
        if pending.len() < PENDING || pending.contains_key(&run) {
            pending.entry(run).or_insert((revision, now));
        }
    }

    /// A run's state was published.
    fn published(&self, run: RunId, revision: i64, now: Instant) {
        let mut pending = self.lock();
        if pending
            .get(&run)
            .is_some_and(|(first, _)| *first <= revision)
            && let Some((_, stored)) = pending.remove(&run)
        {
            self.lag.observe(now.duration_since(stored).as_secs_f64());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, (i64, Instant)>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads everything that is published, for ever.
pub(super) async fn follow(publishing: &Publishing, hub: &Hub) {
    let (mut runs, mut workers) = (hub.runs().newest(), hub.workers().newest());
    let mut run_seen = *runs.borrow_and_update();
    let mut worker_seen = *workers.borrow_and_update();
    publishing.followed.send_replace(run_seen);
    // Told again while it is lost, a worker was lost once.
    let mut lost = HashSet::new();
    loop {
        tokio::select! {
            changed = runs.changed() => if changed.is_err() { return },
            changed = workers.changed() => if changed.is_err() { return },
        }
        let newest = *runs.borrow_and_update();
        while run_seen < newest {
            let Ok(changes) = hub.runs().after(run_seen) else {
                publishing.missed.inc();
                run_seen = newest;
                break;
            };
            // Older changes of what has changed again are not there any more.
            run_seen = changes.last().map_or(newest, |(revision, ..)| *revision);
            publishing.published.inc_by(changes.len() as u64);
            for (_, run, news) in changes {
                if let RunNews::Is(summary) = news {
                    publishing.published(run, summary.revision, Instant::now());
                }
            }
        }
        publishing.followed.send_replace(run_seen);
        let newest = *workers.borrow_and_update();
        while worker_seen < newest {
            let Ok(changes) = hub.workers().after(worker_seen) else {
                publishing.missed.inc();
                worker_seen = newest;
                break;
            };
            worker_seen = changes.last().map_or(newest, |(revision, ..)| *revision);
            publishing.published.inc_by(changes.len() as u64);
            for (_, id, worker) in changes {
                if worker.status != WorkerStatus::Lost {
                    lost.remove(&id);
                } else if lost.len() < PENDING && lost.insert(id) {
                    publishing.lost.inc();
                }
            }
        }
    }
}
