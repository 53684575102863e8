//! A store of an earlier version is brought to this one, and nothing is lost.

use std::{collections::BTreeMap, fs, path::Path};

use gauntlet_model::{
    id::{Name, Project},
    lifecycle::{Phase, Status},
    target::Address,
    time::Timestamp,
    verdict::Verdict,
};
use gauntlet_store::{
    LoadMode, PageQuery, RunFilter, RunOrder, RunSummary, RunTerm, Stores, TimeRange, Validity,
};
use gauntlet_store_sql::{Applied, Location, apply_schema, open};
use gauntlet_testkit::postgres::Cluster;
use tempfile::TempDir;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read_to_string(path.join(name)).expect("the fixture is there")
}

#[tokio::test]
async fn sqlite_from_version_1() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let connection = rusqlite::Connection::open(&path).expect("the file opens");
    let filled = connection.execute_batch(&fixture("v1.sqlite.sql"));
    filled.expect("the fixture is right");
    drop(connection);
    upgraded(&Location::Sqlite(path)).await;
}

#[tokio::test]
async fn postgres_from_version_1() {
    let cluster = Cluster::shared();
    let url = cluster.create_database("from_version_1");
    let filled = cluster.psql_in("from_version_1", &fixture("v1.postgres.sql"));
    filled.expect("the fixture is right");
    upgraded(&Location::Postgres(url)).await;
}

async fn upgraded(location: &Location) {
    for from in [1, 2] {
        let applied = apply_schema(location).await;
        let from = Some(from);
        assert_eq!(applied, Ok(Applied { from, to: 2 }));
        let stores = open(location).await.expect("the store opens");
        catalog(&stores).await;
        lists(&stores).await;
        records(&stores).await;
    }
}

fn all<K>() -> PageQuery<K> {
    PageQuery {
        after: None,
        limit: 1_000,
    }
}

fn project(text: &str) -> Project {
    Project::new(text).expect("a project")
}

async fn catalog(stores: &Stores) {
    let acme = project("acme");
    let targets = stores.targets.list(&acme, all()).await.expect("targets");
    let names: Vec<&str> = targets.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["file", "pg"]);
    assert!(targets.iter().all(|one| one.revision == 1));
    assert!(matches!(targets[0].address, Address::Sqlite { .. }));
    let (web, pg) = (&targets[1].project, &targets[1].name);
    let password = stores.targets.password(web, pg).await.expect("a password");
    assert!(password.is_some_and(|sealed| !sealed.0.is_empty()));
    let paced = Name::new("paced").expect("a name");
    let versions = stores.templates.versions(web, &paced, all()).await;
    let versions: Vec<i32> = versions
        .expect("versions")
        .iter()
        .map(|one| one.version)
        .collect();
    assert_eq!(versions, [2, 1]);
}

async fn list(stores: &Stores, terms: Vec<RunTerm>) -> Vec<RunSummary> {
    let filter = RunFilter {
        project: project("acme"),
        terms,
    };
    let order = RunOrder::NEWEST_FIRST;
    let list = stores.runs.list(&filter, order, all()).await;
    list.expect("a list of runs")
}

async fn names(stores: &Stores, term: RunTerm) -> Vec<String> {
    let found = list(stores, vec![term]).await;
    found.iter().map(|run| run.name.to_string()).collect()
}

async fn lists(stores: &Stores) {
    let runs = list(stores, vec![]).await;
    let [failing, paced] = runs.as_slice() else {
        panic!("{runs:?}");
    };
    assert_eq!(failing.name.as_str(), "failing");
    assert_eq!(failing.load, LoadMode::Concurrency);
    assert_eq!(failing.verdict, Some(Verdict::Fail));
    assert_eq!(failing.status(), Status::Completed);
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let labels = [label("team", "storage"), label("ticket", "it is 50%_")];
    assert_eq!(failing.labels, BTreeMap::from(labels));
    assert_eq!(paced.name.as_str(), "paced-1");
    assert_eq!(paced.load, LoadMode::Rate);
    assert_eq!(paced.verdict, Some(Verdict::Pass));
    for run in &runs {
        assert_eq!(run.validity, Some(Validity::Valid));
        assert_eq!((run.notes.as_str(), run.rerun_of), ("", None));
        assert!(run.ended > run.started && run.started.is_some());
    }
    let labelled = RunTerm::Label {
        key: "ticket".to_owned(),
        value: "it is 50%_".to_owned(),
    };
    assert_eq!(names(stores, labelled).await, ["failing"]);
    let rate = RunTerm::Load(LoadMode::Rate);
    assert_eq!(names(stores, rate).await, ["paced-1"]);
    let failed = RunTerm::Verdict(vec![Verdict::Fail]);
    assert_eq!(names(stores, failed).await, ["failing"]);
}

async fn records(stores: &Stores) {
    for summary in list(stores, vec![]).await {
        let id = summary.id;
        let run = stores.runs.get(id).await.expect("a run").expect("a run");
        assert_eq!(run.name, summary.name);
        assert!(run.spec.description.contains("\"load\":{\"rate\":{"));
        let attempts = stores.runs.attempts(id).await.expect("attempts");
        assert_eq!(attempts.len(), 1);
        let events = stores.runs.events(id, all()).await.expect("events");
        assert!(events.len() > 5);
        assert_eq!(
            stores.runs.controls(id, 0).await.map(|all| all.len()),
            Ok(2)
        );
        let phases = stores.runs.phases(id).await.expect("phases");
        assert_eq!(phases.first().map(|one| one.phase), Some(Phase::Preparing));
        let ever = TimeRange::default();
        let intervals = stores.intervals.list(id, ever, all()).await;
        let intervals = intervals.expect("intervals");
        assert!(!intervals.is_empty());
        let decoded = intervals
            .iter()
            .flat_map(|interval| &interval.operations)
            .all(|part| part.succeeded.response.decode().is_ok());
        assert!(decoded);
        let report = stores.reports.get(id).await.expect("a report");
        assert_eq!(report.map(|one| one.verdict), Some(summary.verdict));
    }
    let workers = stores.workers.list(Timestamp(0), all()).await;
    assert_eq!(workers.map(|all| all.len()), Ok(2));
}
