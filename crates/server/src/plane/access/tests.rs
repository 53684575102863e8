//! The questions to an embedded SQLite target.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use gauntlet_model::{
    id::Name,
    template::{Class, Control, Load, Operation, Parameter, Phases, WorkerLossPolicy},
};
use gauntlet_orchestrator::access::{SampleMethod, TableKind};
use gauntlet_targets::Column;

use super::*;

fn login(path: &Path) -> Login {
    Login {
        address: gauntlet_model::target::Address::Sqlite {
            path: path.to_owned(),
        },
        password: None,
    }
}

/// A description with these operations.
fn spec(statements: Vec<Statement>) -> Spec {
    let operations = statements.into_iter().enumerate();
    let operations = operations.map(|(index, statement)| Operation {
        name: Name::new(format!("op{index}")).unwrap(),
        weight: 1,
        parameters: vec![Parameter::Integer(1); statement.parameters()],
        statement,
        label: None,
    });
    Spec {
        description: String::new(),
        target: Name::new("db").unwrap(),
        operations: operations.collect(),
        load: Load::Concurrency {
            connections: 1,
            think_time: Duration::ZERO,
        },
        phases: Phases {
            warmup: Duration::ZERO,
            measurement: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(1),
            until_steady: None,
        },
        workers: 1,
        seed: 1,
        slos: Vec::new(),
        worker_loss: WorkerLossPolicy::Fail,
        operation_timeout: Duration::from_secs(1),
        start_timeout: Duration::from_secs(1),
        control: Control::default(),
    }
}

fn lookup(table: &str, key: &str) -> Statement {
    Statement::PointLookup {
        table: table.to_owned(),
        key: key.to_owned(),
        columns: Vec::new(),
    }
}

fn insert(column: &str) -> Statement {
    Statement::Insert {
        table: "items".to_owned(),
        key: "id".to_owned(),
        columns: vec![column.to_owned()],
    }
}

async fn load(
    path: &Path,
    rows: i64,
    progress: &(dyn Fn(Loaded) + Send + Sync),
) -> Result<Loaded, AccessError> {
    let dataset = Dataset {
        table: "items".to_owned(),
        rows,
        seed: 1,
        replace: false,
    };
    DirectAccess
        .load_dataset(&login(path), &dataset, progress)
        .await
}

/// A target with 25,000 rows in the table `items`.
async fn loaded() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("target.db");
    load(&path, 25_000, &|_| ()).await.unwrap();
    (folder, path)
}

#[tokio::test]
async fn a_load_tells_its_progress_and_is_done_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("target.db");
    let told = Mutex::new(Vec::new());
    let tell = |loaded: Loaded| told.lock().unwrap().push(loaded.rows);
    let first = load(&path, 25_000, &tell).await;
    assert_eq!(first, Ok(so_far(25_000, false)));
    let told = told.into_inner().unwrap();
    assert!(
        told.is_sorted() && told.iter().all(|rows| *rows <= 25_000),
        "{told:?}"
    );

    let again = load(&path, 25_000, &|_| ()).await;
    assert_eq!(again, Ok(so_far(25_000, true)));
    let other = load(&path, 5, &|_| ()).await;
    assert!(
        matches!(other, Err(AccessError::AlreadyExists(_))),
        "{other:?}"
    );
}

#[tokio::test]
async fn a_good_description_passes_and_keys_are_found() {
    let (_folder, path) = loaded().await;
    let login = login(&path);
    let good = spec(vec![lookup("items", "id"), insert("k")]);
    let version = DirectAccess.check(&login, &good).await;
    assert!(version.unwrap().version.starts_with("SQLite 3"));
    let next = DirectAccess.next_free_key(&login, "items", "id").await;
    assert_eq!(next, Ok(25_001));
    let range = KeyRange {
        first: 24_999,
        length: 10,
    };
    let count = DirectAccess.count_keys(&login, "items", "id", range).await;
    assert_eq!(count, Ok(2));
}

#[tokio::test]
async fn what_is_wrong_is_one_sentence_that_names_it() {
    let (folder, path) = loaded().await;
    let nowhere = folder.path().join("nowhere.db");
    let sql = |text: &str| Statement::Sql {
        text: text.to_owned(),
        class: Class::Read,
    };
    let cases = [
        (&nowhere, lookup("items", "id"), "nowhere.db"),
        (&path, lookup("absent", "id"), "no table absent"),
        (&path, lookup("item", "id"), "(there is: items)"),
        (&path, lookup("items", "nr"), "has no column nr"),
        (&path, insert("nr"), "op0"),
        (&path, sql("SELEC 1"), "op0"),
    ];
    for (path, statement, named) in cases {
        let refused = DirectAccess
            .check(&login(path), &spec(vec![statement]))
            .await;
        match refused {
            Err(AccessError::Refused(message)) => assert!(message.contains(named), "{message}"),
            other => panic!("{named}: {other:?}"),
        }
    }
    assert!(!nowhere.exists(), "a check makes no database");
}

#[test]
fn keys_of_inserts_are_64_bit_integers() {
    let sqlite = Config::Sqlite { path: "/t".into() };
    let postgres = Config::Postgres {
        host: "h".to_owned(),
        port: 1,
        database: "d".to_owned(),
        user: "u".to_owned(),
        password: None,
        application_name: String::new(),
        encryption: gauntlet_targets::Encryption::None,
    };
    let cases = [
        (&sqlite, "INTEGER", true),
        (&sqlite, "bigint", true),
        (&sqlite, "TEXT", false),
        (&postgres, "bigint", true),
        (&postgres, "integer", false),
        (&postgres, "text", false),
    ];
    for (config, kind, good) in cases {
        let found = TableDescription {
            columns: vec![Column {
                name: "id".to_owned(),
                kind: kind.to_owned(),
                nullable: false,
            }],
            primary_key: vec!["id".to_owned()],
            rows_estimate: None,
        };
        let inserts = check_key(config, "t", "id", true, &found);
        assert_eq!(inserts.is_ok(), good, "{kind}: {inserts:?}");
        assert_eq!(check_key(config, "t", "id", false, &found), Ok(()));
    }
}

#[tokio::test]
async fn a_target_says_what_it_is_and_has() {
    let (_folder, path) = loaded().await;
    let login = login(&path);
    let found = DirectAccess.capabilities(&login).await.unwrap();
    assert_eq!(found.kind.name(), "sqlite");
    assert!(!found.settings.is_empty() && !found.features.is_empty());

    let tables = DirectAccess.catalog(&login, None, None, u32::MAX).await;
    let tables = tables.unwrap();
    assert_eq!(tables.len(), 1);
    assert_eq!(
        (tables[0].path.as_str(), tables[0].kind),
        ("main.items", TableKind::Table)
    );
    let after = Some(("main".to_owned(), "items".to_owned()));
    let none = DirectAccess.catalog(&login, Some("main"), after, 1).await;
    assert_eq!(none, Ok(Vec::new()));

    let profile = DirectAccess.profile(&login, &tables[0].path, 100).await;
    let profile = profile.unwrap();
    assert_eq!(
        (profile.rows, profile.rows_exact, profile.sampled_rows),
        (25_000, true, 100)
    );
    assert_eq!(profile.sample, SampleMethod::Spread);
    assert_eq!(profile.columns[0].max.as_deref(), Some("25000"));
    let values = DirectAccess.sample_column(&login, "items", "k", 7, 1).await;
    assert_eq!(values.unwrap().len(), 7);
    let missing = DirectAccess
        .sample_column(&login, "items", "kk", 7, 1)
        .await;
    assert!(
        matches!(missing, Err(AccessError::Refused(_))),
        "{missing:?}"
    );
}

/// What is wrong with one operation is a fact about it, not a failure of the whole question.
#[tokio::test]
async fn a_preflight_tells_of_each_operation() {
    let (_folder, path) = loaded().await;
    let sql = |text: &str| Statement::Sql {
        text: text.to_owned(),
        class: Class::Read,
    };
    let spec = spec(vec![
        lookup("items", "id"),
        lookup("itms", "id"),
        sql("SELECT count(*) FROM items WHERE pad = $1"),
    ]);
    let facts = DirectAccess.preflight(&login(&path), &spec).await.unwrap();
    let seen: Vec<(usize, bool, bool, usize)> = facts
        .operations
        .iter()
        .map(|o| {
            (
                o.operation,
                o.problem.is_some(),
                o.uses_index,
                o.scans.len(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            (0, false, true, 0),
            (1, true, false, 0),
            (2, false, false, 1)
        ]
    );
    let tables: Vec<(&str, bool)> = facts
        .tables
        .iter()
        .map(|t| (t.table.as_str(), t.exists()))
        .collect();
    assert_eq!(tables, [("items", true), ("itms", false)]);
    assert_eq!(facts.tables[1].near, ["items"]);
}

/// What the file tells of itself comes with its settings and with what is missing.
#[tokio::test]
async fn a_file_gives_evidence() {
    let (_folder, path) = loaded().await;
    let spec = spec(vec![lookup("items", "id")]);
    let found = DirectAccess.evidence(&login(&path), &spec).await.unwrap();
    let found = found.expect("SQLite tells of its file");
    assert_eq!(found.settings[0].0, "version");
    assert!(found.settings[0].1.starts_with("SQLite 3."));
    let mut settings = found.settings.iter();
    assert!(settings.any(|(name, value)| name == "page_size" && value.ends_with(" bytes")));
    assert_eq!(found.statements, None);
    assert!(found.skipped[0].contains("page cache"));
    let sizes = &found.relations;
    assert_eq!((sizes[0].name.as_str(), sizes[0].index), ("items", false));
    let watch = DirectAccess.watch_waits(&login(&path), "nightly").await;
    assert!(watch.is_ok_and(|watch| watch.is_none()));
}
