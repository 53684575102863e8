//! The loop of one run: its only writer.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use gauntlet_model::{
    id::{RunId, WorkerId},
    lifecycle::{Effect, Event, ShardStage, Stage},
    logs::LogLine,
    run::{Attempt, Run, RunEvent, RunEventKind},
    session::{AttemptRef, ResumePoint, WorkerEvent},
    time::Timestamp,
};
use gauntlet_store::{Judged, judged};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    hub::Channel,
    orchestrator::{ControlError, Shared},
    pools::Pools,
};

mod ask;
mod began;
mod change;
mod drive;
mod effects;
pub(crate) mod evidence;
mod ingest;
mod lines;
mod news;
mod panicked;
pub(crate) mod place;
mod rolling;
mod setup;

pub(crate) use ask::{Ask, Control};
use drive::Driver;
use evidence::Gatherer;
use ingest::Batch;
use lines::Warned;
pub(crate) use panicked::{Inboxes, Panicked};
use rolling::Rolling;

/// Requests that wait for a run's task; the callers wait with them.
pub(crate) const CONTROL_QUEUE: usize = 32;
/// Worker messages that wait for a run's task; past it their streams are not read.
pub(crate) const UP_QUEUE: usize = 1024;
/// How often liveness is checked, points are published and failed writes are tried again.
const TICK: Duration = Duration::from_millis(250);
/// A worker that gave no sign of life for so long is lost to the run: with the
/// tick that notices it, a loss shows within 3 s.
const SILENT: Duration = Duration::from_millis(2_700);
/// After a restart of the control plane, how long workers may take to come back.
const RETURN: Duration = Duration::from_secs(15);
/// How long to wait before a run that the store could not give is asked for again.
const RELOAD: Duration = Duration::from_secs(1);
/// How long the store may take to give the run.
const LOAD: Duration = Duration::from_secs(30);

/// News of a worker.
#[derive(Debug)]
pub(crate) enum Upward {
    Attached {
        worker: WorkerId,
        /// What it holds of this run.
        resumes: Vec<ResumePoint>,
    },
    Left {
        worker: WorkerId,
        message: String,
    },
    Event {
        worker: WorkerId,
        event: WorkerEvent,
    },
}

/// What the loop wakes up for.
enum Input {
    Control(Control),
    Up,
    Report(Result<Judged, String>),
    Deadline,
    /// Workers for which the run waits are there.
    Place,
    Tick,
    Shutdown,
}

/// Runs the loop until the run is over, or has nothing to do, or the control
/// plane ends.
pub(crate) async fn run(
    shared: Arc<Shared>,
    id: RunId,
    inboxes: Inboxes,
    panicked: Option<Panicked>,
) {
    let mut control = inboxes.control.lock_owned().await;
    loop {
        let error = match Task::load(shared.clone(), id, &inboxes.up).await {
            Ok(mut task) => {
                if let Some(panicked) = panicked {
                    task.after_panic(&panicked).await;
                }
                return task.serve(&mut control).await;
            }
            Err(error) => error,
        };
        while let Ok(request) = control.try_recv() {
            let error = match &error {
                ControlError::Store(error) => error.clone().into(),
                _ => ControlError::NoSuchRun(id),
            };
            request.answer(Err(error));
        }
        match error {
            ControlError::NoSuchRun(_) => return,
            // The run may be active: nobody else would look after it.
            ControlError::Store(error) if transient(&error) => {
                tracing::error!(run = %id, %error, "run not loaded; tried again");
            }
            error => {
                tracing::error!(run = %id, %error, "run not loaded");
                return;
            }
        }
        let again = tokio::time::sleep(RELOAD);
        if shared.stop.run_until_cancelled(again).await.is_none() {
            return;
        }
    }
}

struct Task {
    shared: Arc<Shared>,
    channel: Arc<Channel>,
    run: Run,
    attempts: Vec<Attempt>,
    up: OwnedMutexGuard<mpsc::Receiver<Upward>>,
    /// Taken from `up` and not yet dealt with; nothing more is taken until it is empty.
    inbox: VecDeque<Upward>,
    /// Taken from `inbox` and not yet stored.
    batch: Batch,
    /// Lines of the run's log that are not yet stored.
    lines: Vec<LogLine>,
    warned: Warned,
    /// Events that could not be stored; tried again at each tick.
    deferred: VecDeque<Event>,
    /// By attempt: the sequence up to which intervals are stored without a gap.
    stored: HashMap<AttemptRef, i64>,
    rolling: Rolling,
    drive: Driver,
    gatherer: Gatherer,
    place: place::Place,
    /// The values that the operations draw from, from the start to the end.
    pools: Option<Pools>,
    /// What the report says, once it is there.
    judged: Option<Judged>,
    command_lateness: Duration,
    /// How late a step may be in force without a trace in its window, by the
    /// command's sequence; of the steps that this task has sent.
    settles: BTreeMap<i64, Duration>,
    target_version: String,
    /// Before this instant nobody is called silent.
    silence_from: Timestamp,
    report: Option<Making>,
}

/// A report that is being made.
type Making = AbortOnDropHandle<Result<Judged, String>>;

impl Task {
    async fn load(
        shared: Arc<Shared>,
        id: RunId,
        up: &Arc<Mutex<mpsc::Receiver<Upward>>>,
    ) -> Result<Self, ControlError> {
        let stores = &shared.services.stores;
        let reading = async {
            let run = stores
                .runs
                .get(id)
                .await?
                .ok_or(ControlError::NoSuchRun(id))?;
            let attempts = stores.runs.attempts(id).await?;
            let report = if run.status().is_terminal() {
                stores.reports.get(id).await?
            } else {
                None
            };
            let mut stored = HashMap::new();
            for attempt in attempts.iter().filter(|attempt| attempt.stage.is_live()) {
                // Of these the worker may have nothing left to send but the end.
                let attempt = attempt.of(id);
                let sequence = stores.intervals.contiguous(attempt).await?;
                stored.insert(attempt, sequence);
            }
            Ok::<_, ControlError>((run, attempts, report, stored))
        };
        let (run, attempts, report, stored) =
            tokio::time::timeout(LOAD, reading).await.map_err(|_| {
                gauntlet_store::Error::Unavailable(format!("no answer within {} s", LOAD.as_secs()))
            })??;
        let channel = shared.hub.channel(id);
        let now = shared.services.clock.now();
        let mut task = Self {
            channel,
            up: up.clone().lock_owned().await,
            inbox: VecDeque::new(),
            deferred: VecDeque::new(),
            batch: Batch::default(),
            lines: Vec::new(),
            warned: Warned::default(),
            stored,
            rolling: if run.state.load_started.is_some() {
                Rolling::default()
            } else {
                Rolling::of_new_run()
            },
            drive: Driver::new(&run),
            gatherer: Gatherer::new(&shared.services, &run),
            place: place::Place::default(),
            pools: None,
            judged: report.map(|report| judged(&report)),
            command_lateness: Duration::ZERO,
            settles: BTreeMap::new(),
            target_version: String::new(),
            silence_from: if run.status().is_active() {
                now + RETURN
            } else {
                now
            },
            report: None,
            shared,
            run,
            attempts,
        };
        task.take_up().await;
        Ok(task)
    }

    /// Repairs what a restart may have left between a stored state and its effects.
    async fn take_up(&mut self) {
        if !self.run.status().is_active() {
            return;
        }
        tracing::info!(run = %self.run.id, status = self.run.status().as_str(), "run taken up again");
        if let Ok(login) = self.login().await {
            for attempt in &self.attempts {
                self.shared.keys.remember(&login.address, attempt.keys);
            }
        }
        self.open_rolling().await;
        self.gatherer.on_stage(&self.run.state.stage);
        if matches!(self.run.state.stage, Stage::Processing { .. }) {
            self.perform(Effect::MakeReport).await;
        }
    }

    async fn serve(&mut self, control: &mut mpsc::Receiver<Control>) {
        let stop = self.shared.stop.clone();
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let wake = self.until_deadline();
            let input = tokio::select! {
                biased;
                () = stop.cancelled() => Input::Shutdown,
                Some(request) = control.recv() => Input::Control(request),
                made = join(&mut self.report), if self.report.is_some() => Input::Report(made),
                () = self.place.granted(), if self.place.waits() => Input::Place,
                () = tokio::time::sleep(wake.unwrap_or(TICK)), if wake.is_some() => Input::Deadline,
                Some(first) = self.up.recv(), if self.inbox.is_empty() && self.batch.is_empty() => {
                    self.inbox.push_back(first);
                    Input::Up
                }
                _ = tick.tick() => Input::Tick,
            };
            match input {
                Input::Shutdown => return,
                Input::Control(request) => self.control(request).await,
                Input::Up => self.work_off().await,
                Input::Report(made) => self.reported(made).await,
                Input::Deadline => self.deadline().await,
                Input::Place => self.placement_tick().await,
                Input::Tick => self.tick().await,
            }
            if !self.run.status().is_active() {
                break;
            }
        }
        self.vacate();
    }

    /// How long until the state's deadline; `None` when it has none or while
    /// an earlier event waits for the store.
    fn until_deadline(&self) -> Option<Duration> {
        if !self.deferred.is_empty() {
            return None;
        }
        let now = self.now();
        self.run
            .state
            .deadline()
            .map(|deadline| deadline.since(now))
    }

    async fn reported(&mut self, made: Result<Judged, String>) {
        self.report = None;
        let event = match made {
            Ok(judged) => {
                self.judged = Some(judged);
                Event::ReportStored
            }
            Err(message) => Event::ReportFailed { message },
        };
        self.happen(event).await;
    }

    async fn tick(&mut self) {
        while let Some(event) = self.deferred.pop_front() {
            let before = self.deferred.len();
            self.happen(event).await;
            if self.deferred.len() > before {
                return;
            }
        }
        self.work_off().await;
        self.look_for_silence().await;
        self.placement_tick().await;
        self.drive().await;
    }

    /// Applies an event that nobody waits for. What the store cannot take now
    /// is tried again at the next tick.
    async fn happen(&mut self, event: Event) {
        match self.apply(event.clone()).await {
            Ok(()) => {}
            Err(ControlError::Store(error)) => {
                self.warn("a change is not stored; tried again", error);
                self.deferred.push_back(event);
            }
            Err(error) => tracing::warn!(run = %self.run.id, %error, "event refused"),
        }
    }

    /// Sessions that wait at the target as a share of all connections, now.
    fn queue_ratio(&self) -> Option<f64> {
        self.gatherer.queue_ratio()
    }

    async fn look_for_silence(&mut self) {
        let now = self.now();
        for (index, shard) in self.run.state.shards.clone().into_iter().enumerate() {
            if !shard.stage.is_live() {
                continue;
            }
            let worker = self.shared.registry.get(shard.worker);
            let seen = worker.as_ref().map_or(self.silence_from, |worker| {
                worker.seen.max(self.silence_from)
            });
            let silent = now.since(seen);
            if silent > SILENT {
                let name = worker.map_or_else(|| shard.worker.to_string(), |worker| worker.name);
                let message = format!(
                    "worker {name} gave no sign of life for {:.1} s",
                    silent.as_secs_f64()
                );
                let (shard, attempt) = (index as u32, shard.attempt);
                self.happen(Event::WorkerLost {
                    shard,
                    attempt,
                    message,
                })
                .await;
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.shared.services.clock.now()
    }

    /// The shard that a worker serves; without one, the last that it served.
    fn shard_of(&self, worker: WorkerId) -> Option<(u32, u32, ShardStage)> {
        let shards = self.run.state.shards.iter().zip(0..);
        shards
            .filter(|(shard, _)| shard.worker == worker)
            .map(|(shard, index)| (index, shard.attempt, shard.stage))
            .max_by_key(|(index, _, stage)| (stage.is_live(), *index))
    }

    fn note(&self, kind: RunEventKind, shard: Option<u32>, message: String) -> RunEvent {
        RunEvent {
            sequence: 0,
            time: self.now(),
            kind,
            message,
            shard,
        }
    }
}

/// Waits for the report; without one, for ever.
async fn join(report: &mut Option<Making>) -> Result<Judged, String> {
    match report {
        Some(handle) => match handle.await {
            Ok(made) => made,
            Err(error) => Err(format!("making the report failed: {error}")),
        },
        None => std::future::pending().await,
    }
}

/// Whether a store that could not do something may do it later.
fn transient(error: &gauntlet_store::Error) -> bool {
    use gauntlet_store::Error;
    matches!(error, Error::Unavailable(_) | Error::Full(_))
}
