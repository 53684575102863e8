//! What every store of runs does. Lists are in [`run_lists`](super::run_lists),
//! what belongs to a run in [`run_records`](super::run_records).

use gauntlet_model::{
    id::RunId,
    lifecycle::{Action, Phase},
    run::{ControlEvent, PhaseTransition, Run, RunEvent},
    time::Timestamp,
};
use uuid::Uuid;

use super::samples::{
    all, attempt, attempts_at, created, event, moved, name, project, request, run, runs_of,
    starting, stored,
};
use crate::{Advanced, Error, RunChange, RunOrder, Stores};

pub(super) fn conflict<T>(run: &Run) -> Result<T, Error> {
    Err(Error::Conflict(format!("run {}", run.id)))
}

fn missing<T>(run: &Run) -> Result<T, Error> {
    Err(Error::Missing(format!("run {}", run.id)))
}

pub(super) fn numbered(first: i64, messages: &[&str]) -> Vec<RunEvent> {
    let numbered = (first..).zip(messages);
    numbered
        .map(|(sequence, message)| RunEvent {
            sequence,
            ..event(message)
        })
        .collect()
}

pub(super) fn control(sequence: i64) -> ControlEvent {
    ControlEvent {
        sequence,
        at: Timestamp(100 + sequence),
        action: Action::Start(Phase::Warmup),
    }
}

pub(super) async fn advanced_by(stores: &Stores, change: &RunChange) -> i64 {
    let advanced = stores.runs.advance(change).await;
    advanced.expect("a change is stored").revision
}

/// What is read is what was stored, with revision 1 and the first event.
pub async fn kept_whole(stores: Stores) {
    let one = run("acme/web/prod", "nightly-1");
    let ahead = Run {
        revision: 9,
        ..one.clone()
    };
    let stored = stores.runs.insert(&ahead, &created(), None).await;
    assert_eq!(stored, Ok(one.clone()));
    let events = stores.runs.events(one.id, all()).await;
    assert_eq!(events, Ok(numbered(1, &["created"])));
    assert_eq!(stores.runs.get(one.id).await, Ok(Some(one)));
}

/// A name is unique in its project, not beyond.
pub async fn name_taken(stores: Stores) {
    let first = stored(&stores, &run("acme", "nightly")).await;
    let second = run("acme", "nightly");
    let again = stores.runs.insert(&second, &created(), None).await;
    assert_eq!(
        again,
        Err(Error::AlreadyExists("run acme/nightly".to_owned()))
    );
    assert_eq!(stores.runs.get(second.id).await, Ok(None));
    assert_eq!(stores.runs.events(second.id, all()).await, Ok(vec![]));
    assert_eq!(stores.runs.get(first.id).await, Ok(Some(first)));
    stored(&stores, &run("acme/web", "nightly")).await;
}

/// An id is unique.
pub async fn id_taken(stores: Stores) {
    let first = stored(&stores, &run("acme", "nightly")).await;
    let second = Run {
        name: name("other"),
        ..first.clone()
    };
    let again = stores.runs.insert(&second, &created(), None).await;
    assert_eq!(
        again,
        Err(Error::AlreadyExists("run acme/other".to_owned()))
    );
    assert_eq!(stores.runs.get(first.id).await, Ok(Some(first)));
}

/// The same request gives the first run, as it is by then; only one is made.
pub async fn repeated_request(stores: Stores) {
    let insert = async |run: &Run, fingerprint: &str| {
        let request = request("k", fingerprint);
        stores.runs.insert(run, &created(), Some(&request)).await
    };
    let first = run("acme", "nightly-1");
    assert_eq!(insert(&first, "one").await, Ok(first.clone()));
    let second = run("acme", "nightly-2");
    assert_eq!(insert(&second, "one").await, Ok(first.clone()));
    assert_eq!(stores.runs.get(second.id).await, Ok(None));
    advanced_by(&stores, &moved(&first, starting())).await;
    let now = stores
        .runs
        .get(first.id)
        .await
        .expect("a run")
        .expect("a run");
    assert_eq!(insert(&second, "one").await, Ok(now));
    let refused = insert(&second, "two").await;
    assert_eq!(
        refused,
        Err(Error::AlreadyExists(request("k", "two").subject()))
    );
}

/// Of requests with one key that come at once one makes a run, all get it.
pub async fn repeated_at_once(stores: Stores) {
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..8 {
        let stores = stores.clone();
        callers.spawn(async move {
            let run = run("acme", &format!("nightly-{caller}"));
            let request = request("k", "one");
            stores.runs.insert(&run, &created(), Some(&request)).await
        });
    }
    let given = callers.join_all().await;
    let first = given[0].clone().expect("a run");
    assert!(
        given.iter().all(|one| *one == Ok(first.clone())),
        "{given:?}"
    );
    let filter = runs_of("acme");
    let list = stores.runs.list(&filter, RunOrder::NEWEST_FIRST, all());
    let runs = list.await.expect("a list");
    let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
    assert_eq!(ids, [first.id]);
    let events = stores.runs.events(first.id, all()).await;
    assert_eq!(events, Ok(numbered(1, &["created"])));
}

/// What is not there is `None`, and an empty list.
pub async fn absent(stores: Stores) {
    let id = RunId(Uuid::now_v7());
    assert_eq!(stores.runs.get(id).await, Ok(None));
    assert_eq!(stores.runs.attempts(id).await, Ok(vec![]));
    assert_eq!(stores.runs.controls(id, 0).await, Ok(vec![]));
    assert_eq!(stores.runs.phases(id).await, Ok(vec![]));
    assert_eq!(stores.runs.events(id, all()).await, Ok(vec![]));
    assert_eq!(stores.runs.active().await, Ok(vec![]));
}

/// A change is stored whole.
pub async fn advanced(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let mut change = full_change(&one);
    let second = Advanced {
        revision: 2,
        events: numbered(2, &["started", "warm"]),
    };
    assert_eq!(stores.runs.advance(&change).await, Ok(second));
    change.run.revision = 2;
    assert_eq!(stores.runs.get(one.id).await, Ok(Some(change.run.clone())));
    let attempts = attempts_at(2, &change.attempts);
    assert_eq!(stores.runs.attempts(one.id).await, Ok(attempts));
    assert_eq!(stores.runs.controls(one.id, 0).await, Ok(change.controls));
    assert_eq!(stores.runs.phases(one.id).await, Ok(change.phases));
    let events = stores.runs.events(one.id, all()).await;
    assert_eq!(events, Ok(numbered(1, &["created", "started", "warm"])));
    // A change of the run alone leaves the rest as it is.
    let third = Advanced {
        revision: 3,
        events: vec![],
    };
    let alone = moved(&change.run, starting());
    assert_eq!(stores.runs.advance(&alone).await, Ok(third));
    assert_eq!(stores.runs.phases(one.id).await.map(|all| all.len()), Ok(2));
}

fn full_change(run: &Run) -> RunChange {
    let mut change = moved(run, starting());
    change.run.state.commands = i64::MAX;
    change.run.state.load_started = Some(Timestamp(33));
    change.run.labels.remove("team");
    change.run.notes.push_str(" — better");
    change.run.started = Some(Timestamp(30));
    change.run.ended = Some(Timestamp(31));
    change.attempts = vec![attempt(0, 1), attempt(1, 1), attempt(1, 2)];
    change.controls = vec![control(1), control(2)];
    change.phases = [Phase::Preparing, Phase::Warmup]
        .map(|phase| PhaseTransition {
            phase,
            at: Timestamp(32),
        })
        .to_vec();
    change.events = vec![event("started"), event("warm")];
    change
}

/// What a run is made from never changes.
pub async fn what_a_run_is_made_from_stays(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let mut change = moved(&one, starting());
    let state = change.run.state.clone();
    change.run.project = project("other");
    change.run.name = name("other");
    change.run.template = name("other");
    change.run.template_version += 1;
    change.run.rerun_of = None;
    change.run.spec.seed = 1;
    change.run.created = Timestamp(1);
    advanced_by(&stores, &change).await;
    let expected = Run {
        state,
        revision: 2,
        ..one.clone()
    };
    assert_eq!(stores.runs.get(one.id).await, Ok(Some(expected)));
}

/// A change that rests on an older revision leaves no trace.
pub async fn stale_revision_changes_nothing(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    advanced_by(&stores, &moved(&one, starting())).await;
    let now = stores.runs.get(one.id).await;
    for revision in [0, 1, 3] {
        let mut stale = full_change(&one);
        stale.run.revision = revision;
        assert_eq!(stores.runs.advance(&stale).await, conflict(&one));
    }
    nothing_but_created(&stores, &one).await;
    assert_eq!(stores.runs.get(one.id).await, now);
}

async fn nothing_but_created(stores: &Stores, run: &Run) {
    assert_eq!(stores.runs.attempts(run.id).await, Ok(vec![]));
    assert_eq!(stores.runs.controls(run.id, 0).await, Ok(vec![]));
    assert_eq!(stores.runs.phases(run.id).await, Ok(vec![]));
    let events = stores.runs.events(run.id, all()).await;
    assert_eq!(events, Ok(numbered(1, &["created"])));
}

/// A command whose number is taken leaves no trace, nor does what came with it.
pub async fn taken_command_changes_nothing(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let mut change = full_change(&one);
    change.controls = vec![control(1), control(1)];
    let taken = Err(Error::Conflict(format!("a command of run {}", one.id)));
    assert_eq!(stores.runs.advance(&change).await, taken);
    assert_eq!(stores.runs.get(one.id).await, Ok(Some(one.clone())));
    nothing_but_created(&stores, &one).await;
    change.controls = vec![control(1)];
    change.run.revision = advanced_by(&stores, &change).await;
    assert_eq!(stores.runs.advance(&change).await, taken);
}

/// Writes to a run that is not there say so.
pub async fn unknown_run(stores: Stores) {
    let one = run("acme", "nightly");
    assert_eq!(stores.runs.advance(&full_change(&one)).await, missing(&one));
    assert_eq!(
        stores.runs.append_events(one.id, &[created()]).await,
        missing(&one)
    );
    assert_eq!(stores.runs.append_events(one.id, &[]).await, missing(&one));
    assert_eq!(stores.runs.attempts(one.id).await, Ok(vec![]));
}

/// Of many who change the same revision one wins, and only its events are there.
pub async fn one_of_many_wins(stores: Stores) {
    let one = stored(&stores, &run("acme", "nightly")).await;
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..8 {
        let stores = stores.clone();
        let mut change = moved(&one, starting());
        change.events = vec![event(&format!("racer {racer}"))];
        racers.spawn(async move { (racer, stores.runs.advance(&change).await) });
    }
    let mut winners = Vec::new();
    for (racer, result) in racers.join_all().await {
        match result {
            Ok(advanced) => {
                assert_eq!(advanced.revision, 2);
                winners.push(format!("racer {racer}"));
            }
            other => assert_eq!(other, conflict(&one)),
        }
    }
    assert_eq!(winners.len(), 1);
    let events = stores.runs.events(one.id, all()).await;
    assert_eq!(events, Ok(numbered(1, &["created", &winners[0]])));
}
