//! The handle that services hold: creates, starts, ends and watches runs, and
//! takes workers in.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gauntlet_model::{
    id::{Name, Project, RunId, WorkerId},
    lifecycle::{Refused, RunState},
    point::{Point, Points},
    run::{Run, RunEvent, RunEventKind, Worker},
    session::{ControlMessage, Hello},
    time::Clock,
};
use gauntlet_store::{Idempotency, Stores};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    access::{TargetAccess, Vault},
    hub::{Channel, Hub},
    keys::KeyBlocks,
    registry::{AttachError, Registry},
    report::{ReportError, each_interval},
    session::Session,
    task::{self, Control, Upward},
};

/// How often silent workers are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// What the orchestrator needs of the world.
#[derive(Clone)]
pub struct Services {
    /// Where everything is kept.
    pub stores: Stores,
    /// The way to the targets.
    pub access: Arc<dyn TargetAccess>,
    /// Opens passwords.
    pub vault: Arc<dyn Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// gauntlet's version, for reports.
    pub version: String,
}

/// Why a run was not created, started or ended.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such run.
    #[error("run {0} does not exist; \"gauntlet list\" shows those that do")]
    NoSuchRun(RunId),
    /// There is no such template.
    #[error("template {0} does not exist in project {1}")]
    NoSuchTemplate(String, Project),
    /// The run's state forbids it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A check before the start failed; the run is FAILED.
    #[error("{0}")]
    SetupFailed(String),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] gauntlet_store::Error),
    /// The control plane is shutting down.
    #[error("the control plane is shutting down")]
    ShuttingDown,
}

/// A run to prepare.
#[derive(Clone, Debug)]
pub struct CreateRun {
    /// The template's project.
    pub project: Project,
    /// The template.
    pub template: Name,
    /// Its version; the newest when `None`.
    pub version: Option<i32>,
    /// The run's name; made from the template's when `None`.
    pub name: Option<Name>,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
    /// Makes the call repeatable.
    pub idempotency: Option<Idempotency>,
}

/// A run's seconds: those stored, and those to come.
#[derive(Debug)]
pub struct Metrics {
    /// Oldest first.
    pub history: Vec<Point>,
    /// Points from then on; `None` when the run is over.
    pub live: Option<broadcast::Receiver<Arc<Point>>>,
}

pub(crate) struct Shared {
    pub(crate) services: Services,
    pub(crate) registry: Registry,
    pub(crate) hub: Hub,
    pub(crate) keys: KeyBlocks,
    tasks: Mutex<HashMap<RunId, TaskHandle>>,
    pub(crate) tracker: TaskTracker,
    pub(crate) stop: CancellationToken,
}

#[derive(Clone)]
pub(crate) struct TaskHandle {
    control: mpsc::Sender<Control>,
    pub(crate) up: mpsc::Sender<Upward>,
}

/// Runs runs. Cheap to clone.
#[derive(Clone)]
pub struct Orchestrator {
    shared: Arc<Shared>,
}

impl Orchestrator {
    /// An orchestrator without runs; [`Self::recover`] takes up the stored ones.
    #[must_use]
    pub fn new(services: Services) -> Self {
        let shared = Arc::new(Shared {
            services,
            registry: Registry::default(),
            hub: Hub::default(),
            keys: KeyBlocks::default(),
            tasks: Mutex::default(),
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        let orchestrator = Self { shared };
        orchestrator
            .shared
            .tracker
            .spawn(sweep(orchestrator.shared.clone()));
        orchestrator
    }

    /// Takes up every run that was active when the control plane last ended.
    /// Returns how many there are.
    pub async fn recover(&self) -> Result<usize, gauntlet_store::Error> {
        let active = self.shared.services.stores.runs.active().await?;
        let now = self.shared.services.clock.now();
        for run in &active {
            self.task(run.id);
            // What came in before the restart is read from the store by whoever asks.
            self.channel(run.id).publish_points(Vec::new(), now);
        }
        Ok(active.len())
    }

    /// Ends all tasks without touching their runs: they are taken up again at
    /// the next start. Returns when they have ended.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.tracker.close();
        self.shared.tracker.wait().await;
    }

    /// Prepares a run of a template.
    pub async fn create(&self, id: RunId, request: CreateRun) -> Result<Run, ControlError> {
        let services = &self.shared.services;
        let template = services
            .stores
            .templates
            .get(&request.project, &request.template, request.version)
            .await?
            .ok_or_else(|| {
                let version = request
                    .version
                    .map_or(String::new(), |v| format!(" version {v}"));
                ControlError::NoSuchTemplate(
                    format!("{}{version}", request.template),
                    request.project.clone(),
                )
            })?;
        let now = services.clock.now();
        let run = Run {
            id,
            project: request.project,
            name: request
                .name
                .unwrap_or_else(|| made_up_name(&template.name, id)),
            template: template.name,
            template_version: template.version,
            spec: template.spec,
            state: RunState::prepared(),
            revision: 1,
            labels: request.labels,
            created: now,
            started: None,
            ended: None,
        };
        let event = RunEvent {
            sequence: 0,
            time: now,
            kind: RunEventKind::Status,
            message: format!(
                "PREPARED from template {} version {}",
                run.template, run.template_version
            ),
            shard: None,
        };
        Ok(services
            .stores
            .runs
            .insert(&run, &event, request.idempotency.as_ref())
            .await?)
    }

    /// Checks target and workers, then puts the run on its way.
    pub async fn start(&self, run: RunId) -> Result<Run, ControlError> {
        self.ask(run, |reply| Control::Start { reply }).await
    }

    /// Ends a run's load; operations in flight end.
    pub async fn stop(&self, run: RunId, message: String) -> Result<Run, ControlError> {
        self.ask(run, |reply| Control::Stop {
            message: message.clone(),
            reply,
        })
        .await
    }

    /// Cuts a run's load.
    pub async fn abort(&self, run: RunId, message: String) -> Result<Run, ControlError> {
        self.ask(run, |reply| Control::Abort {
            message: message.clone(),
            reply,
        })
        .await
    }

    /// The channels of a run, whether it is active or not. Subscribe first,
    /// then read the store: so nothing is missed between the two.
    #[must_use]
    pub fn channel(&self, run: RunId) -> Arc<Channel> {
        self.shared.hub.channel(run)
    }

    /// A run's seconds from the first on.
    pub async fn metrics(&self, run: RunId) -> Result<(Arc<Channel>, Metrics), ControlError> {
        let channel = self.shared.hub.channel(run);
        let live = channel.points();
        let stores = &self.shared.services.stores;
        let stored = stores
            .runs
            .get(run)
            .await?
            .ok_or(ControlError::NoSuchRun(run))?;
        let over = stored.status().is_terminal();
        let Some(origin) = stored.state.load_started else {
            return Ok((
                channel,
                Metrics {
                    history: Vec::new(),
                    live: (!over).then_some(live),
                },
            ));
        };
        let until = channel.published_until();
        let mut points = Points::new(origin, stored.spec.operations.len());
        let read = each_interval(stores, run, |interval| points.add(interval)).await;
        read.map_err(|error| match error {
            ReportError::Store(error) => error,
            ReportError::Interval(error) => gauntlet_store::Error::Corrupt(error.to_string()),
        })?;
        let history = if over {
            points.take_all()
        } else {
            points.take_until(until)
        };
        Ok((
            channel,
            Metrics {
                history,
                live: (!over).then_some(live),
            },
        ))
    }

    /// Takes a worker's session in. The session ends when it is dropped.
    pub async fn attach(
        &self,
        hello: Hello,
    ) -> Result<(Session, mpsc::Receiver<ControlMessage>), AttachError> {
        let now = self.shared.services.clock.now();
        let attached = self.shared.registry.attach(&hello, now)?;
        let session = Session::new(self.shared.clone(), hello.worker, attached.welcome);
        let run = match hello.resume {
            Some(point) => Some(point.attempt.run),
            None => self
                .shared
                .registry
                .get(hello.worker)
                .and_then(|worker| worker.run),
        };
        if let Some(run) = run {
            let known = self.known_task(run);
            let attached = Upward::Attached {
                worker: hello.worker,
                resume: hello.resume,
            };
            let taken = match known {
                Some(task) => {
                    self.shared.registry.claim(hello.worker, run);
                    task.up.send(attached).await.is_ok()
                }
                None => false,
            };
            if let Some(point) = hello.resume.filter(|_| !taken) {
                let release = ControlMessage::Release {
                    attempt: point.attempt,
                };
                self.shared.registry.send(hello.worker, release);
            }
        }
        self.shared.remember(hello.worker).await;
        tracing::info!(worker = %hello.worker, name = hello.name, "worker attached");
        Ok((session, attached.down))
    }

    /// The workers that are attached to this process or were within the hour.
    #[must_use]
    pub fn workers(&self) -> Vec<Worker> {
        self.shared.registry.all()
    }

    async fn ask(
        &self,
        run: RunId,
        control: impl Fn(oneshot::Sender<Result<Run, ControlError>>) -> Control,
    ) -> Result<Run, ControlError> {
        // A task that is just ending takes no more messages; the next one does.
        for _ in 0..3 {
            let (reply, answer) = oneshot::channel();
            if self.task(run).control.send(control(reply)).await.is_ok()
                && let Ok(answer) = answer.await
            {
                return answer;
            }
            if self.shared.stop.is_cancelled() {
                break;
            }
        }
        Err(ControlError::ShuttingDown)
    }

    fn known_task(&self, run: RunId) -> Option<TaskHandle> {
        self.shared.known_task(run)
    }

    /// The run's task; started when it has none.
    fn task(&self, run: RunId) -> TaskHandle {
        let mut tasks = self
            .shared
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = tasks.get(&run).filter(|handle| !handle.control.is_closed()) {
            return handle.clone();
        }
        let (control, control_inbox) = mpsc::channel(task::CONTROL_QUEUE);
        let (up, up_inbox) = mpsc::channel(task::UP_QUEUE);
        let handle = TaskHandle {
            control: control.clone(),
            up,
        };
        tasks.insert(run, handle.clone());
        let shared = self.shared.clone();
        // Held until the task holds it too.
        let channel = self.channel(run);
        self.shared.tracker.spawn(async move {
            let _channel = channel;
            task::run(shared.clone(), run, control_inbox, up_inbox).await;
            let mut tasks = shared.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            // Another task may have taken this one's place already.
            if tasks
                .get(&run)
                .is_some_and(|handle| handle.control.same_channel(&control))
            {
                tasks.remove(&run);
            }
        });
        handle
    }
}

impl Shared {
    pub(crate) fn known_task(&self, run: RunId) -> Option<TaskHandle> {
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&run)
            .cloned()
    }

    /// Stores a worker as it is now. A store that is away is no reason to turn
    /// a worker down: the registry is what counts, the rows are for reading.
    pub(crate) async fn remember(&self, worker: WorkerId) {
        if let Some(worker) = self.registry.get(worker)
            && let Err(error) = self.services.stores.workers.put(&worker).await
        {
            tracing::warn!(worker = %worker.id, %error, "worker not stored");
        }
    }
}

/// A name for a run that was given none: the template's and the end of the id,
/// which is its random part.
fn made_up_name(template: &Name, id: RunId) -> Name {
    let random = id.0.simple().to_string();
    let stem: String = template.as_str().chars().take(50).collect();
    let stem = stem.trim_end_matches('-');
    Name::new(format!("{stem}-{}", &random[random.len() - 10..]))
        .expect("a name, a dash and hexadecimal digits are a name")
}

async fn sweep(shared: Arc<Shared>) {
    let mut tick = tokio::time::interval(SWEEP);
    while shared.stop.run_until_cancelled(tick.tick()).await.is_some() {
        for worker in shared.registry.sweep(shared.services.clock.now()) {
            tracing::warn!(worker = %worker.id, name = worker.name, "worker lost: no sign of life");
            shared.remember(worker.id).await;
        }
    }
}
