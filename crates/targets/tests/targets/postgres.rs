use std::time::{Duration, Instant};

use gauntlet_engine::{Epoch, ErrorClass, Generator, Load, Outcome, Plan, Value};
use gauntlet_targets::{
    Column, Config, Dataset, Encryption, Loaded, Secret, StatementKind, TableDescription,
    TargetError, check_statements, count_keys, describe_table, max_key, start, test,
};
use gauntlet_testkit::postgres::Cluster;

use crate::support::{
    ONE_TO_THOUSAND, dataset, ended, errors, key, load, plan, run, sql, statement,
};

/// A database of its own on a cluster.
pub fn config(cluster: &Cluster, database: &str) -> Config {
    let _url = cluster.create_database(database);
    Config::Postgres {
        host: cluster.host.clone(),
        port: cluster.port,
        database: database.into(),
        user: cluster.user.clone(),
        password: Some(Secret::new(cluster.password())),
        application_name: "gauntlet-test".into(),
        encryption: Encryption::None,
    }
}

async fn loaded(database: &str, rows: u64) -> Config {
    let config = config(Cluster::shared(), database);
    assert_eq!(
        load(&config, &dataset(rows)).await,
        Ok(Loaded {
            rows,
            created: true
        })
    );
    config
}

#[tokio::test]
async fn each_way_to_be_wrong_about_the_address_has_its_error() {
    let good = config(Cluster::shared(), "wrong");
    assert!(
        test(&good)
            .await
            .is_ok_and(|tested| tested.version.starts_with("PostgreSQL 1"))
    );
    let change = |change: fn(&mut String, &mut u16, &mut String, &mut Option<Secret>)| {
        let mut config = good.clone();
        let Config::Postgres {
            host,
            port,
            database,
            password,
            ..
        } = &mut config
        else {
            panic!("not PostgreSQL")
        };
        change(host, port, database, password);
        config
    };
    let tried = test(&change(|_, port, _, _| *port = 1)).await;
    assert!(
        matches!(tried, Err(TargetError::Unreachable { .. })),
        "{tried:?}"
    );
    for wrong in [
        change(|_, _, _, password| *password = Some(Secret::new("wrong"))),
        change(|_, _, _, password| *password = None),
    ] {
        let tried = test(&wrong).await;
        assert!(
            matches!(tried, Err(TargetError::AuthenticationFailed { .. })),
            "{tried:?}"
        );
    }
    let tried = test(&change(|_, _, database, _| "nowhere".clone_into(database))).await;
    assert!(
        matches!(&tried, Err(TargetError::NoSuchDatabase { address }) if address.ends_with("/nowhere")),
        "{tried:?}"
    );
}

#[tokio::test]
async fn a_dataset_is_loaded_once_and_refused_when_it_differs() {
    let config = loaded("loading", 25_000).await;
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
    assert_eq!(count_keys(&config, "public.demo", "id", 3, 5).await, Ok(5));
    let cluster = Cluster::shared();
    cluster
        .psql_in("loading", "CREATE TABLE other (id int)")
        .expect("a table");
    let refused = load(
        &config,
        &Dataset {
            table: "other".into(),
            ..dataset(1)
        },
    )
    .await;
    assert!(
        matches!(&refused, Err(TargetError::TableDiffers { found, .. }) if found == "id integer"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn both_databases_hold_the_same_rows() {
    let config = loaded("contents", 50).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("demo.db");
    load(&Config::Sqlite { path: path.clone() }, &dataset(50))
        .await
        .expect("a dataset");
    let Config::Postgres { database, .. } = &config else {
        panic!("not PostgreSQL")
    };
    let theirs = Cluster::shared()
        .psql_in(database, "SELECT id, k, c, pad FROM demo ORDER BY id")
        .expect("the rows");
    let sqlite = rusqlite::Connection::open(path).expect("the file");
    let mut select = sqlite
        .prepare("SELECT id || '|' || k || '|' || c || '|' || pad FROM demo ORDER BY id")
        .expect("a statement");
    let ours: Vec<String> = select
        .query_map([], |row| row.get(0))
        .expect("the rows")
        .map(|row| row.expect("a row"))
        .collect();
    assert_eq!(theirs.trim(), ours.join("\n"));
}

#[tokio::test]
async fn tables_are_described() {
    let config = loaded("described", 100).await;
    let column = |name: &str, kind: &str| Column {
        name: name.into(),
        kind: kind.into(),
        nullable: false,
    };
    let expected = TableDescription {
        columns: vec![
            column("id", "bigint"),
            column("k", "bigint"),
            column("c", "text"),
            column("pad", "text"),
        ],
        primary_key: vec!["id".into()],
        rows_estimate: Some(100),
    };
    assert_eq!(describe_table(&config, "demo").await, Ok(Some(expected)));
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
    let config = loaded("checked", 1).await;
    let good = [
        statement(StatementKind::PointLookup, &["c"]),
        sql("both", "SELECT $2::int, $1::text"),
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
async fn every_kind_of_statement_does_its_work_and_every_insert_is_in_the_table() {
    let config = loaded("kinds", 1_000).await;
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
async fn values_go_into_columns_of_every_common_type() {
    let config = config(Cluster::shared(), "types");
    let table = "CREATE TABLE demo (id int PRIMARY KEY, a smallint, b numeric(9,2), c timestamptz, d uuid, e jsonb, f boolean, g real, h varchar(9), i date)";
    Cluster::shared().psql_in("types", table).expect("a table");
    let text = |text: &str| Generator::Literal(Value::Text(text.into()));
    let parameters = vec![
        Generator::UniqueKey,
        Generator::Literal(Value::Int(7)),
        Generator::Literal(Value::Float(1.25)),
        text("2024-02-03 04:05:06+00"),
        text("0190a2c4-1111-7000-8000-000000000000"),
        text(r#"{"a": 1}"#),
        Generator::Literal(Value::Int(1)),
        Generator::Literal(Value::Int(3)),
        Generator::Literal(Value::Int(42)),
        Generator::Literal(Value::Null),
    ];
    let columns = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let whole = run(
        start(
            &config,
            &[statement(StatementKind::Insert, &columns)],
            plan(vec![parameters]),
        )
        .expect("a good plan"),
        10,
    )
    .await;
    assert_eq!(whole.errors, []);
    let row = Cluster::shared()
        .psql_in(
            "types",
            "SELECT DISTINCT a, b, c AT TIME ZONE 'UTC', d, e, f, g, h, i FROM demo",
        )
        .expect("a row");
    assert_eq!(
        row.trim(),
        "7|1.25|2024-02-03 04:05:06|0190a2c4-1111-7000-8000-000000000000|{\"a\": 1}|t|3|42|"
    );
}

#[tokio::test]
async fn failures_have_their_classes() {
    let config = loaded("failures", 10).await;
    let statements = [
        statement(StatementKind::Insert, &["k", "c", "pad"]),
        sql("division", "SELECT 1 / $1::int"),
        sql("too big", "SELECT $1::int"),
        sql("slow", "SELECT pg_sleep($1)"),
    ];
    let literal = |value| Generator::Literal(value);
    let text = || literal(Value::Text("x".into()));
    let insert = vec![
        literal(Value::Int(1)),
        literal(Value::Int(1)),
        text(),
        text(),
    ];
    let plan = plan(vec![
        insert,
        key(0),
        key(i64::MAX),
        vec![literal(Value::Float(30.0))],
    ]);
    let plan = Plan {
        operation_timeout: Duration::from_millis(100),
        ..plan
    };
    let whole = run(start(&config, &statements, plan).expect("a good plan"), 40).await;
    let found = errors(&whole);
    assert_eq!(
        found[..3],
        [
            (0, ErrorClass::Constraint, "23505"),
            (1, ErrorClass::Statement, "22012"),
            (2, ErrorClass::Statement, "PARAMETER")
        ]
    );
    assert!(
        found[3..]
            .iter()
            .all(|(operation, class, _)| (*operation, *class) == (3, ErrorClass::Timeout)),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_server_that_goes_away_and_comes_back_costs_failures_and_no_key_twice() {
    let cluster = Cluster::start();
    let config = config(&cluster, "restart");
    load(&config, &dataset(1)).await.expect("a dataset");
    let text = Generator::Text { length: 5 };
    let plan = plan(vec![vec![
        Generator::UniqueKey,
        ONE_TO_THOUSAND,
        text.clone(),
        text,
    ]]);
    let mut handle = start(
        &config,
        &[statement(StatementKind::Insert, &["k", "c", "pad"])],
        plan,
    )
    .expect("a good plan");
    handle.ready().await.expect("the server is there");
    handle.start(Instant::now(), Epoch(0));
    let mut whole = handle.next_snapshot().await.expect("the load runs");
    cluster.kill9();
    // Refused connections count while the server is away.
    while errors(&whole)
        .iter()
        .all(|(_, class, _)| *class != ErrorClass::Connection)
    {
        whole.merge(handle.next_snapshot().await.expect("the load runs"));
    }
    cluster.start_again();
    let before = ended(&whole, 0, Outcome::Ok).0;
    while ended(&whole, 0, Outcome::Ok).0 < before + 100 {
        whole.merge(handle.next_snapshot().await.expect("the load runs"));
    }
    handle.stop(Instant::now(), Duration::from_secs(10));
    while let Some(snapshot) = handle.next_snapshot().await {
        whole.merge(snapshot);
    }
    assert!(
        errors(&whole)
            .iter()
            .all(|(_, class, _)| *class == ErrorClass::Connection),
        "{:?}",
        errors(&whole)
    );
    let rows = count_keys(&config, "demo", "id", 1_000_001, 1_000_000)
        .await
        .expect("the server is back");
    let ok = ended(&whole, 0, Outcome::Ok).0;
    // An insert can be committed whose answer was lost with the server: at most one per connection.
    assert!((ok..=ok + 4).contains(&rows), "{ok} succeeded, {rows} rows");
}

#[tokio::test]
async fn a_wrong_password_is_the_setup_error() {
    let mut config = config(Cluster::shared(), "refused");
    let Config::Postgres { password, .. } = &mut config else {
        panic!("not PostgreSQL")
    };
    *password = Some(Secret::new("wrong"));
    let mut handle =
        start(&config, &[sql("one", "SELECT 1")], plan(vec![vec![]])).expect("a good plan");
    let error = handle
        .ready()
        .await
        .expect_err("the password is wrong")
        .to_string();
    assert!(
        error.contains("refuses user") && !error.contains("\"wrong\""),
        "{error}"
    );
}

#[tokio::test]
async fn an_aborted_statement_does_not_go_on_in_the_server() {
    let cluster = Cluster::shared();
    aborts(cluster, &config(cluster, "aborted")).await;
}

/// A statement of the database "aborted" ends with the load.
pub async fn aborts(cluster: &Cluster, config: &Config) {
    let plan = Plan {
        load: Load::Closed {
            connections: 1,
            think: Duration::ZERO,
        },
        ..plan(vec![vec![]])
    };
    let mut handle =
        start(config, &[sql("sleep", "SELECT pg_sleep(60)")], plan).expect("a good plan");
    handle.ready().await.expect("the server is there");
    handle.start(Instant::now(), Epoch(0));
    while handle.status().in_flight == 0 {
        handle.next_snapshot().await;
    }
    handle.abort();
    while handle.next_snapshot().await.is_some() {}
    // The cancel was delivered before the load ended; the server's process needs a moment to act on it.
    let active =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = 'aborted' AND state = 'active'";
    let asked = Instant::now();
    while cluster.psql(active).expect("the activity").trim() != "0" {
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "the statement still runs"
        );
    }
}
