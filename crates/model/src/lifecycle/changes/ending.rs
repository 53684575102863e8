//! From the end of the load to the end of the run.

use std::time::Duration;

use crate::{
    lifecycle::{
        Action, Change, DELIVERY, Effect, End, ProcessingStatus, RunState, ShardStage, Stage,
        StopReason, Timing, Window,
    },
    time::Timestamp,
};

impl RunState {
    /// Ends the load at an instant. Attempts that have not joined yet are let
    /// go: they sent nothing, so they owe nothing.
    pub(in crate::lifecycle) fn cooling(
        &self,
        timing: &Timing,
        end: End,
        at: Timestamp,
        drain: Duration,
        now: Timestamp,
    ) -> Change {
        let measured = match self.stage {
            Stage::Measurement { since, .. } if at > since => Some(Window {
                from: since,
                to: at,
            }),
            _ => None,
        };
        let mut next = self.clone();
        next.break_off_search(&end, now);
        let let_go = next.let_joiners_go();
        next.stage = Stage::Cooldown {
            since: at,
            deadline: at + timing.drain.min(drain) + DELIVERY,
            measured,
            end,
        };
        let mut change = match next.processing_if_delivered(now) {
            Some(change) => change,
            None => next.command(at, Action::stop(drain)),
        };
        change.effects.splice(0..0, let_go);
        change
    }

    fn let_joiners_go(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (shard, index) in self.shards.iter_mut().zip(0..) {
            if shard.is_joining() {
                shard.stage = ShardStage::Finished;
                effects.push(Effect::ReleaseShard {
                    shard: index,
                    attempt: shard.attempt,
                });
            }
            shard.deadline = None;
        }
        effects
    }

    /// Takes note that a shard is over; once all are, the report is made.
    pub(in crate::lifecycle) fn delivered(
        &self,
        shard: u32,
        attempt: u32,
        stage: ShardStage,
        problem: Option<String>,
        now: Timestamp,
    ) -> Change {
        let Some(mut next) = self.with_shard(shard, attempt, stage) else {
            return self.unchanged();
        };
        if let Some(message) = problem {
            next = next.ended_by(StopReason::WorkerLost, message);
        }
        next.processing_if_delivered(now)
            .unwrap_or_else(|| next.alone())
    }

    pub(in crate::lifecycle) fn undelivered(&self, now: Timestamp) -> Change {
        let mut next = self.clone();
        let mut late = Vec::new();
        for (index, shard) in next.shards.iter_mut().enumerate() {
            if shard.stage.is_live() {
                shard.stage = ShardStage::Lost;
                late.push(index.to_string());
            }
        }
        let message = format!(
            "shard {} did not deliver the last results in time; look at the worker's log",
            late.join(", ")
        );
        let next = next.ended_by(StopReason::WorkerLost, message);
        next.processing_if_delivered(now)
            .unwrap_or_else(|| next.alone())
    }

    fn processing_if_delivered(&self, now: Timestamp) -> Option<Change> {
        let Stage::Cooldown { measured, end, .. } = &self.stage else {
            return None;
        };
        if self.shards.iter().any(|shard| shard.stage.is_live()) {
            return None;
        }
        let mut state = self.clone();
        state.stage = Stage::Processing {
            since: now,
            measured: *measured,
            end: end.clone(),
        };
        Some(Change {
            state,
            effects: vec![Effect::Release, Effect::MakeReport],
        })
    }

    /// The same state with a stronger reason; a weaker one changes nothing.
    pub(in crate::lifecycle) fn ended_by(&self, reason: StopReason, message: String) -> Self {
        let mut next = self.clone();
        if let Stage::Cooldown { end, .. } = &mut next.stage
            && reason > end.reason
        {
            *end = End { reason, message };
        }
        next
    }

    pub(in crate::lifecycle) fn cut_short(&self, message: String, now: Timestamp) -> Change {
        let mut next = self.ended_by(StopReason::UserAbort, message);
        if let Stage::Cooldown { deadline, .. } = &mut next.stage {
            *deadline = (*deadline).min(now + DELIVERY);
        }
        next.command(now, Action::stop(Duration::ZERO))
    }

    pub(in crate::lifecycle) fn done(
        &self,
        processing: ProcessingStatus,
        now: Timestamp,
    ) -> Change {
        let mut state = self.clone();
        if let Stage::Processing { measured, end, .. } = &self.stage {
            state.stage = Stage::Done {
                at: now,
                measured: *measured,
                end: end.clone(),
                processing,
            };
        }
        state.alone()
    }

    pub(in crate::lifecycle) fn remade(&self) -> Change {
        let mut next = self.clone();
        if let Stage::Done { processing, .. } = &mut next.stage {
            *processing = ProcessingStatus::Completed;
        }
        next.alone()
    }
}

impl Change {
    /// The same change with the shard's worker set free, if the shard is given
    /// up by it.
    pub(in crate::lifecycle) fn releasing(
        self,
        before: &RunState,
        shard: u32,
        attempt: u32,
    ) -> Self {
        if self.state.shards == before.shards {
            return self;
        }
        self.after(Effect::ReleaseShard { shard, attempt })
    }
}
