//! What every store of rollups does.

use gauntlet_model::{
    history::{Resolution, Rollup},
    id::RunId,
    interval::Failures,
    lifecycle::Phase,
    time::Timestamp,
};
use uuid::Uuid;

use super::{
    paging::walk,
    samples::{all, operation, run, stored},
};
use crate::{Error, RollupKey, Stores, TimeRange};

const EVER: TimeRange = TimeRange {
    from: None,
    to: None,
};

/// A rollup with something in every field.
fn rollup(run: RunId, start_us: i64, of: u32, phase: Phase) -> Rollup {
    let part = operation(of, phase, &[1_000, 2_000_000]);
    Rollup {
        run,
        resolution: Resolution::Minute,
        start: Timestamp(start_us),
        operation: of,
        phase,
        succeeded: part.succeeded,
        failed: part.failed,
        failures: Failures::from_counts([1, u64::MAX, 3, 1 << 63, 0, 6]),
        cut: u64::MAX,
        dropped: 1 << 63,
        intervals: 60,
        in_flight_max: 7,
        backlog_max: u64::MAX,
    }
}

fn key(rollup: &Rollup) -> RollupKey {
    (rollup.start, rollup.operation, rollup.phase)
}

async fn a_run(stores: &Stores) -> RunId {
    stored(stores, &run("acme", "nightly")).await.id
}

async fn put(stores: &Stores, rollups: &[Rollup]) {
    assert_eq!(stores.rollups.put(rollups).await, Ok(()));
}

async fn listed(stores: &Stores, run: RunId, resolution: Resolution) -> Vec<Rollup> {
    let list = stores.rollups.list(run, resolution, EVER, &[], all()).await;
    list.expect("a list")
}

/// What is read is what was stored, each resolution by itself.
pub async fn kept_whole(stores: Stores) {
    let run = a_run(&stores).await;
    put(&stores, &[]).await;
    for resolution in Resolution::ALL {
        let one = Rollup {
            resolution,
            ..rollup(run, -5, u32::MAX, Phase::Cooldown)
        };
        put(&stores, std::slice::from_ref(&one)).await;
        assert_eq!(listed(&stores, run, resolution).await, [one]);
    }
}

/// A later one takes the place of an earlier one, also within one call.
pub async fn replaced(stores: Stores) {
    let run = a_run(&stores).await;
    let first = rollup(run, 0, 1, Phase::Warmup);
    let beside = rollup(run, 0, 1, Phase::Measurement);
    put(&stores, &[first.clone(), beside.clone()]).await;
    let with = |cut| Rollup {
        cut,
        ..first.clone()
    };
    put(&stores, &[with(1), with(2)]).await;
    let found = listed(&stores, run, Resolution::Minute).await;
    assert_eq!(found, [beside, with(2)]);
}

fn many(run: RunId) -> Vec<Rollup> {
    let mut all = Vec::new();
    for start_us in [-60, 0, 60, 120] {
        for operation in [2, 10] {
            for phase in [Phase::Measurement, Phase::Warmup] {
                all.push(rollup(run, start_us, operation, phase));
            }
        }
    }
    all
}

/// Those whose start is in a range, of some operations.
pub async fn by_time_and_operation(stores: Stores) {
    let run = a_run(&stores).await;
    put(&stores, &many(run)).await;
    for (from, to) in [
        (None, None),
        (Some(0), Some(120)),
        (Some(1), None),
        (None, Some(-60)),
    ] {
        let range = TimeRange {
            from: from.map(Timestamp),
            to: to.map(Timestamp),
        };
        for operations in [&[][..], &[2], &[10, 2, 2], &[3]] {
            let expected: Vec<Rollup> = many(run)
                .into_iter()
                .filter(|one| range.contains(one.start))
                .filter(|one| operations.is_empty() || operations.contains(&one.operation))
                .collect();
            for limit in [1, 3, 100] {
                let list = |page| {
                    let minute = Resolution::Minute;
                    stores.rollups.list(run, minute, range, operations, page)
                };
                let found = walk(limit, key, list, async |_| ()).await;
                assert_eq!(found, expected, "{range:?} {operations:?}");
            }
        }
    }
}

/// Every page goes on where the one before ended.
pub async fn by_page(stores: Stores) {
    let run = a_run(&stores).await;
    let expected = many(run);
    put(&stores, &expected.iter().rev().cloned().collect::<Vec<_>>()).await;
    for limit in [1, 5, 16, 17] {
        let list = |page| {
            let minute = Resolution::Minute;
            stores.rollups.list(run, minute, EVER, &[], page)
        };
        assert_eq!(walk(limit, key, list, async |_| ()).await, expected);
    }
}

/// One rollup of an unknown run keeps all others out.
pub async fn all_or_none(stores: Stores) {
    let run = a_run(&stores).await;
    let unknown = RunId(Uuid::now_v7());
    let mixed = [run, unknown].map(|run| rollup(run, 0, 0, Phase::Warmup));
    let refused = stores.rollups.put(&mixed).await;
    assert!(matches!(refused, Err(Error::Missing(_))), "{refused:?}");
    assert_eq!(listed(&stores, run, Resolution::Minute).await, []);
    assert_eq!(listed(&stores, unknown, Resolution::Minute).await, []);
}
