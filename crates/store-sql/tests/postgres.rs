//! The store in PostgreSQL passes the battery.

use std::sync::atomic::{AtomicU32, Ordering};

use gauntlet_model::{lifecycle::ShardStage, run::Attempt};
use gauntlet_store::{
    MaintenanceError, Stores,
    battery::samples::{attempt, full, moved, run, starting, stored},
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

/// The tables that still hold something of a run.
const TABLES_WITH: &str = "
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'run_id' AND (xpath('/row/c/text()',
        query_to_xml(format('SELECT count(*) AS c FROM %I WHERE run_id = %L', table_name, '{run}'),
            false, true, '')))[1]::text::int > 0";

#[tokio::test]
async fn a_run_that_is_removed_is_in_no_table() {
    let cluster = Cluster::shared();
    let location = Location::Postgres(cluster.create_database("removed"));
    let applied = apply_schema(&location).await;
    applied.expect("the schema is applied");
    let stores = open(&location).await.expect("the store opens");
    let one = full(&stores, "one", 1).await;
    let tables = || {
        let sql = TABLES_WITH.replace("{run}", &one.to_string());
        let found = cluster.psql_in("removed", &sql);
        found.expect("the statement is right")
    };
    let before = tables();
    assert!(before.lines().count() >= 13, "{before}");
    stores.runs.delete(one).await.expect("a run goes");
    assert_eq!(tables(), "");
}

#[tokio::test]
async fn maintenance_says_how_it_is_done_here() {
    let (stores, ()) = empty().await;
    let backup = stores.maintenance.backup("x".as_ref()).await;
    for (refused, tool) in [
        (backup, "pg_dump"),
        (stores.maintenance.vacuum().await, "psql"),
    ] {
        let Err(MaintenanceError::Unsupported(how)) = refused else {
            panic!("{refused:?}");
        };
        assert!(how.contains(tool), "{how}");
    }
}

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
        let advanced = stores.runs.advance(&change).await;
        one.revision = advanced.expect("a change is stored").revision;
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
