//! The states of a project's runs, until the caller goes.

use std::collections::{BTreeMap, VecDeque};

use gauntlet_api::v1::{self as pb, watch_runs_response::Update};
use gauntlet_model::id::RunId;
use gauntlet_orchestrator::hub::{Forgotten, RunNews};
use gauntlet_store::{PageQuery, RunFilter, RunOrder, RunSummary};
use gauntlet_wire::{decode, encode};
use tokio::sync::watch;
use tonic::{Response, Status};

use crate::{
    Backend, HEARTBEAT,
    pull::{self, Down, Pull, stopping},
    runs, status,
};

/// Runs that a watcher is known to have; beyond that the oldest are forgotten.
const KNOWN: usize = 10_000;

pub(crate) async fn watch_runs(
    backend: &Backend,
    request: pb::WatchRunsRequest,
) -> Result<Response<Down<pb::WatchRunsResponse>>, Status> {
    let request = decode::watch_runs(request)?;
    let filter = runs::filter(request.project, request.filter);
    let mut watch = WatchRuns {
        backend: backend.clone(),
        newest: backend.orchestrator.hub().runs().newest(),
        filter,
        snapshot_size: request.snapshot_size,
        waiting: VecDeque::new(),
        known: Known::default(),
        sent: request.seen,
    };
    // A caller that resumes may have any run.
    watch.known.forgot = request.seen > 0;
    watch.open().await?;
    Ok(pull::answer(watch))
}

/// What a watcher is known to have: the newest revision of each run sent.
#[derive(Default)]
struct Known {
    runs: BTreeMap<RunId, i64>,
    /// It may have runs that are not in `runs`.
    forgot: bool,
}

impl Known {
    /// Notes a state; false when it is not newer than what was sent.
    fn note(&mut self, run: &RunSummary) -> bool {
        let before = self.runs.insert(run.id, run.revision);
        if self.runs.len() > KNOWN {
            self.runs.pop_first();
            self.forgot = true;
        }
        before.is_none_or(|before| before < run.revision)
    }

    /// Forgets a run; false when the watcher cannot have it.
    fn leave(&mut self, run: RunId) -> bool {
        self.runs.remove(&run).is_some() || self.forgot
    }
}

struct WatchRuns {
    backend: Backend,
    newest: watch::Receiver<i64>,
    filter: RunFilter,
    snapshot_size: u32,
    waiting: VecDeque<Update>,
    known: Known,
    /// The feed's revision that the caller has.
    sent: i64,
}

impl WatchRuns {
    /// Goes on after what the caller has seen, or begins with a snapshot.
    async fn open(&mut self) -> Result<(), Status> {
        if self.sent > 0 {
            if self.take().is_ok() {
                let done = encode::snapshot_done(self.sent);
                self.waiting.push_back(Update::SnapshotDone(done));
                return Ok(());
            }
            return self.resync().await;
        }
        self.snapshot().await
    }

    async fn resync(&mut self) -> Result<(), Status> {
        let why = "the changes since that revision are not remembered";
        self.waiting.clear();
        self.waiting.push_back(Update::Resync(encode::resync(why)));
        self.snapshot().await
    }

    /// Reads where the feed is, and the store then: a change between the two is
    /// seen twice, and the run's revision tells the repeat.
    async fn snapshot(&mut self) -> Result<(), Status> {
        self.sent = *self.newest.borrow_and_update();
        self.known = Known::default();
        let page = PageQuery {
            after: None,
            limit: self.snapshot_size,
        };
        let listed = &self.backend.stores.runs;
        let listed = listed.list(&self.filter, RunOrder::NEWEST_FIRST, page);
        let listed = listed.await.map_err(status::store)?;
        // A watcher of a part may learn of older runs by their changes alone.
        self.known.forgot = listed.len() == self.snapshot_size as usize;
        for run in &listed {
            self.is(self.sent, run);
        }
        let done = encode::snapshot_done(self.sent);
        self.waiting.push_back(Update::SnapshotDone(done));
        Ok(())
    }

    /// Queues the next changes after what was sent.
    fn take(&mut self) -> Result<(), Forgotten> {
        let feed = self.backend.orchestrator.clone();
        for (revision, id, news) in feed.hub().runs().after(self.sent)? {
            self.sent = revision;
            match news {
                RunNews::Is(run) if self.filter.matches(&run) => self.is(revision, &run),
                RunNews::Is(run) if self.filter.project.covers(&run.project) => {
                    self.left(revision, id);
                }
                RunNews::Gone(project) if self.filter.project.covers(&project) => {
                    self.left(revision, id);
                }
                RunNews::Is(_) | RunNews::Gone(_) => {}
            }
        }
        Ok(())
    }

    fn is(&mut self, revision: i64, run: &RunSummary) {
        if self.known.note(run) {
            let run = runs::encode_summary(run, self.backend.clock.now());
            let run = Some(run);
            self.waiting
                .push_back(Update::Run(pb::RunState { run, revision }));
        }
    }

    fn left(&mut self, revision: i64, id: RunId) {
        if self.known.leave(id) {
            let run_id = id.to_string();
            self.waiting
                .push_back(Update::Left(pb::RunLeft { run_id, revision }));
        }
    }
}

impl Pull for WatchRuns {
    type Message = pb::WatchRunsResponse;

    async fn next(&mut self) -> Option<Result<Self::Message, Status>> {
        let send = |update| {
            Some(Ok(pb::WatchRunsResponse {
                update: Some(update),
            }))
        };
        let quiet = tokio::time::sleep(HEARTBEAT);
        tokio::pin!(quiet);
        loop {
            if let Some(update) = self.waiting.pop_front() {
                return send(update);
            }
            let newest = *self.newest.borrow_and_update();
            if newest != self.sent {
                if self.take().is_err()
                    && let Err(error) = self.resync().await
                {
                    return Some(Err(error));
                }
                continue;
            }
            tokio::select! {
                biased;
                Ok(()) = self.newest.changed() => {}
                () = self.backend.stop.cancelled() => return Some(Err(stopping())),
                () = &mut quiet => {
                    let now = self.backend.clock.now();
                    return send(Update::Heartbeat(encode::heartbeat(now)));
                }
            }
        }
    }
}
