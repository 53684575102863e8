//! How every store lists runs.

use std::{cmp::Reverse, time::Duration};

use gauntlet_model::{
    id::{Name, RunId},
    lifecycle::{End, ProcessingStatus, Stage, Status, StopReason},
    run::Run,
    search::{Outcome, Progress, StepKind},
    template::{Linear, Load, Method, Search, StopSignals},
    time::Timestamp,
};

use super::{
    paging::walk,
    runs::advanced_by,
    samples::{all, moved, name, run, runs_of, starting, step, stored},
};
use crate::{RunCursor, RunFilter, RunOrder, RunSummary, RunTerm, Stores};

const NEWEST: RunOrder = RunOrder::NEWEST_FIRST;

fn key(run: &RunSummary) -> RunCursor {
    run.cursor(NEWEST)
}

fn summaries(runs: &[Run]) -> Vec<RunSummary> {
    runs.iter().map(|run| RunSummary::of(run, None)).collect()
}

fn with(project: &str, terms: impl IntoIterator<Item = RunTerm>) -> RunFilter {
    RunFilter {
        terms: terms.into_iter().collect(),
        ..runs_of(project)
    }
}

/// A stored run with this instant of creation.
async fn made(stores: &Stores, of: &str, called: &str, created_us: i64) -> Run {
    let one = Run {
        created: Timestamp(created_us),
        ..run(of, called)
    };
    stored(stores, &one).await
}

/// The names of the runs that a filter finds, in the order of the list, whatever the page's size.
async fn names(stores: &Stores, filter: &RunFilter) -> Vec<String> {
    let whole = stores
        .runs
        .list(filter, NEWEST, all())
        .await
        .expect("a list");
    for limit in [1, 2] {
        let list = |page| stores.runs.list(filter, NEWEST, page);
        assert_eq!(walk(limit, key, list, async |_| ()).await, whole);
    }
    whole.iter().map(|run| run.name.to_string()).collect()
}

/// Newest first.
pub async fn newest_first(stores: Stores) {
    for (called, created_us) in [("b", 20), ("d", 40), ("a", -10), ("c", 30)] {
        made(&stores, "acme", called, created_us).await;
    }
    assert_eq!(names(&stores, &runs_of("acme")).await, ["d", "c", "b", "a"]);
    assert_eq!(names(&stores, &runs_of("other")).await, [""; 0]);
}

/// Runs made in the same instant come by id, greatest first, over pages too.
pub async fn equal_timestamps(stores: Stores) {
    let mut expected = Vec::new();
    for index in 0..12 {
        expected.push(made(&stores, "acme", &format!("r{index}"), 1 + index / 5).await);
    }
    expected.sort_by_key(|run| Reverse((run.created, run.id)));
    let expected = summaries(&expected);
    for limit in [1, 3, 5, 12, 13] {
        let filter = runs_of("acme");
        let list = |page| stores.runs.list(&filter, NEWEST, page);
        assert_eq!(walk(limit, key, list, async |_| ()).await, expected);
    }
}

/// What was there before a walk is found exactly once, whatever comes
/// meanwhile: newer, older and in the same instant.
pub async fn listed_while_others_insert(stores: Stores) {
    let mut before = Vec::new();
    for index in 0..11 {
        before.push(made(&stores, "acme", &format!("old-{index}"), 100).await);
    }
    before.reverse();
    let filter = runs_of("acme");
    let list = |page| stores.runs.list(&filter, NEWEST, page);
    let mut found = walk(3, key, list, async |round| {
        let mut writers = tokio::task::JoinSet::new();
        for created_us in [99, 100, 101] {
            let stores = stores.clone();
            let called = format!("new-{round}-{created_us}");
            writers.spawn(async move { made(&stores, "acme", &called, created_us).await });
        }
        writers.join_all().await;
    })
    .await;
    let keys: Vec<(Timestamp, RunId)> = found.iter().map(|run| (run.created, run.id)).collect();
    assert!(
        keys.is_sorted_by(|one, next| one > next),
        "in order, none twice: {keys:?}"
    );
    found.retain(|run| run.name.as_str().starts_with("old"));
    assert_eq!(found, summaries(&before));
}

/// A project's list holds what is below it, and nothing that is merely named like it.
pub async fn below_a_project(stores: Stores) {
    let places = [
        "acme",
        "acme/web",
        "acme/web/prod",
        "acme/web-2",
        "acme-x",
        "acme0",
        "acmeweb",
        "acm",
    ];
    for (created_us, of) in (1..).zip(places) {
        made(&stores, of, &of.replace('/', "-in-"), created_us).await;
    }
    for (of, expected) in [
        (
            "acme",
            &[
                "acme-in-web-2",
                "acme-in-web-in-prod",
                "acme-in-web",
                "acme",
            ][..],
        ),
        ("acme/web", &["acme-in-web-in-prod", "acme-in-web"]),
        ("acme/web/prod", &["acme-in-web-in-prod"]),
        ("acme/web/test", &[]),
        ("acm", &["acm"]),
    ] {
        assert_eq!(names(&stores, &runs_of(of)).await, expected, "{of}");
    }
}

fn done(reason: StopReason) -> Stage {
    Stage::Done {
        at: Timestamp(1),
        measured: None,
        end: End {
            reason,
            message: String::new(),
        },
        processing: ProcessingStatus::Completed,
    }
}

/// A stage of every status that a run can have today.
pub(super) fn stages() -> Vec<Stage> {
    let (since, ends) = (Timestamp(1), Timestamp(2));
    let cooldown = |reason| Stage::Cooldown {
        since,
        deadline: ends,
        measured: None,
        end: End {
            reason,
            message: String::new(),
        },
    };
    vec![
        Stage::Prepared,
        Stage::Waiting {
            since,
            deadline: ends,
        },
        starting(),
        Stage::Warmup { since, ends },
        Stage::Measurement { since, ends },
        cooldown(StopReason::DurationElapsed),
        cooldown(StopReason::UserStop),
        done(StopReason::DurationElapsed),
        done(StopReason::UserAbort),
        done(StopReason::SetupError),
    ]
}

/// Runs in every stage: the first in the first stage, and so on. `of_template`
/// gives a run's template by its place.
async fn in_every_stage(stores: &Stores, of_template: impl Fn(usize) -> Name) -> Vec<Run> {
    let mut runs = Vec::new();
    for (index, stage) in stages().into_iter().enumerate() {
        let one = Run {
            created: Timestamp(1 + index as i64 / 2),
            template: of_template(index),
            ..run("acme/web", &format!("r{index}"))
        };
        let mut change = moved(&stored(stores, &one).await, stage);
        if change.run.status() != Status::Prepared {
            change.run.revision = advanced_by(stores, &change).await;
        }
        runs.push(change.run);
    }
    runs.reverse();
    runs
}

/// A filter by statuses finds those and no others; no status, no run.
pub async fn by_status(stores: Stores) {
    let runs = in_every_stage(&stores, |_| name("mixed")).await;
    let mut sets: Vec<Vec<Status>> = Status::ALL.iter().map(|status| vec![*status]).collect();
    sets.push(vec![]);
    sets.push(Status::ALL.to_vec());
    sets.push(vec![Status::Failed, Status::Running, Status::Running]);
    for statuses in sets {
        let expected: Vec<&str> = runs
            .iter()
            .filter(|run| statuses.contains(&run.status()))
            .map(|run| run.name.as_str())
            .collect();
        let filter = with("acme", [RunTerm::Status(statuses)]);
        assert_eq!(names(&stores, &filter).await, expected, "{filter:?}");
    }
}

/// A filter by template finds the runs of all its versions.
pub async fn by_template(stores: Stores) {
    for (called, template, version) in [("r1", "a", 1), ("r2", "a-b", 1), ("r3", "a", 2)] {
        let one = Run {
            template: name(template),
            template_version: version,
            ..run("acme", called)
        };
        stored(&stores, &one).await;
    }
    for (template, expected) in [("a", &["r3", "r1"][..]), ("a-b", &["r2"]), ("b", &[])] {
        let filter = with("acme", [RunTerm::Template(name(template))]);
        assert_eq!(names(&stores, &filter).await, expected, "{template}");
    }
}

/// Filters narrow each other.
pub async fn by_everything(stores: Stores) {
    let of_template = |index: usize| {
        name(if index.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        })
    };
    let runs = in_every_stage(&stores, of_template).await;
    made(&stores, "acme-x", "beside", 1).await;
    let templates = [None, Some(name("even")), Some(name("odd"))];
    let statuses = [
        None,
        Some(vec![Status::Running]),
        Some(vec![Status::Prepared, Status::Failed, Status::Running]),
    ];
    for project in ["acme", "acme/web", "acme/other"] {
        for template in &templates {
            for any in &statuses {
                let template = template.clone().map(RunTerm::Template);
                let any = any.clone().map(RunTerm::Status);
                let filter = with(project, template.into_iter().chain(any));
                let expected: Vec<String> = summaries(&runs)
                    .iter()
                    .filter(|run| filter.matches(run))
                    .map(|run| run.name.to_string())
                    .collect();
                assert_eq!(names(&stores, &filter).await, expected, "{filter:?}");
            }
        }
    }
}

/// Lists leave out how far a search is, and nothing else does.
pub async fn without_searches(stores: Stores) {
    let mut one = made(&stores, "acme", "nightly", 1).await;
    one.state.stage = starting();
    one.state.search = Some(Progress {
        steps: vec![step(1, StepKind::Grow, Outcome::Passed)],
        current: None,
        end: None,
    });
    let mut change = moved(&one, starting());
    one.revision = advanced_by(&stores, &change).await;
    assert_eq!(stores.runs.get(one.id).await, Ok(Some(one.clone())));
    assert_eq!(stores.runs.active().await, Ok(vec![one.clone()]));
    let listed = stores.runs.list(&runs_of("acme"), NEWEST, all()).await;
    let listed = listed.expect("a list");
    assert_eq!(listed, [RunSummary::of(&one, None)]);
    assert_eq!(listed[0].state.search, None);
    change.run.state.search = None;
    change.run.revision = one.revision;
    advanced_by(&stores, &change).await;
    let read = stores.runs.get(one.id).await.expect("a run");
    assert_eq!(read.map(|run| run.state.search), Some(None));
}

/// Lists have the load of a run as it was written, and say whether there is a search.
pub async fn with_loads(stores: Stores) {
    let closed = Load::Concurrency {
        connections: 7,
        think_time: Duration::from_millis(20),
    };
    let open = Load::Rate {
        per_second: 0.1,
        connections: 3,
        max_backlog: 9,
    };
    let search = Search {
        method: Method::Linear(Linear {
            increment: 2.0,
            backoffs: 3,
        }),
        step: Duration::from_secs(1),
        settle: Duration::ZERO,
        confirm: Duration::ZERO,
        max_level: 12.0,
        max_steps: 40,
        stop: StopSignals::default(),
    };
    let mut expected = Vec::new();
    for (load, search) in [
        (closed, None),
        (open, None),
        (closed, Some(search)),
        (open, Some(search)),
    ] {
        let place = expected.len() as i64;
        let mut one = run("acme", &format!("r{place}"));
        one.created = Timestamp(-place);
        one.spec.load = load;
        one.spec.control.search = search;
        stored(&stores, &one).await;
        expected.push((load, search.is_some()));
    }
    let listed = stores.runs.list(&runs_of("acme"), NEWEST, all()).await;
    let listed = listed.expect("a list").into_iter();
    let found: Vec<_> = listed.map(|run| (run.load, run.finds_max)).collect();
    assert_eq!(found, expected);
}

/// A run is found by the status that it has now.
pub async fn changes_move_between_filters(stores: Stores) {
    let one = made(&stores, "acme", "nightly", 1).await;
    let in_status = |status| with("acme", [RunTerm::Status(vec![status])]);
    let found = names(&stores, &in_status(Status::Prepared)).await;
    assert_eq!(found, ["nightly"]);
    stores
        .runs
        .advance(&moved(&one, starting()))
        .await
        .expect("a change");
    let found = names(&stores, &in_status(Status::Prepared)).await;
    assert_eq!(found, [""; 0]);
    let found = names(&stores, &in_status(Status::Starting)).await;
    assert_eq!(found, ["nightly"]);
}

/// Runs that have a task, oldest first, of all projects; never others.
pub async fn only_active(stores: Stores) {
    let mut runs = in_every_stage(&stores, |_| name("mixed")).await;
    let elsewhere = made(&stores, "other", "elsewhere", 0).await;
    let mut change = moved(&elsewhere, starting());
    change.run.revision = advanced_by(&stores, &change).await;
    runs.push(change.run);
    runs.reverse();
    runs.retain(|run| run.status().is_active());
    assert_eq!(stores.runs.active().await, Ok(runs));
}
