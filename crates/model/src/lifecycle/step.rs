//! The transition function.

use super::{
    Event, ProcessingStatus, Refused, RunState, STOP_LEAD, ShardStage, Stage, StopReason, Timing,
    event::Change,
};
use crate::time::Timestamp;

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
                why: None,
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
            (
                S::Warmup { .. } | S::Measurement { .. },
                E::AbortShard {
                    shard,
                    attempt,
                    message,
                },
            ) => self
                .shard_gone(timing, shard, attempt, ShardStage::Failed, message, now)
                .releasing(self, shard, attempt),
            (
                S::Warmup { since, .. } | S::Measurement { since, .. },
                E::Adjust { adjustment, .. },
            ) => match self.adjust(adjustment, *since, now) {
                Some(change) => change,
                None => return self.adjusted_too_often(verb),
            },
            (
                S::Warmup { .. } | S::Measurement { .. } | S::Cooldown { .. },
                E::CommandLate { late },
            ) => self.late(late),
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
                E::ShardReady { .. }
                | E::ShardFinished { .. }
                | E::ShardFailed { .. }
                | E::AbortShard { .. }
                | E::CommandLate { .. }
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
                | E::Adjust { .. }
                | E::AbortShard { .. }
                | E::CommandLate { .. }
                | E::DeadlineReached
                | E::ReportStored
                | E::ReportRemade
                | E::ReportFailed { .. },
            )
            | (
                S::Starting { .. },
                E::Start { .. }
                | E::ShardFinished { .. }
                | E::Adjust { .. }
                | E::CommandLate { .. }
                | E::ReportStored
                | E::ReportRemade
                | E::ReportFailed { .. },
            )
            | (
                S::Warmup { .. } | S::Measurement { .. } | S::Cooldown { .. },
                E::Start { .. }
                | E::SetupFailed { .. }
                | E::ReportStored
                | E::ReportRemade
                | E::ReportFailed { .. },
            )
            | (S::Cooldown { .. }, E::Adjust { .. })
            | (
                S::Processing { .. },
                E::Start { .. } | E::SetupFailed { .. } | E::Adjust { .. } | E::ReportRemade,
            )
            | (
                S::Done { .. },
                E::Start { .. }
                | E::SetupFailed { .. }
                | E::Stop { .. }
                | E::Abort { .. }
                | E::Adjust { .. }
                | E::DeadlineReached
                | E::ReportStored
                | E::ReportRemade
                | E::ReportFailed { .. },
            ) => return refused(),
        })
    }
}
