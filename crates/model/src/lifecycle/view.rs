//! What can be said of a state.

use super::{
    Aim, End, LEAD, PROCESSING, PROCESSING_SHARE, Phase, ProcessingStatus, RunState, STEP_DELIVERY,
    ShardStage, ShardState, Stage, Status, Timing, Window,
};
use crate::time::Timestamp;

impl RunState {
    /// Where the run is, in one word.
    #[must_use]
    pub fn status(&self) -> Status {
        match &self.stage {
            Stage::Prepared => Status::Prepared,
            Stage::Waiting { .. } | Stage::Starting { .. } => Status::Starting,
            Stage::Warmup { .. } | Stage::Measurement { .. } => Status::Running,
            Stage::Cooldown { end, .. } | Stage::Processing { end, .. } => {
                if end.reason.outcome() == Status::Cancelled {
                    Status::Cancelling
                } else {
                    Status::Stopping
                }
            }
            Stage::Done { end, .. } => end.reason.outcome(),
        }
    }

    /// What the load does; `None` before the start.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        match &self.stage {
            Stage::Prepared => None,
            Stage::Waiting { .. } | Stage::Starting { .. } => Some(Phase::Preparing),
            Stage::Warmup { .. } => Some(Phase::Warmup),
            Stage::Measurement { .. } => Some(Phase::Measurement),
            Stage::Cooldown { .. } => Some(Phase::Cooldown),
            Stage::Processing { .. } => Some(Phase::Processing),
            Stage::Done { .. } => Some(Phase::Done),
        }
    }

    /// When the phase began.
    #[must_use]
    pub fn phase_started(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Prepared => None,
            Stage::Waiting { since, .. }
            | Stage::Starting { since, .. }
            | Stage::Warmup { since, .. }
            | Stage::Measurement { since, .. }
            | Stage::Cooldown { since, .. }
            | Stage::Processing { since, .. } => Some(*since),
            Stage::Done { at, .. } => Some(*at),
        }
    }

    /// When the phase will end by itself; `None` where that is not known.
    #[must_use]
    pub fn phase_ends(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Warmup { ends, .. } | Stage::Measurement { ends, .. } => Some(*ends),
            _ => None,
        }
    }

    /// When [`Event::DeadlineReached`](super::Event::DeadlineReached) is to be
    /// sent: the earliest deadline of the stage and of the shards. `None` where a
    /// run may stay for ever. Before the deadline the event changes nothing.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let of_stage = self.stage_deadline()?;
        Some(of_stage.min(self.shard_deadline().unwrap_or(of_stage)))
    }

    /// A phase's next command goes out [`LEAD`] ahead of its end. A report is
    /// made from every second under load, so it may take a twentieth of it.
    fn stage_deadline(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Prepared | Stage::Done { .. } => None,
            Stage::Waiting { deadline, .. }
            | Stage::Starting { deadline, .. }
            | Stage::Cooldown { deadline, .. } => Some(*deadline),
            Stage::Warmup { ends, .. } => Some(ends.before(LEAD)),
            Stage::Measurement { ends, .. } => {
                let planned = ends.before(LEAD);
                let current = self.search.as_ref().and_then(|search| search.current);
                Some(current.map_or(planned, |step| planned.max(step.to + STEP_DELIVERY)))
            }
            Stage::Processing { since, .. } => {
                let began = self.load_started.unwrap_or(*since);
                Some(*since + PROCESSING + since.since(began) / PROCESSING_SHARE)
            }
        }
    }

    /// By when the first shard must have joined or be replaced.
    fn shard_deadline(&self) -> Option<Timestamp> {
        self.shards.iter().filter_map(|shard| shard.deadline).min()
    }

    /// Whether it is a shard's deadline that comes next, not the stage's.
    pub(super) fn waits_for_shard(&self) -> bool {
        let of_shard = self.shard_deadline();
        of_shard.is_some_and(|of_shard| self.stage_deadline().is_none_or(|other| of_shard < other))
    }

    /// The level of now and how it is split.
    #[must_use]
    pub fn aim(&self, timing: &Timing) -> Aim {
        Aim {
            level: self.level.unwrap_or(timing.level),
            split: self.split.clone(),
        }
    }

    /// Whether a command is for a shard's newest attempt: it is under load, and
    /// the command was given since it joined. The first that is for it is its START.
    #[must_use]
    pub fn is_for(&self, shard: u32, sequence: i64) -> bool {
        let shard: Option<&ShardState> = self.shards.get(shard as usize);
        shard.is_some_and(|shard| {
            shard.stage == ShardStage::Running && sequence > shard.joined_after
        })
    }

    /// Why the load ended; `None` before it did.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        match &self.stage {
            Stage::Cooldown { end, .. }
            | Stage::Processing { end, .. }
            | Stage::Done { end, .. } => Some(end),
            _ => None,
        }
    }

    /// What was measured; `None` before the measurement ended.
    #[must_use]
    pub fn measured(&self) -> Option<Window> {
        match &self.stage {
            Stage::Cooldown { measured, .. }
            | Stage::Processing { measured, .. }
            | Stage::Done { measured, .. } => *measured,
            _ => None,
        }
    }

    /// The state of the report.
    #[must_use]
    pub fn processing(&self) -> ProcessingStatus {
        match &self.stage {
            Stage::Processing { .. } => ProcessingStatus::Running,
            Stage::Done { processing, .. } => *processing,
            _ => ProcessingStatus::Pending,
        }
    }
}
