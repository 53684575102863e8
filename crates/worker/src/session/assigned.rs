//! Shards taken, refused and given back.

use gauntlet_model::session::{Assign, AttemptRef, WorkerEvent};
use tracing::info;

use super::{Do, Session, held::Held};
use crate::{logs::about, plan::connections};

impl Session {
    pub(super) fn assign(&mut self, assign: Box<Assign>) -> Vec<Do> {
        let attempt = assign.attempt;
        if self.leaves.is_none()
            && let Some(held) = self.held.get_mut(&attempt)
        {
            // The server is not sure that the first one arrived.
            held.retell_end();
            return held.ready().map(Do::Send).into_iter().collect();
        }
        if let Some(message) = self.refusal(&assign) {
            return vec![Do::Send(WorkerEvent::ShardFailed { attempt, message })];
        }
        self.held.insert(attempt, Held::new(&assign));
        about(
            attempt,
            || info!(run = %attempt.run, shard = attempt.shard, "a shard was assigned"),
        );
        vec![Do::Prepare(assign)]
    }

    /// Why the worker does not take a shard, if it does not.
    fn refusal(&self, assign: &Assign) -> Option<String> {
        if self.leaves.is_some() {
            return Some("the worker is leaving".to_owned());
        }
        if self.drains.is_some() {
            return Some("the worker is being drained".to_owned());
        }
        let run = assign.attempt.run;
        let same_run = |held: &&Held| held.attempt.run == run && !held.is_over();
        if let Some(held) = self.held.values().find(same_run) {
            return Some(format!(
                "the worker still holds shard {} of run {run}; it takes one of a run at a time",
                held.attempt.shard
            ));
        }
        let taken = self.held.values().map(Held::connections).sum();
        let (capacity, needed) = (self.identity.capacity, connections(assign));
        let free = capacity.saturating_sub(taken);
        (needed > free).then(|| {
            format!(
                "the shard needs {needed} connections, the worker has {free} of its {capacity} left; start it with a larger --capacity or add workers"
            )
        })
    }

    pub(super) fn release(&mut self, attempt: AttemptRef) -> Vec<Do> {
        if self.held.remove(&attempt).is_none() {
            return Vec::new();
        }
        about(
            attempt,
            || info!(run = %attempt.run, shard = attempt.shard, "the shard was released"),
        );
        vec![Do::Forget(attempt)]
    }
}
