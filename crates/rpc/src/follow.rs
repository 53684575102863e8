//! What a run says in numbered entries: those that are stored, then each as it
//! is said.

use std::{collections::VecDeque, sync::Arc};

use gauntlet_api::v1 as pb;
use gauntlet_orchestrator::hub::{Channel, RunSnapshot};
use gauntlet_wire::encode;
use tokio::sync::{
    broadcast::{self, error::TryRecvError},
    watch,
};
use tonic::Status;

use crate::{
    Backend, HEARTBEAT,
    pull::{Pull, deleted, stopping},
};

/// Entries of one kind: where they are stored and how they are sent.
pub(crate) trait Source: Send + Sized + 'static {
    /// What is said.
    type Entry: Send + Sync + 'static;
    /// What is sent.
    type Message: Send + 'static;

    /// Reads the stored entries after a sequence, one page of them.
    fn read(
        &mut self,
        after: i64,
    ) -> impl Future<Output = Result<Page<Self::Message>, Status>> + Send;

    /// What an entry is to a reader that has all up to a sequence.
    fn hear(&self, entry: &Self::Entry, seen: i64) -> Heard<Self::Message>;

    /// The end of the stored entries.
    fn done(done: pb::SnapshotDone) -> Self::Message;

    /// A sign of life.
    fn heartbeat(heartbeat: pb::StreamHeartbeat) -> Self::Message;
}

/// A page of stored entries.
pub(crate) struct Page<M> {
    /// In their order.
    pub(crate) messages: Vec<M>,
    /// The last sequence that was looked at.
    pub(crate) seen: i64,
    /// Whether there may be more.
    pub(crate) more: bool,
}

/// What an entry is to a reader.
pub(crate) enum Heard<M> {
    /// It has it.
    Known,
    /// It follows what the reader has, and is sent if it is wanted.
    Next(i64, Option<M>),
    /// Something before it is missing.
    Gap,
}

/// One reader. It holds one page of entries at most; what it cannot keep up with
/// it reads from the store, so nothing is left out.
pub(crate) struct Follow<S: Source> {
    backend: Backend,
    source: S,
    subscribed: Subscribed<S::Entry>,
    waiting: VecDeque<S::Message>,
    /// The last entry that was looked at, sent or not.
    seen: i64,
    /// Entries after `seen` are to be read from the store before anything else.
    behind: bool,
    /// The end of the stored entries has not been said yet.
    snapshot: bool,
    over: bool,
}

/// What a reader listens to. It subscribes before it reads the store: an entry
/// between the two is seen twice, and its sequence tells the repeat.
pub(crate) struct Subscribed<E> {
    /// Keeps the newest state there after the run's task has ended.
    pub(crate) channel: Arc<Channel>,
    pub(crate) states: watch::Receiver<Option<RunSnapshot>>,
    pub(crate) live: broadcast::Receiver<Arc<E>>,
}

impl<S: Source> Follow<S> {
    /// Begins after the entry `seen`; `over` when nothing follows what is stored.
    pub(crate) fn new(
        backend: Backend,
        source: S,
        subscribed: Subscribed<S::Entry>,
        seen: i64,
        over: bool,
    ) -> Self {
        Self {
            backend,
            source,
            subscribed,
            waiting: VecDeque::new(),
            seen,
            behind: true,
            snapshot: true,
            over,
        }
    }

    /// Begins again from the first entry, after saying so.
    pub(crate) fn restarted(mut self, resync: S::Message) -> Self {
        self.waiting.push_back(resync);
        self.seen = 0;
        self
    }

    async fn catch_up(&mut self) -> Result<(), Status> {
        let page = self.source.read(self.seen).await?;
        self.waiting.extend(page.messages);
        self.seen = page.seen;
        self.behind = page.more;
        if !self.behind && self.snapshot {
            self.snapshot = false;
            let done = S::done(encode::snapshot_done(self.seen));
            self.waiting.push_back(done);
        }
        Ok(())
    }

    fn take(&mut self, entry: &S::Entry) {
        match self.source.hear(entry, self.seen) {
            Heard::Known => {}
            Heard::Next(sequence, message) => {
                self.seen = sequence;
                self.waiting.extend(message);
            }
            Heard::Gap => self.behind = true,
        }
    }

    /// Queues what is in the channel.
    fn take_live(&mut self) {
        while !self.behind {
            match self.subscribed.live.try_recv() {
                Ok(entry) => self.take(&entry),
                Err(TryRecvError::Lagged(_)) => self.behind = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    fn notice_end(&mut self) {
        let newest = self.subscribed.states.borrow_and_update().clone();
        if newest.is_some_and(|now| now.run.status().is_terminal()) {
            self.over = true;
            // The last entries may have been stored by somebody else.
            self.behind = true;
        }
    }
}

impl<S: Source> Pull for Follow<S> {
    type Message = S::Message;

    async fn next(&mut self) -> Option<Result<Self::Message, Status>> {
        let quiet = tokio::time::sleep(HEARTBEAT);
        tokio::pin!(quiet);
        let channel = self.subscribed.channel.clone();
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(Ok(message));
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
                entry = self.subscribed.live.recv() => match entry {
                    Ok(entry) => self.take(&entry),
                    Err(_) => self.behind = true,
                },
                Ok(()) = self.subscribed.states.changed() => self.notice_end(),
                () = channel.gone() => return Some(Err(deleted())),
                () = self.backend.stop.cancelled() => return Some(Err(stopping())),
                () = &mut quiet => {
                    let now = self.backend.clock.now();
                    return Some(Ok(S::heartbeat(encode::heartbeat(now))));
                }
            }
        }
    }
}
