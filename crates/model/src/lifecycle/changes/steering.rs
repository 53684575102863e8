//! What people and guardrails do to a load.

use std::time::Duration;

use crate::{
    lifecycle::{
        ADJUST_LEAD, Action, Adjustment, Change, Effect, MOST_ADJUSTMENTS, Refused, RunState,
        STEP_LEAD, Timing,
    },
    template::Split,
    time::{Timestamp, micros},
};

impl RunState {
    /// What a person asks for; refused once there was too much of it.
    pub(in crate::lifecycle) fn adjust(
        &self,
        timing: &Timing,
        adjustment: Adjustment,
        verb: &'static str,
        now: Timestamp,
    ) -> Result<Change, Refused> {
        let mut next = self.clone();
        match adjustment {
            Adjustment::Level(_) if timing.search.is_some() => {
                return self.refused(verb, Some("a search sets the level"));
            }
            Adjustment::Level(level) => next.level = Some(level),
            Adjustment::Paused(paused) => next.paused = paused,
        }
        if next == *self {
            return Ok(next.alone());
        }
        if self.adjustments >= MOST_ADJUSTMENTS {
            let why = "its load was adjusted 1,000 times, which is the most";
            return self.refused(verb, Some(why));
        }
        let at = self.earliest(now + ADJUST_LEAD);
        next.adjustments += 1;
        next.adjusted = Some(at);
        Ok(match adjustment {
            Adjustment::Level(_) => {
                let aim = next.aim(timing);
                next.command(at, Action::SetTarget(aim))
            }
            Adjustment::Paused(true) => {
                next.abandon_step("the run was paused", now);
                next.command(at, Action::Pause)
            }
            Adjustment::Paused(false) => next
                .command(at, Action::Resume)
                .and(|next| next.search_on(timing, at, now)),
        })
    }

    /// Other parts of the same level. Nobody asked for it, so one too many is
    /// passed over.
    pub(in crate::lifecycle) fn rebalanced(
        &self,
        timing: &Timing,
        split: Split,
        verb: &'static str,
        now: Timestamp,
    ) -> Result<Change, Refused> {
        let weights = split.weights();
        if weights.len() != self.shards.len() || weights.iter().all(|weight| *weight == 0) {
            let why = "there must be one weight per shard, and not all may be zero";
            return self.refused(verb, Some(why));
        }
        if weights == self.weights() || self.reshaped >= MOST_ADJUSTMENTS {
            return Ok(self.unchanged());
        }
        let mut next = self.clone();
        next.split = split;
        next.reshaped += 1;
        next.abandon_step("the load was split in another way", now);
        let change = next.search_on(timing, now + STEP_LEAD, now);
        if change.effects.iter().any(Effect::is_command) {
            return Ok(change);
        }
        let at = change.state.earliest(now + ADJUST_LEAD);
        let aim = change.state.aim(timing);
        Ok(change.and(|next| next.command(at, Action::SetTarget(aim))))
    }

    pub(in crate::lifecycle) fn late(&self, late: Duration) -> Change {
        let mut next = self.clone();
        next.command_lateness_us = next.command_lateness_us.max(micros(late));
        next.alone()
    }
}
