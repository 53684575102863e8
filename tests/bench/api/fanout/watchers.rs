//! Those who watch, and what they have seen.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gauntlet_client::watch::is_over;
use gauntlet_client::{Client, pb};
use pb::watch_run_response::Update;
use tokio::sync::Notify;
use tokio::time::timeout;
use tonic::Streaming;

use super::LOST_AFTER;
use crate::api::json::{Json, JsonStream};
use crate::error::{Error, Result};

/// What all watchers have seen.
#[derive(Default)]
pub struct Board {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
pub struct State {
    /// When each watcher got a revision of a run, by the run's place.
    received: HashMap<(usize, i64), Vec<Instant>>,
    states: usize,
    pub begun: usize,
    /// Streams that ended after a terminal state.
    pub over: usize,
    /// States that came again or after a newer one.
    pub wrong: usize,
    pub failure: Option<String>,
}

impl Board {
    pub fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begun(&self) {
        self.lock().begun += 1;
        self.changed.notify_one();
    }

    fn received(&self, run: usize, revision: i64, wrong: bool) {
        let mut state = self.lock();
        state.states += 1;
        state.wrong += usize::from(wrong);
        let receipts = state.received.entry((run, revision)).or_default();
        receipts.push(Instant::now());
        drop(state);
        self.changed.notify_one();
    }

    /// A stream ended: whether a terminal state came before.
    pub fn ended(&self, watched: Result<bool>) {
        let mut state = self.lock();
        match watched {
            Ok(over) => state.over += usize::from(over),
            Err(error) => state.failure = Some(error.to_string()),
        }
        drop(state);
        self.changed.notify_one();
    }

    pub fn states(&self) -> usize {
        self.lock().states
    }

    pub fn check(&self) -> Result<()> {
        match &self.lock().failure {
            None => Ok(()),
            Some(failure) => Err(Error::Failed(format!("a watch broke: {failure}"))),
        }
    }

    /// When so many watchers got that revision; fewer when some did not in time.
    pub async fn wait_for(&self, of: (usize, i64), watchers: usize) -> Vec<Instant> {
        let all = self.until(LOST_AFTER, |state| {
            let got = state.received.get(&of);
            (got.is_some_and(|got| got.len() >= watchers) || state.failure.is_some()).then_some(())
        });
        all.await;
        self.lock().received.get(&of).cloned().unwrap_or_default()
    }

    /// Waits until the state is as asked for, or the time is over.
    pub async fn until(&self, limit: Duration, ask: impl Fn(&State) -> Option<()>) {
        let asked = async {
            while ask(&self.lock()).is_none() {
                self.changed.notified().await;
            }
        };
        // Whoever asked looks at what is there then.
        let _in_time: std::result::Result<(), _> = timeout(limit, asked).await;
    }
}

/// What one watcher knows.
struct Watcher<'a> {
    run: usize,
    board: &'a Board,
    newest: i64,
    over: bool,
}

impl<'a> Watcher<'a> {
    fn new(run: usize, board: &'a Board) -> Self {
        Self {
            run,
            board,
            newest: 0,
            over: false,
        }
    }

    fn state(&mut self, revision: i64, status: pb::RunStatus) {
        let wrong = revision <= self.newest;
        self.board.received(self.run, revision, wrong);
        self.newest = self.newest.max(revision);
        self.over = is_over(status);
    }
}

/// Watches to the end of the stream; whether a terminal state came last.
pub async fn watch(client: Client, run: usize, run_id: String, board: &Board) -> Result<bool> {
    let request = pb::WatchRunRequest {
        run_id,
        ..Default::default()
    };
    let answer = client.runs().watch_run(request).await;
    let mut stream: Streaming<pb::WatchRunResponse> =
        answer.map_err(Error::refused("WatchRun"))?.into_inner();
    let mut watcher = Watcher::new(run, board);
    while let Some(message) = stream.message().await.map_err(Error::refused("WatchRun"))? {
        match message.update {
            Some(Update::Run(run)) => watcher.state(run.revision, run.status()),
            Some(Update::SnapshotDone(_)) => board.begun(),
            Some(Update::Heartbeat(_) | Update::Resync(_)) | None => {}
        }
    }
    Ok(watcher.over)
}

pub async fn watch_json(url: &str, run: usize, run_id: &str, board: &Board) -> Result<bool> {
    let body = serde_json::json!({ "runId": run_id }).to_string();
    let json = Json::connect(url).await?;
    let mut stream: JsonStream = json.watch("RunService/WatchRun", &body).await?;
    let mut watcher = Watcher::new(run, board);
    while let Some(message) = stream.next().await? {
        if let Some(run) = message.get("run") {
            let revision = run["revision"].as_str().and_then(|text| text.parse().ok());
            let status = run["status"]
                .as_str()
                .and_then(pb::RunStatus::from_str_name);
            let both = revision.zip(status);
            let (revision, status) =
                both.ok_or_else(|| Error::Failed(format!("a run without a status: {run}")))?;
            watcher.state(revision, status);
        } else if message.get("snapshotDone").is_some() {
            board.begun();
        }
    }
    Ok(watcher.over)
}
