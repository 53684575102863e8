//! A store of an earlier version is brought to this one, and nothing is lost.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use gauntlet_model::{
    history::{Resolution, Rollup},
    id::{Name, Project, RunId},
    interval::Failures,
    lifecycle::{Action, Aim, Phase, RunState, ShardStage, ShardState, Stage, Status, StepPlan},
    run::{ControlEvent, PhaseEntry, RunEvent},
    target::Address,
    template::{Control, Level, Scope, Split},
    time::Timestamp,
    verdict::Verdict,
};
use gauntlet_store::{
    LoadMode, PageQuery, RunFilter, RunOrder, RunSummary, RunTerm, Stores, TimeRange, Validity,
};
use gauntlet_store_sql::{Applied, Location, apply_schema, open};
use gauntlet_testkit::postgres::Cluster;
use tempfile::TempDir;

/// The version of this gauntlet.
const NOW: i32 = 5;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    fs::read_to_string(path.join(name)).expect("the fixture is there")
}

/// What was written on a database by each version before this one.
fn written(dialect: &str, version: i32) -> Vec<String> {
    let all = [
        fixture(&format!("v1.{dialect}.sql")),
        schema(dialect, "002_api"),
        fixture("v2.sql"),
        schema(dialect, "003_orchestration"),
        fixture("v3.sql"),
        schema(dialect, "004_history"),
        fixture("v4.sql"),
    ];
    let count = 2 * version as usize - 1;
    all.into_iter().take(count).collect()
}

/// What a version added to the one before.
fn schema(dialect: &str, name: &str) -> String {
    let path = format!("../../sql/schema/{dialect}/{name}.sql");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(path).expect("the schema is there")
}

/// A file of an earlier version.
fn sqlite(version: i32) -> (TempDir, Location) {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("store.db");
    let connection = rusqlite::Connection::open(&path).expect("the file opens");
    for text in written("sqlite", version) {
        let filled = connection.execute_batch(&text);
        filled.expect("the fixture is right");
    }
    (folder, Location::Sqlite(path))
}

/// A database of an earlier version.
fn postgres(version: i32) -> Location {
    let cluster = Cluster::shared();
    let name = format!("from_version_{version}");
    let url = cluster.create_database(&name);
    for text in written("postgres", version) {
        let filled = cluster.psql_in(&name, &text);
        filled.expect("the fixture is right");
    }
    Location::Postgres(url)
}

#[tokio::test]
async fn sqlite_from_version_1() {
    let (_folder, location) = sqlite(1);
    upgraded(&location, 1).await;
}

#[tokio::test]
async fn sqlite_from_version_2() {
    let (_folder, location) = sqlite(2);
    upgraded(&location, 2).await;
    of_version_2(&location).await;
}

#[tokio::test]
async fn sqlite_from_version_3() {
    let (_folder, location) = sqlite(3);
    upgraded(&location, 3).await;
    of_version_2(&location).await;
    of_version_3(&location).await;
}

#[tokio::test]
async fn sqlite_from_version_4() {
    let (_folder, location) = sqlite(4);
    upgraded(&location, 4).await;
    of_version_2(&location).await;
    of_version_3(&location).await;
    of_version_4(&location).await;
}

#[tokio::test]
async fn postgres_from_version_1() {
    upgraded(&postgres(1), 1).await;
}

#[tokio::test]
async fn postgres_from_version_2() {
    let location = postgres(2);
    upgraded(&location, 2).await;
    of_version_2(&location).await;
}

#[tokio::test]
async fn postgres_from_version_3() {
    let location = postgres(3);
    upgraded(&location, 3).await;
    of_version_2(&location).await;
    of_version_3(&location).await;
}

#[tokio::test]
async fn postgres_from_version_4() {
    let location = postgres(4);
    upgraded(&location, 4).await;
    of_version_2(&location).await;
    of_version_3(&location).await;
    of_version_4(&location).await;
    // A control plane of before that still runs names no load: it is refused its
    // runs, no list could show them.
    let nameless = "UPDATE runs SET load_spec = NULL";
    let refused = Cluster::shared().psql_in("from_version_4", nameless);
    assert!(refused.is_err(), "{refused:?}");
}

/// What was written by version 2 means the same now.
async fn of_version_2(location: &Location) {
    let stores = open(location).await.expect("the store opens");
    let id: RunId = "01a1f947-0000-7000-8000-000000000002"
        .parse()
        .expect("an id");
    let run = stores.runs.get(id).await.expect("a run").expect("a run");
    let worker = |text: &str| text.parse().expect("an id");
    let first = ShardState {
        stage: ShardStage::Running,
        ..ShardState::assigned(worker("4b9faafb-963f-4d94-a989-41d632721108"))
    };
    let second = ShardState {
        attempt: 2,
        stage: ShardStage::Lost,
        ..ShardState::assigned(worker("7eb2b7db-28e2-49dc-90e1-9cf4b30ee643"))
    };
    let level = Level::Rate { milli_per_s: 5 };
    let state = RunState {
        stage: Stage::Measurement {
            since: Timestamp(1_795_183_531_524_879),
            ends: Timestamp(1_795_183_533_524_879),
        },
        shards: vec![first, second],
        commands: 4,
        load_started: Some(Timestamp(1_795_183_530_524_879)),
        level: Some(level),
        paused: true,
        adjustments: 2,
        adjusted: Some(Timestamp(1_795_183_532_000_000)),
        command_lateness_us: 17,
        ..RunState::prepared()
    };
    assert_eq!(run.state, state);
    assert_eq!(run.spec.control, Control::default());
    assert_eq!(run.spec.phases.until_steady, None);
    assert_eq!(run.spec.operations[0].label, None);
    let scopes: Vec<&Scope> = run.spec.slos.iter().map(|slo| &slo.scope).collect();
    let read = Name::new("read").expect("a name");
    assert_eq!(scopes, [&Scope::All, &Scope::Operation(read)]);
    assert!(run.spec.slos.iter().all(|slo| !slo.abort_on_fail));
    let controls = stores.runs.controls(id, 0).await.expect("commands");
    let actions: Vec<Action> = controls.into_iter().map(|one| one.action).collect();
    let expected = [
        Action::Start(Phase::Warmup),
        Action::SetPhase(Phase::Measurement),
        Action::SetTarget(level.into()),
        Action::Pause,
    ];
    assert_eq!(actions, expected);
    let workers = stores.workers.list(Timestamp(0), all()).await;
    let mut served: Vec<Vec<String>> = workers
        .expect("workers")
        .iter()
        .map(|worker| worker.runs.iter().map(RunId::to_string).collect())
        .collect();
    served.sort();
    let run = "01a1f946-d517-707a-95d0-7517968cb252".to_owned();
    assert_eq!(served, [vec![], vec![run]]);
}

/// What was written by version 3 means the same now.
async fn of_version_3(location: &Location) {
    let stores = open(location).await.expect("the store opens");
    let id: RunId = "01a1f947-0000-7000-8000-000000000003"
        .parse()
        .expect("an id");
    let events = stores.runs.events(id, all()).await.expect("events");
    let step = StepPlan {
        step: 1,
        aim: Aim {
            level: Level::Concurrency { connections: 8 },
            split: Split::of(vec![3, 1]),
        },
        settle_us: 500_000,
        window_us: 3_000_000,
    };
    let command = |sequence, at_us, action| ControlEvent {
        sequence,
        at: Timestamp(at_us),
        action,
    };
    let expected = [
        command(1, 1_795_183_530_524_879, Action::Start(Phase::Measurement)),
        command(2, 1_795_183_531_524_879, Action::Step(step)),
        command(12, 1_795_183_532_000_000, Action::Stop { drain_us: 0 }),
    ];
    assert_eq!((events.len(), commands(&events)), (4, expected.to_vec()));
    let ever = TimeRange::default();
    let rollups = &stores.rollups;
    let second = Resolution::Second;
    let list = rollups.list(id, second, ever, &[], all()).await;
    let [rollup] = <[Rollup; 1]>::try_from(list.expect("rollups")).expect("one rollup");
    assert_eq!((rollup.cut, rollup.dropped), (3, 4));
    assert_eq!((rollup.in_flight_max, rollup.backlog_max), (6, 7));
    assert_eq!(rollup.failures, Failures::default());
}

/// What was written by version 4 means the same now.
async fn of_version_4(location: &Location) {
    let stores = open(location).await.expect("the store opens");
    let listed = list_of(&stores, "other", vec![]).await;
    let found: Vec<_> = listed
        .iter()
        .map(|run| (run.name.as_str(), run.load.level(), run.finds_max))
        .collect();
    let rate = |milli_per_s| Level::Rate { milli_per_s };
    let eight = Level::Concurrency { connections: 8 };
    let expected = [
        ("finding", eight, true),
        ("plain", rate(200_000), false),
        ("searched", rate(40_000), false),
        ("steered", rate(40_000), false),
    ];
    assert_eq!(found, expected);
    let run = stores.runs.get(listed[0].id).await.expect("a run");
    let search = run.expect("a run").state.search.expect("a search");
    assert_eq!(
        (search.steps.len(), search.steps[0].trial.level),
        (1, eight)
    );
    let id: RunId = "01a1f947-0000-7000-8000-000000000004"
        .parse()
        .expect("an id");
    let events = stores.runs.events(id, all()).await.expect("events");
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.message.as_str(), event.kind.entered()))
        .collect();
    let joined = PhaseEntry {
        phase: Phase::Measurement,
        at: Timestamp(1_795_232_043_327_670),
        joined: true,
    };
    let expected = [
        ("joined MEASUREMENT at 03:34:03.327 UTC", Some(joined)),
        ("says that it entered WARMUP at 5 us", None),
        ("entered WARMUP at 5 us", None),
    ];
    assert_eq!(told, expected);
}

/// Phases that workers entered are told with their instants, and words have no
/// microseconds.
fn instants(events: &[RunEvent]) {
    let entries: Vec<_> = events
        .iter()
        .filter_map(|event| Some((event, event.kind.entered()?)))
        .collect();
    assert!(!entries.is_empty());
    for (event, entry) in entries {
        assert!(event.time.since(entry.at) < Duration::from_millis(20));
        let verb = if entry.joined { "joined" } else { "entered" };
        let (phase, at) = (entry.phase.as_str(), entry.at.time_of_day());
        assert_eq!(event.message, format!("{verb} {phase} at {at}"));
    }
    for event in events {
        if let Some(command) = event.kind.command() {
            let at = format!(", at {}", command.at.time_of_day());
            assert!(event.message.contains(&at), "{}", event.message);
        }
    }
}

/// The commands that events tell of.
fn commands(events: &[RunEvent]) -> Vec<ControlEvent> {
    let told = events.iter().filter_map(|event| event.kind.command());
    told.cloned().collect()
}

async fn upgraded(location: &Location, version: i32) {
    for from in [version, NOW] {
        let applied = apply_schema(location).await;
        let from = Some(from);
        assert_eq!(applied, Ok(Applied { from, to: NOW }));
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
    assert!(targets.iter().all(|one| one.price_per_hour == 0.0));
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
    // Files are kept since version 5.
    let newest = stores.templates.get(web, &paced, None).await;
    assert_eq!(newest.expect("a template").expect("it").source, None);
}

async fn list(stores: &Stores, terms: Vec<RunTerm>) -> Vec<RunSummary> {
    list_of(stores, "acme", terms).await
}

async fn list_of(stores: &Stores, of: &str, terms: Vec<RunTerm>) -> Vec<RunSummary> {
    let filter = RunFilter {
        project: project(of),
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
    assert_eq!(LoadMode::of(&failing.load), LoadMode::Concurrency);
    assert_eq!(failing.verdict, Some(Verdict::Fail));
    assert_eq!(failing.status(), Status::Completed);
    let label = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let labels = [label("team", "storage"), label("ticket", "it is 50%_")];
    assert_eq!(failing.labels, BTreeMap::from(labels));
    assert_eq!(paced.name.as_str(), "paced-1");
    assert_eq!(LoadMode::of(&paced.load), LoadMode::Rate);
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
        assert_eq!((run.spec.load, false), (summary.load, summary.finds_max));
        assert!(run.spec.description.contains("\"load\":{\"rate\":{"));
        let attempts = stores.runs.attempts(id).await.expect("attempts");
        assert_eq!(attempts.len(), 1);
        let events = stores.runs.events(id, all()).await.expect("events");
        assert!(events.len() > 5);
        let controls = stores.runs.controls(id, 0).await.expect("commands");
        assert_eq!(controls.len(), 2);
        assert_eq!(commands(&events), controls);
        instants(&events);
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
        let parts = intervals.iter().flat_map(|interval| &interval.operations);
        assert!(parts.map(|part| part.step).all(|step| step == 0));
        assert_eq!(stores.evidence.get(id).await, Ok(vec![]));
        let report = stores.reports.get(id).await.expect("a report");
        let report = report.expect("a report");
        assert_eq!(report.verdict, summary.verdict);
        assert!(report.slos.iter().all(|slo| slo.scope == Scope::All));
        assert_eq!((report.search, report.evidence), (None, None));
    }
    let workers = stores.workers.list(Timestamp(0), all()).await;
    assert_eq!(workers.map(|all| all.len()), Ok(2));
}
