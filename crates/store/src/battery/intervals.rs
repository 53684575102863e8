//! What every store of intervals does.

use gauntlet_model::{
    id::RunId,
    interval::{ErrorClass, ErrorCount, Interval},
    lifecycle::Phase,
    session::AttemptRef,
    time::Timestamp,
};
use uuid::Uuid;

use super::{
    paging::walk,
    reports::report,
    samples::{after, all, ended, error, interval, interval_of, operation, run, stored},
};
use crate::{Error, IntervalKey, Stores, TimeRange};

const EVER: TimeRange = TimeRange {
    from: None,
    to: None,
};

async fn a_run(stores: &Stores) -> RunId {
    stored(stores, &run("acme", "nightly")).await.id
}

async fn append(stores: &Stores, intervals: &[Interval]) -> Vec<bool> {
    let new = stores.intervals.append(intervals).await;
    new.expect("intervals are stored")
}

async fn listed(stores: &Stores, run: RunId) -> Vec<Interval> {
    stores
        .intervals
        .list(run, EVER, all())
        .await
        .expect("a list")
}

fn key(interval: &Interval) -> IntervalKey {
    let AttemptRef { shard, attempt, .. } = interval.attempt;
    (interval.end, shard, attempt, interval.sequence)
}

/// What is read is what was stored, operations in the order they came in.
pub async fn kept_whole(stores: Stores) {
    let run = a_run(&stores).await;
    let mut empty = interval(run, 2);
    empty.operations.clear();
    empty.errors.clear();
    let both = [interval(run, 1), empty];
    assert_eq!(append(&stores, &both).await, [true, true]);
    assert_eq!(listed(&stores, run).await, both);
    assert_eq!(stores.intervals.append(&[]).await, Ok(vec![]));
}

/// An interval that is there already is passed over: the first one stays.
pub async fn repeats_removed(stores: Stores) {
    let run = a_run(&stores).await;
    let first = [interval(run, 1), interval(run, 2)];
    append(&stores, &first).await;
    let mut again = interval(run, 2);
    again.backlog += 1;
    again.operations.clear();
    let third = interval(run, 3);
    assert_eq!(
        append(&stores, &[again, third.clone()]).await,
        [false, true]
    );
    let [one, two] = first;
    assert_eq!(listed(&stores, run).await, [one, two, third]);
}

/// Also when both come in one call.
pub async fn repeats_within_one_call(stores: Stores) {
    let run = a_run(&stores).await;
    let mut again = interval(run, 1);
    again.operations.truncate(1);
    again.in_flight += 1;
    let new = append(&stores, &[interval(run, 1), again, interval(run, 2)]).await;
    assert_eq!(new, [true, false, true]);
    assert_eq!(
        listed(&stores, run).await,
        [interval(run, 1), interval(run, 2)]
    );
}

/// One interval of an unknown run keeps all others out.
pub async fn all_or_none(stores: Stores) {
    let run = a_run(&stores).await;
    let unknown = RunId(Uuid::now_v7());
    let mixed = [interval(run, 1), interval(unknown, 1)];
    let refused = stores.intervals.append(&mixed).await;
    assert!(matches!(refused, Err(Error::Missing(_))), "{refused:?}");
    assert_eq!(listed(&stores, run).await, []);
    assert_eq!(append(&stores, &mixed[..1]).await, [true]);
}

/// What is not there is empty.
pub async fn absent(stores: Stores) {
    let run = RunId(Uuid::now_v7());
    assert_eq!(listed(&stores, run).await, []);
    let attempt = interval(run, 1).attempt;
    assert_eq!(stores.intervals.contiguous(attempt).await, Ok(0));
}

/// Counts use all 64 bits.
pub async fn large_counts(stores: Stores) {
    let run = a_run(&stores).await;
    let mut large = interval(run, 1);
    large.sequence = i64::MAX;
    (large.start, large.end) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    (large.in_flight, large.backlog) = (u32::MAX, u64::MAX);
    let part = &mut large.operations[0];
    (part.operation, part.cut, part.dropped) = (u32::MAX, u64::MAX, 1 << 63);
    (part.succeeded.rows, part.failed.rows) = (u64::MAX, i64::MAX as u64);
    append(&stores, std::slice::from_ref(&large)).await;
    assert_eq!(listed(&stores, run).await, [large]);
}

/// Every phase and every class of error comes back.
pub async fn every_variant(stores: Stores) {
    let run = a_run(&stores).await;
    let mut one = interval(run, 1);
    one.operations = Phase::ALL.map(|phase| operation(0, phase, &[1])).to_vec();
    one.errors = Vec::new();
    for class in ErrorClass::ALL {
        for phase in Phase::ALL {
            one.errors.push(ErrorCount {
                phase,
                ..error(class)
            });
        }
    }
    append(&stores, std::slice::from_ref(&one)).await;
    assert_eq!(listed(&stores, run).await, [one]);
}

/// The highest sequence without a gap, per attempt.
pub async fn contiguous(stores: Stores) {
    let run = a_run(&stores).await;
    let attempt = interval(run, 1).attempt;
    let of = async |attempt| stores.intervals.contiguous(attempt).await;
    for (sequence, expected) in [(2, 0), (4, 0), (1, 2), (5, 2), (0, 2), (3, 5), (7, 5)] {
        append(&stores, &[interval(run, sequence)]).await;
        assert_eq!(of(attempt).await, Ok(expected), "after {sequence}");
    }
    append(
        &stores,
        &[interval_of(run, 0, 2, 1), interval_of(run, 1, 1, 2)],
    )
    .await;
    let other = |shard, attempt| AttemptRef {
        run,
        shard,
        attempt,
    };
    assert_eq!(of(other(0, 2)).await, Ok(1));
    assert_eq!(of(other(1, 1)).await, Ok(0));
    assert_eq!(of(attempt).await, Ok(5));
}

/// By end, then shard, attempt and sequence.
pub async fn in_their_order(stores: Stores) {
    let run = a_run(&stores).await;
    let mut all = Vec::new();
    for end_us in [50, -50] {
        for (shard, attempt, sequence) in [(10, 1, 1), (2, 2, 1), (2, 1, 11), (2, 1, 9), (0, 3, 2)]
        {
            let mut one = interval_of(run, shard, attempt, sequence + 100 * (end_us + 50));
            one.end = Timestamp(end_us);
            all.push(one);
        }
    }
    append(&stores, &all).await;
    all.sort_by_key(key);
    assert_eq!(listed(&stores, run).await, all);
}

/// Every page goes on where the one before ended, also while others append.
pub async fn by_page(stores: Stores) {
    let run = a_run(&stores).await;
    let mut before = Vec::new();
    for sequence in 1..=5 {
        before.push(interval_of(run, 0, 1, sequence));
        before.push(interval_of(run, 1, 1, sequence));
    }
    append(&stores, &before).await;
    for limit in [1, 3, 10, 11] {
        let list = |page| stores.intervals.list(run, EVER, page);
        assert_eq!(walk(limit, key, list, async |_| ()).await, before);
    }
    let list = |page| stores.intervals.list(run, EVER, page);
    let mut found = walk(3, key, list, async |round| {
        let late = interval_of(run, 2 + round as u32, 1, 3);
        append(&stores, &[late]).await;
    })
    .await;
    found.retain(|one| one.attempt.shard < 2);
    assert_eq!(found, before);
    let one = stores
        .intervals
        .list(run, EVER, after(key(&before[8]), 1))
        .await;
    assert_eq!(one, Ok(vec![before[9].clone()]));
}

/// A worker that was cut off for long delivers much at once.
pub async fn many_at_once(stores: Stores) {
    let run = a_run(&stores).await;
    let many: Vec<Interval> = (1..=3_000)
        .map(|sequence| interval(run, sequence))
        .collect();
    assert_eq!(append(&stores, &many).await, vec![true; many.len()]);
    assert_eq!(append(&stores, &many[..2]).await, [false, false]);
    let contiguous = stores.intervals.contiguous(many[0].attempt).await;
    assert_eq!(contiguous, Ok(3_000));
    let list = |page| stores.intervals.list(run, EVER, page);
    assert_eq!(walk(1_000, key, list, async |_| ()).await, many);
}

/// The same intervals from many writers are stored once and reported new once.
pub async fn of_many_writers(stores: Stores) {
    let run = a_run(&stores).await;
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..6 {
        let stores = stores.clone();
        let mut all: Vec<Interval> = (1..=20).map(|sequence| interval(run, sequence)).collect();
        if writer % 2 == 1 {
            all.reverse();
        }
        writers.spawn(async move { append(&stores, &all).await });
    }
    let new: usize = writers
        .join_all()
        .await
        .iter()
        .flatten()
        .filter(|new| **new)
        .count();
    assert_eq!(new, 20);
    let expected: Vec<Interval> = (1..=20).map(|sequence| interval(run, sequence)).collect();
    assert_eq!(listed(&stores, run).await, expected);
}

/// Only those whose end is in a range, over pages too.
pub async fn by_time(stores: Stores) {
    let run = a_run(&stores).await;
    let second = |second: i64| Timestamp(second * 1_000_000);
    let stored: Vec<Interval> = (1..=9).map(|sequence| interval(run, sequence)).collect();
    append(&stores, &stored).await;
    for (from, to) in [
        (None, None),
        (Some(3), None),
        (None, Some(7)),
        (Some(3), Some(7)),
        (Some(7), Some(3)),
        (Some(10), None),
    ] {
        let range = TimeRange {
            from: from.map(second),
            to: to.map(second),
        };
        let expected: Vec<Interval> = stored
            .iter()
            .filter(|one| range.contains(one.end))
            .cloned()
            .collect();
        for limit in [1, 2, 10] {
            let list = |page| stores.intervals.list(run, range, page);
            let found = walk(limit, key, list, async |_| ()).await;
            assert_eq!(found, expected, "{range:?}");
        }
    }
}

/// Of a run that is over for long and has a report the detail goes, and what it
/// came to stays.
pub async fn pruned(stores: Stores) {
    let one = ended(&stores, "nightly", 100).await;
    let many: Vec<Interval> = (1..=50).map(|sequence| interval(one, sequence)).collect();
    append(&stores, &many).await;
    let groups = stores.errors.list(one).await;
    let prune = async |before_us| stores.intervals.prune(one, Timestamp(before_us)).await;
    assert_eq!(prune(101).await, Ok(0), "there is no report yet");
    let reported = stores.reports.put(&report(one)).await;
    reported.expect("a report is stored");
    assert_eq!(prune(100).await, Ok(0), "it did not end before its end");
    assert_eq!(prune(101).await, Ok(50));
    assert_eq!(prune(101).await, Ok(0));
    assert_eq!(listed(&stores, one).await, []);
    assert_eq!(stores.errors.list(one).await, groups);
    assert!(matches!(stores.reports.get(one).await, Ok(Some(_))));
    let fresh = stored(&stores, &run("acme", "fresh")).await.id;
    append(&stores, &[interval(fresh, 1)]).await;
    let still_there = stores.intervals.prune(fresh, Timestamp(i64::MAX)).await;
    assert_eq!(still_there, Ok(0));
}
