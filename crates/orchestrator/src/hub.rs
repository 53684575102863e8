//! Who watches what: the channels of one run, alive while a watcher or the
//! run's task holds them, and the feeds of all runs and all workers.
//!
//! Everything is published after it was stored, by whoever stored it: the store
//! is read once per change at most, however many watch. A slow watcher holds a
//! place in a ring, never a queue of its own, so it delays nobody.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicI64, Ordering},
    },
};

use gauntlet_model::{
    id::{Project, RunId, WorkerId},
    logs::LogLine,
    point::Point,
    run::{Attempt, Run, RunEvent, Worker},
    time::Timestamp,
};
use gauntlet_store::{Judged, RunSummary};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

mod feed;

pub use feed::{BATCH, Feed, Forgotten, Numbered, REMEMBERED};

/// How many points a watcher may lag behind before it is told that it missed some.
const POINTS: usize = 128;
/// How many events and lines a watcher may lag behind before it reads them from the store.
const RECORDS: usize = 256;

/// A run and its shards at one revision.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSnapshot {
    /// The run.
    pub run: Arc<Run>,
    /// All its attempts, by shard and number.
    pub attempts: Arc<[Attempt]>,
    /// What its report says; `None` without one.
    pub judged: Option<Judged>,
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum RunNews {
    /// It was created or has changed.
    Is(Arc<RunSummary>),
    /// It was deleted.
    Gone(Project),
}

/// The channels of one run.
#[derive(Debug)]
pub struct Channel {
    states: watch::Sender<Option<RunSnapshot>>,
    points: broadcast::Sender<Arc<Point>>,
    events: broadcast::Sender<Arc<RunEvent>>,
    logs: broadcast::Sender<Arc<LogLine>>,
    published_until: AtomicI64,
    /// The last event that was published; 0 when none was.
    last_event: AtomicI64,
    gone: CancellationToken,
}

impl Channel {
    fn new() -> Self {
        Self {
            states: watch::Sender::new(None),
            points: broadcast::Sender::new(POINTS),
            events: broadcast::Sender::new(RECORDS),
            logs: broadcast::Sender::new(RECORDS),
            published_until: AtomicI64::new(i64::MIN),
            last_event: AtomicI64::new(0),
            gone: CancellationToken::new(),
        }
    }

    /// The newest state, now and at each change; a slow reader skips to the newest.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<Option<RunSnapshot>> {
        self.states.subscribe()
    }

    /// The points published from now on; a slow reader is told how many it missed.
    #[must_use]
    pub fn points(&self) -> broadcast::Receiver<Arc<Point>> {
        self.points.subscribe()
    }

    /// The events stored from now on, in their order; a slow reader is told that
    /// it missed some, and finds them in the store.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Arc<RunEvent>> {
        self.events.subscribe()
    }

    /// The lines stored from now on, as [`Self::events`].
    #[must_use]
    pub fn logs(&self) -> broadcast::Receiver<Arc<LogLine>> {
        self.logs.subscribe()
    }

    /// Every second that ended by this instant has been published.
    #[must_use]
    pub fn published_until(&self) -> Timestamp {
        Timestamp(self.published_until.load(Ordering::Acquire))
    }

    /// The sequence of the last event that was published; 0 when none was.
    #[must_use]
    pub fn last_event(&self) -> i64 {
        self.last_event.load(Ordering::Acquire)
    }

    /// Waits until the run is deleted.
    pub async fn gone(&self) {
        self.gone.cancelled().await;
    }

    pub(crate) fn publish_points(&self, points: Vec<Point>, until: Timestamp) {
        for point in points {
            // An error means that nobody listens.
            let _ = self.points.send(Arc::new(point));
        }
        self.published_until.fetch_max(until.0, Ordering::Release);
    }

    /// Events as they were stored. Published before the state that they led to:
    /// a reader that sees the end of a run has all of them.
    pub(crate) fn publish_events(&self, events: Vec<RunEvent>) {
        for event in events {
            self.last_event.fetch_max(event.sequence, Ordering::AcqRel);
            let _ = self.events.send(Arc::new(event));
        }
    }

    /// Lines as they were stored.
    pub(crate) fn publish_logs(&self, lines: Vec<LogLine>) {
        for line in lines {
            let _ = self.logs.send(Arc::new(line));
        }
    }
}

/// Finds the channels of a run, and tells of all runs and workers.
#[derive(Debug)]
pub struct Hub {
    channels: Mutex<HashMap<RunId, Weak<Channel>>>,
    runs: Feed<RunId, RunNews>,
    workers: Feed<WorkerId, Worker>,
}

impl Hub {
    /// A hub that nobody watches yet.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            channels: Mutex::default(),
            runs: Feed::new(now),
            workers: Feed::new(now),
        }
    }

    /// What became of runs, of any project.
    #[must_use]
    pub fn runs(&self) -> &Feed<RunId, RunNews> {
        &self.runs
    }

    /// What became of workers.
    #[must_use]
    pub fn workers(&self) -> &Feed<WorkerId, Worker> {
        &self.workers
    }

    /// The run's channel; made when nobody holds one.
    pub fn channel(&self, run: RunId) -> Arc<Channel> {
        let mut channels = self.lock();
        if let Some(channel) = channels.get(&run).and_then(Weak::upgrade) {
            return channel;
        }
        channels.retain(|_, channel| channel.strong_count() > 0);
        let channel = Arc::new(Channel::new());
        channels.insert(run, Arc::downgrade(&channel));
        channel
    }

    /// The run's channel, if somebody holds it.
    #[must_use]
    pub fn watched(&self, run: RunId) -> Option<Arc<Channel>> {
        self.lock().get(&run).and_then(Weak::upgrade)
    }

    /// The runs whose channels somebody holds.
    #[must_use]
    pub fn watched_runs(&self) -> Vec<RunId> {
        let channels = self.lock();
        let held = channels.iter().filter(|(_, held)| held.strong_count() > 0);
        held.map(|(run, _)| *run).collect()
    }

    /// A run was created.
    pub fn created(&self, run: &Run) {
        self.tell(run, None);
    }

    /// A run has changed. An older state than the one that is known changes nothing.
    pub fn changed(&self, snapshot: RunSnapshot) {
        let (run, judged) = (snapshot.run.clone(), snapshot.judged);
        if let Some(channel) = self.watched(run.id) {
            let newer = channel.states.send_if_modified(|known| {
                let newer = known
                    .as_ref()
                    .is_none_or(|known| known.run.revision < run.revision);
                if newer {
                    *known = Some(snapshot);
                }
                newer
            });
            if !newer {
                return;
            }
        }
        self.tell(&run, judged);
    }

    fn tell(&self, run: &Run, judged: Option<Judged>) {
        let summary = Arc::new(RunSummary::of(run, judged));
        self.runs.publish(run.id, RunNews::Is(summary));
    }

    /// A run was deleted.
    pub fn deleted(&self, run: RunId, project: Project) {
        if let Some(channel) = self.watched(run) {
            channel.gone.cancel();
        }
        self.runs.publish(run, RunNews::Gone(project));
    }

    /// A worker has changed.
    pub fn worker(&self, worker: Worker) {
        self.workers.publish(worker.id, worker);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Weak<Channel>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
