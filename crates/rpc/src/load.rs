//! The progress of a dataset that is being loaded.

use gauntlet_api::v1 as pb;
use gauntlet_model::target::Dataset;
use gauntlet_orchestrator::access::{AccessError, Loaded, Login};
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tonic::Status;

use crate::{
    Backend,
    pull::{Pull, stopping},
    status,
};

/// One load. It runs in a task of its own, so that a caller that reads slowly
/// does not slow it down; it ends with the stream.
pub(crate) struct Load {
    rows: i64,
    progress: watch::Receiver<Option<Loaded>>,
    task: AbortOnDropHandle<Result<Loaded, AccessError>>,
    over: bool,
    stop: CancellationToken,
}

impl Load {
    pub(crate) fn begin(backend: &Backend, login: Login, dataset: Dataset) -> Self {
        let (report, progress) = watch::channel(None);
        let rows = dataset.rows;
        let access = backend.access.clone();
        let task = tokio::spawn(async move {
            let progress = move |loaded| {
                report.send_replace(Some(loaded));
            };
            access.load_dataset(&login, &dataset, &progress).await
        });
        Self {
            rows,
            progress,
            task: AbortOnDropHandle::new(task),
            over: false,
            stop: backend.stop.clone(),
        }
    }

    fn message(&self, loaded: Loaded) -> pb::LoadDatasetResponse {
        pb::LoadDatasetResponse {
            rows_loaded: loaded.rows,
            rows_total: self.rows,
            already_present: loaded.already_present,
        }
    }
}

impl Pull for Load {
    type Message = pb::LoadDatasetResponse;

    async fn next(&mut self) -> Option<Result<Self::Message, Status>> {
        if self.over {
            return None;
        }
        loop {
            let ended = tokio::select! {
                biased;
                ended = &mut self.task => ended,
                Ok(()) = self.progress.changed() => {
                    // The last word is the task's.
                    let loaded = *self.progress.borrow_and_update();
                    match loaded.filter(|loaded| loaded.rows < self.rows) {
                        Some(loaded) => return Some(Ok(self.message(loaded))),
                        None => continue,
                    }
                }
                () = self.stop.cancelled() => return Some(Err(stopping())),
            };
            self.over = true;
            return Some(match ended {
                Ok(Ok(loaded)) => Ok(self.message(loaded)),
                Ok(Err(error)) => Err(status::access(error)),
                Err(error) => Err(Status::internal(format!("the load ended early: {error}"))),
            });
        }
    }
}
