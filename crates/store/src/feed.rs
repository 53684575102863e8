//! What other control planes change in a store that they share with this one.

use gauntlet_model::id::{Project, RunId};
use tokio::sync::broadcast;

/// Messages that a reader may be behind; beyond that it is told to read anew.
const CAPACITY: usize = 256;

/// Something changed in the store, and not through this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedEvent {
    /// These runs changed. A later message may repeat an earlier one.
    Changed(Vec<ChangedRun>),
    /// Changes may have been missed: read again whatever matters.
    Resync,
}

/// A run that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedRun {
    /// The run.
    pub run: RunId,
    /// Its project.
    pub project: Project,
    /// Its revision after the change, also when only events were appended;
    /// `None` when it was removed.
    pub revision: Option<i64>,
}

/// Where a store puts what it hears. A reader that is too slow never keeps it
/// waiting.
#[derive(Clone, Debug)]
pub struct FeedSender(broadcast::Sender<FeedEvent>);

/// What one reader has not read yet: bounded; when it is full the reader gets
/// [`FeedEvent::Resync`] in the place of what it missed.
#[derive(Debug)]
pub struct FeedReceiver(broadcast::Receiver<FeedEvent>);

/// A new feed.
#[must_use]
pub fn feed() -> FeedSender {
    FeedSender(broadcast::channel(CAPACITY).0)
}

impl FeedSender {
    /// Tells all readers.
    pub fn send(&self, event: FeedEvent) {
        // Without readers there is nobody to tell.
        let _ = self.0.send(event);
    }

    /// A reader of what is sent from now on.
    #[must_use]
    pub fn subscribe(&self) -> FeedReceiver {
        FeedReceiver(self.0.subscribe())
    }
}

impl FeedReceiver {
    /// The next event; waits while there is none. `None` once the store is closed.
    pub async fn next(&mut self) -> Option<FeedEvent> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(FeedEvent::Resync),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_missed_something_is_told_and_goes_on() {
        let sender = feed();
        let mut reader = sender.subscribe();
        for _ in 0..=CAPACITY {
            sender.send(FeedEvent::Changed(Vec::new()));
        }
        assert_eq!(reader.next().await, Some(FeedEvent::Resync));
        for _ in 0..CAPACITY {
            assert_eq!(reader.next().await, Some(FeedEvent::Changed(Vec::new())));
        }
        drop(sender);
        assert_eq!(reader.next().await, None);
    }
}
