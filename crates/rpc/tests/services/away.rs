//! A store that does not answer is away, whatever is asked, and nothing else is wrong.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::{Project, RunId},
    run::{Attempt, ControlEvent, PhaseTransition, Run, RunEvent},
    time::Timestamp,
};
use gauntlet_store::{
    Advanced, Error, Idempotency, PageQuery, Result, RunChange, RunCursor, RunFilter, RunKey,
    RunOrder, RunSummary, Runs, Stores, memory,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::support::{Plane, create_run};

/// The runs of a store that can be away.
struct Away {
    inner: Arc<dyn Runs>,
    away: Arc<AtomicBool>,
}

fn stores() -> (Stores, Arc<AtomicBool>) {
    let (mut stores, away) = (memory::stores(), Arc::new(AtomicBool::new(false)));
    let inner = stores.runs;
    stores.runs = Arc::new(Away {
        inner,
        away: away.clone(),
    });
    (stores, away)
}

impl Away {
    fn there(&self) -> Result<&dyn Runs> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::Unavailable("no answer".to_owned()));
        }
        Ok(&*self.inner)
    }
}

#[async_trait]
impl Runs for Away {
    async fn insert(&self, run: &Run, event: &RunEvent, id: Option<&Idempotency>) -> Result<Run> {
        self.there()?.insert(run, event, id).await
    }

    async fn advance(&self, change: &RunChange) -> Result<Advanced> {
        self.there()?.advance(change).await
    }

    async fn append_events(&self, run: RunId, events: &[RunEvent]) -> Result<Vec<RunEvent>> {
        self.there()?.append_events(run, events).await
    }

    async fn get(&self, id: RunId) -> Result<Option<Run>> {
        self.there()?.get(id).await
    }

    async fn list(
        &self,
        filter: &RunFilter,
        order: RunOrder,
        page: PageQuery<RunCursor>,
    ) -> Result<Vec<RunSummary>> {
        self.there()?.list(filter, order, page).await
    }

    async fn active(&self) -> Result<Vec<Run>> {
        self.there()?.active().await
    }

    async fn attempts(&self, run: RunId) -> Result<Vec<Attempt>> {
        self.there()?.attempts(run).await
    }

    async fn controls(&self, run: RunId, after: i64) -> Result<Vec<ControlEvent>> {
        self.there()?.controls(run, after).await
    }

    async fn phases(&self, run: RunId) -> Result<Vec<PhaseTransition>> {
        self.there()?.phases(run).await
    }

    async fn events(&self, run: RunId, page: PageQuery<i64>) -> Result<Vec<RunEvent>> {
        self.there()?.events(run, page).await
    }

    async fn delete(&self, run: RunId) -> Result<()> {
        self.there()?.delete(run).await
    }

    async fn ended(
        &self,
        before: Timestamp,
        page: PageQuery<RunKey>,
    ) -> Result<Vec<(Timestamp, RunId, Project)>> {
        self.there()?.ended(before, page).await
    }

    async fn prune(&self, ended_before: Timestamp, limit: u32) -> Result<Vec<RunId>> {
        self.there()?.prune(ended_before, limit).await
    }
}

fn check(call: &str, status: Option<Status>) {
    let status = status.unwrap_or_else(|| panic!("{call} goes well without a store"));
    assert_eq!(status.code(), Code::Unavailable, "{call}: {status:?}");
    assert!(status.get_details_retry_info().is_some(), "{call}");
}

#[tokio::test(start_paused = true)]
async fn every_call_says_that_the_store_is_away() {
    let (stores, away) = stores();
    let plane = Plane::ready_over(stores).await;
    let run_id = plane.create_run().await.run_id;
    let mut runs = plane.runs();
    away.store(true, Ordering::SeqCst);

    check("create_run", runs.create_run(create_run("r2")).await.err());
    let list = pb::ListRunsRequest {
        project: "acme".to_owned(),
        ..Default::default()
    };
    check("list_runs", runs.list_runs(list).await.err());
    macro_rules! check {
        ($($method:ident($request:ident);)*) => {$({
            let request = pb::$request {
                run_id: run_id.clone(),
                ..Default::default()
            };
            check(stringify!($method), runs.$method(request).await.err());
        })*};
    }
    #[allow(clippy::needless_update, reason = "some requests are only an id")]
    {
        check! {
            get_run(GetRunRequest);
            start_run(StartRunRequest);
            stop_run(StopRunRequest);
            abort_run(AbortRunRequest);
            delete_run(DeleteRunRequest);
            rerun_run(RerunRunRequest);
            preflight_run(PreflightRunRequest);
            watch_run(WatchRunRequest);
            watch_shards(WatchShardsRequest);
            watch_events(WatchEventsRequest);
            stream_logs(StreamLogsRequest);
            stream_metrics(StreamMetricsRequest);
            get_report(GetReportRequest);
            list_shards(ListShardsRequest);
            list_steps(ListStepsRequest);
            list_events(ListEventsRequest);
            get_metrics(GetMetricsRequest);
            recompute_report(RecomputeReportRequest);
        }
    }

    away.store(false, Ordering::SeqCst);
    let run = plane.get_run(&run_id).await;
    assert_eq!(run.status(), pb::RunStatus::Prepared, "nothing was done");
}
