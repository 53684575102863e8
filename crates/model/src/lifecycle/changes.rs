//! What each entry of the table of transitions does: the parts that all share.

use super::{Action, Change, Effect, INTERVAL, Refused, RunState, ShardStage, Stage};
use crate::time::{Timestamp, micros};

mod beginning;
mod ending;
mod joining;
mod losing;
mod searching;
mod steering;

pub(super) use losing::Gone;

/// Why a change of the shards is refused, or ignored, once there were too many.
const MOST_CHANGES: &str = "its shards were changed 1,000 times, which is the most";

impl RunState {
    pub(super) fn unchanged(&self) -> Change {
        self.clone().alone()
    }

    /// The state, and nothing to do.
    pub(super) fn alone(self) -> Change {
        Change {
            state: self,
            effects: Vec::new(),
        }
    }

    pub(super) fn refused(
        &self,
        verb: &'static str,
        why: Option<&'static str>,
    ) -> Result<Change, Refused> {
        Err(Refused {
            status: self.status(),
            phase: self.phase(),
            event: verb,
            why,
        })
    }

    pub(super) fn command(mut self, at: Timestamp, action: Action) -> Change {
        self.commands += 1;
        // A stop may overtake what was to come before it; nothing else may.
        if !matches!(action, Action::Stop { .. }) {
            self.commanded = Some(at);
        }
        let effect = Effect::Command {
            sequence: self.commands,
            at,
            action,
        };
        Change {
            state: self,
            effects: vec![effect],
        }
    }

    /// The instant, or that of the newest command if it is later: commands take
    /// effect in their order. States that were stored before `commanded` was
    /// know when their phase began and when they were adjusted.
    pub(super) fn earliest(&self, at: Timestamp) -> Timestamp {
        let phase = match self.stage {
            Stage::Warmup { since, .. } | Stage::Measurement { since, .. } => Some(since),
            _ => None,
        };
        [self.commanded, self.adjusted, phase]
            .into_iter()
            .flatten()
            .fold(at, Timestamp::max)
    }

    /// The first instant from `at` on at which the workers' intervals end.
    pub(super) fn interval_end(&self, at: Timestamp) -> Timestamp {
        let began = self.load_started.unwrap_or(at);
        let length = micros(INTERVAL);
        let past = at.0.saturating_sub(began.0).rem_euclid(length);
        Timestamp(at.0 + (length - past) % length)
    }

    /// The same state with a shard moved on; `None` when the event is of an
    /// older attempt or the shard is already there or beyond.
    pub(super) fn with_shard(&self, shard: u32, attempt: u32, stage: ShardStage) -> Option<Self> {
        let mut next = self.clone();
        let entry = next.shards.get_mut(shard as usize)?;
        if entry.attempt != attempt || !entry.stage.is_live() || entry.stage >= stage {
            return None;
        }
        entry.stage = stage;
        Some(next)
    }

    pub(super) fn all(&self, stage: ShardStage) -> bool {
        self.shards.iter().all(|shard| shard.stage == stage)
    }
}

impl Change {
    /// The change with another after it.
    pub(super) fn and(mut self, more: impl FnOnce(RunState) -> Change) -> Self {
        let change = more(self.state);
        self.effects.extend(change.effects);
        Self {
            state: change.state,
            effects: self.effects,
        }
    }

    /// The change with an effect before all others.
    pub(super) fn after(mut self, effect: Effect) -> Self {
        self.effects.insert(0, effect);
        self
    }
}
