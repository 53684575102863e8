//! The transition function.

use std::time::Duration;

use super::{
    End, Event, ProcessingStatus, Refused, RunState, STOP_LEAD, ShardStage, Stage, StopReason,
    Timing, changes::Gone, event::Change,
};
use crate::time::Timestamp;

impl RunState {
    /// Folds an event into the next state and the effects to perform.
    ///
    /// An event of an attempt that is over, a repeated stop, or what comes late
    /// by its nature changes nothing and gives the same state without effects.
    /// An event that makes no sense in the state is refused.
    #[expect(
        clippy::too_many_lines,
        clippy::match_same_arms,
        reason = "it is one table: every pair of stage and event stands in it once"
    )]
    pub fn on(&self, timing: &Timing, event: Event, now: Timestamp) -> Result<Change, Refused> {
        use Event as E;
        use Stage as S;
        let verb = event.verb();
        // It may be one that has moved away since.
        if event == E::DeadlineReached && self.deadline().is_some_and(|deadline| now < deadline) {
            return Ok(self.unchanged());
        }
        Ok(match (&self.stage, event) {
            (S::Prepared, E::Wait { .. }) => self.waiting(timing, now),
            (S::Waiting { .. }, E::Wait { .. }) => self.unchanged(),
            (S::Waiting { .. }, E::DeadlineReached) => self.waited_in_vain(timing, now),
            (S::Prepared | S::Waiting { .. }, E::Start { workers }) => {
                self.starting(timing, &workers, now)
            }
            (S::Prepared | S::Waiting { .. } | S::Starting { .. }, E::SetupFailed { message }) => {
                self.given_up(StopReason::SetupError, message, now)
            }
            (S::Prepared | S::Waiting { .. } | S::Starting { .. }, E::Stop { message }) => {
                self.given_up(StopReason::UserStop, message, now)
            }
            (S::Prepared | S::Waiting { .. } | S::Starting { .. }, E::Abort { message }) => {
                self.given_up(StopReason::UserAbort, message, now)
            }

            (S::Starting { .. }, E::ShardReady { shard, attempt }) => {
                match self.with_shard(shard, attempt, ShardStage::Ready) {
                    Some(next) if next.all(ShardStage::Ready) => next.under_load(timing, now),
                    Some(next) => next.alone(),
                    None => self.unchanged(),
                }
            }
            (
                S::Starting { .. },
                E::ShardFailed {
                    shard,
                    attempt,
                    message,
                }
                | E::AbortShard {
                    shard,
                    attempt,
                    message,
                },
            ) => match self.with_shard(shard, attempt, ShardStage::Failed) {
                Some(next) => next.given_up(StopReason::SetupError, message, now),
                None => self.unchanged(),
            },
            (
                S::Starting { deadline, .. },
                E::WorkerLost {
                    shard,
                    attempt,
                    message,
                },
            ) => {
                let gone = Gone::lost(shard, attempt, message);
                self.lost_before_load(timing, gone, *deadline, now)
            }
            (S::Starting { .. }, E::DeadlineReached) => {
                self.given_up(StopReason::SetupError, self.missing(timing), now)
            }
            (
                S::Starting { .. } | S::Warmup { .. } | S::Measurement { .. },
                E::Replace { shard, worker },
            ) => return self.replaced(timing, shard, worker, verb, now),

            (S::Warmup { .. } | S::Measurement { .. }, E::DeadlineReached)
                if self.waits_for_shard() =>
            {
                self.not_joined(timing, now)
            }
            (S::Warmup { ends, .. }, E::DeadlineReached) => {
                self.measuring(timing, *ends, false, now)
            }
            (S::Warmup { .. }, E::Steady { .. }) if timing.until_steady => {
                self.measuring(timing, now + super::LEAD, true, now)
            }
            (S::Measurement { ends, .. }, E::DeadlineReached) => {
                let end = End {
                    reason: StopReason::DurationElapsed,
                    message: "the measurement lasted as long as planned".to_owned(),
                };
                let at = (*ends).max(now + STOP_LEAD);
                self.cooling(timing, end, at, timing.drain, now)
            }
            (S::Warmup { .. } | S::Measurement { .. }, E::Stop { message }) => {
                let reason = StopReason::UserStop;
                let end = End { reason, message };
                self.cooling(timing, end, now + STOP_LEAD, timing.drain, now)
            }
            (S::Warmup { .. } | S::Measurement { .. }, E::Abort { message }) => {
                let reason = StopReason::UserAbort;
                let end = End { reason, message };
                self.cooling(timing, end, now, Duration::ZERO, now)
            }
            (S::Warmup { .. } | S::Measurement { .. }, E::Breach { reason, message }) => {
                let end = End { reason, message };
                self.cooling(timing, end, now + STOP_LEAD, timing.drain, now)
            }
            (S::Warmup { .. } | S::Measurement { .. }, E::ShardReady { shard, attempt }) => {
                self.joined(timing, shard, attempt, now)
            }
            (
                S::Warmup { .. } | S::Measurement { .. },
                E::ShardFailed {
                    shard,
                    attempt,
                    message,
                },
            ) => self.shard_gone(timing, Gone::failed(shard, attempt, message), now),
            (
                S::Warmup { .. } | S::Measurement { .. },
                E::WorkerLost {
                    shard,
                    attempt,
                    message,
                },
            ) => self.shard_gone(timing, Gone::lost(shard, attempt, message), now),
            (
                S::Warmup { .. } | S::Measurement { .. },
                E::AbortShard {
                    shard,
                    attempt,
                    message,
                },
            ) => self.shard_gone(timing, Gone::given_up(shard, attempt, message), now),
            // A shard that finishes before it was told to has run out of its own
            // accord; the work it owed is missing.
            (S::Warmup { .. } | S::Measurement { .. }, E::ShardFinished { shard, attempt }) => {
                let message = format!("shard {shard} ended before the measurement did");
                self.shard_gone(timing, Gone::failed(shard, attempt, message), now)
            }
            (S::Warmup { .. } | S::Measurement { .. }, E::Adjust { adjustment, .. }) => {
                return self.adjust(timing, adjustment, verb, now);
            }
            (S::Warmup { .. } | S::Measurement { .. }, E::ScaleOut { worker, .. }) => {
                return self.added(timing, worker, verb, now);
            }
            (S::Warmup { .. } | S::Measurement { .. }, E::Rebalance { split, .. }) => {
                return self.rebalanced(timing, split, verb, now);
            }
            (S::Measurement { .. }, E::StepMeasured { step, measured }) => {
                self.step_measured(timing, step, *measured, now)
            }
            (
                S::Warmup { .. } | S::Measurement { .. } | S::Cooldown { .. },
                E::CommandLate { late },
            ) => self.late(late),

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
            (
                S::Cooldown { .. },
                E::AbortShard {
                    shard,
                    attempt,
                    message,
                },
            ) => self
                .delivered(shard, attempt, ShardStage::Failed, Some(message), now)
                .releasing(self, shard, attempt),
            (S::Cooldown { .. }, E::Stop { message }) => {
                self.ended_by(StopReason::UserStop, message).alone()
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
            // How it ended does not change, only what is known of it.
            (
                S::Done {
                    processing: ProcessingStatus::Completed | ProcessingStatus::Failed,
                    ..
                },
                E::ReportRemade,
            ) => self.remade(),
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
                E::ShardFinished { .. }
                | E::ShardFailed { .. }
                | E::AbortShard { .. }
                | E::CommandLate { .. }
                | E::WorkerLost { .. },
            )
            | (S::Cooldown { .. } | S::Processing { .. } | S::Done { .. }, E::ShardReady { .. }) => {
                self.unchanged()
            }
            // What was found out about a load that has gone on or ended since.
            (S::Warmup { .. } | S::Measurement { .. }, E::Steady { .. })
            | (S::Warmup { .. }, E::StepMeasured { .. })
            | (
                S::Cooldown { .. } | S::Processing { .. } | S::Done { .. },
                E::Steady { .. }
                | E::StepMeasured { .. }
                | E::Rebalance { .. }
                | E::Breach { .. },
            ) => self.unchanged(),

            // The rest makes no sense; each pair is named, so that a new stage
            // or event has to be thought about.
            (
                S::Prepared | S::Waiting { .. },
                E::ShardReady { .. }
                | E::ShardFinished { .. }
                | E::ShardFailed { .. }
                | E::WorkerLost { .. }
                | E::Adjust { .. }
                | E::AbortShard { .. }
                | E::Replace { .. }
                | E::ScaleOut { .. }
                | E::Rebalance { .. }
                | E::Steady { .. }
                | E::StepMeasured { .. }
                | E::Breach { .. }
                | E::CommandLate { .. }
                | E::ReportStored
                | E::ReportRemade
                | E::ReportFailed { .. },
            )
            | (S::Prepared, E::DeadlineReached)
            | (
                S::Starting { .. },
                E::Wait { .. }
                | E::Start { .. }
                | E::ShardFinished { .. }
                | E::Adjust { .. }
                | E::ScaleOut { .. }
                | E::Rebalance { .. }
                | E::Steady { .. }
                | E::StepMeasured { .. }
                | E::Breach { .. }
                | E::CommandLate { .. }
                | E::ReportStored
                | E::ReportRemade
                | E::ReportFailed { .. },
            )
            | (
                S::Warmup { .. } | S::Measurement { .. } | S::Cooldown { .. },
                E::Wait { .. }
                | E::Start { .. }
                | E::SetupFailed { .. }
                | E::ReportStored
                | E::ReportRemade
                | E::ReportFailed { .. },
            )
            // A worker comes with these: whoever sends them must know that it
            // is not needed.
            | (
                S::Cooldown { .. },
                E::Adjust { .. } | E::Replace { .. } | E::ScaleOut { .. },
            )
            | (
                S::Processing { .. },
                E::Wait { .. }
                | E::Start { .. }
                | E::SetupFailed { .. }
                | E::Adjust { .. }
                | E::Replace { .. }
                | E::ScaleOut { .. }
                | E::ReportRemade,
            )
            | (
                S::Done { .. },
                E::Wait { .. }
                | E::Start { .. }
                | E::SetupFailed { .. }
                | E::Stop { .. }
                | E::Abort { .. }
                | E::Adjust { .. }
                | E::Replace { .. }
                | E::ScaleOut { .. }
                | E::DeadlineReached
                | E::ReportStored
                | E::ReportRemade
                | E::ReportFailed { .. },
            ) => return self.refused(verb, None),
        })
    }
}
