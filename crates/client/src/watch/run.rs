//! The states of a run.

use gauntlet_api::v1 as pb;

use super::{Update, is_over, resume::Resumed};
use crate::{Client, Error};

/// The states of a run, from now to its end.
#[derive(Debug)]
pub struct RunWatch {
    client: Client,
    run_id: String,
    stream: Resumed<pb::WatchRunResponse>,
    revision: i64,
    over: bool,
}

impl RunWatch {
    /// Watches a run.
    #[must_use]
    pub fn new(client: Client, run_id: impl Into<String>) -> Self {
        Self {
            client,
            run_id: run_id.into(),
            stream: Resumed::default(),
            revision: 0,
            over: false,
        }
    }

    /// The next state; `None` after the last. May be dropped and called again
    /// without a loss. An error is final.
    pub async fn next(&mut self) -> Result<Option<Update<pb::Run>>, Error> {
        loop {
            if self.over {
                return Ok(None);
            }
            match self.receive().await {
                Ok(Some(update)) => {
                    if let Some(run) = self.take(update) {
                        return Ok(Some(Update::New(run)));
                    }
                }
                // The end of the stream means nothing before the end of the run.
                Ok(None) => return self.interrupted(Error::Lost("the stream ended".to_owned())),
                Err(error) => return self.interrupted(error),
            }
        }
    }

    async fn receive(&mut self) -> Result<Option<pb::WatchRunResponse>, Error> {
        let request = pb::WatchRunRequest {
            run_id: self.run_id.clone(),
            options: Some(pb::WatchOptions {
                resume_from_revision: self.revision,
            }),
        };
        let mut runs = self.client.runs();
        let open = || async move { runs.watch_run(request).await };
        self.stream.receive(open).await
    }

    fn take(&mut self, message: pb::WatchRunResponse) -> Option<pb::Run> {
        let Some(pb::watch_run_response::Update::Run(run)) = message.update else {
            return None;
        };
        self.revision = run.revision;
        self.over = is_over(run.status());
        Some(run)
    }

    fn interrupted(&mut self, error: Error) -> Result<Option<Update<pb::Run>>, Error> {
        let passing = self.stream.cut(error)?;
        Ok(Some(Update::Interrupted(passing)))
    }
}
