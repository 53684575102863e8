//! What every store forgets.

use std::time::Duration;

use gauntlet_model::{run::Worker, time::Timestamp};

use super::samples::{all, created, request, run, worker};
use crate::{Forgotten, Stores};

/// Ids of create requests and workers are forgotten after a day.
pub async fn forgotten(stores: Stores) {
    let old = run("acme", "old");
    let now = old.created + Duration::from_hours(24);
    let mut young = run("acme", "young");
    young.created = Timestamp(old.created.0 + 1);
    for (run, key) in [(&old, "a"), (&young, "b")] {
        let request = request(key, "f");
        let made = stores.runs.insert(run, &created(), Some(&request)).await;
        made.expect("a new run");
        let worker = Worker {
            seen: run.created,
            ..worker(key)
        };
        let put = stores.workers.put(&worker).await;
        put.expect("a worker is stored");
    }
    let nothing = Forgotten::default();
    assert_eq!(stores.maintenance.forget(now).await, Ok(nothing));
    let now = Timestamp(now.0 + 1);
    let one_of_each = Forgotten {
        requests: 1,
        workers: 1,
    };
    assert_eq!(stores.maintenance.forget(now).await, Ok(one_of_each));
    // The request of the young one is remembered, that of the old one is not.
    let again = run("acme", "again");
    let insert = async |key| {
        let request = request(key, "f");
        stores.runs.insert(&again, &created(), Some(&request)).await
    };
    assert_eq!(insert("b").await, Ok(young));
    assert_eq!(insert("a").await, Ok(again.clone()));
    let workers = stores.workers.list(Timestamp(0), all()).await;
    assert_eq!(workers.map(|all| all.len()), Ok(1));
}
