//! Runs that wait for workers, and runs that have workers of their own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use gauntlet_model::{
    id::RunId,
    lifecycle::{Phase, Status},
    run::{Run, WorkerStatus},
    template::{Control, Launcher as From, Spec, WorkerLossPolicy},
};
use gauntlet_orchestrator::{
    ControlError, Orchestrator,
    launcher::{LaunchError, LaunchId, Launched, Launcher, Order},
};
use gauntlet_store::{LogFilter, PageQuery};

use crate::{
    script::{Plane, in_status, measuring, spec},
    worker::{Script, Worker},
};

/// A template for one worker that nobody shares.
fn patient(wait: Duration) -> Spec {
    let mut spec = spec();
    spec.workers = 1;
    spec.control.worker_wait = wait;
    spec.load = gauntlet_model::template::Load::Concurrency {
        connections: 60,
        think_time: Duration::ZERO,
    };
    spec
}

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

async fn started(plane: &Plane, number: u128) -> RunId {
    let id = plane.run(number).await;
    let run = plane.orchestrator.start(id).await.unwrap();
    assert_eq!(run.status(), Status::Starting);
    id
}

async fn one_after_another(plane: &Plane, numbers: [u128; 3]) -> [RunId; 3] {
    let mut runs = Vec::new();
    for number in numbers {
        runs.push(started(plane, number).await);
        tokio::time::sleep(Duration::from_millis(1)).await; // allow-sleep: time is paused
    }
    runs.try_into().unwrap()
}

async fn said(plane: &Plane, run: RunId) -> String {
    let page = PageQuery {
        after: None,
        limit: 1000,
    };
    let events = plane.services.stores.runs.events(run, page).await.unwrap();
    let messages: Vec<String> = events.into_iter().map(|event| event.message).collect();
    messages.join("\n")
}

fn positions(plane: &Plane, runs: &[RunId]) -> Vec<u32> {
    let position = |run: &RunId| plane.orchestrator.queue_position(*run);
    runs.iter().map(position).collect()
}

fn waits(run: &Run) -> bool {
    run.state.phase() == Some(Phase::Preparing) && run.state.shards.is_empty()
}

#[tokio::test(start_paused = true)]
async fn runs_wait_for_a_worker_and_begin_in_the_order_of_their_starts() {
    let plane = Plane::new(patient(Duration::from_mins(2))).await;
    let _worker = Worker::attach(&plane, 1, Script::default()).await;
    // A later id that is started before: the start counts.
    let [first, second, third] = one_after_another(&plane, [7, 9, 8]).await;
    assert_eq!(positions(&plane, &[first, second, third]), [0, 1, 2]);
    assert!(waits(&plane.get(second).await));
    let what = "place 1 in the queue: the run needs 1 workers with 60 connections each, 0 of 1 attached workers are free";
    let told = said(&plane, second).await;
    assert!(told.contains(what), "{told}");
    let again = plane.orchestrator.start(second).await.unwrap_err();
    assert!(again.to_string().contains("waits for workers"), "{again}");

    assert_eq!(plane.until_over(first).await.status(), Status::Completed);
    plane.until(second, measuring).await;
    assert_eq!(positions(&plane, &[first, second, third]), [0, 0, 1]);
    assert!(waits(&plane.get(third).await));
    for run in [second, third] {
        let over = plane.until_over(run).await;
        assert_eq!(over.status(), Status::Completed, "{:?}", over.state.end());
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_in_vain_fails_and_one_that_is_stopped_leaves_the_queue() {
    let plane = Plane::new(patient(Duration::from_secs(30))).await;
    let first = started(&plane, 7).await;
    let second = started(&plane, 8).await;
    assert_eq!(positions(&plane, &[first, second]), [1, 2]);
    let stopped = plane.orchestrator.stop(first, "enough".to_owned()).await;
    assert!(stopped.unwrap().status().is_terminal());
    assert_eq!(positions(&plane, &[first, second]), [0, 1]);
    let failed = plane.until_over(second).await;
    assert_eq!(failed.status(), Status::Failed);
    assert_eq!(positions(&plane, &[first, second]), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_the_order_of_the_queue() {
    let plane = Plane::new(patient(Duration::from_mins(5))).await;
    let runs = one_after_another(&plane, [9, 7, 8]).await;
    let plane = plane.restarted().await;
    assert_eq!(positions(&plane, &runs), [1, 2, 3]);
    let _worker = Worker::attach(&plane, 1, Script::default()).await;
    let mut begun = Vec::new();
    for run in &runs {
        let over = plane.until_over(*run).await;
        assert_eq!(over.status(), Status::Completed, "{:?}", over.state.end());
        begun.push(over.state.load_started);
    }
    assert!(begun.is_sorted(), "{begun:?}");
}

#[tokio::test(start_paused = true)]
async fn only_workers_with_the_labels_are_chosen() {
    let mut spec = patient(Duration::ZERO);
    spec.control.worker_labels = labels(&[("zone", "b")]);
    let plane = Plane::new(spec).await;
    let _a = Worker::attach_with(&plane, 1, Script::default(), labels(&[("zone", "a")])).await;
    let refused = plane.run(6).await;
    let error = plane.orchestrator.start(refused).await.unwrap_err();
    let why = "and the labels zone=b, 0 of 1 attached workers are free; start more with \"gauntlet worker --label zone=b\"";
    assert!(error.to_string().contains(why), "{error}");
    let both = labels(&[("zone", "b"), ("size", "big")]);
    let b = Worker::attach_with(&plane, 2, Script::default(), both).await;
    let id = started(&plane, 7).await;
    assert_eq!(plane.get(id).await.state.shards[0].worker, b.id);
}

/// A launcher whose workers the test plays itself.
#[derive(Default)]
struct Stage {
    orders: Mutex<Vec<Order>>,
    refuses: bool,
}

impl Stage {
    /// Waits until so many workers are there or on their way.
    async fn has(&self, count: usize) {
        self.until(|orders| orders.len() == count).await;
    }

    async fn until(&self, reached: impl Fn(&[Order]) -> bool) {
        let wait = async {
            while !reached(&self.orders.lock().unwrap()) {
                tokio::time::sleep(Duration::from_millis(10)).await; // allow-sleep: time is paused
            }
        };
        let had = tokio::time::timeout(Duration::from_mins(1), wait).await;
        had.unwrap_or_else(|_| panic!("never: {:?}", self.orders));
    }

    fn labels(&self, index: usize) -> BTreeMap<String, String> {
        self.orders.lock().unwrap()[index].labels.clone()
    }
}

#[async_trait]
impl Launcher for Stage {
    fn place(&self) -> &'static str {
        "a stage"
    }

    async fn start(&self, order: Order) -> Result<LaunchId, LaunchError> {
        if self.refuses {
            return Err(LaunchError("there is no room".to_owned()));
        }
        let id = LaunchId(order.name.clone());
        self.orders.lock().unwrap().push(order);
        Ok(id)
    }

    async fn stop(&self, id: &LaunchId) -> Result<(), LaunchError> {
        self.orders.lock().unwrap().retain(|one| one.name != id.0);
        Ok(())
    }

    async fn list(&self, run: Option<RunId>) -> Result<Vec<Launched>, LaunchError> {
        let orders = self.orders.lock().unwrap();
        let asked = orders
            .iter()
            .filter(|one| run.is_none_or(|run| one.attempt.run == run));
        Ok(asked
            .map(|one| Launched {
                id: LaunchId(one.name.clone()),
                attempt: one.attempt,
            })
            .collect())
    }
}

fn local() -> Spec {
    Spec {
        control: Control {
            launcher: From::Local,
            ..Control::default()
        },
        ..spec()
    }
}

async fn with_stage(spec: Spec, stage: Stage) -> (Plane, Arc<Stage>) {
    let mut plane = Plane::new(spec).await;
    let stage = Arc::new(stage);
    plane.orchestrator.shutdown().await;
    plane.services.launcher = Some(stage.clone());
    plane.orchestrator = Orchestrator::new(plane.services.clone());
    (plane, stage)
}

#[tokio::test(start_paused = true)]
async fn a_run_has_workers_of_its_own_and_leaves_none_behind() {
    let (plane, stage) = with_stage(local(), Stage::default()).await;
    let stranger = Worker::attach(&plane, 9, Script::default()).await;
    let id = started(&plane, 7).await;
    assert_eq!(positions(&plane, &[id]), [0], "it stands in nobody's way");
    stage.has(2).await;
    let a = Worker::attach_with(&plane, 1, Script::default(), stage.labels(0)).await;
    assert!(waits(&plane.get(id).await));
    let b = Worker::attach_with(&plane, 2, Script::default(), stage.labels(1)).await;
    stage.orders.lock().unwrap()[1]
        .news
        .line(gauntlet_model::logs::Level::Warn, "hot in here".to_owned());
    let run = plane.until(id, measuring).await;
    let serving: Vec<_> = run.state.shards.iter().map(|one| one.worker).collect();
    assert_eq!(serving, [a.id, b.id]);
    assert!(!serving.contains(&stranger.id));
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    stage.has(0).await;
    let told = said(&plane, id).await;
    assert!(told.contains("2 workers start on a stage"), "{told}");
    let page = PageQuery {
        after: None,
        limit: 1000,
    };
    let stores = &plane.services.stores;
    let lines = stores
        .logs
        .list(id, LogFilter::default(), page)
        .await
        .unwrap();
    let heard = |text: &str| lines.iter().any(|line| line.message.ends_with(text));
    assert!(heard("-1-1: hot in here"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_does_not_start_fails_the_run_and_ends_the_others() {
    let (plane, stage) = with_stage(local(), Stage::default()).await;
    let id = started(&plane, 7).await;
    stage.has(2).await;
    let news = stage.orders.lock().unwrap()[0].news.clone();
    news.ended("ended (exit status: 7)".to_owned());
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Failed);
    let message = run.state.end().unwrap().message.clone();
    assert!(
        message.ends_with("-0-1 ended (exit status: 7)"),
        "{message}"
    );
    stage.has(0).await;

    let refusing = Stage {
        refuses: true,
        ..Stage::default()
    };
    let (plane, _stage) = with_stage(local(), refusing).await;
    let id = started(&plane, 7).await;
    let run = plane.until_over(id).await;
    let message = run.state.end().unwrap().message.clone();
    assert!(
        message.ends_with("was not started: there is no room"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn workers_that_do_not_attach_fail_the_run_at_the_start_timeout() {
    let (plane, stage) = with_stage(local(), Stage::default()).await;
    let id = started(&plane, 7).await;
    let run = plane.until(id, in_status(Status::Failed)).await;
    let waited = run.ended.unwrap().since(run.state.phase_started().unwrap());
    assert!(waited <= Duration::from_secs(10), "{waited:?}");
    stage.has(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_control_plane_that_starts_no_workers_says_so() {
    let plane = Plane::new(local()).await;
    let id = plane.run(7).await;
    let error = plane.orchestrator.start(id).await.unwrap_err();
    let ControlError::SetupFailed(message) = error else {
        panic!("{error}");
    };
    assert!(
        message.contains("set its launcher to EXTERNAL"),
        "{message}"
    );
    assert_eq!(plane.get(id).await.status(), Status::Failed);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_control_plane_left_behind_is_ended() {
    let (plane, stage) = with_stage(local(), Stage::default()).await;
    let id = started(&plane, 7).await;
    stage.has(2).await;
    // One of a run that is over, or that nobody knows.
    let orphan = stage.orders.lock().unwrap().pop().unwrap();
    let orphan = Order {
        attempt: gauntlet_model::session::AttemptRef {
            run: RunId(uuid::Uuid::from_u128(99)),
            ..orphan.attempt
        },
        ..orphan
    };
    stage.orders.lock().unwrap().push(orphan);
    let plane = plane.restarted().await;
    // Those of the run are started anew.
    let own = |order: &Order| order.attempt.run == id;
    stage
        .until(|orders| orders.len() == 2 && orders.iter().all(own))
        .await;
    plane.orchestrator.abort(id, String::new()).await.unwrap();
    stage.has(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_worker_of_a_runs_own_is_replaced_by_a_new_one() {
    let spec = Spec {
        worker_loss: WorkerLossPolicy::Replace,
        ..local()
    };
    let (plane, stage) = with_stage(spec, Stage::default()).await;
    let id = started(&plane, 7).await;
    stage.has(2).await;
    let mut a = Worker::attach_with(&plane, 1, Script::default(), stage.labels(0)).await;
    let _b = Worker::attach_with(&plane, 2, Script::default(), stage.labels(1)).await;
    plane.until(id, measuring).await;
    a.cut();
    stage.has(3).await;
    assert!(stage.orders.lock().unwrap()[2].name.ends_with("-0-2"));
    let c = Worker::attach_with(&plane, 3, Script::default(), stage.labels(2)).await;
    let run = plane.until_over(id).await;
    assert_eq!(run.status(), Status::Completed, "{:?}", run.state.end());
    assert_eq!(run.state.shards[0].worker, c.id);
    stage.has(0).await;
    let workers = plane.orchestrator.workers();
    let busy = |worker: &&gauntlet_model::run::Worker| worker.status == WorkerStatus::Busy;
    assert_eq!(workers.iter().find(busy), None);
}
