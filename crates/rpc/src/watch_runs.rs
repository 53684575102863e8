//! The states of a project's runs, until the caller goes.

use std::collections::{BTreeMap, VecDeque};

use gauntlet_api::v1::{self as pb, watch_runs_response::Update};
use gauntlet_model::id::RunId;
use gauntlet_orchestrator::hub::{Forgotten, RunNews};
use gauntlet_store::{PageQuery, RunFilter, RunOrder, RunSummary};
use gauntlet_wire::decode;
use tonic::{Response, Status};

use crate::{
    Backend,
    feed::{Feed, Source},
    pull::{self, Down},
    runs, status,
};

/// Runs that a watcher is known to have; beyond that the oldest are forgotten.
const KNOWN: usize = 10_000;

pub(crate) async fn watch_runs(
    backend: &Backend,
    request: pb::WatchRunsRequest,
) -> Result<Response<Down<pb::WatchRunsResponse>>, Status> {
    let request = decode::watch_runs(request)?;
    let newest = backend.orchestrator.hub().runs().newest();
    let runs = Runs {
        filter: runs::filter(request.project, request.filter),
        snapshot_size: request.snapshot_size,
        known: Known {
            // A caller that resumes may have any run.
            forgot: request.seen > 0,
            ..Known::default()
        },
    };
    let watch = Feed::open(backend.clone(), runs, newest, request.seen).await?;
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

/// Which runs are watched, and what the watcher has of them.
struct Runs {
    filter: RunFilter,
    snapshot_size: u32,
    known: Known,
}

impl Runs {
    /// A state, unless the watcher has it.
    fn is(
        &mut self,
        backend: &Backend,
        revision: i64,
        run: &RunSummary,
    ) -> Option<pb::WatchRunsResponse> {
        if !self.known.note(run) {
            return None;
        }
        let run = Some(runs::encode_summary(backend, run));
        Some(sent(Update::Run(pb::RunState { run, revision })))
    }

    /// That a run is none of them any more, if the watcher may have it.
    fn left(&mut self, revision: i64, id: RunId) -> Option<pb::WatchRunsResponse> {
        let run_id = id.to_string();
        let left = pb::RunLeft { run_id, revision };
        self.known.leave(id).then(|| sent(Update::Left(left)))
    }
}

impl Source for Runs {
    type Message = pb::WatchRunsResponse;

    async fn snapshot(
        &mut self,
        backend: &Backend,
        revision: i64,
        waiting: &mut VecDeque<Self::Message>,
    ) -> Result<(), Status> {
        self.known = Known::default();
        let page = PageQuery {
            after: None,
            limit: self.snapshot_size,
        };
        let listed = &backend.stores.runs;
        let listed = listed.list(&self.filter, RunOrder::NEWEST_FIRST, page);
        let listed = listed.await.map_err(status::store)?;
        // A watcher of a part may learn of older runs by their changes alone.
        self.known.forgot = listed.len() == self.snapshot_size as usize;
        for run in &listed {
            waiting.extend(self.is(backend, revision, run));
        }
        Ok(())
    }

    fn take(
        &mut self,
        backend: &Backend,
        after: i64,
        waiting: &mut VecDeque<Self::Message>,
    ) -> Result<i64, Forgotten> {
        let mut last = after;
        for (revision, id, news) in backend.orchestrator.hub().runs().after(after)? {
            last = revision;
            let message = match news {
                RunNews::Is(run) if self.filter.matches(&run) => self.is(backend, revision, &run),
                RunNews::Is(run) if self.filter.project.covers(&run.project) => {
                    self.left(revision, id)
                }
                RunNews::Gone(project) if self.filter.project.covers(&project) => {
                    self.left(revision, id)
                }
                RunNews::Is(_) | RunNews::Gone(_) => None,
            };
            waiting.extend(message);
        }
        Ok(last)
    }

    fn resync(resync: pb::Resync) -> Self::Message {
        sent(Update::Resync(resync))
    }

    fn done(done: pb::SnapshotDone) -> Self::Message {
        sent(Update::SnapshotDone(done))
    }

    fn heartbeat(heartbeat: pb::StreamHeartbeat) -> Self::Message {
        sent(Update::Heartbeat(heartbeat))
    }
}

fn sent(update: Update) -> pb::WatchRunsResponse {
    pb::WatchRunsResponse {
        update: Some(update),
    }
}
