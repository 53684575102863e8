//! When each attempt's first operation was due, as its intervals tell it: so
//! that the workers' skew at the start shows while the run goes on.
//!
//! The first instant that makes sense is stored, once per attempt. Every interval
//! tells it again, so what is not stored now is with the next one; the end of the
//! shard has the last word.

use std::time::Duration;

use gauntlet_model::{session::AttemptRef, time::Timestamp};
use gauntlet_store::RunChange;

use super::{Task, ask::only};

/// A worker's clock may be off by more than it knows, but hardly by so much.
const OFF: Duration = Duration::from_secs(1);

impl Task {
    /// Takes what an interval tells, if it is news.
    pub(super) fn take_began(&mut self, attempt: AttemptRef, at: Timestamp) {
        let mut known = self.attempts.iter();
        let waits = known.any(|one| {
            let same = (one.shard, one.number) == (attempt.shard, attempt.attempt);
            same && one.stage.is_live() && one.first_operation.is_none()
        });
        if !waits || self.batch.began.contains_key(&attempt) {
            return;
        }
        if self.may_have_begun(at) {
            self.batch.began.insert(attempt, at);
        } else {
            let (shard, at) = (attempt.shard, at.0);
            self.warn(
                "when a worker began makes no sense; it was passed over",
                format!("shard {shard} says {at} us"),
            );
        }
    }

    /// Not before the run's load and not to come, as far as clocks go.
    fn may_have_begun(&self, at: Timestamp) -> bool {
        let off = self.run.spec.control.max_clock_uncertainty.max(OFF);
        let began = self.run.state.load_started;
        began.is_some_and(|began| (began.before(off)..=self.now() + off).contains(&at))
    }

    /// Stores it and tells the watchers.
    pub(super) async fn flush_began(&mut self) {
        let began = std::mem::take(&mut self.batch.began);
        if began.is_empty() || self.is_settled() {
            return;
        }
        let (run, mut attempts) = (self.run.id, self.attempts.clone());
        let mut changed = Vec::new();
        for attempt in attempts.iter_mut().filter(|one| one.stage.is_live()) {
            if let Some(at) = began.get(&attempt.of(run)) {
                attempt.first_operation = Some(*at);
                changed.push(attempt.clone());
            }
        }
        if changed.is_empty() {
            return;
        }
        let change = RunChange {
            attempts: changed,
            ..only(self.run.clone())
        };
        if let Err(error) = self.save(change, attempts).await {
            self.warn("when workers began is not stored; tried again", error);
        }
    }
}
