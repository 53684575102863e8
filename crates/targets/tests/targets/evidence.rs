//! What targets count themselves, held against what was sent.

use std::sync::OnceLock;

use gauntlet_engine::{Generator, Outcome};
use gauntlet_targets::{
    Config, SessionWatch, Statement, StatementFigures, StatementKind, Statistics, start, statistics,
};
use gauntlet_testkit::postgres::Cluster;

use crate::support::{ONE_TO_THOUSAND, dataset, ended, load, plan, run, sql, statement};

const LIBRARY: &str = "pg_stat_statements";

/// A server that counts statements; `None` where its library is not installed.
fn counting() -> Option<&'static Cluster> {
    static COUNTING: OnceLock<Option<Cluster>> = OnceLock::new();
    let start = || {
        let settings = format!("shared_preload_libraries = '{LIBRARY}'\ntrack_io_timing = on\n");
        Cluster::has_library(LIBRARY).then(|| Cluster::start_with(&settings))
    };
    COUNTING.get_or_init(start).as_ref()
}

fn counter(found: &Statistics, name: &str) -> Option<f64> {
    let mut all = found.counters.iter().flat_map(|group| &group.values);
    all.find(|(of, _)| of == name).map(|(_, value)| *value)
}

fn figures(found: &Statistics, name: &str) -> StatementFigures {
    let counts = found.statements.as_ref().expect("statements are counted");
    let mut figures = counts.figures.iter();
    figures
        .find(|one| one.name == name)
        .cloned()
        .unwrap_or_default()
}

fn skipped(found: &Statistics, what: &str) -> bool {
    found.skipped.iter().any(|why| why.starts_with(what))
}

/// A point lookup, a range scan, an UPDATE, and a statement with values in its text.
fn mixed() -> (Vec<Statement>, Vec<Vec<Generator>>) {
    let statements = vec![
        statement(StatementKind::PointLookup, &[]),
        statement(StatementKind::RangeScan { limit: 7 }, &["id", "k"]),
        statement(StatementKind::Update, &["k"]),
        sql(
            "count",
            "SELECT count(*) FROM demo WHERE id < 10 AND k > $1",
        ),
    ];
    let parameters = vec![
        vec![ONE_TO_THOUSAND],
        vec![ONE_TO_THOUSAND],
        vec![ONE_TO_THOUSAND, ONE_TO_THOUSAND],
        vec![ONE_TO_THOUSAND],
    ];
    (statements, parameters)
}

/// Starts a load of a plan, and gives (operations, rows) of each operation.
async fn sent(
    config: &Config,
    statements: &[Statement],
    parameters: Vec<Vec<Generator>>,
) -> Vec<(u64, u64)> {
    let operations = parameters.len() as u32;
    let handle = start(config, statements, plan(parameters)).expect("the load starts");
    let snapshot = run(handle, 600).await;
    (0..operations)
        .map(|operation| ended(&snapshot, operation, Outcome::Ok))
        .collect()
}

#[tokio::test]
async fn postgres_counts_what_each_operation_sent() {
    let Some(cluster) = counting() else {
        return;
    };
    let config = crate::postgres::config(cluster, "counted");
    load(&config, &dataset(1_000)).await.expect("a dataset");
    let create = format!("CREATE SCHEMA ext; CREATE EXTENSION {LIBRARY} SCHEMA ext");
    cluster.psql_in("counted", &create).expect("an extension");
    let (statements, parameters) = mixed();
    // The same statement under another name first: its comment stays in the server's text.
    let mut earlier = statements.clone();
    earlier[0].name = "earlier".to_owned();
    sent(&config, &earlier, parameters.clone()).await;

    let before = statistics(&config, &statements).await.expect("statistics");
    let counts = sent(&config, &statements, parameters).await;
    let after = statistics(&config, &statements).await.expect("statistics");
    for (statement, (calls, rows)) in statements.iter().zip(counts) {
        let (first, last) = (
            figures(&before, &statement.name),
            figures(&after, &statement.name),
        );
        let found = (last.calls - first.calls, last.rows - first.rows);
        assert_eq!(found, (calls, rows), "{}", statement.name);
        assert!(last.total_us > first.total_us && last.pages_hit > first.pages_hit);
    }
    assert_eq!(before.counters[0].source, "pg_stat_database");
    assert_eq!(before.counters[0].reset_us, after.counters[0].reset_us);
    assert!(counter(&after, "wal_bytes") > counter(&before, "wal_bytes"));
    assert!(counter(&after, "blk_read_ms").is_some());
    assert!(counter(&after, "checkpoints_timed").is_some());
    assert!(after.version.starts_with("PostgreSQL 1"));
    let table = &after.relations[0];
    assert_eq!((table.name.as_str(), table.index), ("demo", false));
    assert!(table.bytes > 100_000);
    let key = after.relations.iter().find(|one| one.name == "demo_pkey");
    assert!(key.is_some_and(|one| one.index && one.bytes > 0));
    assert!(!skipped(&after, LIBRARY), "{:?}", after.skipped);

    // Set back: the figures say so.
    let reset = "SELECT ext.pg_stat_statements_reset(); SELECT pg_stat_reset()";
    cluster.psql_in("counted", reset).expect("a reset");
    let later = statistics(&config, &statements).await.expect("statistics");
    let reset_of = |found: &Statistics| found.statements.as_ref().and_then(|one| one.reset_us);
    assert!(reset_of(&later) > reset_of(&after));
    assert!(later.counters[0].reset_us > after.counters[0].reset_us);
}

#[tokio::test]
async fn postgres_that_does_not_count_statements_says_what_to_do() {
    if let Some(cluster) = counting() {
        let config = crate::postgres::config(cluster, "not_installed");
        let found = statistics(&config, &[]).await.expect("statistics");
        assert_eq!(found.statements, None);
        let why = "pg_stat_statements: the extension is not installed; \
            run CREATE EXTENSION pg_stat_statements in this database";
        assert!(found.skipped.contains(&why.to_owned()));
    }
    if let Some(cluster) = counting() {
        let config = crate::postgres::config(cluster, "not_counted");
        let off = format!(
            "CREATE EXTENSION {LIBRARY}; ALTER DATABASE not_counted SET pg_stat_statements.track = none"
        );
        cluster.psql_in("not_counted", &off).expect("a setting");
        let found = statistics(&config, &[]).await.expect("statistics");
        assert_eq!(found.statements, None);
        assert!(skipped(
            &found,
            "pg_stat_statements: pg_stat_statements.track is none"
        ));
    }
    let config = crate::postgres::config(Cluster::shared(), "not_loaded");
    let missing = statement(StatementKind::PointLookup, &[]);
    let found = statistics(&config, &[missing]).await.expect("statistics");
    assert_eq!(found.statements, None);
    let why = "pg_stat_statements: the library is not loaded; \
        add pg_stat_statements to shared_preload_libraries and restart the server";
    assert!(found.skipped.contains(&why.to_owned()));
    assert!(
        skipped(&found, "pg_stat_database: track_io_timing is off"),
        "{:?}",
        found.skipped
    );
    assert_eq!(counter(&found, "blk_read_ms"), None);
    assert!(counter(&found, "xact_commit").is_some());
    assert_eq!(found.relations, []);
}

#[tokio::test]
async fn partitions_count_as_their_table() {
    let config = crate::postgres::config(Cluster::shared(), "parted");
    let made = Cluster::shared().psql_in(
        "parted",
        "CREATE TABLE demo (id BIGINT PRIMARY KEY) PARTITION BY RANGE (id); \
         CREATE TABLE demo_1 PARTITION OF demo FOR VALUES FROM (0) TO (1000); \
         CREATE TABLE demo_2 PARTITION OF demo FOR VALUES FROM (1000) TO (2000); \
         INSERT INTO demo SELECT generate_series(0, 1999)",
    );
    made.expect("tables");
    let lookup = statement(StatementKind::PointLookup, &[]);
    let found = statistics(&config, &[lookup]).await.expect("statistics");
    let names: Vec<(&str, bool)> = found
        .relations
        .iter()
        .map(|one| (one.name.as_str(), one.bytes > 0))
        .collect();
    assert_eq!(
        names,
        [
            ("demo", true),
            ("demo_1_pkey", true),
            ("demo_2_pkey", true),
            ("demo_pkey", false)
        ]
    );
    assert!(found.relations[0].bytes > 100_000);
}

#[tokio::test]
async fn sessions_that_wait_for_a_lock_are_seen() {
    let config = crate::postgres::config(Cluster::shared(), "waits");
    load(&config, &dataset(1_000)).await.expect("a dataset");
    let watch = SessionWatch::open(&config, "gauntlet-test").await;
    let watch = watch.expect("a connection").expect("PostgreSQL tells");
    let nobody = watch.look().await.expect("a look");
    assert_eq!((nobody.sessions, nobody.waits), (0, vec![]));

    // One session holds the row for as long as it sleeps, three wait for it.
    let hold = sql(
        "hold",
        "WITH held AS (UPDATE demo SET k = k WHERE id = 1 RETURNING id) SELECT pg_sleep(0.2 * id) FROM held",
    );
    let handle = start(&config, &[hold], plan(vec![vec![]])).expect("the load starts");
    let running = tokio::spawn(run(handle, 5));
    let mut seen = None;
    while seen.is_none() && !running.is_finished() {
        let look = watch.look().await.expect("a look");
        let queued = |wait: &&gauntlet_targets::SessionWait| wait.queued;
        let queued: u32 = look
            .waits
            .iter()
            .filter(queued)
            .map(|one| one.sessions)
            .sum();
        if queued == 3 {
            seen = Some(look);
        }
    }
    let seen = seen.expect("three sessions wait for the one that sleeps");
    assert_eq!(seen.sessions, 4);
    assert!(seen.waits.iter().any(|one| one.kind == "Lock"));
    let sleeper = seen.waits.iter().find(|one| one.event == "PgSleep");
    assert!(sleeper.is_some_and(|one| !one.queued), "{:?}", seen.waits);
    running.await.expect("the load ends");
}

#[tokio::test]
async fn sqlite_tells_sizes_and_says_what_it_cannot() {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let path = folder.path().join("demo.db");
    let config = Config::Sqlite { path };
    load(&config, &dataset(1_000)).await.expect("a dataset");
    let (statements, _) = mixed();
    let found = statistics(&config, &statements).await.expect("statistics");
    let level = |name: &str| {
        let found = found.levels.iter().find(|(of, _)| of == name);
        found.map_or(-1.0, |(_, value)| *value)
    };
    assert!(level("pages") > 20.0 && level("file_bytes") >= level("pages") * 512.0);
    assert!(level("free_pages") >= 0.0 && level("wal_file_bytes") >= 0.0);
    assert_eq!(found.relations[0].name, "demo");
    assert!(found.relations[0].bytes > 100_000);
    assert!(found.settings.iter().any(|one| one.name == "journal_mode"));
    assert!(skipped(&found, "counters of the page cache"));
    assert_eq!((found.statements, found.counters), (None, vec![]));
    let watch = SessionWatch::open(&config, "gauntlet-test").await;
    assert!(watch.is_ok_and(|watch| watch.is_none()));
}
