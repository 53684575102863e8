//! The store in PostgreSQL passes the battery.

use std::sync::atomic::{AtomicU32, Ordering};

use gauntlet_model::{lifecycle::ShardStage, run::Attempt};
use gauntlet_store::{
    Stores,
    battery::samples::{attempt, moved, run, starting, stored},
};
use gauntlet_store_sql::{Location, apply_schema, open};
use gauntlet_testkit::postgres::Cluster;

/// A store of its own in the cluster of this process.
async fn empty() -> (Stores, ()) {
    static STORES: AtomicU32 = AtomicU32::new(0);
    let number = STORES.fetch_add(1, Ordering::Relaxed);
    let url = Cluster::shared().create_database(&format!("store_{number}"));
    let location = Location::Postgres(url);
    apply_schema(&location)
        .await
        .expect("the schema is applied");
    (open(&location).await.expect("the store opens"), ())
}

gauntlet_store::battery!(empty());

/// People who look into the store see each shard where its newest attempt is.
#[tokio::test]
async fn a_shard_is_where_its_newest_attempt_is() {
    let cluster = Cluster::shared();
    let location = Location::Postgres(cluster.create_database("shards"));
    apply_schema(&location)
        .await
        .expect("the schema is applied");
    let stores = open(&location).await.expect("the store opens");
    let mut one = stored(&stores, &run("acme", "nightly")).await;
    let tries = [
        vec![
            (0, 1, ShardStage::Lost),
            (1, 2, ShardStage::Ready),
            (1, 1, ShardStage::Lost),
        ],
        vec![(0, 2, ShardStage::Running), (1, 1, ShardStage::Failed)],
    ];
    for attempts in tries {
        let mut change = moved(&one, starting());
        let staged = |(shard, number, stage)| Attempt {
            stage,
            ..attempt(shard, number)
        };
        change.attempts = attempts.into_iter().map(staged).collect();
        one.revision = stores
            .runs
            .advance(&change)
            .await
            .expect("a change is stored");
    }
    let shards = cluster.psql_in(
        "shards",
        "SELECT shard, attempt, stage FROM shards ORDER BY shard",
    );
    assert_eq!(
        shards.expect("the statement is right"),
        "0|2|RUNNING\n1|2|READY"
    );
}
