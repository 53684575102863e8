use gauntlet_targets::{
    Config, FeatureStatus, SampleMethod, Secret, TableKind, capabilities, catalog, preflight,
    profile, sample_column,
};
use gauntlet_testkit::postgres::Cluster;

use super::*;

/// A database on which these statements were executed.
pub fn database(name: &str, statements: &str) -> Config {
    let config = crate::postgres::config(Cluster::shared(), name);
    psql(name, statements);
    config
}

fn psql(database: &str, statements: &str) -> String {
    let done = Cluster::shared().psql_in(database, statements);
    done.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn a_database_says_what_is_in_it() {
    let config = database("facts_small", TABLES);
    check_catalog(&config, "public").await;
    check_pages(&config, "public").await;
    check_small_profiles(&config).await;
    check_values(&config).await;
    check_missing(&config).await;
}

/// How many pages of the table the server has touched; it counts a session's when that ends.
fn pages_touched(database: &str) -> u64 {
    let touched =
        "SELECT heap_blks_read + heap_blks_hit FROM pg_statio_user_tables WHERE relname = 'demo'";
    psql(database, touched).parse().expect("a number")
}

#[tokio::test]
async fn a_large_table_is_sampled_by_its_pages() {
    const PROFILES: u64 = 20;
    let config = database("facts_large", "");
    let whole = check_large(&config).await;
    assert!(whole.from_statistics && !whole.rows_exact);
    // The last session's count may come after the reset; it adds one sample.
    psql("facts_large", "SELECT pg_stat_reset()");
    for _ in 0..PROFILES {
        profile(&config, "demo", 1_000).await.expect("a profile");
    }
    let pages = (0..500)
        .map(|_| pages_touched("facts_large"))
        .find(|pages| *pages > 0);
    let pages = pages.expect("the server counts the pages");
    // 1,000 rows are on some 30 pages, all of them on 5,000.
    assert!(
        pages < (PROFILES + 1) * 100,
        "{pages} pages in {PROFILES} profiles"
    );
}

#[tokio::test]
async fn old_statistics_are_not_used() {
    let config = database(
        "facts_old",
        "CREATE TABLE t (id BIGINT PRIMARY KEY, v TEXT, w INT) WITH (autovacuum_enabled = false);
         INSERT INTO t SELECT i, CASE WHEN i % 10 = 0 THEN 'v' || i % 7 END, i % 3 FROM generate_series(1, 20000) i;
         SELECT pg_stat_force_next_flush()",
    );
    psql("facts_old", "ANALYZE t");
    let fresh = profile(&config, "t", 500).await.expect("a profile");
    assert!(fresh.from_statistics);
    assert!(
        fresh
            .table
            .analyzed_us
            .is_some_and(|at| at > 1_600_000_000_000_000)
    );
    let v = column(&fresh, "v");
    assert!((0.88..=0.92).contains(&v.nulls_ratio), "{}", v.nulls_ratio);
    assert_eq!(
        (v.distinct_estimate, v.min.as_deref(), v.max.as_deref()),
        (Some(7), Some("v0"), Some("v6"))
    );
    assert_eq!(column(&fresh, "w").common.len(), 3);
    assert_eq!((fresh.rows, fresh.rows_exact), (20_000, true));
    psql(
        "facts_old",
        "UPDATE t SET v = 'same'; SELECT pg_stat_force_next_flush()",
    );
    let old = profile(&config, "t", 500).await.expect("a profile");
    assert!(!old.from_statistics);
    let v = column(&old, "v");
    assert_eq!((v.nulls_ratio, v.distinct_estimate), (0.0, Some(1)));
    assert_eq!(v.common, [("same".to_owned(), 1.0)]);
}

#[tokio::test]
async fn tables_of_all_kinds_are_described() {
    let config = database(
        "facts_kinds",
        r#"CREATE SCHEMA "we ird"; CREATE TABLE "we ird"."tab""le" (a INT, b JSON, c BYTEA, d TIMESTAMPTZ, e BOOLEAN, f UUID, g INT[], h NUMERIC);
           INSERT INTO "we ird"."tab""le" VALUES (1, '{"x": 1}', '\x00ff', '2024-01-02 03:04:05Z', true, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{1,2}', 9.5),
               (NULL, NULL, NULL, NULL, NULL, NULL, NULL, 10);
           CREATE TABLE parts (id BIGINT, at DATE, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
           CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
           CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
           INSERT INTO parts SELECT i, DATE '2024-01-01' + (i % 50)::int FROM generate_series(1, 1000) i; ANALYZE parts;
           CREATE MATERIALIZED VIEW stored AS SELECT id FROM parts; CREATE INDEX ON stored ((id % 10), id);
           CREATE TABLE dropped (a INT, b INT, c INT); ALTER TABLE dropped DROP COLUMN b;"#,
    );
    let tables = catalog(&config, None, None, 100).await.expect("a catalog");
    let kinds: Vec<(String, TableKind)> = tables
        .iter()
        .map(|table| (table.path(), table.kind))
        .collect();
    let kind = |path: &str, kind| (path.to_owned(), kind);
    assert_eq!(
        kinds,
        [
            kind("public.dropped", TableKind::Table),
            kind("public.parts", TableKind::Partitioned),
            kind("public.parts_1", TableKind::Table),
            kind("public.parts_2", TableKind::Table),
            kind("public.stored", TableKind::MaterializedView),
            kind("we ird.\"tab\"\"le\"", TableKind::Table),
        ]
    );
    assert_eq!(tables[1].rows_estimate, Some(1_000));
    assert!(tables[1].bytes.is_some_and(|bytes| bytes > 0));
    assert_eq!(tables[4].indexes[0].columns, ["(id % 10::bigint)", "id"]);
    assert_eq!(tables[0].columns.len(), 2);

    let parts = profile(&config, "parts", 100).await.expect("a profile");
    assert_eq!((parts.rows, parts.rows_exact), (1_000, true));
    let at = column(&parts, "at");
    assert_eq!(
        (at.min.as_deref(), at.max.as_deref(), at.range_exact),
        (Some("2024-01-01"), Some("2024-02-19"), true)
    );

    for table in [r#""we ird"."tab""le""#, r#"we ird."tab""le""#] {
        let odd = profile(&config, table, 100).await.expect("a profile");
        assert_eq!(column(&odd, "h").max.as_deref(), Some("10"));
        assert_eq!(
            column(&odd, "d").max.as_deref(),
            Some("2024-01-02 03:04:05+00")
        );
        assert_eq!(column(&odd, "f").distinct_estimate, Some(1));
        let bytes = sample_column(&config, table, "c", 10, 1)
            .await
            .expect("values");
        assert!(bytes.contains(&Some("\\x00ff".to_owned())), "{bytes:?}");
        for column in ["a", "b", "d", "e", "f", "g", "h"] {
            let values = sample_column(&config, table, column, 10, 1)
                .await
                .expect("values");
            assert_eq!(values.len(), 2, "{column}");
        }
    }
}

#[tokio::test]
async fn a_server_says_how_it_is_set() {
    let config = database(
        "facts_settings",
        "ALTER DATABASE facts_settings SET work_mem = '12MB'",
    );
    check_settings(
        &config,
        &[
            "shared_buffers",
            "synchronous_commit",
            "max_connections",
            "fsync",
            "jit",
            "autovacuum",
            "full_page_writes",
        ],
    )
    .await;
    let found = capabilities(&config).await.expect("capabilities");
    let setting = |name: &str| {
        let setting = found.settings.iter().find(|setting| setting.name == name);
        setting.map(|setting| (setting.value.as_str(), setting.unit.as_deref()))
    };
    assert_eq!(setting("shared_buffers"), Some(("67108864", Some("bytes"))));
    assert_eq!(setting("work_mem"), Some(("12582912", Some("bytes"))));
    assert_eq!(setting("fsync"), Some(("off", None)));
    assert_eq!(found.max_connections, Some(300));
    let in_use = found.connections_in_use.expect("a count");
    assert!(in_use < 300, "{in_use}");
    let statements = &found.features[0];
    assert_eq!(
        (statements.name.as_str(), statements.status),
        ("pg_stat_statements", FeatureStatus::Missing)
    );
    assert!(statements.note.contains("shared_preload_libraries"));
}

/// A role of few rights: what it may not do is said, and what it can still open is counted.
#[tokio::test]
async fn limits_and_rights_of_the_role_count() {
    let config = database(
        "facts_role",
        "CREATE ROLE narrow LOGIN PASSWORD 'narrow' CONNECTION LIMIT 5; CREATE TABLE secret (id INT PRIMARY KEY);
         ALTER ROLE narrow SET default_transaction_read_only = on",
    );
    let Config::Postgres {
        host,
        port,
        database,
        application_name,
        encryption,
        ..
    } = config
    else {
        panic!("not PostgreSQL")
    };
    let config = Config::Postgres {
        host,
        port,
        database,
        user: "narrow".into(),
        password: Some(Secret::new("narrow")),
        application_name,
        encryption,
    };
    // The role's first session: one that has just been closed may still count.
    let lookup = crate::support::sql("secret", "SELECT id FROM secret WHERE id = $1");
    let facts = preflight(&config, &[lookup]).await.expect("facts");
    assert_eq!((facts.read_only, facts.connections_free), (true, Some(5)));
    let problem = facts.operations[0].problem.as_deref().expect("a problem");
    assert!(
        problem.contains("permission denied for table secret"),
        "{problem}"
    );
    let found = capabilities(&config).await.expect("capabilities");
    assert!(found.read_only);
    let rights = found
        .features
        .iter()
        .find(|feature| feature.name == "pg_read_all_stats");
    assert_eq!(
        rights.map(|feature| feature.status),
        Some(FeatureStatus::NotPermitted)
    );
    let refused = profile(&config, "secret", 10).await;
    assert!(
        matches!(refused, Err(TargetError::Failed { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_view_of_many_rows_is_read_from_its_beginning() {
    let config = database(
        "facts_view",
        "CREATE VIEW many AS SELECT i, NULL::text AS n FROM generate_series(1, 100000) i",
    );
    let many = profile(&config, "many", 1_000).await.expect("a profile");
    assert_eq!(
        (many.sample, many.sampled_rows),
        (SampleMethod::FirstRows, 1_000)
    );
    assert!(!many.rows_exact);
    let n = column(&many, "n");
    assert_eq!((n.nulls_ratio, n.distinct_estimate), (1.0, None));
}
