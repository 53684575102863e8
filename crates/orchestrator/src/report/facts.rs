//! What a report says beside sums: who took part, who was missing, how far
//! apart the workers were.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_model::{
    id::RunId,
    lifecycle::{Action, Phase, ShardStage, StopReason, Window},
    report::ShardFacts,
    run::{Attempt, ControlEvent, PhaseEntry, Run},
    template::Level,
    time::Timestamp,
};
use gauntlet_store::{PageQuery, Stores};

/// Events read at a time.
const PAGE: u32 = 1_000;

/// How long the run sent load, pauses included.
pub(super) fn under_load(run: &Run, controls: &[ControlEvent]) -> Duration {
    let stop = |control: &&ControlEvent| matches!(control.action, Action::Stop { .. });
    let stopped = controls.iter().find(stop).map(|control| control.at);
    match (run.state.load_started, stopped) {
        (Some(began), Some(stopped)) => stopped.since(began),
        _ => Duration::ZERO,
    }
}

/// Workers that were lost or failed and whose part of what is reported is
/// missing, in words. One that left, or that another took the place of, is in
/// [`degraded`].
pub(super) fn lost(run: &Run, window: Option<Window>, attempts: &[Attempt]) -> Vec<String> {
    attempts
        .iter()
        .filter(|attempt| is_missing(run, window, attempt))
        .filter(|attempt| attempt.stage != ShardStage::Finished)
        .filter(|attempt| successor(attempt, attempts).is_none())
        .map(|attempt| format!("shard {}: {}", attempt.shard, attempt.message))
        .collect()
}

/// What made the load another than asked for in what is reported, in words.
pub(super) fn degraded(
    run: &Run,
    window: Option<Window>,
    attempts: &[Attempt],
    controls: &[ControlEvent],
) -> Vec<String> {
    let Some(window) = window else {
        return Vec::new();
    };
    let within = |at: Timestamp| window.from < at && at < window.to;
    let mut found = Vec::new();
    for attempt in attempts
        .iter()
        .filter(|attempt| is_missing(run, Some(window), attempt))
    {
        let (shard, why) = (attempt.shard, &attempt.message);
        match successor(attempt, attempts) {
            Some(next)
                if next
                    .first_operation
                    .is_some_and(|began| began > window.from) =>
            {
                let text = &next.worker_text;
                found.push(format!("shard {shard} was taken over by {text}: {why}"));
            }
            None if attempt.stage == ShardStage::Finished => {
                found.push(format!("shard {shard} was not replaced: {why}"));
            }
            _ => {}
        }
    }
    let added = attempts
        .iter()
        .filter(|attempt| attempt.shard >= run.spec.workers);
    for attempt in added.filter(|attempt| attempt.first_operation.is_some_and(within)) {
        let (shard, worker) = (attempt.shard, &attempt.worker_text);
        found.push(format!("shard {shard} was added on {worker}"));
    }
    let uneven = controls.iter().filter(|control| {
        matches!(&control.action, Action::SetTarget(aim)
            if within(control.at) && is_uneven(aim.split.weights()))
    });
    match uneven.count() {
        0 => {}
        times => found.push(format!("workers got less load than others {times} times")),
    }
    found
}

/// Whether shards that have a part at all have different ones.
fn is_uneven(weights: &[u32]) -> bool {
    let mut parts = weights.iter().filter(|weight| **weight > 0);
    let first = parts.next();
    parts.any(|weight| Some(weight) != first)
}

/// Whether an attempt ended early so that what is reported lacks its part. The
/// steps of a search that lack one are not reported.
fn is_missing(run: &Run, window: Option<Window>, attempt: &Attempt) -> bool {
    let left = attempt.stage == ShardStage::Finished && !attempt.message.is_empty();
    let gone = left || matches!(attempt.stage, ShardStage::Lost | ShardStage::Failed);
    // One that was to be added and never came is not missed.
    let expected = attempt.shard < run.spec.workers || attempt.first_operation.is_some();
    let fatal = run
        .state
        .end()
        .is_some_and(|end| end.reason == StopReason::WorkerLost);
    let counts = run.state.search.is_none() || fatal;
    let in_time = match (attempt.ended, window) {
        (Some(ended), Some(window)) => window.from < ended && ended < window.to,
        _ => false,
    };
    gone && expected && (counts || in_time)
}

/// The attempt that took over from another.
fn successor<'a>(of: &Attempt, attempts: &'a [Attempt]) -> Option<&'a Attempt> {
    let mut later = attempts.iter();
    later.find(|one| {
        one.shard == of.shard && one.number > of.number && one.first_operation.is_some()
    })
}

/// Each attempt's part in what is reported.
pub(super) fn shards(
    run: &Run,
    window: Option<Window>,
    level: Level,
    attempts: &[Attempt],
) -> Vec<ShardFacts> {
    let count = run.state.shards.len() as u32;
    let part = |shard: u32| match run.state.split.part(level, shard, count) {
        Level::Concurrency { connections } => f64::from(connections),
        Level::Rate { .. } if run.state.split.is_equal() => 1.0,
        Level::Rate { milli_per_s } => milli_per_s as f64,
    };
    let began = |attempt: &Attempt| match attempt.number {
        1 if attempt.shard < run.spec.workers => run.state.load_started,
        _ => attempt.first_operation,
    };
    let facts = |attempt: &Attempt| ShardFacts {
        shard: attempt.shard,
        attempt: attempt.number,
        worker: name_of(attempt).to_owned(),
        part: part(attempt.shard),
        present: match (window, began(attempt)) {
            (Some(window), Some(began)) => {
                let end = attempt.ended.unwrap_or(window.to).min(window.to);
                end.since(began.max(window.from))
            }
            _ => Duration::ZERO,
        },
        clock_uncertainty: attempt.clock_uncertainty,
    };
    attempts.iter().map(facts).collect()
}

/// The worker's name, from its text.
fn name_of(attempt: &Attempt) -> &str {
    let text = &attempt.worker_text;
    text.rsplit_once(" (").map_or(text, |(name, _)| name)
}

/// The level of a step of the search; of another run its own.
pub(super) fn level(run: &Run, step: u32) -> Level {
    let steps = run.state.search.iter().flat_map(|search| &search.steps);
    let mut steps = steps.filter(|one| one.trial.step == step);
    steps
        .next()
        .map_or_else(|| run.level(), |step| step.trial.level)
}

/// The furthest apart that workers entered a phase together, from the run's
/// events: they survive a restart.
pub(super) async fn phase_skew(
    stores: &Stores,
    run: RunId,
) -> Result<Duration, gauntlet_store::Error> {
    let mut spread = Spread::default();
    let mut after = None;
    loop {
        let page = PageQuery { after, limit: PAGE };
        let events = stores.runs.events(run, page).await?;
        let entries = events.iter().filter_map(|event| event.kind.entered());
        entries.for_each(|entry| spread.take(entry));
        match events.last() {
            Some(last) if events.len() == PAGE as usize => after = Some(last.sequence),
            _ => break,
        }
    }
    Ok(spread.most())
}

/// When each phase was entered first and last.
#[derive(Default)]
struct Spread(BTreeMap<Phase, (Timestamp, Timestamp)>);

impl Spread {
    /// Who joined a phase that had begun is not late.
    fn take(&mut self, entry: PhaseEntry) {
        if !entry.joined {
            let at = entry.at;
            let (first, last) = self.0.entry(entry.phase).or_insert((at, at));
            (*first, *last) = ((*first).min(at), (*last).max(at));
        }
    }

    fn most(&self) -> Duration {
        let apart = self.0.values().map(|(first, last)| last.since(*first));
        apart.max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_entered_as_far_apart_as_those_who_entered_together() {
        let mut spread = Spread::default();
        assert_eq!(spread.most(), Duration::ZERO);
        for (phase, at, joined) in [
            (Phase::Warmup, 5, false),
            (Phase::Warmup, 9, false),
            (Phase::Warmup, 90_000, true),
            (Phase::Measurement, 1_007, false),
            (Phase::Measurement, 1_000, false),
            (Phase::Cooldown, 2_000, false),
        ] {
            let at = Timestamp(at);
            spread.take(PhaseEntry { phase, at, joined });
        }
        assert_eq!(spread.most(), Duration::from_micros(7));
    }

    #[test]
    fn equal_parts_are_not_uneven() {
        for (weights, uneven) in [
            (&[][..], false),
            (&[1, 1, 1], false),
            (&[1, 0, 1], false),
            (&[10, 8], true),
        ] {
            assert_eq!(is_uneven(weights), uneven, "{weights:?}");
        }
    }
}
