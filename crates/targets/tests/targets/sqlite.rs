use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gauntlet_engine::{ErrorClass, Generator, Outcome, Plan, Value};
use gauntlet_targets::{
    Column, Config, Dataset, Loaded, StatementKind, TableDescription, TargetError,
    check_statements, count_keys, describe_table, load_dataset, max_key, start, test,
};
use tempfile::TempDir;

use crate::support::{
    ONE_TO_THOUSAND, dataset, ended, errors, key, load, plan, run, sql, statement,
};

fn database() -> (TempDir, Config) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = Config::Sqlite {
        path: folder.path().join("demo.db"),
    };
    (folder, config)
}

async fn loaded(rows: u64) -> (TempDir, Config) {
    let (folder, config) = database();
    assert_eq!(
        load(&config, &dataset(rows)).await,
        Ok(Loaded {
            rows,
            created: true
        })
    );
    (folder, config)
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_created() {
    let (_folder, config) = database();
    let missing = TargetError::NoSuchDatabase {
        address: config.address(),
    };
    assert_eq!(test(&config).await, Err(missing.clone()));
    assert_eq!(
        start(
            &config,
            &[statement(StatementKind::PointLookup, &[])],
            plan(vec![key(1)])
        )
        .err(),
        Some(missing)
    );
    let Config::Sqlite { path } = &config else {
        panic!("not SQLite")
    };
    assert!(!path.exists());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let (_folder, config) = database();
    let Config::Sqlite { path } = &config else {
        panic!("not SQLite")
    };
    std::fs::write(
        path,
        "this is a letter, not a database; it goes on for a while so that it has a header's length",
    )
    .expect("a file");
    assert!(
        matches!(test(&config).await, Err(TargetError::Unreachable { .. })),
        "{:?}",
        test(&config).await
    );
}

#[tokio::test]
async fn a_dataset_is_loaded_once_and_refused_when_it_differs() {
    let (_folder, config) = database();
    let told = Arc::new(AtomicU64::new(0));
    let telling = Arc::clone(&told);
    let first = load_dataset(&config, &dataset(25_000), move |rows| {
        telling.store(rows, Ordering::Relaxed);
    })
    .await;
    assert_eq!(
        (first, told.load(Ordering::Relaxed)),
        (
            Ok(Loaded {
                rows: 25_000,
                created: true
            }),
            25_000
        )
    );
    assert_eq!(
        load(&config, &dataset(25_000)).await,
        Ok(Loaded {
            rows: 25_000,
            created: false
        })
    );
    let differs = TargetError::RowsDiffer {
        address: config.address(),
        table: "demo".into(),
        found: 25_000,
        asked: 10,
    };
    assert_eq!(load(&config, &dataset(10)).await, Err(differs));
    let replacing = Dataset {
        replace: true,
        ..dataset(10)
    };
    assert_eq!(
        load(&config, &replacing).await,
        Ok(Loaded {
            rows: 10,
            created: true
        })
    );
    assert_eq!(max_key(&config, "demo", "id").await, Ok(Some(10)));
    assert_eq!(count_keys(&config, "demo", "id", 3, 5).await, Ok(5));
    assert!(
        test(&config)
            .await
            .is_ok_and(|tested| tested.version.starts_with("SQLite 3."))
    );
}

#[tokio::test]
async fn tables_are_described() {
    let (_folder, config) = loaded(100).await;
    let column = |name: &str, kind: &str, nullable| Column {
        name: name.into(),
        kind: kind.into(),
        nullable,
    };
    let expected = TableDescription {
        columns: vec![
            column("id", "BIGINT", true),
            column("k", "BIGINT", false),
            column("c", "TEXT", false),
            column("pad", "TEXT", false),
        ],
        primary_key: vec!["id".into()],
        rows_estimate: Some(100),
    };
    assert_eq!(
        describe_table(&config, "demo").await,
        Ok(Some(expected.clone()))
    );
    assert_eq!(
        describe_table(&config, "main.demo").await,
        Ok(Some(expected))
    );
    assert_eq!(describe_table(&config, "other").await, Ok(None));
    let missing = TargetError::NoSuchTable {
        address: config.address(),
        table: "other".into(),
        near: Vec::new(),
    };
    assert_eq!(max_key(&config, "other", "id").await, Err(missing));
}

#[tokio::test]
async fn statements_are_checked_by_name() {
    let (_folder, config) = loaded(1).await;
    let good = [
        statement(StatementKind::PointLookup, &["c"]),
        sql("both", "SELECT $2, $1"),
    ];
    assert_eq!(check_statements(&config, &good).await, Ok(()));
    let mut elsewhere = statement(StatementKind::Insert, &["k"]);
    elsewhere.table = "nowhere".into();
    let missing = TargetError::NoSuchTable {
        address: config.address(),
        table: "nowhere".into(),
        near: Vec::new(),
    };
    assert_eq!(check_statements(&config, &[elsewhere]).await, Err(missing));
    let refused = check_statements(&config, &[sql("broken", "SELEKT 1")]).await;
    assert!(
        matches!(&refused, Err(TargetError::BadStatement { operation, .. }) if operation == "broken"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_plan_that_does_not_fit_its_statements_is_refused() {
    let (_folder, config) = loaded(1).await;
    let statements = [statement(StatementKind::Insert, &["k", "c", "pad"])];
    let expected = TargetError::Parameters {
        operation: "op0".into(),
        expected: 4,
        given: 1,
    };
    assert_eq!(
        start(&config, &statements, plan(vec![key(1)])).err(),
        Some(expected)
    );
}

#[tokio::test]
async fn every_kind_of_statement_does_its_work_and_every_insert_is_in_the_table() {
    let (_folder, config) = loaded(1_000).await;
    let statements = [
        statement(StatementKind::PointLookup, &[]),
        statement(StatementKind::RangeScan { limit: 10 }, &["id", "c"]),
        statement(StatementKind::Insert, &["k", "c", "pad"]),
        statement(StatementKind::Update, &["k"]),
        sql(
            "count",
            "SELECT count(*) FROM demo WHERE id BETWEEN $2 AND $1",
        ),
    ];
    let text = Generator::Text { length: 20 };
    let plan = plan(vec![
        vec![ONE_TO_THOUSAND],
        vec![Generator::Uniform { min: 1, max: 900 }],
        vec![Generator::UniqueKey, ONE_TO_THOUSAND, text.clone(), text],
        vec![Generator::Literal(Value::Int(5)), ONE_TO_THOUSAND],
        vec![
            ONE_TO_THOUSAND,
            Generator::Zipf {
                min: 1,
                max: 1_000,
                exponent: 1.0,
            },
        ],
    ]);
    let whole = run(
        start(&config, &statements, plan).expect("a good plan"),
        2_000,
    )
    .await;
    assert_eq!(whole.errors, []);
    for (operation, rows_each) in [(0, 1), (1, 10), (2, 1), (3, 1), (4, 1)] {
        let (count, rows) = ended(&whole, operation, Outcome::Ok);
        assert!(count > 100, "operation {operation} ran {count} times");
        assert_eq!(rows, count * rows_each, "operation {operation}");
    }
    let inserted = count_keys(&config, "demo", "id", 1_000_001, 1_000_000).await;
    assert_eq!(inserted, Ok(ended(&whole, 2, Outcome::Ok).0));
}

#[tokio::test]
async fn failures_have_their_classes() {
    let (_folder, config) = loaded(10).await;
    let statements = [
        statement(StatementKind::Insert, &["k", "c", "pad"]),
        sql(
            "missing",
            "SELECT 1 FROM demo WHERE id = $1 AND abs(-9223372036854775808) = 1",
        ),
    ];
    let literal = |value| Generator::Literal(value);
    let text = || literal(Value::Text("x".into()));
    let plan = plan(vec![
        vec![
            literal(Value::Int(1)),
            literal(Value::Int(1)),
            text(),
            text(),
        ],
        key(1),
    ]);
    let whole = run(start(&config, &statements, plan).expect("a good plan"), 50).await;
    assert_eq!(
        errors(&whole),
        [
            (0, ErrorClass::Constraint, "SQLITE_CONSTRAINT"),
            (1, ErrorClass::Statement, "SQLITE_ERROR")
        ]
    );
    assert_eq!(ended(&whole, 0, Outcome::Ok), (0, 0));
}

#[tokio::test]
async fn a_write_that_finds_the_database_locked_is_busy() {
    let (_folder, config) = loaded(10).await;
    let Config::Sqlite { path } = &config else {
        panic!("not SQLite")
    };
    let plan = Plan {
        operation_timeout: std::time::Duration::from_millis(50),
        ..plan(vec![vec![ONE_TO_THOUSAND, ONE_TO_THOUSAND]])
    };
    let handle =
        start(&config, &[statement(StatementKind::Update, &["k"])], plan).expect("a good plan");
    let other = rusqlite::Connection::open(path).expect("the same file");
    other
        .pragma_update(None, "journal_mode", "WAL")
        .expect("it is in this mode already");
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("nobody writes yet");
    let whole = run(handle, 4).await;
    assert!(
        errors(&whole)
            .iter()
            .all(|(_, class, _)| matches!(class, ErrorClass::Serialization | ErrorClass::Timeout)),
        "{:?}",
        errors(&whole)
    );
    assert!(ended(&whole, 0, Outcome::Failed).0 >= 4);
}
