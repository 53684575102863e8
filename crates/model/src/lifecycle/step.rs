//! The transition function.

use super::{
    Action, Change, DELIVERY, Effect, End, Event, LEAD, Phase, ProcessingStatus, Refused, RunState,
    STOP_LEAD, ShardStage, ShardState, Stage, StopReason, Timing, Window,
};
use crate::{template::WorkerLossPolicy, time::Timestamp};

impl RunState {
    /// Folds an event into the next state and the effects to perform.
    ///
    /// An event of an attempt that is over, or a repeated stop, changes nothing
    /// and gives the same state without effects. An event that makes no sense
    /// in the state is refused.
    #[expect(
        clippy::too_many_lines,
        clippy::match_same_arms,
        reason = "it is one table: every pair of stage and event stands in it once"
    )]
    pub fn on(&self, timing: &Timing, event: Event, now: Timestamp) -> Result<Change, Refused> {
        use Event as E;
        use Stage as S;
        let verb = event.verb();
        let refused = || {
            Err(Refused {
                status: self.status(),
                phase: self.phase(),
                event: verb,
            })
        };
        Ok(match (&self.stage, event) {
            (S::Prepared, E::Start { workers }) => self.starting(timing, &workers, now),
            (S::Prepared | S::Starting { .. }, E::SetupFailed { message }) => {
                self.given_up(StopReason::SetupError, message, now)
            }
            (S::Prepared | S::Starting { .. }, E::Stop { message }) => {
                self.given_up(StopReason::UserStop, message, now)
            }
            (S::Prepared | S::Starting { .. }, E::Abort { message }) => {
                self.given_up(StopReason::UserAbort, message, now)
            }

            (S::Starting { .. }, E::ShardReady { shard, attempt }) => {
                match self.with_shard(shard, attempt, ShardStage::Ready) {
                    Some(next) if next.all(ShardStage::Ready) => next.under_load(timing, now),
                    Some(next) => next.unchanged(),
                    None => self.unchanged(),
                }
            }
            (
                S::Starting { .. },
                E::ShardFailed {
                    shard,
                    attempt,
                    message,
                },
            ) => match self.with_shard(shard, attempt, ShardStage::Failed) {
                Some(next) => next.given_up(StopReason::SetupError, message, now),
                None => self.unchanged(),
            },
            (
                S::Starting { .. },
                E::WorkerLost {
                    shard,
                    attempt,
                    message,
                },
            ) => match self.with_shard(shard, attempt, ShardStage::Lost) {
                Some(next) => next.given_up(StopReason::WorkerLost, message, now),
                None => self.unchanged(),
            },
            (S::Starting { .. }, E::DeadlineReached) => {
                self.given_up(StopReason::SetupError, self.missing(timing), now)
            }

            (S::Warmup { ends, .. }, E::DeadlineReached) => self.measuring(timing, *ends, now),
            (S::Measurement { ends, .. }, E::DeadlineReached) => {
                let at = (*ends).max(now);
                let message = "the measurement lasted as long as planned".to_owned();
                self.cooling(
                    timing,
                    StopReason::DurationElapsed,
                    message,
                    at,
                    timing.drain,
                )
            }
            (S::Warmup { .. } | S::Measurement { .. }, E::Stop { message }) => self.cooling(
                timing,
                StopReason::UserStop,
                message,
                now + STOP_LEAD,
                timing.drain,
            ),
            (S::Warmup { .. } | S::Measurement { .. }, E::Abort { message }) => self.cooling(
                timing,
                StopReason::UserAbort,
                message,
                now,
                std::time::Duration::ZERO,
            ),
            (
                S::Warmup { .. } | S::Measurement { .. },
                E::ShardFailed {
                    shard,
                    attempt,
                    message,
                },
            ) => self.shard_gone(timing, shard, attempt, ShardStage::Failed, message, now),
            (
                S::Warmup { .. } | S::Measurement { .. },
                E::WorkerLost {
                    shard,
                    attempt,
                    message,
                },
            ) => self.shard_gone(timing, shard, attempt, ShardStage::Lost, message, now),
            // A shard that finishes before it was told to has run out of its own
            // accord; the work it owed is missing.
            (S::Warmup { .. } | S::Measurement { .. }, E::ShardFinished { shard, attempt }) => {
                let message = format!("shard {shard} ended before the measurement did");
                self.shard_gone(timing, shard, attempt, ShardStage::Failed, message, now)
            }

            (S::Cooldown { .. }, E::ShardFinished { shard, attempt }) => {
                self.delivered(shard, attempt, ShardStage::Finished, None, now)
            }
            (
                S::Cooldown { .. },
                E::ShardFailed {
                    shard,
                    attempt,
                    message,
                },
            ) => self.delivered(shard, attempt, ShardStage::Failed, Some(message), now),
            (
                S::Cooldown { .. },
                E::WorkerLost {
                    shard,
                    attempt,
                    message,
                },
            ) => self.delivered(shard, attempt, ShardStage::Lost, Some(message), now),
            (S::Cooldown { .. }, E::Stop { message }) => {
                self.ended_by(StopReason::UserStop, message).unchanged()
            }
            (S::Cooldown { end, .. }, E::Abort { .. }) if end.reason == StopReason::UserAbort => {
                self.unchanged()
            }
            (S::Cooldown { .. }, E::Abort { message }) => self.cut_short(message, now),
            (S::Cooldown { .. }, E::DeadlineReached) => self.undelivered(now),

            (S::Processing { .. }, E::ReportStored) => self.done(ProcessingStatus::Completed, now),
            (S::Processing { .. }, E::ReportFailed { .. } | E::DeadlineReached) => {
                self.done(ProcessingStatus::Failed, now)
            }
            // The load is over: there is nothing left to stop.
            (S::Processing { .. }, E::Stop { .. } | E::Abort { .. }) => self.unchanged(),
            (S::Done { end, .. }, E::Stop { .. } | E::Abort { .. })
                if matches!(end.reason, StopReason::UserStop | StopReason::UserAbort) =>
            {
                self.unchanged()
            }
            // What a worker still has to say of an attempt that is over.
            (
                S::Processing { .. } | S::Done { .. },
                E::ShardReady { .. }
                | E::ShardFinished { .. }
                | E::ShardFailed { .. }
                | E::WorkerLost { .. },
            )
            | (
                S::Warmup { .. } | S::Measurement { .. } | S::Cooldown { .. },
                E::ShardReady { .. },
            ) => self.unchanged(),

            // The rest makes no sense; each pair is named, so that a new stage
            // or event has to be thought about.
            (
                S::Prepared,
                E::ShardReady { .. }
                | E::ShardFinished { .. }
                | E::ShardFailed { .. }
                | E::WorkerLost { .. }
                | E::DeadlineReached
                | E::ReportStored
                | E::ReportFailed { .. },
            )
            | (
                S::Starting { .. },
                E::Start { .. }
                | E::ShardFinished { .. }
                | E::ReportStored
                | E::ReportFailed { .. },
            )
            | (
                S::Warmup { .. } | S::Measurement { .. } | S::Cooldown { .. },
                E::Start { .. } | E::SetupFailed { .. } | E::ReportStored | E::ReportFailed { .. },
            )
            | (S::Processing { .. }, E::Start { .. } | E::SetupFailed { .. })
            | (
                S::Done { .. },
                E::Start { .. }
                | E::SetupFailed { .. }
                | E::Stop { .. }
                | E::Abort { .. }
                | E::DeadlineReached
                | E::ReportStored
                | E::ReportFailed { .. },
            ) => return refused(),
        })
    }

    fn unchanged(&self) -> Change {
        Change {
            state: self.clone(),
            effects: Vec::new(),
        }
    }

    fn starting(&self, timing: &Timing, workers: &[crate::id::WorkerId], now: Timestamp) -> Change {
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
    fn given_up(&self, reason: StopReason, message: String, now: Timestamp) -> Change {
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
    fn under_load(mut self, timing: &Timing, now: Timestamp) -> Change {
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

    fn measuring(&self, timing: &Timing, ends: Timestamp, now: Timestamp) -> Change {
        // Late only when the control plane was away: then the warmup lasted longer.
        let since = ends.max(now);
        let mut next = self.clone();
        next.stage = Stage::Measurement {
            since,
            ends: since + timing.measurement,
        };
        next.command(since, Action::SetPhase(Phase::Measurement))
    }

    fn cooling(
        &self,
        timing: &Timing,
        reason: StopReason,
        message: String,
        at: Timestamp,
        drain: std::time::Duration,
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

    fn shard_gone(
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
    fn delivered(
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

    fn undelivered(&self, now: Timestamp) -> Change {
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

    fn cut_short(&self, message: String, now: Timestamp) -> Change {
        let mut next = self.ended_by(StopReason::UserAbort, message);
        if let Stage::Cooldown { deadline, .. } = &mut next.stage {
            *deadline = (*deadline).min(now + DELIVERY);
        }
        next.command(now, Action::stop(std::time::Duration::ZERO))
    }

    fn done(&self, processing: ProcessingStatus, now: Timestamp) -> Change {
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

    fn command(mut self, at: Timestamp, action: Action) -> Change {
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
    fn ended_by(&self, reason: StopReason, message: String) -> Self {
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
    fn with_shard(&self, shard: u32, attempt: u32, stage: ShardStage) -> Option<Self> {
        let mut next = self.clone();
        let entry = next.shards.get_mut(shard as usize)?;
        if entry.attempt != attempt || !entry.stage.is_live() || entry.stage >= stage {
            return None;
        }
        entry.stage = stage;
        Some(next)
    }

    fn all(&self, stage: ShardStage) -> bool {
        self.shards.iter().all(|shard| shard.stage == stage)
    }

    fn missing(&self, timing: &Timing) -> String {
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
