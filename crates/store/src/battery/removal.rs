//! How every store removes runs.

use gauntlet_model::{history::Resolution, id::RunId, lifecycle::Stage, run::Run, time::Timestamp};
use uuid::Uuid;

use super::{
    run_lists::stages,
    samples::{all, created, ended, event, full, moved, request, run, runs_of, starting, stored},
};
use crate::{
    Error, LogFilter, PageQuery, RunKey, RunOrder, RunTerm, SampleFilter, Stores, TimeRange,
};

/// Nothing that is read of a run is there.
async fn nothing_left(stores: &Stores, id: RunId) {
    assert_eq!(stores.runs.get(id).await, Ok(None));
    assert_eq!(stores.runs.attempts(id).await, Ok(vec![]));
    assert_eq!(stores.runs.controls(id, 0).await, Ok(vec![]));
    assert_eq!(stores.runs.phases(id).await, Ok(vec![]));
    assert_eq!(stores.runs.events(id, all()).await, Ok(vec![]));
    let ever = TimeRange::default();
    assert_eq!(stores.intervals.list(id, ever, all()).await, Ok(vec![]));
    let hour = Resolution::Hour;
    let rollups = stores.rollups.list(id, hour, ever, &[], all()).await;
    assert_eq!(rollups, Ok(vec![]));
    assert_eq!(stores.errors.list(id).await, Ok(vec![]));
    let any = SampleFilter::default();
    assert_eq!(stores.samples.list(id, any, all()).await, Ok(vec![]));
    let any = LogFilter::default();
    assert_eq!(stores.logs.list(id, any, all()).await, Ok(vec![]));
    assert_eq!(stores.reports.get(id).await, Ok(None));
    assert_eq!(stores.evidence.get(id).await, Ok(vec![]));
}

async fn names(stores: &Stores) -> Vec<String> {
    let mut filter = runs_of("acme");
    filter.terms = vec![RunTerm::LabelExists("team".to_owned())];
    let list = stores.runs.list(&filter, RunOrder::NEWEST_FIRST, all());
    let list = list.await.expect("a list");
    list.iter().map(|run| run.name.to_string()).collect()
}

/// A run goes with everything that belongs to it, and others stay whole.
pub async fn with_everything(stores: Stores) {
    let gone = full(&stores, "gone", 1).await;
    let stays = full(&stores, "stays", 1).await;
    assert_eq!(stores.runs.delete(gone).await, Ok(()));
    nothing_left(&stores, gone).await;
    let missing = Err(Error::Missing(format!("run {gone}")));
    assert_eq!(stores.runs.delete(gone).await, missing);
    assert_eq!(names(&stores).await, ["stays"]);
    assert!(matches!(stores.reports.get(stays).await, Ok(Some(_))));
    let intervals = stores.intervals.list(stays, TimeRange::default(), all());
    assert_eq!(intervals.await.map(|all| all.len()), Ok(5));
    // Its name is free again.
    stored(&stores, &run("acme/web/prod", "gone")).await;
    // A request whose result is gone does not make another one.
    let one = run("acme", "once");
    let asked = request("k", "f");
    let insert = async || stores.runs.insert(&one, &created(), Some(&asked)).await;
    insert().await.expect("a new run");
    assert_eq!(stores.runs.delete(one.id).await, Ok(()));
    let missing = Err(Error::Missing(format!("run {}", one.id)));
    assert_eq!(insert().await, missing);
}

/// A run that has a task stays.
pub async fn never_at_work(stores: Stores) {
    for (place, stage) in stages().into_iter().enumerate() {
        let one = stored(&stores, &run("acme", &format!("r{place}"))).await;
        let change = moved(&one, stage);
        let status = change.run.status();
        let advanced = stores.runs.advance(&change).await;
        advanced.expect("a change is stored");
        let deleted = stores.runs.delete(one.id).await;
        if status.is_active() {
            let conflict = Err(Error::Conflict(format!("run {}", one.id)));
            assert_eq!(deleted, conflict, "{status:?}");
            assert!(matches!(stores.runs.get(one.id).await, Ok(Some(_))));
            let events = stores.runs.append_events(one.id, &[event("on")]).await;
            assert_eq!(events.map(|events| events.len()), Ok(1));
        } else {
            assert_eq!(deleted, Ok(()), "{status:?}");
            nothing_left(&stores, one.id).await;
        }
    }
    let unknown = RunId(Uuid::now_v7());
    let missing = Err(Error::Missing(format!("run {unknown}")));
    assert_eq!(stores.runs.delete(unknown).await, missing);
}

/// Runs that ended before an instant go, the oldest first, no more than asked.
pub async fn by_age(stores: Stores) {
    let mut runs = Vec::new();
    for ended_us in [30, 10, 20, 40] {
        runs.push(ended(&stores, &format!("r{ended_us}"), ended_us).await);
    }
    let waiting = stored(&stores, &run("acme", "waiting")).await;
    let mut working = moved(
        &stored(&stores, &run("acme", "working")).await,
        Stage::Prepared,
    );
    // Even with an end, as long as it works.
    working.run.state.stage = starting();
    working.run.ended = Some(Timestamp(1));
    let advanced = stores.runs.advance(&working).await;
    advanced.expect("a change is stored");
    let listed = async |after| {
        let page = PageQuery { after, limit: 2 };
        let listed = stores.runs.ended(Timestamp(40), page).await;
        let listed = listed.expect("runs are listed").into_iter();
        listed
            .map(|(at, run, _)| (at, run))
            .collect::<Vec<RunKey>>()
    };
    let (ten, twenty, thirty) = (
        (Timestamp(10), runs[1]),
        (Timestamp(20), runs[2]),
        (Timestamp(30), runs[0]),
    );
    assert_eq!(listed(None).await, [ten, twenty]);
    assert_eq!(listed(Some(twenty)).await, [thirty]);
    let prune = async |before_us, limit| stores.runs.prune(Timestamp(before_us), limit).await;
    assert_eq!(prune(10, 9).await, Ok(vec![]));
    assert_eq!(prune(40, 2).await, Ok(vec![runs[1], runs[2]]));
    assert_eq!(prune(40, 2).await, Ok(vec![runs[0]]));
    for gone in &runs[..3] {
        nothing_left(&stores, *gone).await;
    }
    let left: Vec<RunId> = [runs[3], waiting.id, working.run.id].to_vec();
    for id in left {
        let read: Result<Option<Run>, Error> = stores.runs.get(id).await;
        assert!(matches!(read, Ok(Some(_))), "{read:?}");
    }
}
