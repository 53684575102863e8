//! What every store of workers does.

use std::collections::BTreeMap;

use gauntlet_model::{
    run::{Gauges, Worker, WorkerStatus},
    time::Timestamp,
};

use super::{
    paging::walk,
    samples::{all, worker},
};
use crate::{Stores, WorkerKey};

const EVER: Timestamp = Timestamp(i64::MIN);

fn key(worker: &Worker) -> WorkerKey {
    (worker.name.clone(), worker.id)
}

async fn put(stores: &Stores, worker: &Worker) {
    assert_eq!(stores.workers.put(worker).await, Ok(()));
}

/// What is read is what was stored, with and without what is optional.
pub async fn kept_whole(stores: Stores) {
    let full = worker("a");
    let bare = Worker {
        labels: BTreeMap::new(),
        runs: Vec::new(),
        clock_uncertainty: None,
        ..worker("b")
    };
    put(&stores, &full).await;
    put(&stores, &bare).await;
    let listed = stores.workers.list(EVER, all()).await;
    assert_eq!(listed, Ok(vec![full, bare]));
}

/// What a heartbeat said is not kept.
pub async fn gauges_go(stores: Stores) {
    let silent = worker("a");
    let telling = Worker {
        gauges: Gauges {
            cpu: 0.5,
            memory_bytes: 1,
            in_flight: 2,
            backlog: 3,
            operations_per_s: 4.0,
        },
        ..silent.clone()
    };
    put(&stores, &telling).await;
    assert_eq!(stores.workers.get(silent.id).await, Ok(Some(silent)));
}

/// A worker that is there is replaced, its name too.
pub async fn replaced(stores: Stores) {
    let first = worker("a");
    put(&stores, &first).await;
    let second = Worker {
        id: first.id,
        runs: Vec::new(),
        seen: Timestamp(99),
        ..worker("b")
    };
    put(&stores, &second).await;
    assert_eq!(stores.workers.list(EVER, all()).await, Ok(vec![second]));
}

/// Every status comes back.
pub async fn every_status(stores: Stores) {
    let mut one = worker("a");
    for status in [
        WorkerStatus::Idle,
        WorkerStatus::Busy,
        WorkerStatus::Lost,
        WorkerStatus::Gone,
    ] {
        one.status = status;
        put(&stores, &one).await;
        assert_eq!(
            stores.workers.list(EVER, all()).await,
            Ok(vec![one.clone()])
        );
    }
}

/// By name as bytes, then by id; names may repeat, and other names may come meanwhile.
pub async fn listed_by_name(stores: Stores) {
    let names = [
        "b", "B", "a b", "a", "a-b", "é", "z", "same", "same", "same", "", "50%_",
    ];
    let mut sorted: Vec<Worker> = names.iter().map(|called| worker(called)).collect();
    for one in &sorted {
        put(&stores, one).await;
    }
    sorted.sort_by_key(key);
    for limit in [1, 2, 12, 13] {
        let list = |page| stores.workers.list(EVER, page);
        assert_eq!(walk(limit, key, list, async |_| ()).await, sorted);
    }
    let list = |page| stores.workers.list(EVER, page);
    let mut found = walk(2, key, list, async |round| {
        put(&stores, &worker(&format!("new {round}"))).await;
        put(&stores, &worker("same")).await;
    })
    .await;
    found.retain(|one| sorted.contains(one));
    assert_eq!(found, sorted);
}

/// Only those seen at or after an instant.
pub async fn only_those_seen(stores: Stores) {
    for (called, seen_us) in [("a", 9), ("b", 10), ("c", 11), ("d", -1)] {
        let one = Worker {
            seen: Timestamp(seen_us),
            ..worker(called)
        };
        put(&stores, &one).await;
    }
    let seen = stores
        .workers
        .list(Timestamp(10), all())
        .await
        .expect("a list");
    let names: Vec<&str> = seen.iter().map(|worker| worker.name.as_str()).collect();
    assert_eq!(names, ["b", "c"]);
}

/// One worker by its id.
pub async fn one(stores: Stores) {
    let (first, second) = (worker("same"), worker("same"));
    put(&stores, &first).await;
    assert_eq!(stores.workers.get(second.id).await, Ok(None));
    put(&stores, &second).await;
    assert_eq!(stores.workers.get(first.id).await, Ok(Some(first)));
}
