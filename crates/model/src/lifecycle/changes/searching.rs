//! The steps of a search, one after another, within the measurement.

use crate::{
    lifecycle::{
        Action, Change, End, RunState, STEP_LEAD, STOP_LEAD, Stage, StepPlan, StopReason, Timing,
    },
    search::{Current, Figures, Measured, Next, Outcome, Progress, SearchEnd, Step, Trial},
    template::{ScalingMode, Search, Split},
    time::{Timestamp, micros},
};

impl RunState {
    /// Begins the next step at the instant, or ends the run because there is
    /// none. Changes nothing where no search is on, while a step is under load
    /// and while something is to come first.
    pub(in crate::lifecycle) fn search_on(
        mut self,
        timing: &Timing,
        at: Timestamp,
        now: Timestamp,
    ) -> Change {
        let (Some(search), Stage::Measurement { ends, .. }) = (timing.search, &self.stage) else {
            return self.alone();
        };
        let ends = *ends;
        let progress = self.search.get_or_insert_default();
        if progress.current.is_some() || progress.end.is_some() || self.must_wait() {
            return self.alone();
        }
        let can_scale = self.may_grow(timing);
        let progress = self.search.get_or_insert_default();
        match progress.next(&search, timing.level, can_scale) {
            Next::End(end, message) => self.search_over(timing, end, message, now),
            Next::Try(trial) => self.try_level(timing, &search, trial, at, ends, now),
        }
    }

    /// Whether the next step would say nothing: nothing is due, a part of the
    /// load is missing, or the worker that the last step lacked is on its way.
    fn must_wait(&self) -> bool {
        let lacking = self.search.as_ref().is_some_and(|progress| {
            let last = progress.steps.last();
            last.is_some_and(|step| step.outcome == Outcome::Generator)
        });
        self.paused
            || self.shards.iter().any(|shard| {
                shard.is_vacant() || shard.is_joining() && (lacking || !shard.is_added())
            })
    }

    fn try_level(
        mut self,
        timing: &Timing,
        search: &Search,
        trial: Trial,
        at: Timestamp,
        ends: Timestamp,
        now: Timestamp,
    ) -> Change {
        let progress = self.search.get_or_insert_default();
        let window = progress.window(search, trial.kind);
        // Not within the window of the step before.
        let at = measured_last(progress).map_or(at, |step| at.max(step.to));
        let begins = self.earliest(at);
        if begins + search.settle + window > ends {
            let message = format!(
                "step {} would not have ended before the measurement; raise the measurement's length",
                trial.step
            );
            return self.search_over(timing, SearchEnd::MaxTime, message, now);
        }
        // The intervals of all workers end with the window, so that its
        // figures are there at once.
        let to = self.interval_end(begins + search.settle + window);
        let from = to.before(window);
        self.search.get_or_insert_default().current = Some(Current {
            trial,
            begins,
            from,
            to,
        });
        self.level = Some(trial.level);
        self.leave_out_the_gone();
        let plan = StepPlan {
            step: trial.step,
            aim: self.aim(timing),
            settle_us: micros(from.since(begins)),
            window_us: micros(window),
        };
        self.command(begins, Action::Step(plan))
    }

    /// A level that is tried must be sent in full, so the others take over the
    /// parts of shards that will not come back.
    fn leave_out_the_gone(&mut self) {
        let mut weights = self.weights();
        let mut missing = false;
        for (weight, shard) in weights.iter_mut().zip(&self.shards) {
            if *weight > 0 && !shard.counts() {
                *weight = 0;
                missing = true;
            }
        }
        if missing {
            self.split = Split::of(weights);
        }
    }

    fn search_over(
        mut self,
        timing: &Timing,
        end: SearchEnd,
        message: String,
        now: Timestamp,
    ) -> Change {
        let bounded = matches!(timing.scaling.mode, ScalingMode::Bounded { .. });
        let reason = if end == SearchEnd::Generator && bounded && !self.may_grow(timing) {
            StopReason::BoundReached
        } else {
            StopReason::SearchFinished
        };
        self.search.get_or_insert_default().end = Some((end, message.clone()));
        let at = self.earliest(now + STOP_LEAD);
        self.cooling(timing, End { reason, message }, at, timing.drain, now)
    }

    /// The step under load is judged and the next one follows.
    pub(in crate::lifecycle) fn step_measured(
        &self,
        timing: &Timing,
        step: u32,
        measured: Measured,
        now: Timestamp,
    ) -> Change {
        let (Some(search), Some(progress)) = (&timing.search, &self.search) else {
            return self.unchanged();
        };
        let current = progress.current.filter(|one| one.trial.step == step);
        let Some(current) = current else {
            return self.unchanged();
        };
        let (outcome, message) = progress.judge(search, current.trial, &measured);
        let mut next = self.clone();
        let progress = next.search.get_or_insert_default();
        close(progress, current, outcome, message, measured.figures);
        next.search_on(timing, now + STEP_LEAD, now)
    }

    /// Breaks the step under load off; without one nothing changes.
    pub(super) fn abandon_step(&mut self, why: &str, now: Timestamp) {
        let Some(progress) = &mut self.search else {
            return;
        };
        if let Some(mut current) = progress.current {
            current.to = current.to.min(now.max(current.from));
            let why = format!("broken off: {why}");
            close(
                progress,
                current,
                Outcome::Abandoned,
                why,
                Figures::default(),
            );
        }
    }

    /// The load ends: so does a search that is on.
    pub(super) fn break_off_search(&mut self, end: &End, now: Timestamp) {
        self.abandon_step(&end.message, now);
        if let Some(progress) = &mut self.search
            && progress.end.is_none()
        {
            let kind = if end.reason == StopReason::DurationElapsed {
                SearchEnd::MaxTime
            } else {
                SearchEnd::Stopped
            };
            progress.end = Some((kind, end.message.clone()));
        }
    }
}

/// The last step, if its window ran to its end.
fn measured_last(progress: &Progress) -> Option<&Step> {
    let last = progress.steps.last();
    last.filter(|step| step.outcome != Outcome::Abandoned)
}

/// Writes down what became of the step under load.
fn close(
    progress: &mut Progress,
    current: Current,
    outcome: Outcome,
    message: String,
    figures: Figures,
) {
    let before = progress.steps.last();
    let transition = before.map_or(0, |step| micros(current.begins.since(step.to)));
    progress.current = None;
    progress.steps.push(Step {
        trial: current.trial,
        from: current.from,
        to: current.to,
        outcome,
        message,
        figures,
        transition_us: transition,
    });
}
