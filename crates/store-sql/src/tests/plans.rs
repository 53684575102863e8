//! How the databases would go about our lists: with 20,000 runs and fresh
//! statistics, no list reads or sorts more than it gives.

use gauntlet_model::{
    history::Resolution,
    id::{Name, Project, RunId},
    lifecycle::Status,
    time::Timestamp,
    verdict::Verdict,
};
use gauntlet_store::{
    LoadMode, PageQuery, RunCursor, RunFilter, RunOrder, RunOrderBy, RunTerm, TimeRange, Validity,
};
use gauntlet_testkit::postgres::Cluster;
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    database::Sql,
    dialect::{postgres, sqlite},
    intervals, rollups,
    runs::list,
    schema,
    script::Script,
    statement::{Statement, Value, id, query},
    targets::page_values,
};

/// Runs of three depths of projects, in all statuses, one in four not ended,
/// and what belongs to some of them.
const FILL: [&str; 3] = [
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
    INSERT INTO runs (run_id, project, name, scope_1, scope_2, scope_3, template,
        template_version, spec, status, state, revision, labels, created_us, ended_us,
        event_count, phase_count, load_spec)
    SELECT 'id-' || (100000 + i), 'acme/web/prod', 'r' || (i * 7919 % 20000), 'acme',
        CASE WHEN i % 5 < 4 THEN 'acme/web' END, CASE WHEN i % 5 < 3 THEN 'acme/web/prod' END,
        't' || (i % 50), 1, '{}',
        CASE i % 4 WHEN 0 THEN 'PREPARED' WHEN 1 THEN 'FAILED' ELSE 'COMPLETED' END,
        '{}', 1, '{}', i / 10, CASE WHEN i % 4 > 0 THEN i / 7 END, 1, 0, '{}'
    FROM n",
    "INSERT INTO run_labels (run_id, key, scope, value, created_us)
    SELECT run_id, 'team', scope_1, status, created_us FROM runs
    UNION ALL SELECT run_id, 'team', scope_2, status, created_us FROM runs
        WHERE scope_2 IS NOT NULL
    UNION ALL SELECT run_id, 'team', scope_3, status, created_us FROM runs
        WHERE scope_3 IS NOT NULL
    UNION ALL SELECT run_id, 'ticket', scope_1, name, created_us FROM runs",
    "ANALYZE",
];

async fn filled(sql: &Sql) {
    schema::apply(sql).await.unwrap();
    for text in FILL {
        let statement = Statement::composed(text.to_owned(), vec![]);
        sql.write(Script::of("", statement)).await.unwrap();
    }
}

/// The steps of a plan, as the database words them.
async fn plan(sql: &Sql, explain: &str, statement: Statement) -> Vec<String> {
    let text = format!("{explain} {}", statement.text);
    let statement = Statement {
        text: text.into(),
        ..statement
    };
    let rows = sql.fetch(statement).await.unwrap();
    let last_text = |row: Vec<Value>| match row.into_iter().next_back() {
        Some(Value::Text(Some(text))) => text,
        other => panic!("{other:?} is no step of a plan"),
    };
    rows.into_iter().map(last_text).collect()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn filter(of: &str, terms: Vec<RunTerm>) -> RunFilter {
    let project = Project::new(of).unwrap();
    RunFilter { project, terms }
}

/// Every order at every depth, and with the order by creation every filter that
/// has an index; the first page and one deep in the list.
fn lists() -> Vec<(String, Statement)> {
    let team = "team".to_owned();
    let filters = [
        vec![RunTerm::Status(vec![Status::Failed])],
        vec![RunTerm::Status(vec![Status::Failed, Status::Prepared])],
        vec![RunTerm::Template(name("t7"))],
        vec![RunTerm::Label {
            key: team.clone(),
            value: "FAILED".to_owned(),
        }],
        vec![RunTerm::LabelExists(team)],
        vec![RunTerm::Created(TimeRange {
            from: Some(Timestamp(300)),
            to: Some(Timestamp(900)),
        })],
    ];
    let mut found = Vec::new();
    for of in ["acme", "acme/web", "acme/web/prod"] {
        for order in RunOrder::ALL {
            let with = filters.iter().filter(|_| order.by == RunOrderBy::Created);
            for terms in with.cloned().chain([vec![]]) {
                for after in [None].into_iter().chain(cursors(order.by).map(Some)) {
                    let filter = filter(of, terms.clone());
                    let page = PageQuery { after, limit: 100 };
                    let what = format!("{order:?} {filter:?} {page:?}");
                    let statement = list::statement(&filter, order, &page);
                    found.push((what, statement.unwrap().unwrap()));
                }
            }
        }
    }
    found
}

fn cursors(by: RunOrderBy) -> impl Iterator<Item = RunCursor> {
    let run = RunId(Uuid::from_u128(7));
    let all = match by {
        RunOrderBy::Created => vec![RunCursor::Created(Timestamp(1_000), run)],
        RunOrderBy::Name => vec![RunCursor::Name(name("r5"), run)],
        RunOrderBy::Ended => vec![
            RunCursor::Ended(Some(Timestamp(1_000)), run),
            RunCursor::Ended(None, run),
        ],
    };
    all.into_iter()
}

/// Filters that no walk is along: by themselves, and with statuses.
fn filtered() -> Vec<Vec<RunTerm>> {
    let terms = vec![
        RunTerm::Load(LoadMode::Rate),
        RunTerm::Verdict(vec![Verdict::Fail, Verdict::Inconclusive]),
        RunTerm::Validity(vec![Validity::Invalid]),
        RunTerm::NameContains("nightly".to_owned()),
    ];
    let of_status = RunTerm::Status(vec![Status::Completed]);
    let with_status = [of_status].into_iter().chain(terms.clone()).collect();
    vec![terms, with_status]
}

/// Lists of what belongs to a run, and of what has a name.
fn others() -> Vec<(&'static str, Statement)> {
    let run = RunId(Uuid::from_u128(7));
    let first = || PageQuery {
        after: None,
        limit: 100,
    };
    let intervals = PageQuery {
        after: Some((Timestamp(5), 1, 1, 1)),
        limit: 100,
    };
    let rollups = PageQuery {
        after: None,
        limit: 100,
    };
    let (ever, minute) = (TimeRange::default(), Resolution::Minute);
    let named = || page_values(&Project::new("acme").unwrap(), first());
    let after = |text| Statement::new(text, [id(run), 5_i64.into(), 100_i64.into()]);
    vec![
        ("intervals", intervals::list(run, ever, &intervals)),
        (
            "rollups",
            rollups::list(run, minute, ever, &[1, 2], &rollups),
        ),
        ("run_events", after(query!("run_events/list"))),
        ("targets", Statement::new(query!("targets/list"), named())),
        (
            "templates",
            Statement::new(query!("templates/list"), named()),
        ),
        (
            "value_pools",
            Statement::new(query!("value_pools/list"), named()),
        ),
        (
            "old runs",
            Statement::new(
                query!("runs/list_ended"),
                [5_i64.into(), 1_i64.into(), "".into(), 100_i64.into()],
            ),
        ),
    ]
}

#[tokio::test]
async fn sqlite_reads_and_sorts_no_more_than_a_page() {
    let folder = TempDir::new().unwrap();
    let sql = sqlite::create(&folder.path().join("store.db")).unwrap();
    filled(&sql).await;
    for (what, statement) in lists() {
        let plan = plan(&sql, "EXPLAIN QUERY PLAN", statement).await;
        let scans = plan
            .iter()
            .filter(|step| step.starts_with("SCAN"))
            .filter(|step| !step.starts_with("SCAN branch"));
        assert_eq!(scans.count(), 0, "{what}: {plan:#?}");
        // What is sorted is the page of a walk, never what it comes from.
        for pair in plan.windows(2).filter(|pair| pair[1].contains("B-TREE")) {
            assert!(pair[0].starts_with("SCAN branch"), "{what}: {plan:#?}");
        }
    }
    for (what, statement) in others() {
        let plan = plan(&sql, "EXPLAIN QUERY PLAN", statement).await;
        let scans = plan.iter().filter(|step| step.starts_with("SCAN"));
        let scans: Vec<_> = scans.filter(|step| !step.starts_with("SCAN i")).collect();
        assert!(scans.is_empty(), "{what}: {plan:#?}");
    }
    for of in ["acme", "acme/web", "acme/web/prod"] {
        for terms in filtered() {
            let filter = filter(of, terms);
            let page = PageQuery {
                after: None,
                limit: 100,
            };
            let list = list::statement(&filter, RunOrder::NEWEST_FIRST, &page);
            let list = list.unwrap().unwrap();
            // A run that is passed over is not read: the index has all that is asked.
            let (_, walk) = list.text.split_once("FROM").unwrap();
            let text = format!("SELECT r.run_id FROM {walk}").into();
            let walk = Statement { text, ..list };
            let plan = plan(&sql, "EXPLAIN QUERY PLAN", walk).await;
            let covered = plan.len() == 1 && plan[0].contains("USING COVERING INDEX");
            assert!(covered, "{filter:?}: {plan:#?}");
        }
    }
    let active = plan(
        &sql,
        "EXPLAIN QUERY PLAN",
        Statement::new(query!("runs/list_active"), []),
    );
    assert_eq!(active.await, ["SCAN runs USING INDEX runs_active"]);
}

#[tokio::test]
async fn postgres_reads_and_sorts_no_more_than_a_page() {
    let url = Cluster::shared().create_database("plans");
    let sql = postgres::open(&url, false).await.unwrap();
    filled(&sql).await;
    for (what, statement) in lists() {
        let merged = statement.text.contains("UNION ALL");
        let plan = plan(&sql, "EXPLAIN", statement).await;
        let count = |node: &str| plan.iter().filter(|step| step.contains(node)).count();
        for node in [
            "Seq Scan",
            "Bitmap",
            "Hash",
            "Materialize",
            "Incremental Sort",
        ] {
            assert_eq!(count(node), 0, "{what}: {plan:#?}");
        }
        let sorts = count("Sort  (");
        assert!(sorts <= usize::from(merged), "{what}: {plan:#?}");
    }
    let active = Statement::new(query!("runs/list_active"), []);
    let plan = plan(&sql, "EXPLAIN", active).await;
    assert!(
        plan[0].contains("Index Scan using runs_active"),
        "{plan:#?}"
    );
}
