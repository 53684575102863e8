//! What must hold at every step, looked at each time something is stored.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use gauntlet_model::{
    id::RunId,
    interval::Interval,
    lifecycle::{Action, ShardStage, Stage},
    run::{Attempt, Run, RunEvent},
    session::AttemptRef,
};
use gauntlet_store::{Advanced, RunChange};

/// Remembers what was stored, and what of it broke a rule.
#[derive(Debug, Default)]
pub struct Watcher {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    runs: BTreeMap<RunId, Life>,
    intervals: BTreeSet<(AttemptRef, i64)>,
    succeeded: BTreeMap<AttemptRef, u64>,
    broken: Vec<String>,
}

#[derive(Debug, Default)]
struct Life {
    run: Option<Run>,
    last_event: i64,
    last_command: i64,
    started: bool,
    attempts: BTreeMap<(u32, u32), Attempt>,
}

impl Watcher {
    /// A change of a run was stored.
    pub fn advanced(&self, change: &RunChange, done: &Advanced) {
        let mut seen = self.lock();
        let mut broken = Vec::new();
        let life = seen.runs.entry(change.run.id).or_default();
        life.advance(change, done, &mut broken);
        seen.broken.extend(broken);
    }

    /// Events were stored by themselves.
    pub fn events(&self, run: &RunId, events: &[RunEvent]) {
        let mut seen = self.lock();
        let mut broken = Vec::new();
        let life = seen.runs.entry(*run).or_default();
        life.number(events, &mut broken);
        seen.broken.extend(broken);
    }

    /// Intervals were stored; `new` says for each whether it was not there before.
    pub fn measured(&self, intervals: &[Interval], new: &[bool]) {
        let mut seen = self.lock();
        for (interval, new) in intervals.iter().zip(new) {
            let key = (interval.attempt, interval.sequence);
            let first = seen.intervals.insert(key);
            if first != *new {
                let message = format!("interval {key:?} was stored twice, or passed over");
                seen.broken.push(message);
            }
            if first {
                let parts = interval.operations.iter();
                let decoded = parts.map(|part| {
                    let response = part.succeeded.response.decode();
                    response.expect("the worker encoded it").len()
                });
                let count: u64 = decoded.sum();
                *seen.succeeded.entry(interval.attempt).or_default() += count;
            }
        }
    }

    /// What was stored of each attempt.
    #[must_use]
    pub fn succeeded(&self) -> BTreeMap<AttemptRef, u64> {
        self.lock().succeeded.clone()
    }

    /// The newest state of a run's attempts, by shard and number.
    #[must_use]
    pub fn attempts(&self, run: RunId) -> Vec<Attempt> {
        let seen = self.lock();
        let life = seen.runs.get(&run);
        life.map_or(Vec::new(), |life| life.attempts.values().cloned().collect())
    }

    /// Where an attempt that has delivered all lacks an interval. Of one that
    /// was lost a message that was overtaken may never have come.
    #[must_use]
    pub fn gaps(&self) -> Vec<String> {
        let seen = self.lock();
        let finished = |attempt: &AttemptRef| {
            let life = seen.runs.get(&attempt.run);
            let known = life.and_then(|life| life.attempts.get(&(attempt.shard, attempt.attempt)));
            known.is_some_and(|known| known.stage == ShardStage::Finished)
        };
        let mut last: BTreeMap<AttemptRef, i64> = BTreeMap::new();
        let mut gaps = Vec::new();
        for (attempt, sequence) in &seen.intervals {
            let before = last.insert(*attempt, *sequence).unwrap_or(0);
            if *sequence != before + 1 && finished(attempt) {
                gaps.push(format!("{attempt:?}: interval {sequence} follows {before}"));
            }
        }
        gaps
    }

    /// The rules that were broken.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        self.lock().broken.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Life {
    fn advance(&mut self, change: &RunChange, done: &Advanced, broken: &mut Vec<String>) {
        if let Some(before) = &self.run {
            ended_stays(before, &change.run, broken);
            if done.revision != before.revision + 1 {
                let (was, is) = (before.revision, done.revision);
                broken.push(format!("revision {is} follows {was}"));
            }
        }
        self.number(&done.events, broken);
        for control in &change.controls {
            if control.sequence != self.last_command + 1 {
                let (is, was) = (control.sequence, self.last_command);
                broken.push(format!("command {is} follows {was}"));
            }
            self.last_command = control.sequence;
            if !self.started && !matches!(control.action, Action::Start(_)) {
                broken.push(format!("{:?} before the load began", control.action));
            }
            self.started = true;
        }
        for attempt in &change.attempts {
            self.attempt(attempt, broken);
        }
        self.run = Some(Run {
            revision: done.revision,
            ..change.run.clone()
        });
    }

    fn number(&mut self, events: &[RunEvent], broken: &mut Vec<String>) {
        for event in events {
            // The first event was stored with the run itself.
            if event.sequence != self.last_event + 1 && self.last_event != 0 {
                let (is, was) = (event.sequence, self.last_event);
                broken.push(format!("event {is} follows {was}"));
            }
            self.last_event = event.sequence;
        }
    }

    fn attempt(&mut self, attempt: &Attempt, broken: &mut Vec<String>) {
        let key = (attempt.shard, attempt.number);
        let text = format!("shard {} attempt {}", attempt.shard, attempt.number);
        if let Some(before) = self.attempts.get(&key) {
            if !before.stage.is_live() && before.stage != attempt.stage {
                let (was, is) = (before.stage, attempt.stage);
                broken.push(format!("{text} was {was:?} and is {is:?}"));
            }
            let (was, is) = (before.first_operation, attempt.first_operation);
            if was.is_some() && was != is && attempt.stage != ShardStage::Finished {
                broken.push(format!("{text} began at {was:?} and then at {is:?}"));
            }
        } else if attempt.number > 1 && !self.attempts.contains_key(&(key.0, key.1 - 1)) {
            broken.push(format!("{text} has no attempt before it"));
        }
        self.attempts.insert(key, attempt.clone());
        let of_shard = self.attempts.values().filter(|other| other.shard == key.0);
        let live = of_shard.filter(|other| other.stage.is_live()).count();
        if live > 1 {
            broken.push(format!("{live} attempts of shard {} at once", key.0));
        }
        let ranges = self.attempts.values().map(|other| other.keys.first);
        let distinct: BTreeSet<i64> = ranges.collect();
        if distinct.len() != self.attempts.len() {
            broken.push(format!("{text} shares its keys with another attempt"));
        }
    }
}

/// How a run ended never changes, whatever is learnt of it later.
fn ended_stays(before: &Run, after: &Run, broken: &mut Vec<String>) {
    let Stage::Done { at, end, .. } = &before.state.stage else {
        return;
    };
    let same = matches!(&after.state.stage, Stage::Done { at: now, end: then, .. } if now == at && then == end);
    if !same {
        broken.push(format!(
            "a run that was over as {:?} became {:?}",
            before.state.stage, after.state.stage
        ));
    }
}
