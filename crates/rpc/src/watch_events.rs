//! What happens in a run, from its first event to its end.

use gauntlet_api::v1::{self as pb, watch_events_response::Update};
use gauntlet_model::{id::RunId, run::RunEvent};
use gauntlet_store::{PageQuery, Stores};
use gauntlet_wire::{decode, encode};
use tonic::{Response, Status};

use crate::{
    Backend,
    follow::{Follow, Heard, Page, Source, Subscribed},
    judged,
    pull::{self, Down},
    status,
};

/// Events read from the store at a time.
const PAGE: u32 = 256;

pub(crate) async fn watch_events(
    backend: &Backend,
    request: pb::WatchEventsRequest,
) -> Result<Response<Down<pb::WatchEventsResponse>>, Status> {
    let request = decode::watch_events(&request)?;
    let channel = backend.orchestrator.channel(request.run);
    let subscribed = Subscribed {
        states: channel.states(),
        live: channel.events(),
        channel,
    };
    let run = judged::run(&backend.stores, request.run).await;
    let run = run.map_err(status::control)?;
    let events = Events {
        stores: backend.stores.clone(),
        run: request.run,
    };
    let lost = request.seen > 0 && !events.is_stored(request.seen).await?;
    let over = run.status().is_terminal();
    let watch = Follow::new(backend.clone(), events, subscribed, request.seen, over);
    if lost {
        let why = "the event to resume from is not in this store";
        let resync = sent(Update::Resync(encode::resync(why)));
        return Ok(pull::answer(watch.restarted(resync)));
    }
    Ok(pull::answer(watch))
}

struct Events {
    stores: Stores,
    run: RunId,
}

impl Events {
    async fn page(&self, after: i64, limit: u32) -> Result<Vec<RunEvent>, Status> {
        let page = PageQuery {
            after: Some(after),
            limit,
        };
        let read = self.stores.runs.events(self.run, page).await;
        read.map_err(status::store)
    }

    async fn is_stored(&self, sequence: i64) -> Result<bool, Status> {
        Ok(!self.page(sequence - 1, 1).await?.is_empty())
    }
}

impl Source for Events {
    type Entry = RunEvent;
    type Message = pb::WatchEventsResponse;

    async fn read(&mut self, after: i64) -> Result<Page<Self::Message>, Status> {
        let read = self.page(after, PAGE).await?;
        let event = |event| sent(Update::Event(encode::run_event(event)));
        Ok(Page {
            messages: read.iter().map(event).collect(),
            seen: read.last().map_or(after, |last| last.sequence),
            more: read.len() == PAGE as usize,
        })
    }

    fn hear(&self, event: &RunEvent, seen: i64) -> Heard<Self::Message> {
        if event.sequence <= seen {
            return Heard::Known;
        }
        if event.sequence > seen + 1 {
            return Heard::Gap;
        }
        let message = sent(Update::Event(encode::run_event(event)));
        Heard::Next(event.sequence, Some(message))
    }

    fn done(done: pb::SnapshotDone) -> Self::Message {
        sent(Update::SnapshotDone(done))
    }

    fn heartbeat(heartbeat: pb::StreamHeartbeat) -> Self::Message {
        sent(Update::Heartbeat(heartbeat))
    }
}

fn sent(update: Update) -> pb::WatchEventsResponse {
    pb::WatchEventsResponse {
        update: Some(update),
    }
}
