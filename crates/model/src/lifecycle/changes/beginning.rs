//! From the start to the measurement.

use crate::{
    id::WorkerId,
    lifecycle::{
        Action, Change, Effect, End, LEAD, Phase, ProcessingStatus, RunState, ShardStage,
        ShardState, Stage, StopReason, Timing,
    },
    time::Timestamp,
};

impl RunState {
    pub(in crate::lifecycle) fn waiting(&self, timing: &Timing, now: Timestamp) -> Change {
        let stage = Stage::Waiting {
            since: now,
            deadline: now + timing.wait,
        };
        Self {
            stage,
            ..self.clone()
        }
        .alone()
    }

    pub(in crate::lifecycle) fn waited_in_vain(&self, timing: &Timing, now: Timestamp) -> Change {
        let message = format!(
            "no worker was free within {} s; attach more workers, or raise worker_wait",
            timing.wait.as_secs_f64()
        );
        self.given_up(StopReason::SetupError, message, now)
    }

    pub(in crate::lifecycle) fn starting(
        &self,
        timing: &Timing,
        workers: &[WorkerId],
        now: Timestamp,
    ) -> Change {
        let shards = workers
            .iter()
            .map(|&worker| ShardState::assigned(worker))
            .collect();
        let stage = Stage::Starting {
            since: now,
            deadline: now + timing.start,
        };
        let state = Self {
            stage,
            shards,
            ..self.clone()
        };
        Change {
            state,
            effects: vec![Effect::Assign],
        }
    }

    /// Ends a run that never sent any load.
    pub(in crate::lifecycle) fn given_up(
        &self,
        reason: StopReason,
        message: String,
        now: Timestamp,
    ) -> Change {
        let mut state = self.clone();
        state.stage = Stage::Done {
            at: now,
            measured: None,
            end: End { reason, message },
            processing: ProcessingStatus::Skipped,
        };
        for shard in &mut state.shards {
            shard.deadline = None;
        }
        Change {
            state,
            effects: vec![Effect::Release],
        }
    }

    /// Who the barrier waits for.
    pub(in crate::lifecycle) fn missing(&self, timing: &Timing) -> String {
        let missing: Vec<String> = self
            .shards
            .iter()
            .enumerate()
            .filter(|(_, shard)| shard.stage != ShardStage::Ready)
            .map(|(index, shard)| {
                if shard.is_vacant() {
                    return format!("shard {index}, whose worker was lost");
                }
                format!("shard {index} on worker {}", shard.worker)
            })
            .collect();
        format!(
            "not ready within {} s: {}; look at the worker's log, or raise start_timeout",
            timing.start.as_secs_f64(),
            missing.join(", ")
        )
    }

    /// The barrier is passed: only now the clock starts.
    pub(in crate::lifecycle) fn under_load(mut self, timing: &Timing, now: Timestamp) -> Change {
        let since = now + LEAD;
        let phase = if timing.warmup.is_zero() {
            self.stage = Stage::Measurement {
                since,
                ends: since + timing.measurement,
            };
            Phase::Measurement
        } else {
            self.stage = Stage::Warmup {
                since,
                ends: since + timing.warmup,
            };
            Phase::Warmup
        };
        self.load_started = Some(since);
        for shard in &mut self.shards {
            shard.stage = ShardStage::Running;
        }
        self.command(since, Action::Start(phase))
            .and(|next| next.search_on(timing, since, now))
    }

    /// The warmup ends at the instant, or later if commands are on their way.
    pub(in crate::lifecycle) fn measuring(
        &self,
        timing: &Timing,
        ends: Timestamp,
        steady: bool,
        now: Timestamp,
    ) -> Change {
        // Late only when the control plane was away: then the warmup lasted longer.
        let since = self.earliest(ends.max(now));
        let mut next = self.clone();
        next.stage = Stage::Measurement {
            since,
            ends: since + timing.measurement,
        };
        next.warmup_steady = timing.until_steady.then_some(steady);
        next.command(since, Action::SetPhase(Phase::Measurement))
            .and(|next| next.search_on(timing, since, now))
    }
}
