//! Shards that end before the load does.

use crate::{
    lifecycle::{
        Change, Effect, End, RunState, STEP_LEAD, STOP_LEAD, ShardStage, ShardState, StopReason,
        Timing,
    },
    template::WorkerLossPolicy,
    time::Timestamp,
};

/// How an attempt ended before the load did.
pub(in crate::lifecycle) struct Gone {
    shard: u32,
    attempt: u32,
    stage: ShardStage,
    message: String,
    given_up: bool,
}

impl Gone {
    /// Its worker went away.
    pub(in crate::lifecycle) fn lost(shard: u32, attempt: u32, message: String) -> Self {
        Self {
            shard,
            attempt,
            stage: ShardStage::Lost,
            message,
            given_up: false,
        }
    }

    /// It could not go on.
    pub(in crate::lifecycle) fn failed(shard: u32, attempt: u32, message: String) -> Self {
        Self {
            stage: ShardStage::Failed,
            ..Self::lost(shard, attempt, message)
        }
    }

    /// A person wanted it: nobody takes the shard over.
    pub(in crate::lifecycle) fn given_up(shard: u32, attempt: u32, message: String) -> Self {
        Self {
            given_up: true,
            ..Self::failed(shard, attempt, message)
        }
    }
}

impl RunState {
    /// A shard's attempt is over and the run is under load: the policy decides,
    /// but one that was added and has not joined yet is never missed.
    pub(in crate::lifecycle) fn shard_gone(
        &self,
        timing: &Timing,
        gone: Gone,
        now: Timestamp,
    ) -> Change {
        let Some(mut next) = self.with_shard(gone.shard, gone.attempt, gone.stage) else {
            return self.unchanged();
        };
        let before = self.shards[gone.shard as usize];
        let replace =
            timing.worker_loss == WorkerLossPolicy::Replace && !gone.given_up && !before.is_added();
        let deadline = replace.then_some(now + timing.start);
        next.shards[gone.shard as usize].deadline = deadline;
        if before.stage == ShardStage::Running {
            next.abandon_step(&gone.message, now);
        }
        let indifferent = before.is_added() || timing.worker_loss != WorkerLossPolicy::Fail;
        let change = next.goes_on(timing, indifferent, gone.message, now);
        // Another attempt, or another run, must not meet it at the worker.
        if replace || gone.given_up || before.is_joining() {
            return change.after(Effect::ReleaseShard {
                shard: gone.shard,
                attempt: gone.attempt,
            });
        }
        change
    }

    /// Before the barrier a lost worker can be replaced until there.
    pub(in crate::lifecycle) fn lost_before_load(
        &self,
        timing: &Timing,
        gone: Gone,
        barrier: Timestamp,
        now: Timestamp,
    ) -> Change {
        let Some(mut next) = self.with_shard(gone.shard, gone.attempt, gone.stage) else {
            return self.unchanged();
        };
        if timing.worker_loss != WorkerLossPolicy::Replace {
            return next.given_up(StopReason::WorkerLost, gone.message, now);
        }
        next.shards[gone.shard as usize].deadline = Some(barrier);
        next.alone().after(Effect::ReleaseShard {
            shard: gone.shard,
            attempt: gone.attempt,
        })
    }

    /// The deadline of shards has come: those that were to be added are given
    /// up; without one that was to take over, the run ends.
    pub(in crate::lifecycle) fn not_joined(&self, timing: &Timing, now: Timestamp) -> Change {
        let mut next = self.clone();
        let (mut releases, mut missed) = (Vec::new(), Vec::new());
        for (shard, index) in next.shards.iter_mut().zip(0_u32..) {
            if shard.deadline.is_none_or(|deadline| deadline > now) {
                continue;
            }
            if !shard.is_added() {
                missed.push(index.to_string());
            }
            if shard.is_joining() {
                shard.stage = ShardStage::Failed;
                releases.push(Effect::ReleaseShard {
                    shard: index,
                    attempt: shard.attempt,
                });
            }
            shard.deadline = None;
        }
        let message = if missed.is_empty() {
            "no shard is left, and none that was added became ready".to_owned()
        } else {
            format!(
                "no worker could take over shard {} within {} s; attach more workers, or raise start_timeout",
                missed.join(", "),
                timing.start.as_secs_f64()
            )
        };
        let mut change = next.goes_on(timing, missed.is_empty(), message, now);
        change.effects.splice(0..0, releases);
        change
    }

    /// Goes on if that may be and a shard is left; ends otherwise.
    fn goes_on(self, timing: &Timing, may: bool, message: String, now: Timestamp) -> Change {
        if may && self.shards.iter().any(ShardState::counts) {
            return self.search_on(timing, now + STEP_LEAD, now);
        }
        let end = End {
            reason: StopReason::WorkerLost,
            message,
        };
        self.cooling(timing, end, now + STOP_LEAD, timing.drain, now)
    }
}
