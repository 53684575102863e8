//! What every store of evidence does.

use gauntlet_model::{
    evidence::{
        ActivitySample, Counters, Found, Piece, Place, RelationSize, Snapshot, StatementFigures,
        Statements, WaitNow, WaitSample, Waits,
    },
    id::RunId,
    time::Timestamp,
};
use uuid::Uuid;

use super::samples::{run, stored};
use crate::{Error, PageQuery, Stores};

/// A snapshot with something in every field, its figures without a short decimal form.
fn snapshot() -> Snapshot {
    Snapshot {
        counters: vec![Counters {
            source: "pg_stat_wal".to_owned(),
            reset: Some(Timestamp(i64::MIN)),
            values: vec![("wal_bytes".to_owned(), 1e18 / 7.0)],
        }],
        levels: vec![("file_bytes".to_owned(), f64::MAX)],
        statements: Some(Statements {
            reset: None,
            forgotten: u64::MAX,
            figures: vec![StatementFigures {
                operation: "read".to_owned(),
                calls: u64::MAX,
                total_us: 1.0 / 3.0,
                rows: 1,
                pages_hit: 2,
                pages_read: 3,
            }],
        }),
        relations: vec![RelationSize {
            name: "bench.\"Rows\"".to_owned(),
            index: true,
            bytes: u64::MAX,
        }],
        settings: vec![("work_mem".to_owned(), "4 MB".to_owned())],
        skipped: vec!["no \"extension\"".to_owned()],
    }
}

fn waits() -> Waits {
    let mut waits = Waits::default();
    waits.add(&WaitSample {
        sessions: 3,
        waits: vec![WaitNow {
            kind: "Lock".to_owned(),
            event: "transactionid".to_owned(),
            sessions: 2,
            queued: true,
        }],
    });
    waits.fail("no answer".to_owned());
    waits
}

/// One piece for each place of which there is one, in the order of the places.
pub(super) fn pieces() -> Vec<Piece> {
    let found = [
        Found::Snapshot(Box::new(snapshot())),
        Found::Skipped("nothing to see".to_owned()),
        Found::Failed("no answer".to_owned()),
        Found::Waits(waits()),
    ];
    let pieces = (7..).zip(Place::SINGLE).zip(found);
    pieces
        .map(|((taken, place), found)| Piece {
            place,
            taken: Timestamp(taken),
            found,
        })
        .collect()
}

/// What is read is what was stored, by place, whatever the order it came in.
pub async fn kept_whole(stores: Stores) {
    let run = stored(&stores, &run("acme", "nightly")).await.id;
    for piece in pieces().iter().rev() {
        assert_eq!(stores.evidence.put(run, piece).await, Ok(()));
    }
    assert_eq!(stores.evidence.get(run).await, Ok(pieces()));
}

/// A later piece takes the place of an earlier one, and of no other run's.
pub async fn replaced(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly-1")).await.id;
    let other = stored(&stores, &run("acme", "nightly-2")).await.id;
    let first = &pieces()[3];
    for id in [one, other] {
        assert_eq!(stores.evidence.put(id, first).await, Ok(()));
    }
    let later = Piece {
        taken: Timestamp(99),
        found: Found::Waits(Waits::default()),
        ..first.clone()
    };
    assert_eq!(stores.evidence.put(one, &later).await, Ok(()));
    assert_eq!(stores.evidence.get(one).await, Ok(vec![later]));
    assert_eq!(stores.evidence.get(other).await, Ok(vec![first.clone()]));
}

/// A run without evidence has none; evidence without a run is refused.
pub async fn absent(stores: Stores) {
    let run = stored(&stores, &run("acme", "nightly")).await.id;
    assert_eq!(stores.evidence.get(run).await, Ok(vec![]));
    let unknown = RunId(Uuid::now_v7());
    let refused = stores.evidence.put(unknown, &pieces()[0]).await;
    assert_eq!(refused, Err(Error::Missing(format!("run {unknown}"))));
    assert_eq!(stores.evidence.get(unknown).await, Ok(vec![]));
}

/// Samples from an instant on, as many as seconds.
fn samples(from: i64, seconds: i64) -> Piece {
    let at = |second: i64| Timestamp((from + second) * 1_000_000);
    let sample = |second: i64| ActivitySample {
        at: at(second),
        sessions: u32::MAX,
        queued: second as u32,
        waits: vec![("\"Lock\"".to_owned(), 1), ("CPU".to_owned(), 2)],
    };
    Piece {
        place: Place::Activity(at(0)),
        taken: at(seconds - 1),
        found: Found::Activity((0..seconds).map(sample).collect()),
    }
}

/// Activity is apart from the rest and comes by time, whatever the order it was
/// stored in; a piece that grows is replaced.
pub async fn activity(stores: Stores) {
    let run_id = stored(&stores, &run("acme", "nightly-1")).await.id;
    let other = stored(&stores, &run("acme", "nightly-2")).await.id;
    let single = &pieces()[3];
    let all = [samples(5, 60), samples(65, 60), samples(1_000_000, 3)];
    let growing = samples(1_000_000, 1);
    for piece in [&growing, &all[1], single, &all[0], &all[2]] {
        assert_eq!(stores.evidence.put(run_id, piece).await, Ok(()));
    }
    let elsewhere = stores.evidence.put(other, &samples(7, 1)).await;
    assert_eq!(elsewhere, Ok(()));
    assert_eq!(stores.evidence.get(run_id).await, Ok(vec![single.clone()]));

    let page = |after: Option<Timestamp>, limit: u32| {
        let query = PageQuery { after, limit };
        stores.evidence.activity(run_id, query)
    };
    assert_eq!(page(None, 10).await, Ok(all.to_vec()));
    assert_eq!(page(None, 2).await, Ok(all[..2].to_vec()));
    assert_eq!(page(Some(all[1].taken), 10).await, Ok(all[2..].to_vec()));
    // One whose last sample is later holds some that are.
    let within = Timestamp(all[1].taken.0 - 1);
    assert_eq!(page(Some(within), 1).await, Ok(all[1..2].to_vec()));
    assert_eq!(page(Some(all[2].taken), 10).await, Ok(vec![]));

    let unknown = PageQuery {
        after: None,
        limit: 1,
    };
    let none = stores.evidence.activity(RunId(Uuid::now_v7()), unknown);
    assert_eq!(none.await, Ok(vec![]));
}
