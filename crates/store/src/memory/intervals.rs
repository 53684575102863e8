//! Intervals in memory.

use std::collections::btree_map::Entry;

use async_trait::async_trait;
use gauntlet_model::{
    errors::ErrorSummary, id::RunId, interval::Interval, session::AttemptRef, time::Timestamp,
};

use super::{Memory, page};
use crate::{IntervalKey, Intervals, PageQuery, Result, TimeRange};

#[async_trait]
impl Intervals for Memory {
    async fn append(&self, intervals: &[Interval]) -> Result<Vec<bool>> {
        let mut state = self.state();
        for interval in intervals {
            state.record(interval.attempt.run)?;
        }
        let mut all_new = Vec::with_capacity(intervals.len());
        for interval in intervals {
            let AttemptRef {
                run,
                shard,
                attempt,
            } = interval.attempt;
            let key = (shard, attempt, interval.sequence);
            let record = state.record(run)?;
            let entry = record.intervals.entry(key);
            let new = matches!(entry, Entry::Vacant(_));
            entry.or_insert_with(|| interval.clone());
            if new {
                for group in ErrorSummary::of(interval).into_groups() {
                    record.errors.merge(group);
                }
            }
            all_new.push(new);
        }
        Ok(all_new)
    }

    async fn contiguous(&self, attempt: AttemptRef) -> Result<i64> {
        let state = self.state();
        let sequences = state.of_run(attempt.run, |record| {
            let of_attempt =
                (attempt.shard, attempt.attempt, 1)..=(attempt.shard, attempt.attempt, i64::MAX);
            let range = record.intervals.range(of_attempt);
            range.map(|((_, _, sequence), _)| *sequence).collect()
        });
        let in_place = (1..)
            .zip(&sequences)
            .take_while(|(place, sequence)| place == *sequence);
        Ok(in_place.count() as i64)
    }

    async fn list(
        &self,
        run: RunId,
        ended: TimeRange,
        query: PageQuery<IntervalKey>,
    ) -> Result<Vec<Interval>> {
        let state = self.state();
        Ok(state.of_run(run, |record| {
            let mut keyed: Vec<(IntervalKey, &Interval)> = record
                .intervals
                .iter()
                .filter(|(_, interval)| ended.contains(interval.end))
                .map(|((shard, attempt, sequence), interval)| {
                    ((interval.end, *shard, *attempt, *sequence), interval)
                })
                .collect();
            keyed.sort_by_key(|(key, _)| *key);
            let owned = keyed
                .into_iter()
                .map(|(key, interval)| (key, interval.clone()));
            page(owned, &query, |key, last| key > last)
        }))
    }

    async fn prune(&self, run: RunId, run_ended_before: Timestamp) -> Result<u64> {
        let mut state = self.state();
        let Some(record) = state.runs.get_mut(&run) else {
            return Ok(0);
        };
        let ended = record.run.ended.is_some_and(|at| at < run_ended_before);
        if !ended || !record.run.status().is_terminal() || record.report.is_none() {
            return Ok(0);
        }
        let removed = std::mem::take(&mut record.intervals);
        Ok(removed.len() as u64)
    }
}
