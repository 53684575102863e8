//! What workers and the control plane say of a run.

use gauntlet_api::v1::{self as pb, stream_logs_response::Update as Message};

use super::{Update, resume::Resumed};
use crate::{Client, Error};

/// What workers and the control plane say of a run, to its end.
#[derive(Debug)]
pub struct LogsWatch {
    client: Client,
    /// What to ask for next: the lines after the newest seen.
    request: pb::StreamLogsRequest,
    stream: Resumed<pb::StreamLogsResponse>,
    over: bool,
}

impl LogsWatch {
    /// Reads the lines that a request asks for.
    #[must_use]
    pub fn new(client: Client, request: pb::StreamLogsRequest) -> Self {
        Self {
            client,
            request,
            stream: Resumed::default(),
            over: false,
        }
    }

    /// The next line, the end of the stored ones, or how many are gone; `None`
    /// after the last. May be dropped and called again without a loss. An error is
    /// final.
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
    fn take(&mut self, message: pb::StreamLogsResponse) -> Option<Message> {
        let update = message.update?;
        match &update {
            Message::Heartbeat(_) => return None,
            Message::Line(line) if line.sequence <= self.request.after_sequence => return None,
            Message::Line(line) => self.request.after_sequence = line.sequence,
            Message::SnapshotDone(_) | Message::Skipped(_) => {}
        }
        Some(update)
    }

    async fn receive(&mut self) -> Result<Option<pb::StreamLogsResponse>, Error> {
        let request = self.request.clone();
        let mut runs = self.client.runs();
        let open = || async move { runs.stream_logs(request).await };
        self.stream.receive(open).await
    }
}
