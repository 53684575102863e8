//! What workers and the control plane say of a run.

use std::{collections::VecDeque, sync::Arc};

use gauntlet_api::v1::{self as pb, stream_logs_response::Update};
use gauntlet_model::logs::LogLine;
use gauntlet_orchestrator::hub::{Channel, RunSnapshot};
use gauntlet_store::{LogFilter, PageQuery};
use gauntlet_wire::{decode, encode};
use tokio::sync::{
    broadcast::{self, error::TryRecvError},
    watch,
};
use tonic::{Response, Status};

use crate::{
    Backend, HEARTBEAT, judged,
    pull::{self, Down, Pull, deleted, stopping},
    status,
};

/// Lines read from the store at a time.
const PAGE: u32 = 256;

pub(crate) async fn stream_logs(
    backend: &Backend,
    request: pb::StreamLogsRequest,
) -> Result<Response<Down<pb::StreamLogsResponse>>, Status> {
    let request = decode::stream_logs(&request)?;
    Ok(pull::answer(Lines::open(backend.clone(), request).await?))
}

/// One reader. It holds one page of lines at most; what it cannot keep up with
/// it reads from the store.
struct Lines {
    backend: Backend,
    wanted: decode::StreamLogs,
    channel: Arc<Channel>,
    states: watch::Receiver<Option<RunSnapshot>>,
    live: broadcast::Receiver<Arc<LogLine>>,
    waiting: VecDeque<Update>,
    /// The last line that was looked at, sent or not.
    seen: i64,
    /// Lines after `seen` are to be read from the store before anything else.
    behind: bool,
    /// `SnapshotDone` has not been said yet.
    snapshot: bool,
    over: bool,
}

impl Lines {
    /// Subscribes first and reads the store then: a line between the two is
    /// seen twice, and its sequence tells the repeat.
    async fn open(backend: Backend, request: decode::StreamLogs) -> Result<Self, Status> {
        let channel = backend.orchestrator.channel(request.run);
        let (states, live) = (channel.states(), channel.logs());
        let run = judged::run(&backend.stores, request.run).await;
        let run = run.map_err(status::control)?;
        Ok(Self {
            backend,
            wanted: request,
            channel,
            states,
            live,
            waiting: VecDeque::new(),
            seen: request.after,
            behind: true,
            snapshot: true,
            over: request.stored_only || run.status().is_terminal(),
        })
    }

    fn filter(&self) -> LogFilter {
        LogFilter {
            least: Some(self.wanted.min_level),
            shard: self.wanted.shard,
        }
    }

    fn is_wanted(&self, line: &LogLine) -> bool {
        let shard = self.wanted.shard;
        line.level >= self.wanted.min_level && (shard.is_none() || line.shard == shard)
    }

    /// Reads the next page after what was seen, and says how much of it is gone.
    async fn catch_up(&mut self) -> Result<(), Status> {
        let logs = self.backend.stores.logs.clone();
        let run = self.wanted.run;
        let dropped = logs.dropped(run).await.map_err(status::store)?;
        if dropped > self.seen {
            let skipped = dropped.abs_diff(self.seen);
            self.waiting.push_back(Update::Skipped(skipped));
            self.seen = dropped;
        }
        let page = PageQuery {
            after: Some(self.seen),
            limit: PAGE,
        };
        let read = logs.list(run, self.filter(), page).await;
        let read = read.map_err(status::store)?;
        self.behind = read.len() == PAGE as usize;
        for line in read {
            self.seen = line.sequence;
            let line = encode::log_line(&line);
            self.waiting.push_back(Update::Line(line));
        }
        if !self.behind && self.snapshot {
            self.snapshot = false;
            let done = encode::snapshot_done(self.seen);
            self.waiting.push_back(Update::SnapshotDone(done));
        }
        Ok(())
    }

    /// Queues a line. Lines that were filtered out in the store leave gaps in
    /// what was seen, so only a repeat can be told by the sequence: who missed
    /// a line is told so by the channel.
    fn take(&mut self, line: &LogLine) {
        if line.sequence <= self.seen {
            return;
        }
        self.seen = line.sequence;
        if self.is_wanted(line) {
            let line = encode::log_line(line);
            self.waiting.push_back(Update::Line(line));
        }
    }

    fn take_live(&mut self) {
        while !self.behind {
            match self.live.try_recv() {
                Ok(line) => self.take(&line),
                Err(TryRecvError::Lagged(_)) => self.behind = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn notice_end(&mut self) {
        let newest = self.states.borrow_and_update().clone();
        if newest.is_some_and(|now| now.run.status().is_terminal()) {
            self.over = true;
            // The last lines may have been stored by somebody else.
            self.behind = true;
        }
    }
}

impl Pull for Lines {
    type Message = pb::StreamLogsResponse;

    async fn next(&mut self) -> Option<Result<Self::Message, Status>> {
        let send = |update| {
            Some(Ok(pb::StreamLogsResponse {
                update: Some(update),
            }))
        };
        let quiet = tokio::time::sleep(HEARTBEAT);
        tokio::pin!(quiet);
        let channel = self.channel.clone();
        loop {
            if let Some(update) = self.waiting.pop_front() {
                return send(update);
            }
            if self.behind {
                if let Err(error) = self.catch_up().await {
                    return Some(Err(error));
                }
                continue;
            }
            if self.over {
                return None;
            }
            self.take_live();
            if self.behind || !self.waiting.is_empty() {
                continue;
            }
            tokio::select! {
                biased;
                line = self.live.recv() => match line {
                    Ok(line) => self.take(&line),
                    Err(_) => self.behind = true,
                },
                Ok(()) = self.states.changed() => self.notice_end(),
                () = channel.gone() => return Some(Err(deleted())),
                () = self.backend.stop.cancelled() => return Some(Err(stopping())),
                () = &mut quiet => {
                    let now = self.backend.clock.now();
                    return send(Update::Heartbeat(encode::heartbeat(now)));
                }
            }
        }
    }
}
