//! Runs in memory.

use std::{cmp::Reverse, collections::BTreeMap};

use async_trait::async_trait;
use gauntlet_model::{
    id::RunId,
    interval::Interval,
    report::Report,
    run::{Attempt, ControlEvent, PhaseTransition, Run, RunEvent},
};

use super::{Memory, State, page};
use crate::{Error, Idempotency, PageQuery, Result, RunChange, RunFilter, RunKey, Runs};

/// A run and all that belongs to it.
pub(super) struct RunRecord {
    run: Run,
    /// By shard and number.
    attempts: BTreeMap<(u32, u32), Attempt>,
    /// By sequence.
    controls: BTreeMap<i64, ControlEvent>,
    phases: Vec<PhaseTransition>,
    events: Vec<RunEvent>,
    /// By shard, attempt and sequence.
    pub(super) intervals: BTreeMap<(u32, u32, i64), Interval>,
    pub(super) report: Option<Report>,
}

impl RunRecord {
    fn new(run: Run, event: &RunEvent) -> Self {
        let mut record = Self {
            run,
            attempts: BTreeMap::new(),
            controls: BTreeMap::new(),
            phases: Vec::new(),
            events: Vec::new(),
            intervals: BTreeMap::new(),
            report: None,
        };
        record.append_events(std::slice::from_ref(event));
        record
    }

    fn append_events(&mut self, events: &[RunEvent]) {
        for event in events {
            let sequence = self.events.len() as i64 + 1;
            self.events.push(RunEvent {
                sequence,
                ..event.clone()
            });
        }
    }

    /// Stores a change that was found good.
    fn advance(&mut self, change: &RunChange) -> i64 {
        self.run = Run {
            state: change.run.state.clone(),
            labels: change.run.labels.clone(),
            started: change.run.started,
            ended: change.run.ended,
            revision: self.run.revision + 1,
            ..self.run.clone()
        };
        for attempt in &change.attempts {
            self.attempts
                .insert((attempt.shard, attempt.number), attempt.clone());
        }
        for control in &change.controls {
            self.controls.insert(control.sequence, control.clone());
        }
        self.phases.extend(&change.phases);
        self.append_events(&change.events);
        self.run.revision
    }
}

impl State {
    /// The record that a write belongs to.
    pub(super) fn record(&mut self, run: RunId) -> Result<&mut RunRecord> {
        let record = self.runs.get_mut(&run);
        record.ok_or_else(|| Error::Missing(format!("run {run}")))
    }

    /// What a read finds of a run; nothing when the run is not there.
    pub(super) fn of_run<T>(&self, run: RunId, read: impl Fn(&RunRecord) -> Vec<T>) -> Vec<T> {
        self.runs.get(&run).map(read).unwrap_or_default()
    }
}

#[async_trait]
impl Runs for Memory {
    async fn insert(
        &self,
        run: &Run,
        event: &RunEvent,
        idempotency: Option<&Idempotency>,
    ) -> Result<Run> {
        let mut state = self.state();
        if let Some(id) = state.repeated(idempotency)? {
            return Ok(state.record(RunId(id))?.run.clone());
        }
        let taken = |other: &RunRecord| {
            other.run.id == run.id
                || (&other.run.project, &other.run.name) == (&run.project, &run.name)
        };
        if state.runs.values().any(taken) {
            return Err(Error::AlreadyExists(format!(
                "run {}/{}",
                run.project, run.name
            )));
        }
        let first = Run {
            revision: 1,
            ..run.clone()
        };
        state
            .runs
            .insert(run.id, RunRecord::new(first.clone(), event));
        state.remember(idempotency, run.id.0);
        Ok(first)
    }

    async fn advance(&self, change: &RunChange) -> Result<i64> {
        let mut state = self.state();
        let id = change.run.id;
        let record = state.record(id)?;
        if record.run.revision != change.run.revision {
            return Err(Error::Conflict(format!("run {id}")));
        }
        let mut sequences: Vec<i64> = change.controls.iter().map(|one| one.sequence).collect();
        sequences.sort_unstable();
        let repeated = sequences.windows(2).any(|pair| pair[0] == pair[1])
            || sequences
                .iter()
                .any(|one| record.controls.contains_key(one));
        if repeated {
            return Err(Error::Conflict(format!("a command of run {id}")));
        }
        Ok(record.advance(change))
    }

    async fn append_events(&self, run: RunId, events: &[RunEvent]) -> Result<()> {
        self.state().record(run)?.append_events(events);
        Ok(())
    }

    async fn get(&self, id: RunId) -> Result<Option<Run>> {
        Ok(self.state().runs.get(&id).map(|record| record.run.clone()))
    }

    async fn list(&self, filter: &RunFilter, query: PageQuery<RunKey>) -> Result<Vec<Run>> {
        let state = self.state();
        let mut found: Vec<&Run> = state
            .runs
            .values()
            .map(|record| &record.run)
            .filter(|run| matches(filter, run))
            .collect();
        found.sort_by_key(|run| Reverse((run.created, run.id)));
        let keyed = found
            .into_iter()
            .map(|run| ((run.created, run.id), run.clone()));
        Ok(page(keyed, &query, |key, last| key < last))
    }

    async fn active(&self) -> Result<Vec<Run>> {
        let state = self.state();
        let mut active: Vec<Run> = state
            .runs
            .values()
            .filter(|record| record.run.status().is_active())
            .map(|record| record.run.clone())
            .collect();
        active.sort_by_key(|run| (run.created, run.id));
        Ok(active)
    }

    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>> {
        let state = self.state();
        Ok(state.of_run(run, |record| record.attempts.values().cloned().collect()))
    }

    async fn controls(&self, run: RunId, after: i64) -> Result<Vec<ControlEvent>> {
        let state = self.state();
        Ok(state.of_run(run, |record| {
            let later = record
                .controls
                .iter()
                .filter(|(sequence, _)| **sequence > after);
            later.map(|(_, control)| control.clone()).collect()
        }))
    }

    async fn phases(&self, run: RunId) -> Result<Vec<PhaseTransition>> {
        Ok(self.state().of_run(run, |record| record.phases.clone()))
    }

    async fn events(&self, run: RunId, query: PageQuery<i64>) -> Result<Vec<RunEvent>> {
        let state = self.state();
        Ok(state.of_run(run, |record| {
            let keyed = record
                .events
                .iter()
                .map(|event| (event.sequence, event.clone()));
            page(keyed, &query, |key, last| key > last)
        }))
    }
}

fn matches(filter: &RunFilter, run: &Run) -> bool {
    filter.project.covers(&run.project)
        && (filter.statuses.is_empty() || filter.statuses.contains(&run.status()))
        && filter
            .template
            .as_ref()
            .is_none_or(|name| *name == run.template)
}
