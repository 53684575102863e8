//! What every store of evidence does.

use gauntlet_model::{
    evidence::{
        Counters, Found, Piece, Place, RelationSize, Snapshot, StatementFigures, Statements,
        WaitNow, WaitSample, Waits,
    },
    id::RunId,
    time::Timestamp,
};
use uuid::Uuid;

use super::samples::{run, stored};
use crate::{Error, Stores};

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

/// One piece for each place, in the order of the places.
pub(super) fn pieces() -> Vec<Piece> {
    let found = [
        Found::Snapshot(Box::new(snapshot())),
        Found::Skipped("nothing to see".to_owned()),
        Found::Failed("no answer".to_owned()),
        Found::Waits(waits()),
    ];
    let pieces = (7..).zip(Place::ALL).zip(found);
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
