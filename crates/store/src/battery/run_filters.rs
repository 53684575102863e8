//! How every store filters and orders runs: as [`RunFilter::matches`] and
//! [`RunOrder::compare`] say.

use std::collections::{BTreeMap, BTreeSet};

use gauntlet_model::{
    id::RunId,
    lifecycle::Status,
    report::{Reason, ReasonCode},
    run::Run,
    template::Load,
    time::Timestamp,
    verdict::Verdict,
};
use uuid::Uuid;

use super::{
    paging::walk,
    reports::report,
    run_lists::stages,
    samples::{after, all, moved, name, run, runs_of, stored},
};
use crate::{
    Error, LoadMode, RunCursor, RunFilter, RunOrder, RunOrderBy, RunSummary, RunTerm, Stores,
    TimeRange, Validity,
};

/// Chance that is the same in every run of the tests (splitmix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize].clone()
    }

    fn some_of<T: Clone>(&mut self, all: &[T]) -> Vec<T> {
        all.iter().filter(|_| self.below(2) == 0).cloned().collect()
    }
}

const PROJECTS: [&str; 6] = [
    "acme",
    "acme/web",
    "acme/web/prod",
    "acme/web-2",
    "acme-x",
    "other",
];
const KEYS: [&str; 3] = ["team", "50%_", "it's"];
const VALUES: [&str; 3] = ["storage", "", "a \"b\" é"];

/// A stored run of any kind, and its report perhaps.
async fn any_run(stores: &Stores, chance: &mut Chance, place: usize) -> RunSummary {
    let few = |chance: &mut Chance| Timestamp(chance.below(6) as i64);
    let mut one = run(chance.one_of(&PROJECTS), &format!("run-{place}"));
    one.name = name(&format!(
        "{}-{place}",
        chance.one_of(&["a", "nightly", "b9"])
    ));
    one.template = name(chance.one_of(&["mixed", "mixed-2"]));
    one.template_version = chance.below(3) as i32 + 1;
    one.created = few(chance);
    one.rerun_of =
        (chance.below(2) == 0).then(|| RunId(Uuid::from_u128(u128::from(chance.below(2)))));
    one.labels = chance
        .some_of(&KEYS)
        .into_iter()
        .map(|key| (key.to_owned(), chance.one_of(&VALUES).to_owned()))
        .collect::<BTreeMap<_, _>>();
    if chance.below(2) == 0 {
        one.spec.load = Load::Concurrency {
            connections: 1,
            think_time: std::time::Duration::ZERO,
        };
    }
    let mut stored = stored(stores, &one).await;
    let stage = chance.one_of(&stages());
    let mut change = moved(&stored, stage);
    if change.run.status() != Status::Prepared {
        change.run.started = Some(few(chance));
    }
    if change.run.status().is_terminal() {
        change.run.ended = Some(few(chance));
    }
    stored = change.run.clone();
    let advanced = stores.runs.advance(&change).await;
    stored.revision = advanced.expect("a change is stored").revision;
    let judged = judged(stores, chance, &stored).await;
    RunSummary::of(&stored, judged)
}

/// Stores a report of a run that is over, perhaps; gives what it says.
async fn judged(stores: &Stores, chance: &mut Chance, run: &Run) -> Option<crate::Judged> {
    if run.ended.is_none() || chance.below(3) == 0 {
        return None;
    }
    let mut one = report(run.id);
    one.verdict = chance.one_of(&[
        None,
        Some(Verdict::Pass),
        Some(Verdict::Fail),
        Some(Verdict::Inconclusive),
    ]);
    if chance.below(2) == 0 {
        one.reasons.clear();
    }
    stores.reports.put(&one).await.expect("a report is stored");
    Some(crate::judged(&one))
}

fn any_range(chance: &mut Chance) -> TimeRange {
    let mut end = || (chance.below(3) > 0).then(|| Timestamp(chance.below(7) as i64));
    let (from, to) = (end(), end());
    TimeRange { from, to }
}

fn any_term(chance: &mut Chance) -> RunTerm {
    let key = chance.one_of(&KEYS).to_owned();
    match chance.below(13) {
        0 | 1 => RunTerm::Status(chance.some_of(&Status::ALL)),
        2 => RunTerm::Template(name(chance.one_of(&["mixed", "mixed-2", "no"]))),
        3 => RunTerm::TemplateVersion(chance.below(4) as i32),
        4 => {
            let texts = [
                "",
                "night",
                "NIGHTLY-1",
                "%",
                "_",
                "-",
                "9-",
                "\\",
                "é",
                "'",
            ];
            RunTerm::NameContains(chance.one_of(&texts).to_owned())
        }
        5 => RunTerm::Label {
            key,
            value: chance.one_of(&VALUES).to_owned(),
        },
        6 => RunTerm::LabelExists(key),
        7 => RunTerm::Load(chance.one_of(&LoadMode::ALL)),
        8 => RunTerm::Created(any_range(chance)),
        9 => RunTerm::Started(any_range(chance)),
        10 => RunTerm::Ended(any_range(chance)),
        11 => {
            let all = [Verdict::Pass, Verdict::Fail, Verdict::Inconclusive];
            RunTerm::Verdict(chance.some_of(&all))
        }
        _ => match chance.below(2) {
            0 => RunTerm::Validity(chance.some_of(&Validity::ALL)),
            _ => RunTerm::RerunOf(RunId(Uuid::from_u128(u128::from(chance.below(3))))),
        },
    }
}

/// What a list must hold, in its order.
fn expected(runs: &[RunSummary], filter: &RunFilter, order: RunOrder) -> Vec<RunSummary> {
    let mut found: Vec<RunSummary> = runs
        .iter()
        .filter(|run| filter.matches(run))
        .cloned()
        .collect();
    found.sort_by(|one, other| {
        let ordering = order.compare(&one.cursor(order), &other.cursor(order));
        ordering.expect("both are of this order")
    });
    found
}

async fn check(stores: &Stores, runs: &[RunSummary], filter: &RunFilter, order: RunOrder) {
    let expected = expected(runs, filter, order);
    let whole = stores.runs.list(filter, order, all()).await;
    assert_eq!(whole, Ok(expected.clone()), "{order:?} {filter:?}");
    let key = |run: &RunSummary| run.cursor(order);
    let list = |page| stores.runs.list(filter, order, page);
    let paged = walk(3, key, list, async |_| ()).await;
    assert_eq!(paged, expected, "{order:?} {filter:?}");
}

async fn any_runs(stores: &Stores, chance: &mut Chance, count: usize) -> Vec<RunSummary> {
    let mut runs = Vec::new();
    for place in 0..count {
        runs.push(any_run(stores, chance, place).await);
    }
    runs
}

/// Every order, at every depth of projects, with runs that have not ended.
pub async fn every_order(stores: Stores) {
    let runs = any_runs(&stores, &mut Chance(1), 40).await;
    for order in RunOrder::ALL {
        for project in PROJECTS {
            check(&stores, &runs, &runs_of(project), order).await;
        }
    }
}

/// Runs in the same place of an order come by id, in the same direction.
pub async fn equal_places(stores: Stores) {
    let mut runs = Vec::new();
    for (place, of) in ["acme", "acme/web", "acme/web/prod"]
        .into_iter()
        .enumerate()
    {
        let mut one = run(of, "same");
        one.created = Timestamp(place as i64 / 2);
        runs.push(RunSummary::of(&stored(&stores, &one).await, None));
    }
    for order in RunOrder::ALL {
        check(&stores, &runs, &runs_of("acme"), order).await;
    }
}

/// A walk over ten thousand runs of one instant, while others insert: none of
/// those that were there is passed over or comes twice.
pub async fn ten_thousand_at_one_instant(stores: Stores) {
    const COUNT: usize = 10_000;
    let at = Timestamp(1);
    let make = |called: String| {
        let mut one = run("acme", &called);
        (one.created, one.labels) = (at, BTreeMap::new());
        one.spec.operations.clear();
        one
    };
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16 {
        let stores = stores.clone();
        let runs: Vec<Run> = (writer..COUNT)
            .step_by(16)
            .map(|place| make(format!("old-{place}")))
            .collect();
        writers.spawn(async move {
            for run in &runs {
                stored(&stores, run).await;
            }
            runs.into_iter().map(|run| run.id).collect::<Vec<RunId>>()
        });
    }
    let before: BTreeSet<RunId> = writers.join_all().await.into_iter().flatten().collect();
    assert_eq!(before.len(), COUNT);
    let order = RunOrder::NEWEST_FIRST;
    let filter = runs_of("acme");
    let list = |page| stores.runs.list(&filter, order, page);
    let key = |run: &RunSummary| run.cursor(order);
    let found = walk(500, key, list, async |round| {
        stored(&stores, &make(format!("new-{round}"))).await;
    })
    .await;
    let ids: Vec<RunId> = found.iter().map(|run| run.id).collect();
    assert!(ids.is_sorted_by(|one, next| one > next), "none twice");
    let old: BTreeSet<RunId> = ids.into_iter().filter(|id| before.contains(id)).collect();
    assert_eq!(old.len(), COUNT, "none passed over");
}

/// Any terms together, in any order, are what they say one by one.
pub async fn like_the_terms_say(stores: Stores) {
    let mut chance = Chance(7);
    let runs = any_runs(&stores, &mut chance, 60).await;
    for _ in 0..300 {
        let terms = (0..chance.below(4))
            .map(|_| any_term(&mut chance))
            .collect();
        let filter = RunFilter {
            terms,
            ..runs_of(chance.one_of(&PROJECTS))
        };
        check(&stores, &runs, &filter, chance.one_of(&RunOrder::ALL)).await;
    }
}

/// A run is found by the labels that it has now.
pub async fn labels_that_change(stores: Stores) {
    let mut one = stored(&stores, &run("acme/web", "nightly")).await;
    let found = async |key: &str, value: Option<&str>| {
        let key = key.to_owned();
        let term = match value {
            None => RunTerm::LabelExists(key),
            Some(value) => RunTerm::Label {
                key,
                value: value.to_owned(),
            },
        };
        let filter = RunFilter {
            terms: vec![term],
            ..runs_of("acme")
        };
        let list = stores.runs.list(&filter, RunOrder::NEWEST_FIRST, all());
        list.await.expect("a list").len()
    };
    assert_eq!(found("team", Some("storage")).await, 1);
    for labels in [
        BTreeMap::from([("team".to_owned(), "web".to_owned())]),
        BTreeMap::new(),
        BTreeMap::from([("team".to_owned(), "storage".to_owned())]),
    ] {
        let mut change = moved(&one, one.state.stage.clone());
        change.run.labels.clone_from(&labels);
        let advanced = stores.runs.advance(&change).await;
        one.revision = advanced.expect("a change is stored").revision;
        let team = labels.get("team").map(String::as_str);
        assert_eq!(found("team", None).await, usize::from(team.is_some()));
        for value in ["web", "storage"] {
            let expected = usize::from(team == Some(value));
            assert_eq!(found("team", Some(value)).await, expected);
        }
        assert_eq!(found("ticket", None).await, 0);
    }
}

/// A later report takes the place of an earlier one in lists too.
pub async fn as_reports_judge(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let filter = runs_of("acme");
    let shown = async || {
        let list = stores.runs.list(&filter, RunOrder::NEWEST_FIRST, all());
        let run = list.await.expect("a list").remove(0);
        (run.verdict, run.validity, run.revision)
    };
    assert_eq!(shown().await, (None, None, 1));
    let mut report = report(one.id);
    report.reasons = vec![Reason {
        code: ReasonCode::Dropped,
        message: String::new(),
    }];
    stores.reports.put(&report).await.expect("a report");
    let invalid = (Some(Verdict::Fail), Some(Validity::Invalid), 1);
    assert_eq!(shown().await, invalid);
    report.reasons.clear();
    report.verdict = None;
    stores.reports.put(&report).await.expect("a report");
    assert_eq!(shown().await, (None, Some(Validity::Valid), 1));
}

/// The cursor of one order says nothing in another.
pub async fn cursor_of_another_order(stores: Stores) {
    let cursors = [
        RunCursor::Created(Timestamp(1), RunId(Uuid::nil())),
        RunCursor::Name(name("a"), RunId(Uuid::nil())),
        RunCursor::Ended(None, RunId(Uuid::nil())),
    ];
    let kinds = [RunOrderBy::Created, RunOrderBy::Name, RunOrderBy::Ended];
    for (cursor, of) in cursors.iter().zip(kinds) {
        for order in RunOrder::ALL {
            let page = after(cursor.clone(), 1);
            let list = stores.runs.list(&runs_of("acme"), order, page).await;
            assert_eq!(list.is_ok(), order.by == of, "{cursor:?} {order:?}");
            if let Err(error) = list {
                assert_eq!(error, Error::Conflict("the order of the list".to_owned()));
            }
        }
    }
}
