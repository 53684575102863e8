//! What every store of value pools does.

use gauntlet_model::{
    pool::{Source, ValuePool},
    time::Timestamp,
};

use super::{
    paging::walk,
    samples::{all, name, project, request},
};
use crate::{Error, NameKey, Stores};

fn pool(of: &str, called: &str) -> ValuePool {
    let values = ["a", "", "it's \"$1\"", "é 漢 🦀\n"];
    let values: Vec<Option<String>> = values.iter().map(|one| Some((*one).to_owned())).collect();
    let values = [values, vec![None]].concat();
    ValuePool {
        project: project(of),
        name: name(called),
        source: Source::Column {
            target: name("main"),
            table: "bench.rows".to_owned(),
            column: "id".to_owned(),
            seed: u64::MAX,
        },
        count: values.len() as u32,
        values,
        created: Timestamp(1_700_000_000_000_005),
    }
}

fn bare(pool: &ValuePool) -> ValuePool {
    ValuePool {
        values: Vec::new(),
        ..pool.clone()
    }
}

async fn inserted(stores: &Stores, pool: &ValuePool) {
    let stored = stores.pools.insert(pool, None).await;
    assert_eq!(stored, Ok(bare(pool)));
}

/// What is read is what was stored.
pub async fn kept_whole(stores: Stores) {
    let column = pool("acme/web", "ids");
    let given = ValuePool {
        source: Source::Given,
        values: Vec::new(),
        count: 0,
        ..pool("acme/web", "empty")
    };
    for one in [column, given] {
        inserted(&stores, &one).await;
        let read = stores.pools.get(&one.project, &one.name).await;
        assert_eq!(read, Ok(Some(one)));
    }
}

/// A name is unique in its project, not beyond.
pub async fn name_taken(stores: Stores) {
    inserted(&stores, &pool("acme", "ids")).await;
    let again = stores.pools.insert(&pool("acme", "ids"), None).await;
    let taken = Error::AlreadyExists("value pool acme/ids".to_owned());
    assert_eq!(again, Err(taken));
    inserted(&stores, &pool("acme/web", "ids")).await;
}

/// The same request gives the first result; the same id with other content is refused.
pub async fn repeated_request(stores: Stores) {
    let insert = async |pool: &ValuePool, fingerprint: &str| {
        let request = request("k", fingerprint);
        stores.pools.insert(pool, Some(&request)).await
    };
    let first = pool("acme/web", "ids");
    assert_eq!(insert(&first, "one").await, Ok(bare(&first)));
    let again = insert(&pool("acme", "other"), "one").await;
    assert_eq!(again, Ok(bare(&first)));
    let other = insert(&pool("acme", "other"), "two").await;
    let refused = Error::AlreadyExists(request("k", "two").subject());
    assert_eq!(other, Err(refused));
}

/// What is not there is `None`, and an empty list.
pub async fn absent(stores: Stores) {
    let (acme, ids) = (project("acme"), name("ids"));
    assert_eq!(stores.pools.get(&acme, &ids).await, Ok(None));
    assert_eq!(stores.pools.list(&acme, all()).await, Ok(vec![]));
}

/// As large as a pool may be.
pub async fn large(stores: Stores) {
    let value = |index: usize| Some(format!("{index:0>80}"));
    let mut large = pool("acme", "large");
    large.values = (0..100_000).map(value).collect();
    large.count = 100_000;
    inserted(&stores, &large).await;
    let read = stores.pools.get(&large.project, &large.name).await;
    assert!(read == Ok(Some(large)), "a large pool comes back");
}

/// A list holds the project and what is below it, by project and name.
pub async fn listed_without_values(stores: Stores) {
    let key = |one: &ValuePool| -> NameKey { (one.project.clone(), one.name.clone()) };
    let places = [("acme", "a"), ("acme", "b"), ("acme/web", "a")];
    let sorted: Vec<ValuePool> = places.iter().map(|(of, called)| pool(of, called)).collect();
    for one in sorted.iter().rev() {
        inserted(&stores, one).await;
    }
    inserted(&stores, &pool("acme-x", "a")).await;
    let (acme, sorted) = (project("acme"), sorted.iter().map(bare).collect::<Vec<_>>());
    for limit in [1, 2, 3, 4] {
        let list = |page| stores.pools.list(&acme, page);
        assert_eq!(walk(limit, key, list, async |_| ()).await, sorted);
    }
}

/// A pool that is removed is gone, and its name is free.
pub async fn removed(stores: Stores) {
    let one = pool("acme", "ids");
    let delete = async || stores.pools.delete(&one.project, &one.name).await;
    let missing = Err(Error::Missing("value pool acme/ids".to_owned()));
    assert_eq!(delete().await, missing);
    inserted(&stores, &one).await;
    assert_eq!(delete().await, Ok(()));
    assert_eq!(stores.pools.get(&one.project, &one.name).await, Ok(None));
    assert_eq!(delete().await, missing);
    inserted(&stores, &one).await;
}
