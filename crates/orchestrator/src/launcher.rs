//! Where the workers come from that a run has of its own.
//!
//! A launcher starts worker processes; each attaches like any other worker and
//! carries the label [`RUN_LABEL`](gauntlet_model::template::RUN_LABEL), so it serves
//! that run alone. The run's task orders them, hears from them, and has all of
//! them ended with the run. Calls may take long where the machines are far:
//! no run's task waits for one, and each has a deadline.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use gauntlet_model::{
    id::RunId,
    logs::Level,
    session::AttemptRef,
    time::{Clock, Timestamp},
};
use tokio::{sync::mpsc, task::JoinSet};

/// How long a worker may take to be started.
pub const STARTED_WITHIN: Duration = Duration::from_secs(30);
/// How long a worker may take to be ended.
pub const STOPPED_WITHIN: Duration = Duration::from_secs(30);
/// How long it may take to say which workers there are.
pub const LISTED_WITHIN: Duration = Duration::from_secs(10);
/// Lines of one worker that wait for the run's log; further ones are dropped
/// and counted.
const LINES: usize = 256;

/// Names what was started, in the words of who started it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LaunchId(pub String);

impl fmt::Display for LaunchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A worker that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launched {
    /// Its id.
    pub id: LaunchId,
    /// What it was started for.
    pub attempt: AttemptRef,
}

/// A worker to start.
#[derive(Debug)]
pub struct Order {
    /// What for. The worker may be given another shard of the same run.
    pub attempt: AttemptRef,
    /// The worker's name.
    pub name: String,
    /// The labels that it is to carry.
    pub labels: BTreeMap<String, String>,
    /// Connections that it is to be willing to hold.
    pub capacity: u32,
    /// How many workers the run has, on whatever machines.
    pub workers: u32,
    /// Where to say what it prints and what became of it.
    pub news: News,
}

/// Why a launcher did not do what was asked: one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LaunchError(pub String);

/// Starts workers somewhere. Nothing that it started may outlive its run.
#[async_trait]
pub trait Launcher: Send + Sync + 'static {
    /// Where the workers run, as in "starts on …".
    fn place(&self) -> &str;

    /// Has a worker started, and keeps telling its [`News`] until it has ended.
    async fn start(&self, order: Order) -> Result<LaunchId, LaunchError>;

    /// Ends a worker and all that it started. One that is not there is ended
    /// already.
    async fn stop(&self, id: &LaunchId) -> Result<(), LaunchError>;

    /// The workers that are there, of a run or of all; also those that a
    /// control plane started which is no more.
    async fn list(&self, run: Option<RunId>) -> Result<Vec<Launched>, LaunchError>;
}

/// A line that a worker printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was read.
    pub time: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// Without its end.
    pub text: String,
}

/// Where a launcher says what comes of a worker. Nothing here ever waits.
#[derive(Clone)]
pub struct News {
    clock: Arc<dyn Clock>,
    lines: mpsc::Sender<Line>,
    ended: Arc<OnceLock<String>>,
    dropped: Arc<AtomicU64>,
}

impl fmt::Debug for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}

impl News {
    /// Both ends.
    #[must_use]
    pub fn channel(clock: Arc<dyn Clock>) -> (Self, Heard) {
        let (lines, inbox) = mpsc::channel(LINES);
        let (ended, dropped) = (Arc::default(), Arc::default());
        let heard = Heard {
            lines: inbox,
            ended: Arc::clone(&ended),
            dropped: Arc::clone(&dropped),
        };
        let news = Self {
            clock,
            lines,
            ended,
            dropped,
        };
        (news, heard)
    }

    /// The worker printed a line. Past the bound it is dropped and counted.
    pub fn line(&self, level: Level, text: String) {
        let time = self.clock.now();
        let line = Line { time, level, text };
        if self.lines.try_send(line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The worker is no more, or never was; how it ended, readable after its
    /// name. Only the first one counts.
    pub fn ended(&self, how: String) {
        // A second one says nothing new.
        let _ = self.ended.set(how);
    }
}

/// Where it is heard what comes of a worker.
#[derive(Debug)]
pub struct Heard {
    lines: mpsc::Receiver<Line>,
    ended: Arc<OnceLock<String>>,
    dropped: Arc<AtomicU64>,
}

impl Heard {
    /// The next line that waits.
    pub fn line(&mut self) -> Option<Line> {
        self.lines.try_recv().ok()
    }

    /// How many lines were dropped since the last call.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    /// How the worker ended; `None` when it did not.
    #[must_use]
    pub fn ended(&self) -> Option<&str> {
        self.ended.get().map(String::as_str)
    }
}

/// Has a worker started, within the deadline; its news say when it was not.
pub(crate) async fn start(launcher: &dyn Launcher, order: Order) {
    let news = order.news.clone();
    if let Err(error) = within(STARTED_WITHIN, "no answer", launcher.start(order)).await {
        news.ended(format!("was not started: {error}"));
    }
}

/// Ends every worker that a run has of its own, all at once.
pub(crate) async fn stop_all(launcher: Arc<dyn Launcher>, run: RunId) {
    let listing = launcher.list(Some(run));
    let launched = match within(LISTED_WITHIN, "no list", listing).await {
        Ok(launched) => launched,
        Err(error) => return tracing::warn!(%run, %error, "workers may be left behind"),
    };
    let mut ending = JoinSet::new();
    for one in launched {
        let launcher = launcher.clone();
        ending.spawn(async move { stop(&*launcher, one.id).await });
    }
    ending.join_all().await;
}

/// Ends the workers of runs that are not active: what a control plane left
/// behind that ended at the wrong moment.
pub(crate) async fn stop_orphans(launcher: &dyn Launcher, active: &[RunId]) {
    let listing = launcher.list(None);
    match within(LISTED_WITHIN, "no list", listing).await {
        Ok(launched) => {
            for one in launched {
                if !active.contains(&one.attempt.run) {
                    tracing::info!(run = %one.attempt.run, worker = %one.id, "left behind; ended");
                    stop(launcher, one.id).await;
                }
            }
        }
        Err(error) => tracing::warn!(%error, "workers may be left behind"),
    }
}

async fn stop(launcher: &dyn Launcher, id: LaunchId) {
    if let Err(error) = within(STOPPED_WITHIN, "not ended", launcher.stop(&id)).await {
        tracing::warn!(worker = %id, %error, "a worker may be left behind");
    }
}

async fn within<T>(
    limit: Duration,
    what: &str,
    call: impl Future<Output = Result<T, LaunchError>>,
) -> Result<T, LaunchError> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer,
        Err(_) => Err(LaunchError(format!("{what} within {} s", limit.as_secs()))),
    }
}
