//! Workers that come to a run under way.

use crate::{
    id::WorkerId,
    lifecycle::{
        Action, Aim, Change, Effect, LEAD, MOST_ADJUSTMENTS, Phase, Refused, RunState, ShardStage,
        ShardState, Stage, Timing,
    },
    scaling,
    template::Split,
    time::Timestamp,
};

use super::MOST_CHANGES;

impl RunState {
    /// A worker takes over a shard whose own was lost. Before the barrier it
    /// has the time that is left until there.
    pub(in crate::lifecycle) fn replaced(
        &self,
        timing: &Timing,
        shard: u32,
        worker: WorkerId,
        verb: &'static str,
        now: Timestamp,
    ) -> Result<Change, Refused> {
        let mut next = self.clone();
        let starting = matches!(self.stage, Stage::Starting { .. });
        let entry = next.shards.get_mut(shard as usize);
        let Some(entry) = entry.filter(|entry| entry.is_vacant()) else {
            return self.refused(verb, Some("the shard is not waiting for a worker"));
        };
        if self.reshaped >= MOST_ADJUSTMENTS {
            return self.refused(verb, Some(MOST_CHANGES));
        }
        *entry = ShardState {
            attempt: entry.attempt + 1,
            deadline: (!starting).then_some(now + timing.start),
            ..ShardState::assigned(worker)
        };
        next.reshaped += 1;
        Ok(next.alone().after(Effect::AssignShard { shard }))
    }

    /// A worker gets a shard of its own; its part of the load is zero until it
    /// has joined.
    pub(in crate::lifecycle) fn added(
        &self,
        timing: &Timing,
        worker: WorkerId,
        verb: &'static str,
        now: Timestamp,
    ) -> Result<Change, Refused> {
        if !self.may_grow(timing) {
            return self.refused(verb, Some("its scaling allows no more workers"));
        }
        if self.reshaped >= MOST_ADJUSTMENTS {
            return self.refused(verb, Some(MOST_CHANGES));
        }
        let mut next = self.clone();
        let mut weights = next.weights();
        weights.push(0);
        next.split = Split::of(weights);
        let shard = next.shards.len() as u32;
        next.shards.push(ShardState {
            deadline: Some(now + timing.start),
            ..ShardState::assigned(worker)
        });
        next.reshaped += 1;
        Ok(next.alone().after(Effect::AssignShard { shard }))
    }

    /// Whether scaling allows one more worker.
    pub(in crate::lifecycle) fn may_grow(&self, timing: &Timing) -> bool {
        let there = self.shards.iter().filter(|shard| shard.counts()).count();
        scaling::can_add(&timing.scaling, there as u32)
    }

    /// An attempt is ready while the run is under load: it begins in the phase
    /// and at the level of now, at an instant at which the others' intervals end.
    pub(in crate::lifecycle) fn joined(
        &self,
        timing: &Timing,
        shard: u32,
        attempt: u32,
        now: Timestamp,
    ) -> Change {
        let before = self.shards.get(shard as usize);
        let Some(before) = before.filter(|before| before.is_joining()) else {
            return self.unchanged();
        };
        let Some(mut next) = self.with_shard(shard, attempt, ShardStage::Running) else {
            return self.unchanged();
        };
        let entry = &mut next.shards[shard as usize];
        entry.joined_after = self.commands;
        entry.deadline = None;
        if before.is_added() {
            next.split = next.equal_split();
        }
        next.abandon_step(&format!("shard {shard} joined"), now);
        let phase = match self.stage {
            Stage::Warmup { .. } => Phase::Warmup,
            _ => Phase::Measurement,
        };
        let at = next.interval_end(next.earliest(now + LEAD));
        let change = next
            .command(at, Action::Start(phase))
            .and(|next| next.search_on(timing, at, now));
        // Over, or the step has said what the level is.
        if change.effects.len() > 1 {
            return change;
        }
        let aim = change.state.aim(timing);
        let paused = change.state.paused;
        let change = if aim == Aim::from(timing.level) {
            change
        } else {
            change.and(|next| next.command(at, Action::SetTarget(aim)))
        };
        if paused {
            return change.and(|next| next.command(at, Action::Pause));
        }
        change
    }

    /// The weight of each shard, also where they have equal parts.
    pub(super) fn weights(&self) -> Vec<u32> {
        let mut weights = self.split.weights().to_vec();
        // Missing ones are those of equal parts: none was added since.
        weights.resize(self.shards.len(), u32::from(self.split.is_equal()));
        weights
    }

    /// Equal parts for all that have work to do or are being replaced.
    fn equal_split(&self) -> Split {
        let weight = |shard: &ShardState| u32::from(shard.counts() && !shard.is_added());
        Split::of(self.shards.iter().map(weight).collect())
    }
}
