//! Who watches what: one channel pair per run, alive while a watcher or the
//! run's task holds it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicI64, Ordering},
    },
};

use gauntlet_model::{id::RunId, point::Point, run::Run, time::Timestamp};
use tokio::sync::{broadcast, watch};

/// How many points a watcher may lag behind before it is told that it missed some.
const POINTS: usize = 128;

/// The channels of one run.
#[derive(Debug)]
pub struct Channel {
    states: watch::Sender<Option<Arc<Run>>>,
    points: broadcast::Sender<Arc<Point>>,
    published_until: AtomicI64,
}

impl Channel {
    fn new() -> Self {
        Self {
            states: watch::Sender::new(None),
            points: broadcast::Sender::new(POINTS),
            published_until: AtomicI64::new(i64::MIN),
        }
    }

    /// The newest state, now and at each change; a slow reader skips to the newest.
    #[must_use]
    pub fn states(&self) -> watch::Receiver<Option<Arc<Run>>> {
        self.states.subscribe()
    }

    /// The points published from now on; a slow reader is told how many it missed.
    #[must_use]
    pub fn points(&self) -> broadcast::Receiver<Arc<Point>> {
        self.points.subscribe()
    }

    /// Every second that ended by this instant has been published.
    #[must_use]
    pub fn published_until(&self) -> Timestamp {
        Timestamp(self.published_until.load(Ordering::Acquire))
    }

    pub(crate) fn publish_state(&self, run: Arc<Run>) {
        self.states.send_replace(Some(run));
    }

    pub(crate) fn publish_points(&self, points: Vec<Point>, until: Timestamp) {
        for point in points {
            // An error means that nobody listens.
            let _ = self.points.send(Arc::new(point));
        }
        self.published_until.fetch_max(until.0, Ordering::Release);
    }
}

/// Finds the channel of a run.
#[derive(Debug, Default)]
pub struct Hub {
    channels: Mutex<HashMap<RunId, Weak<Channel>>>,
}

impl Hub {
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

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Weak<Channel>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
