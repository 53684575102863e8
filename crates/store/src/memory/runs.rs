//! Runs in memory.

use std::collections::BTreeMap;

use async_trait::async_trait;
use gauntlet_model::{
    errors::ErrorSummary,
    evidence::{Piece, Place},
    history::{Resolution, Rollup},
    id::{Project, RunId},
    interval::Interval,
    lifecycle::Status,
    report::Report,
    run::{Attempt, ControlEvent, PhaseTransition, Run, RunEvent},
    sample::OperationSample,
    time::Timestamp,
};

use super::{Memory, State, logs::Lines, page};
use crate::{
    Advanced, Error, Idempotency, PageQuery, Result, RunChange, RunCursor, RunFilter, RunKey,
    RunOrder, RunSummary, Runs, SampleKey,
};

/// What samples are listed by: see [`SampleKey::order`].
type SampleOrder = (u32, &'static str, u32, u32, u32);

/// A run and all that belongs to it.
pub(super) struct RunRecord {
    pub(super) run: Run,
    /// By shard and number.
    attempts: BTreeMap<(u32, u32), Attempt>,
    /// By sequence.
    controls: BTreeMap<i64, ControlEvent>,
    phases: Vec<PhaseTransition>,
    events: Vec<RunEvent>,
    /// By shard, attempt and sequence.
    pub(super) intervals: BTreeMap<(u32, u32, i64), Interval>,
    /// By resolution, then as they are listed.
    pub(super) rollups: BTreeMap<(Resolution, (Timestamp, u32, &'static str)), Rollup>,
    pub(super) errors: ErrorSummary,
    /// As they are listed.
    pub(super) samples: BTreeMap<SampleOrder, (SampleKey, OperationSample)>,
    pub(super) logs: Lines,
    pub(super) report: Option<Report>,
    pub(super) evidence: BTreeMap<Place, Piece>,
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
            rollups: BTreeMap::new(),
            errors: ErrorSummary::default(),
            samples: BTreeMap::new(),
            logs: Lines::default(),
            report: None,
            evidence: BTreeMap::new(),
        };
        record.append_events(std::slice::from_ref(event));
        record
    }

    fn append_events(&mut self, events: &[RunEvent]) -> Vec<RunEvent> {
        let first = self.events.len() as i64 + 1;
        let numbered: Vec<RunEvent> = (first..)
            .zip(events)
            .map(|(sequence, event)| RunEvent {
                sequence,
                ..event.clone()
            })
            .collect();
        self.events.extend(numbered.iter().cloned());
        numbered
    }

    /// Stores a change that was found good.
    fn advance(&mut self, change: &RunChange) -> Advanced {
        let revision = self.run.revision + 1;
        self.run = Run {
            state: change.run.state.clone(),
            labels: change.run.labels.clone(),
            notes: change.run.notes.clone(),
            started: change.run.started,
            ended: change.run.ended,
            revision,
            ..self.run.clone()
        };
        for attempt in &change.attempts {
            let stored = Attempt {
                revision,
                ..attempt.clone()
            };
            self.attempts
                .insert((attempt.shard, attempt.number), stored);
        }
        for control in &change.controls {
            self.controls.insert(control.sequence, control.clone());
        }
        self.phases.extend(&change.phases);
        let events = self.append_events(&change.events);
        Advanced { revision, events }
    }

    fn summary(&self) -> RunSummary {
        let judged = self.report.as_ref().map(crate::judged);
        RunSummary::of(&self.run, judged)
    }

    /// Whether nobody works on the run.
    fn is_at_rest(&self) -> bool {
        let status = self.run.status();
        status == Status::Prepared || status.is_terminal()
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
            let mut all = state.runs.values();
            let first = all.find(|record| record.run.id.to_string() == id);
            return first
                .map(|record| record.run.clone())
                .ok_or_else(|| Error::Missing(format!("run {id}")));
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
        state.remember(idempotency, run.id.to_string(), run.created);
        Ok(first)
    }

    async fn advance(&self, change: &RunChange) -> Result<Advanced> {
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

    async fn append_events(&self, run: RunId, events: &[RunEvent]) -> Result<Vec<RunEvent>> {
        Ok(self.state().record(run)?.append_events(events))
    }

    async fn get(&self, id: RunId) -> Result<Option<Run>> {
        Ok(self.state().runs.get(&id).map(|record| record.run.clone()))
    }

    async fn list(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        query: PageQuery<RunCursor>,
    ) -> Result<Vec<RunSummary>> {
        let foreign = query
            .after
            .as_ref()
            .is_some_and(|after| !order.is_of(after));
        if foreign {
            return Err(Error::Conflict("the order of the list".to_owned()));
        }
        let state = self.state();
        let mut found: Vec<(RunCursor, RunSummary)> = state
            .runs
            .values()
            .map(RunRecord::summary)
            .filter(|run| filter.matches(run))
            .map(|run| (run.cursor(order), run))
            .collect();
        let compare = |one: &RunCursor, other: &RunCursor| {
            let ordering = order.compare(one, other);
            ordering.expect("all cursors are of this order")
        };
        found.sort_by(|one, other| compare(&one.0, &other.0));
        found.retain(|(cursor, _)| {
            let after = query.after.as_ref();
            after.is_none_or(|after| compare(cursor, after).is_gt())
        });
        found.truncate(query.limit as usize);
        Ok(found.into_iter().map(|(_, run)| run).collect())
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

    async fn delete(&self, run: RunId) -> Result<()> {
        let mut state = self.state();
        if !state.record(run)?.is_at_rest() {
            return Err(Error::Conflict(format!("run {run}")));
        }
        state.runs.remove(&run);
        Ok(())
    }

    async fn ended(
        &self,
        ended_before: Timestamp,
        page: PageQuery<RunKey>,
    ) -> Result<Vec<(Timestamp, RunId, Project)>> {
        let state = self.state();
        let mut old: Vec<_> = state
            .runs
            .values()
            .filter(|record| record.run.status().is_terminal())
            .filter_map(|record| Some((record.run.ended?, &record.run)))
            .filter(|(ended, _)| *ended < ended_before)
            .map(|(ended, run)| (ended, run.id, run.project.clone()))
            .filter(|(ended, run, _)| page.after.is_none_or(|after| (*ended, *run) > after))
            .collect();
        old.sort_unstable();
        old.truncate(page.limit as usize);
        Ok(old)
    }

    async fn prune(&self, ended_before: Timestamp, limit: u32) -> Result<Vec<RunId>> {
        let first = PageQuery { after: None, limit };
        let old = self.ended(ended_before, first).await?;
        let mut state = self.state();
        for (_, run, _) in &old {
            state.runs.remove(run);
        }
        Ok(old.into_iter().map(|(_, run, _)| run).collect())
    }
}
