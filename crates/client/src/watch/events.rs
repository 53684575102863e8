//! What happens in a run.

use gauntlet_api::v1::{self as pb, watch_events_response::Update as Message};

use super::{Update, resume::Resumed};
use crate::{Client, Error};

/// What happens in a run, from its first event to its last.
#[derive(Debug)]
pub struct EventsWatch {
    client: Client,
    run_id: String,
    stream: Resumed<pb::WatchEventsResponse>,
    /// The sequence of the newest event seen.
    seen: i64,
    over: bool,
}

impl EventsWatch {
    /// Watches what happens in a run, from its first event on.
    #[must_use]
    pub fn new(client: Client, run_id: impl Into<String>) -> Self {
        Self {
            client,
            run_id: run_id.into(),
            stream: Resumed::default(),
            seen: 0,
            over: false,
        }
    }

    /// The next event, the end of the stored ones, or that the events begin with
    /// the first again: the control plane has another store than before. `None`
    /// after the run's last. May be dropped and called again without a loss. An
    /// error is final.
    pub async fn next(&mut self) -> Result<Option<Update<Message>>, Error> {
        while !self.over {
            match self.receive().await {
                Ok(Some(message)) => {
                    if let Some(update) = self.take(message) {
                        return Ok(Some(Update::New(update)));
                    }
                }
                Ok(None) => self.over = true,
                Err(error) => {
                    let passing = self.stream.cut(error)?;
                    return Ok(Some(Update::Interrupted(passing)));
                }
            }
        }
        Ok(None)
    }

    /// What the caller is told of a message.
    fn take(&mut self, message: pb::WatchEventsResponse) -> Option<Message> {
        let update = message.update?;
        match &update {
            Message::Heartbeat(_) => return None,
            Message::Event(event) if event.sequence <= self.seen => return None,
            Message::Event(event) => self.seen = event.sequence,
            Message::Resync(_) => self.seen = 0,
            Message::SnapshotDone(_) => {}
        }
        Some(update)
    }

    async fn receive(&mut self) -> Result<Option<pb::WatchEventsResponse>, Error> {
        let request = pb::WatchEventsRequest {
            run_id: self.run_id.clone(),
            options: Some(pb::WatchOptions {
                resume_from_revision: self.seen,
            }),
        };
        let mut runs = self.client.runs();
        let open = || async move { runs.watch_events(request).await };
        self.stream.receive(open).await
    }
}
