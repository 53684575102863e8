//! From an event to a stored change.

use gauntlet_model::{
    lifecycle::{Action, Aim, Effect, Event, RunState, ShardStage, Stage, Status, StepPlan},
    run::{Attempt, ControlEvent, PhaseTransition, Run, RunEvent, RunEventKind},
    template::Level,
};
use gauntlet_store::RunChange;

use super::Task;
use crate::{hub::RunSnapshot, orchestrator::ControlError};

/// What is said of an attempt that ended by itself while the load went on.
pub(super) const ENDED_EARLY: &str = "it ended before the measurement did";

impl Task {
    /// Folds an event, stores what changed, tells the watchers, performs the
    /// effects. Nothing has changed when it fails.
    pub(super) async fn apply(&mut self, event: Event) -> Result<(), ControlError> {
        self.apply_with(event, None).await
    }

    /// The same with an attempt that begins by the event.
    pub(super) async fn apply_with(
        &mut self,
        event: Event,
        joins: Option<Attempt>,
    ) -> Result<(), ControlError> {
        let (problem, reason) = (problem_of(&event), reason_of(&event));
        let ended = matches!(event, Event::ShardFinished { .. });
        let change = self.run.state.on(&self.run.timing(), event, self.now())?;
        if change.state == self.run.state && change.effects.is_empty() {
            return Ok(());
        }
        let mut attempts = self.moved_attempts(&change.state, problem.as_deref(), ended);
        attempts.extend(joins);
        attempts.sort_by_key(|attempt| (attempt.shard, attempt.number));
        let mut stored = self.describe(change.state, &change.effects, &attempts, problem);
        if let (Some(reason), Some(event)) = (reason, stored.events.first_mut()) {
            event.message = format!("{}: {reason}", event.message);
        }
        let before = self.run.state.clone();
        self.save(stored, attempts).await?;
        self.follow(&before, &change.effects);
        for effect in change.effects {
            self.perform(effect).await;
        }
        Ok(())
    }

    /// Stores a change and tells the watchers.
    pub(super) async fn save(
        &mut self,
        change: RunChange,
        mut attempts: Vec<Attempt>,
    ) -> Result<(), ControlError> {
        let advanced = self.shared.services.stores.runs.advance(&change).await?;
        let changed = |attempt: &&mut Attempt| {
            let mut changed = change.attempts.iter();
            changed.any(|one| (one.shard, one.number) == (attempt.shard, attempt.number))
        };
        for attempt in attempts.iter_mut().filter(changed) {
            attempt.revision = advanced.revision;
        }
        self.run = Run {
            revision: advanced.revision,
            ..change.run
        };
        self.attempts = attempts;
        self.say_events(&advanced.events);
        self.channel.publish_events(advanced.events);
        if self.is_settled() {
            // The last points and lines come before the last state: a reader
            // that sees the end has them all. What the store does not take now
            // is made again with the report.
            let _ = self.close_buckets().await;
            let _ = self.flush_lines().await;
        }
        self.shared.hub.changed(RunSnapshot {
            run: self.run.clone().into(),
            attempts: self.attempts.clone().into(),
            judged: self.judged,
        });
        Ok(())
    }

    fn describe(
        &self,
        state: RunState,
        effects: &[Effect],
        attempts: &[Attempt],
        problem: Option<String>,
    ) -> RunChange {
        let before = &self.run;
        let begins = |stage: &Stage| matches!(stage, Stage::Starting { .. });
        let chosen = begins(&state.stage) && !begins(&before.state.stage);
        let starting = state.status() == Status::Starting && before.started.is_none();
        let ended = match state.stage {
            Stage::Done { at, .. } => Some(at),
            _ => None,
        };
        let started = if starting {
            Some(self.now())
        } else {
            before.started
        };
        let run = Run {
            state,
            started,
            ended,
            ..before.clone()
        };
        let changed: Vec<Attempt> = attempts
            .iter()
            .filter(|attempt| chosen || !self.attempts.contains(attempt))
            .cloned()
            .collect();
        let controls: Vec<ControlEvent> = effects.iter().filter_map(control).collect();

        let mut events: Vec<RunEvent> = changed
            .iter()
            .map(|attempt| self.attempt_event(attempt))
            .collect();
        events.extend(controls.iter().map(|command| {
            let kind = RunEventKind::Control(command.clone());
            self.note(kind, None, control_text(command))
        }));
        let mut phases = Vec::new();
        if let (Some(phase), Some(at)) = (run.state.phase(), run.state.phase_started())
            && before.state.phase() != Some(phase)
        {
            phases.push(PhaseTransition { phase, at });
            events.push(self.note(RunEventKind::Phase, None, phase.as_str().to_owned()));
        }
        if before.status() != run.status() {
            let why = run
                .state
                .end()
                .map_or(String::new(), |end| format!(": {}", end.message));
            let message = format!("{}{why}", run.status().as_str());
            events.push(self.note(RunEventKind::Status, None, message));
        }
        if let Some(message) = problem.filter(|_| changed.is_empty()) {
            events.push(self.note(RunEventKind::Error, None, message));
        }
        RunChange {
            run,
            attempts: changed,
            controls,
            phases,
            events,
        }
    }

    /// The attempts with the stages that the shards of `state` have. One that
    /// has `ended` by itself delivered all it had, even when the run misses it.
    fn moved_attempts(&self, state: &RunState, problem: Option<&str>, ended: bool) -> Vec<Attempt> {
        let mut attempts = self.attempts.clone();
        for attempt in &mut attempts {
            let Some(shard) = state.shards.get(attempt.shard as usize) else {
                continue;
            };
            let over = !attempt.stage.is_live();
            if shard.attempt != attempt.number || shard.stage == attempt.stage || over {
                continue;
            }
            attempt.stage = shard.stage;
            if ended && shard.stage == ShardStage::Failed {
                attempt.stage = ShardStage::Finished;
                ENDED_EARLY.clone_into(&mut attempt.message);
            }
            if !shard.stage.is_live() {
                attempt.ended = Some(self.now());
                let worker = self.shared.registry.get(shard.worker);
                attempt.clock_uncertainty = worker.and_then(|worker| worker.clock_uncertainty);
            }
            if matches!(attempt.stage, ShardStage::Failed | ShardStage::Lost) {
                let late = "the last results were not delivered in time";
                problem.unwrap_or(late).clone_into(&mut attempt.message);
            }
        }
        attempts
    }

    fn attempt_event(&self, attempt: &Attempt) -> RunEvent {
        let stage = attempt.stage.as_str();
        let (kind, message) = if attempt.message.is_empty() {
            (
                RunEventKind::Worker(None),
                format!("{stage} on {}", attempt.worker_text),
            )
        } else {
            (
                RunEventKind::Error,
                format!("{stage} on {}: {}", attempt.worker_text, attempt.message),
            )
        };
        self.note(kind, Some(attempt.shard), message)
    }
}

/// Why a person, or the run's own judgement, asked for a change.
fn reason_of(event: &Event) -> Option<String> {
    match event {
        Event::Wait { message }
        | Event::Adjust { message, .. }
        | Event::ScaleOut { message, .. }
        | Event::Rebalance { message, .. }
        | Event::Steady { message }
            if !message.is_empty() =>
        {
            Some(message.clone())
        }
        _ => None,
    }
}

/// What an event says went wrong.
fn problem_of(event: &Event) -> Option<String> {
    match event {
        Event::ShardFailed { message, .. }
        | Event::AbortShard { message, .. }
        | Event::WorkerLost { message, .. }
        | Event::ReportFailed { message } => Some(message.clone()),
        _ => None,
    }
}

fn control(effect: &Effect) -> Option<ControlEvent> {
    match effect {
        Effect::Command {
            sequence,
            at,
            action,
        } => Some(ControlEvent {
            sequence: *sequence,
            at: *at,
            action: action.clone(),
        }),
        Effect::Assign
        | Effect::AssignShard { .. }
        | Effect::Release
        | Effect::ReleaseShard { .. }
        | Effect::MakeReport => None,
    }
}

fn control_text(event: &ControlEvent) -> String {
    let action = match &event.action {
        Action::Start(phase) => format!("START in {}", phase.as_str()),
        Action::SetPhase(phase) => format!("SET_PHASE {}", phase.as_str()),
        Action::SetTarget(aim) => format!("SET_TARGET {}", aim_text(aim)),
        Action::Step(StepPlan {
            step,
            aim,
            window_us,
            ..
        }) => {
            let seconds = *window_us as f64 / 1e6;
            format!("STEP {step}: {}, window {seconds} s", aim_text(aim))
        }
        Action::Pause => "PAUSE".to_owned(),
        Action::Resume => "RESUME".to_owned(),
        Action::Stop { drain_us: 0 } => "STOP at once".to_owned(),
        Action::Stop { drain_us } => format!("STOP, drain within {} ms", drain_us / 1_000),
    };
    let (sequence, at) = (event.sequence, event.at.time_of_day());
    format!("command {sequence}: {action}, at {at}")
}

fn aim_text(aim: &Aim) -> String {
    let level = match aim.level {
        Level::Concurrency { connections } => format!("{connections} connections"),
        Level::Rate { milli_per_s } => format!("{} per second", milli_per_s as f64 / 1e3),
    };
    if aim.split.is_equal() {
        return level;
    }
    let weights: Vec<String> = aim.split.weights().iter().map(u32::to_string).collect();
    format!("{level} split {}", weights.join(":"))
}
