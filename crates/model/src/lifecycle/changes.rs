//! What each entry of the table of transitions does.

use std::time::Duration;

use super::{
    ADJUST_LEAD, Action, Adjustment, Change, DELIVERY, Effect, End, LEAD, MOST_ADJUSTMENTS, Phase,
    ProcessingStatus, Refused, RunState, STOP_LEAD, ShardStage, ShardState, Stage, StopReason,
    Timing, Window,
};
use crate::{
    id::WorkerId,
    template::WorkerLossPolicy,
    time::{Timestamp, micros},
};

impl RunState {
    pub(super) fn unchanged(&self) -> Change {
        Change {
            state: self.clone(),
            effects: Vec::new(),
        }
    }

    pub(super) fn starting(&self, timing: &Timing, workers: &[WorkerId], now: Timestamp) -> Change {
        let shards = workers
            .iter()
            .map(|&worker| ShardState {
                worker,
                attempt: 1,
                stage: ShardStage::Assigned,
            })
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
    pub(super) fn given_up(&self, reason: StopReason, message: String, now: Timestamp) -> Change {
        let state = Self {
            stage: Stage::Done {
                at: now,
                measured: None,
                end: End { reason, message },
                processing: ProcessingStatus::Skipped,
            },
            ..self.clone()
        };
        Change {
            state,
            effects: vec![Effect::Release],
        }
    }

    /// The barrier is passed: only now the clock starts.
    pub(super) fn under_load(mut self, timing: &Timing, now: Timestamp) -> Change {
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
    }

    pub(super) fn measuring(&self, timing: &Timing, ends: Timestamp, now: Timestamp) -> Change {
        // Late only when the control plane was away: then the warmup lasted longer.
        // Never before an adjustment: commands take effect in their order.
        let since = ends.max(now).max(self.adjusted.unwrap_or(ends));
        let mut next = self.clone();
        next.stage = Stage::Measurement {
            since,
            ends: since + timing.measurement,
        };
        next.command(since, Action::SetPhase(Phase::Measurement))
    }

    /// `None` when there were too many before.
    pub(super) fn adjust(
        &self,
        adjustment: Adjustment,
        phase_began: Timestamp,
        now: Timestamp,
    ) -> Option<Change> {
        let mut next = self.clone();
        let action = match adjustment {
            Adjustment::Level(level) => {
                next.level = Some(level);
                Action::SetTarget(level)
            }
            Adjustment::Paused(paused) => {
                next.paused = paused;
                if paused {
                    Action::Pause
                } else {
                    Action::Resume
                }
            }
        };
        if next == *self {
            return Some(next.unchanged());
        }
        if self.adjustments >= MOST_ADJUSTMENTS {
            return None;
        }
        // The phase's own command may be on its way with an instant to come.
        let after = phase_began.max(self.adjusted.unwrap_or(phase_began));
        let at = (now + ADJUST_LEAD).max(after);
        next.adjustments += 1;
        next.adjusted = Some(at);
        Some(next.command(at, action))
    }

    pub(super) fn adjusted_too_often(&self, verb: &'static str) -> Result<Change, Refused> {
        Err(Refused {
            status: self.status(),
            phase: self.phase(),
            event: verb,
            why: Some("its load was adjusted 1,000 times, which is the most"),
        })
    }

    pub(super) fn late(&self, late: Duration) -> Change {
        let mut next = self.clone();
        next.command_lateness_us = next.command_lateness_us.max(micros(late));
        next.unchanged()
    }

    pub(super) fn cooling(
        &self,
        timing: &Timing,
        reason: StopReason,
        message: String,
        at: Timestamp,
        drain: Duration,
    ) -> Change {
        let measured = match self.stage {
            Stage::Measurement { since, .. } if at > since => Some(Window {
                from: since,
                to: at,
            }),
            _ => None,
        };
        let mut next = self.clone();
        next.stage = Stage::Cooldown {
            since: at,
            deadline: at + timing.drain.min(drain) + DELIVERY,
            measured,
            end: End { reason, message },
        };
        next.command(at, Action::stop(drain))
    }

    pub(super) fn shard_gone(
        &self,
        timing: &Timing,
        shard: u32,
        attempt: u32,
        stage: ShardStage,
        message: String,
        now: Timestamp,
    ) -> Change {
        let Some(next) = self.with_shard(shard, attempt, stage) else {
            return self.unchanged();
        };
        let goes_on = timing.worker_loss == WorkerLossPolicy::Continue
            && next.shards.iter().any(|shard| shard.stage.is_live());
        if goes_on {
            return next.unchanged();
        }
        let change = next.cooling(
            timing,
            StopReason::WorkerLost,
            message,
            now + STOP_LEAD,
            timing.drain,
        );
        change.state.processing_if_delivered(now).unwrap_or(change)
    }

    /// Takes note that a shard is over; once all are, the report is made.
    pub(super) fn delivered(
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
            .unwrap_or_else(|| next.unchanged())
    }

    pub(super) fn undelivered(&self, now: Timestamp) -> Change {
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
            .unwrap_or_else(|| next.unchanged())
    }

    pub(super) fn processing_if_delivered(&self, now: Timestamp) -> Option<Change> {
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

    pub(super) fn cut_short(&self, message: String, now: Timestamp) -> Change {
        let mut next = self.ended_by(StopReason::UserAbort, message);
        if let Stage::Cooldown { deadline, .. } = &mut next.stage {
            *deadline = (*deadline).min(now + DELIVERY);
        }
        next.command(now, Action::stop(Duration::ZERO))
    }

    pub(super) fn done(&self, processing: ProcessingStatus, now: Timestamp) -> Change {
        let mut state = self.clone();
        if let Stage::Processing { measured, end, .. } = &self.stage {
            state.stage = Stage::Done {
                at: now,
                measured: *measured,
                end: end.clone(),
                processing,
            };
        }
        Change {
            state,
            effects: Vec::new(),
        }
    }

    pub(super) fn remade(&self) -> Change {
        let mut next = self.clone();
        if let Stage::Done { processing, .. } = &mut next.stage {
            *processing = ProcessingStatus::Completed;
        }
        next.unchanged()
    }

    pub(super) fn command(mut self, at: Timestamp, action: Action) -> Change {
        self.commands += 1;
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

    /// The same state with a stronger reason; a weaker one changes nothing.
    pub(super) fn ended_by(&self, reason: StopReason, message: String) -> Self {
        let mut next = self.clone();
        if let Stage::Cooldown { end, .. } = &mut next.stage
            && reason > end.reason
        {
            *end = End { reason, message };
        }
        next
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

    pub(super) fn missing(&self, timing: &Timing) -> String {
        let missing: Vec<String> = self
            .shards
            .iter()
            .enumerate()
            .filter(|(_, shard)| shard.stage == ShardStage::Assigned)
            .map(|(index, shard)| format!("shard {index} on worker {}", shard.worker))
            .collect();
        format!(
            "not ready within {} s: {}; look at the worker's log, or raise start_timeout",
            timing.start.as_secs_f64(),
            missing.join(", ")
        )
    }
}

impl Change {
    /// The same change with the shard's worker set free, if the shard is given
    /// up by it.
    pub(super) fn releasing(mut self, before: &RunState, shard: u32, attempt: u32) -> Self {
        if self.state.shards != before.shards {
            self.effects
                .insert(0, Effect::ReleaseShard { shard, attempt });
        }
        self
    }
}
