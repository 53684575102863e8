//! The newest states of many things: all of them first, then each as it changes.

use std::collections::VecDeque;

use gauntlet_api::v1 as pb;
use gauntlet_orchestrator::hub::Forgotten;
use gauntlet_wire::encode;
use tokio::sync::watch;
use tonic::Status;

use crate::{
    Backend, HEARTBEAT,
    pull::{Pull, stopping},
};

/// The things, and how their states are sent.
pub(crate) trait Source: Send + Sized + 'static {
    /// What is sent.
    type Message: Send + 'static;

    /// Queues all states there are, as of a revision of the feed.
    fn snapshot(
        &mut self,
        backend: &Backend,
        revision: i64,
        waiting: &mut VecDeque<Self::Message>,
    ) -> impl Future<Output = Result<(), Status>> + Send;

    /// Queues the next changes after a revision. Returns the last of them.
    fn take(
        &mut self,
        backend: &Backend,
        after: i64,
        waiting: &mut VecDeque<Self::Message>,
    ) -> Result<i64, Forgotten>;

    /// That the snapshot that follows takes the place of all before.
    fn resync(resync: pb::Resync) -> Self::Message;

    /// The end of a snapshot.
    fn done(done: pb::SnapshotDone) -> Self::Message;

    /// A sign of life.
    fn heartbeat(heartbeat: pb::StreamHeartbeat) -> Self::Message;
}

/// One watcher. What waits for it is a snapshot or one batch of changes.
pub(crate) struct Feed<S: Source> {
    backend: Backend,
    source: S,
    newest: watch::Receiver<i64>,
    waiting: VecDeque<S::Message>,
    /// The feed's revision that the caller has.
    sent: i64,
}

impl<S: Source> Feed<S> {
    /// Goes on after the revision that the caller has seen, or begins with a
    /// snapshot when that is 0 or the changes since are forgotten.
    pub(crate) async fn open(
        backend: Backend,
        source: S,
        newest: watch::Receiver<i64>,
        seen: i64,
    ) -> Result<Self, Status> {
        let mut feed = Self {
            backend,
            source,
            newest,
            waiting: VecDeque::new(),
            sent: seen,
        };
        if seen == 0 {
            feed.snapshot().await?;
        } else if feed.take().is_ok() {
            feed.say_done();
        } else {
            feed.resync().await?;
        }
        Ok(feed)
    }

    async fn resync(&mut self) -> Result<(), Status> {
        let why = "the changes since that revision are not remembered";
        self.waiting.clear();
        self.waiting.push_back(S::resync(encode::resync(why)));
        self.snapshot().await
    }

    /// Reads where the feed is, and the states then: a change between the two
    /// is seen twice, never missed.
    async fn snapshot(&mut self) -> Result<(), Status> {
        self.sent = *self.newest.borrow_and_update();
        self.source
            .snapshot(&self.backend, self.sent, &mut self.waiting)
            .await?;
        self.say_done();
        Ok(())
    }

    fn say_done(&mut self) {
        let done = S::done(encode::snapshot_done(self.sent));
        self.waiting.push_back(done);
    }

    /// Queues the next changes after what was sent.
    fn take(&mut self) -> Result<(), Forgotten> {
        self.sent = self
            .source
            .take(&self.backend, self.sent, &mut self.waiting)?;
        Ok(())
    }
}

impl<S: Source> Pull for Feed<S> {
    type Message = S::Message;

    async fn next(&mut self) -> Option<Result<Self::Message, Status>> {
        let quiet = tokio::time::sleep(HEARTBEAT);
        tokio::pin!(quiet);
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(Ok(message));
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
                    return Some(Ok(S::heartbeat(encode::heartbeat(now))));
                }
            }
        }
    }
}
