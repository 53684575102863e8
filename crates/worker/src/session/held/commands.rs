//! What the commands for a shard do.

use std::time::Duration;

use gauntlet_model::{
    lifecycle::{Action, Aim, Phase, StepPlan},
    session::{Command, WorkerEvent},
    template::Level,
    time::{Timestamp, micros},
};
use tracing::{info, warn};

use super::{End, Held, Stage};
use crate::{
    clock::ServerClock,
    session::{Do, Steer, course::Epochs},
};

/// How long after its START came the load of a shard that joins begins at the
/// earliest. The level that holds for the run comes right behind the START; the
/// load must not begin with the template's.
const JOINS_AFTER: Duration = Duration::from_millis(20);

impl Held {
    /// Takes a command. It is carried out in its turn and once; a repeat is
    /// acknowledged again.
    pub(in crate::session) fn command(
        &mut self,
        command: Command,
        clock: &ServerClock,
        now: Timestamp,
    ) -> Vec<Do> {
        let sequence = command.sequence;
        if let Some(late) = self.inbox.take(command) {
            return vec![self.ack(sequence, late)];
        }
        self.carry_out_waiting(clock, now)
    }

    /// Carries out the commands whose turn it is.
    pub(super) fn carry_out_waiting(&mut self, clock: &ServerClock, now: Timestamp) -> Vec<Do> {
        let mut todo = Vec::new();
        if matches!(self.stage, Stage::Preparing) {
            if !self.inbox.has_stop() {
                return todo;
            }
            info!("stopped before the connections were open");
            self.over(End::Finished {
                first_operation: None,
            });
            todo.push(Do::Forget(self.attempt));
        }
        loop {
            let began = self.inbox.last() > 0;
            let Some(command) = self.inbox.next() else {
                return todo;
            };
            let at = clock.local(command.at);
            let late = now.since(at);
            // A START after the first is for another shard that joins.
            let passed_over = began && matches!(command.action, Action::Start(_));
            if self.is_loaded() && !passed_over {
                let steering = self.carry_out(command.action, at, now);
                todo.extend(steering.into_iter().map(|what| self.steer(what)));
            }
            self.inbox.was_late(late);
            todo.push(self.ack(command.sequence, late));
        }
    }

    /// Ends a load that nobody has ended in time.
    pub(in crate::session) fn give_up(&mut self, now: Timestamp) -> Vec<Do> {
        if self.abandoned_at().is_none_or(|at| now < at) {
            return Vec::new();
        }
        warn!("nobody ended the load: it ends itself");
        let drain_us = micros(self.plan.drain_timeout);
        let steering = self.carry_out(Action::Stop { drain_us }, now, now);
        steering.into_iter().map(|what| self.steer(what)).collect()
    }

    /// `at` is by the worker's clock. What is late takes effect now.
    fn carry_out(&mut self, action: Action, at: Timestamp, now: Timestamp) -> Vec<Steer> {
        let begins = at.max(now);
        match action {
            Action::Start(phase) => self.start(phase, at, now),
            Action::SetPhase(phase) => {
                let epochs = self.begin(phase, begins);
                entered(epochs, begins, at)
            }
            Action::SetTarget(aim) => {
                let mut steering = entered(self.course.level(begins), begins, at);
                steering.push(self.aim(&aim, at));
                steering
            }
            Action::Step(plan) => self.step(&plan, at, begins),
            Action::Pause => {
                self.course.pauses(begins);
                let mut steering = entered(self.course.level(begins), begins, at);
                steering.push(Steer::Pause { at });
                steering
            }
            Action::Resume => {
                self.course.resumes(begins);
                let mut steering = entered(self.course.level(begins), begins, at);
                steering.push(Steer::Resume { at });
                steering
            }
            Action::Stop { drain_us } => vec![self.stop(drain_us, at, begins)],
        }
    }

    fn start(&mut self, phase: Phase, at: Timestamp, now: Timestamp) -> Vec<Steer> {
        let at = if self.joins {
            at.max(now + JOINS_AFTER)
        } else {
            at
        };
        let begins = at.max(now);
        let planned = self.plan.warmup + self.plan.measurement;
        self.course.begins(begins, planned);
        let mut epochs = self.begin(phase, begins).into_iter();
        let first = epochs.next().map(|(_, epoch)| Steer::Start { at, epoch });
        let later = epochs.map(|(at, epoch)| Steer::Enter { at, epoch });
        first.into_iter().chain(later).collect()
    }

    fn begin(&mut self, phase: Phase, begins: Timestamp) -> Epochs {
        // As in the engine: a newer boundary takes the place of those that were
        // set for later.
        self.due.retain(|(due, _)| *due < begins);
        self.due.push_back((begins, phase));
        self.course.phase(begins, phase)
    }

    fn step(&mut self, plan: &StepPlan, at: Timestamp, begins: Timestamp) -> Vec<Steer> {
        let after = |us: i64| Timestamp(at.0.saturating_add(us));
        let (from, to) = (
            after(plan.settle_us),
            after(plan.settle_us.saturating_add(plan.window_us)),
        );
        let epochs = self.course.step(begins, plan.step, from..to);
        let mut steering = entered(epochs, begins, at);
        // What a level that was too high has left waiting would make the next one fail too.
        if matches!(plan.aim.level, Level::Rate { .. }) {
            steering.push(Steer::ClearBacklog { at });
        }
        steering.push(self.aim(&plan.aim, at));
        // What the window brought is known as soon as it is over.
        steering.push(Steer::EndInterval { at: to });
        steering
    }

    /// The shard's part of a level.
    fn aim(&self, aim: &Aim, at: Timestamp) -> Steer {
        let part = aim.split.part(aim.level, self.attempt.shard, self.shards);
        match part {
            Level::Concurrency { connections } => Steer::SetConnections { at, connections },
            Level::Rate { milli_per_s } if aim.split.is_equal() => {
                Steer::SetRate { at, milli_per_s }
            }
            // The engine takes every N-th arrival: it is told N times its part.
            Level::Rate { milli_per_s } => Steer::SetRate {
                at,
                milli_per_s: milli_per_s.saturating_mul(u64::from(self.shards)),
            },
        }
    }

    fn stop(&mut self, drain_us: i64, at: Timestamp, begins: Timestamp) -> Steer {
        self.course.ends();
        let mut due = self.due.iter();
        let cooling = self.measurement.1.is_some()
            || due.any(|(due, phase)| *phase == Phase::Cooldown && *due <= begins);
        if !cooling {
            self.due.retain(|(due, _)| *due < begins);
            self.due.push_back((begins, Phase::Cooldown));
            self.course.cools(begins);
        }
        let drain = Duration::from_micros(u64::try_from(drain_us).unwrap_or(0));
        Steer::Stop { at, drain }
    }

    fn steer(&self, what: Steer) -> Do {
        Do::Steer(self.attempt, what)
    }

    fn ack(&self, sequence: i64, late: Duration) -> Do {
        Do::Send(WorkerEvent::Ack {
            attempt: self.attempt,
            sequence,
            late,
        })
    }
}

/// What makes the engine enter epochs. One that begins with a late command has the command's instant, so that the engine
/// knows it too.
fn entered(epochs: Epochs, begins: Timestamp, commanded: Timestamp) -> Vec<Steer> {
    let enter = |(at, epoch)| Steer::Enter {
        at: if at == begins { commanded } else { at },
        epoch,
    };
    epochs.into_iter().map(enter).collect()
}
