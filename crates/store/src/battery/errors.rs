//! How every store groups failures.

use gauntlet_model::{
    errors::{ErrorSummary, MOST_GROUPS},
    id::RunId,
    interval::{ErrorClass, ErrorCount, Interval},
    lifecycle::Phase,
};

use super::samples::{interval, run, stored};
use crate::Stores;

async fn a_run(stores: &Stores) -> RunId {
    stored(stores, &run("acme", "nightly")).await.id
}

async fn append(stores: &Stores, intervals: &[Interval]) {
    let stored = stores.intervals.append(intervals).await;
    stored.expect("intervals are stored");
}

fn failure(class: ErrorClass, message: &str, count: u64) -> ErrorCount {
    ErrorCount {
        operation: 10,
        phase: Phase::Measurement,
        class,
        code: "23505".to_owned(),
        message: message.to_owned(),
        count,
    }
}

fn failed(run: RunId, sequence: i64, errors: &[ErrorCount]) -> Interval {
    Interval {
        operations: Vec::new(),
        errors: errors.to_vec(),
        ..interval(run, sequence)
    }
}

/// Failures that say the same apart from their values are one group.
pub async fn grouped(stores: Stores) {
    let run = a_run(&stores).await;
    let same = |key: u32| failure(ErrorClass::Constraint, &format!("key {key} is there"), 2);
    let other = failure(ErrorClass::Timeout, "late", 1);
    let mut first_of_all = other.clone();
    first_of_all.operation = 2;
    let intervals = [
        failed(run, 3, &[same(1), other.clone()]),
        failed(run, 1, &[same(2), same(3)]),
        failed(run, 2, &[first_of_all]),
    ];
    let mut expected = ErrorSummary::default();
    for one in &intervals {
        append(&stores, std::slice::from_ref(one)).await;
        expected.add(one);
    }
    let groups = stores.errors.list(run).await.expect("groups");
    assert_eq!(groups, expected.into_groups());
    assert_eq!(groups.len(), 3);
    let other_run = stored(&stores, &self::run("acme", "other")).await.id;
    assert_eq!(stores.errors.list(other_run).await, Ok(vec![]));
}

/// An interval that comes twice is counted once.
pub async fn only_of_new_intervals(stores: Stores) {
    let run = a_run(&stores).await;
    let late = failure(ErrorClass::Timeout, "late", 3);
    let one = failed(run, 1, std::slice::from_ref(&late));
    append(&stores, &[one.clone(), one.clone()]).await;
    append(&stores, &[one, failed(run, 2, &[late])]).await;
    let counts: Vec<u64> = stores
        .errors
        .list(run)
        .await
        .expect("groups")
        .iter()
        .map(|group| group.count)
        .collect();
    assert_eq!(counts, [6]);
}

/// Kinds beyond the most that a run may have are counted together, and a count
/// that is as large as it can be stays.
pub async fn bounded(stores: Stores) {
    let run = a_run(&stores).await;
    let word = |number: usize| {
        let letter =
            |place: usize| char::from(b'g' + (number / 10_usize.pow(place as u32) % 10) as u8);
        (0..4).map(letter).collect::<String>()
    };
    for (sequence, part) in (1..).zip(0..4) {
        let kinds: Vec<ErrorCount> = (part * 300..(part + 1) * 300)
            .map(|number| failure(ErrorClass::Other, &word(number), 1))
            .collect();
        append(&stores, &[failed(run, sequence, &kinds)]).await;
    }
    let groups = stores.errors.list(run).await.expect("groups");
    assert!(groups.len() <= MOST_GROUPS + 1, "{} groups", groups.len());
    let counts: u64 = groups.iter().map(|group| group.count).sum();
    assert_eq!(counts, 1_200);
    let most = failure(ErrorClass::Timeout, "late", u64::MAX / 2);
    for sequence in 10..13 {
        append(
            &stores,
            &[failed(run, sequence, std::slice::from_ref(&most))],
        )
        .await;
    }
    let groups = stores.errors.list(run).await.expect("groups");
    let largest = groups.iter().map(|group| group.count).max();
    assert_eq!(largest, Some(i64::MAX as u64));
}
