//! What workers and the control plane say of a run.

use gauntlet_api::v1::{self as pb, stream_logs_response::Update};
use gauntlet_model::logs::LogLine;
use gauntlet_store::{LogFilter, PageQuery, Stores};
use gauntlet_wire::{decode, encode};
use tonic::{Response, Status};

use crate::{
    Backend,
    follow::{Follow, Heard, Page, Source, Subscribed},
    judged,
    pull::{self, Down},
    status,
};

/// Lines read from the store at a time.
const PAGE: u32 = 256;

pub(crate) async fn stream_logs(
    backend: &Backend,
    request: pb::StreamLogsRequest,
) -> Result<Response<Down<pb::StreamLogsResponse>>, Status> {
    let wanted = decode::stream_logs(&request)?;
    let channel = backend.orchestrator.channel(wanted.run);
    let subscribed = Subscribed {
        states: channel.states(),
        live: channel.logs(),
        channel,
    };
    let run = judged::run(&backend.stores, wanted.run).await;
    let run = run.map_err(status::control)?;
    let over = wanted.stored_only || run.status().is_terminal();
    let lines = Lines {
        stores: backend.stores.clone(),
        wanted,
    };
    let reader = Follow::new(backend.clone(), lines, subscribed, wanted.after, over);
    Ok(pull::answer(reader))
}

struct Lines {
    stores: Stores,
    wanted: decode::StreamLogs,
}

impl Lines {
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
}

impl Source for Lines {
    type Entry = LogLine;
    type Message = pb::StreamLogsResponse;

    /// Says how much of what is asked for is gone, too.
    async fn read(&mut self, after: i64) -> Result<Page<Self::Message>, Status> {
        let run = self.wanted.run;
        let dropped = self.stores.logs.dropped(run).await;
        let dropped = dropped.map_err(status::store)?;
        let mut messages = Vec::new();
        if dropped > after {
            messages.push(sent(Update::Skipped(dropped.abs_diff(after))));
        }
        let after = after.max(dropped);
        let page = PageQuery {
            after: Some(after),
            limit: PAGE,
        };
        let read = self.stores.logs.list(run, self.filter(), page).await;
        let read = read.map_err(status::store)?;
        let line = |line| sent(Update::Line(encode::log_line(line)));
        messages.extend(read.iter().map(line));
        Ok(Page {
            messages,
            seen: read.last().map_or(after, |last| last.sequence),
            more: read.len() == PAGE as usize,
        })
    }

    /// Lines that were filtered out in the store leave gaps in what was seen, so
    /// only a repeat can be told by the sequence: who missed a line is told so
    /// by the channel.
    fn hear(&self, line: &LogLine, seen: i64) -> Heard<Self::Message> {
        if line.sequence <= seen {
            return Heard::Known;
        }
        let message = self
            .is_wanted(line)
            .then(|| sent(Update::Line(encode::log_line(line))));
        Heard::Next(line.sequence, message)
    }

    fn done(done: pb::SnapshotDone) -> Self::Message {
        sent(Update::SnapshotDone(done))
    }

    fn heartbeat(heartbeat: pb::StreamHeartbeat) -> Self::Message {
        sent(Update::Heartbeat(heartbeat))
    }
}

fn sent(update: Update) -> pb::StreamLogsResponse {
    pb::StreamLogsResponse {
        update: Some(update),
    }
}
