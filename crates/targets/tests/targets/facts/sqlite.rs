use gauntlet_targets::{
    Config, FeatureStatus, SampleMethod, TableKind, capabilities, catalog, profile, sample_column,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

/// A file on which these statements were executed.
pub fn database(statements: &str) -> (TempDir, Config) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("facts.db");
    let connection = Connection::open(&path).expect("a database");
    connection.execute_batch(statements).expect("tables");
    (folder, Config::Sqlite { path })
}

#[tokio::test]
async fn a_file_says_what_is_in_it() {
    let (_folder, config) = database(TABLES);
    check_catalog(&config, "main").await;
    check_pages(&config, "main").await;
    check_small_profiles(&config).await;
    check_values(&config).await;
    check_missing(&config).await;
}

#[tokio::test]
async fn a_large_file_is_sampled() {
    let (_folder, config) = database("");
    let whole = check_large(&config).await;
    assert!(whole.rows_exact && !whole.from_statistics);
    assert_eq!(whole.table.rows_estimate, Some(200_000));
}

#[tokio::test]
async fn a_file_says_how_it_is_set() {
    let (_folder, config) =
        database("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER); ANALYZE");
    check_settings(
        &config,
        &[
            "journal_mode",
            "page_size",
            "mmap_size",
            "foreign_keys",
            "encoding",
        ],
    )
    .await;
    let found = capabilities(&config).await.expect("capabilities");
    let setting = |name: &str| {
        let setting = found.settings.iter().find(|setting| setting.name == name);
        setting.map(|setting| (setting.value.as_str(), setting.unit.as_deref()))
    };
    assert_eq!(setting("journal_mode"), Some(("wal", None)));
    assert_eq!(setting("synchronous"), Some(("normal", None)));
    assert_eq!(setting("cache_size"), Some(("67108864", Some("bytes"))));
    assert_eq!(setting("page_size"), Some(("4096", Some("bytes"))));
    let status = |name: &str| {
        let feature = found.features.iter().find(|feature| feature.name == name);
        feature.map(|feature| feature.status)
    };
    assert_eq!(status("wal"), Some(FeatureStatus::Available));
    assert_eq!(status("statistics"), Some(FeatureStatus::Available));
    assert_eq!(status("fts5"), Some(FeatureStatus::Available));
    assert!(found.version.starts_with("SQLite 3."));
    assert_eq!(
        (found.max_connections, found.connections_in_use),
        (None, None)
    );
}

#[tokio::test]
async fn tables_of_all_kinds_are_described() {
    let (_folder, config) = database(
        "CREATE VIRTUAL TABLE words USING fts5 (word); INSERT INTO words VALUES ('a'), ('b');
         CREATE TABLE pairs (a TEXT, b INT, c, PRIMARY KEY (b, a)) WITHOUT ROWID;
         INSERT INTO pairs VALUES ('x', 1, 'y'), ('x', 2, 2.5), ('x', 3, x'ff');
         CREATE TABLE plain (id INTEGER PRIMARY KEY, rowid TEXT, twice INT AS (id * 2));
         INSERT INTO plain (id, rowid) VALUES (7, 'seven');
         CREATE TABLE hidden (rowid INT, _rowid_ INT, oid INT); INSERT INTO hidden VALUES (1, 2, 3), (4, 5, 6);
         CREATE TABLE base (id INT); CREATE VIEW broken AS SELECT id FROM base; DROP TABLE base;",
    );
    let tables = catalog(&config, None, None, 100).await.expect("a catalog");
    let kinds: Vec<(&str, TableKind, usize)> = tables
        .iter()
        .map(|table| (table.name.as_str(), table.kind, table.columns.len()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("broken", TableKind::View, 0),
            ("hidden", TableKind::Table, 3),
            ("pairs", TableKind::Table, 3),
            ("plain", TableKind::Table, 3),
            ("words", TableKind::Virtual, 1),
        ]
    );
    let keys: Vec<Option<u32>> = tables[2]
        .columns
        .iter()
        .map(|c| c.primary_key_position)
        .collect();
    assert_eq!(keys, [Some(2), Some(1), None]);
    let plain_id = &tables[3].columns[0];
    assert!(plain_id.indexed && !plain_id.nullable && tables[3].indexes.is_empty());

    let pairs = profile(&config, "pairs", 10).await.expect("a profile");
    let c = column(&pairs, "c");
    assert_eq!(
        (c.min.as_deref(), c.max.as_deref()),
        (Some("2.5"), Some("y"))
    );
    let values = sample_column(&config, "pairs", "c", 10, 1)
        .await
        .expect("values");
    assert!(values.contains(&Some("\\xff".to_owned())), "{values:?}");
    for (table, column, expected) in [
        ("words", "word", vec!["a", "b"]),
        ("plain", "twice", vec!["14"]),
        ("hidden", "oid", vec!["3", "6"]),
    ] {
        let mut values = sample_column(&config, table, column, 10, 1)
            .await
            .expect("values");
        values.sort();
        let expected: Vec<Option<String>> =
            expected.into_iter().map(|v| Some(v.to_owned())).collect();
        assert_eq!(values, expected, "{table}");
    }
    let broken = profile(&config, "broken", 10).await;
    assert!(
        matches!(broken, Err(TargetError::Failed { .. })),
        "{broken:?}"
    );
}

#[tokio::test]
async fn a_table_without_numbered_rows_is_read_from_its_beginning() {
    let (_folder, config) = database(
        "CREATE TABLE t (k TEXT PRIMARY KEY, n INT) WITHOUT ROWID;
         WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 60000)
         INSERT INTO t SELECT printf('%06d', i), CASE WHEN i % 100 = 0 THEN i END FROM c;",
    );
    let found = profile(&config, "t", 1_000).await.expect("a profile");
    assert_eq!(
        (found.sample, found.sampled_rows),
        (SampleMethod::FirstRows, 1_000)
    );
    assert_eq!((found.rows, found.rows_exact), (60_000, true));
    let n = column(&found, "n");
    assert!((0.97..=1.0).contains(&n.nulls_ratio), "{}", n.nulls_ratio);
    let k = column(&found, "k");
    assert_eq!(
        (k.min.as_deref(), k.max.as_deref(), k.range_exact),
        (Some("000001"), Some("060000"), true)
    );
}

#[tokio::test]
async fn an_index_in_another_order_is_no_range() {
    let (_folder, config) = database(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); CREATE INDEX t_v ON t (v COLLATE NOCASE);
         WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 100) INSERT INTO t SELECT i, 'v' || i FROM c;",
    );
    let found = profile(&config, "t", 10).await.expect("a profile");
    assert!(!column(&found, "v").range_exact);
    assert!(column(&found, "id").range_exact);
}

#[tokio::test]
async fn too_many_bytes_are_refused() {
    let (_folder, config) = database(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
         WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 10) INSERT INTO t SELECT i, hex(zeroblob(500000)) FROM c;",
    );
    let refused = sample_column(&config, "t", "v", 10, 1).await;
    assert!(
        matches!(refused, Err(TargetError::ValuesTooLarge { .. })),
        "{refused:?}"
    );
    assert_eq!(
        sample_column(&config, "t", "v", 8, 1)
            .await
            .expect("values")
            .len(),
        8
    );
    let found = profile(&config, "t", 10).await.expect("a profile");
    let v = column(&found, "v");
    assert_eq!(
        (v.average_bytes, v.distinct_estimate, &v.min),
        (Some(1_000_000.0), Some(10), &None)
    );
}
