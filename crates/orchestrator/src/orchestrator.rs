//! The handle that services hold: creates, starts, ends and watches runs, and
//! takes workers in.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use gauntlet_model::{id::RunId, run::Run, time::Clock};
use gauntlet_store::Stores;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    access::{TargetAccess, Vault},
    follow,
    hub::{Channel, Hub},
    keys::KeyBlocks,
    launcher::{self, Launcher},
    registry::Registry,
    task::{self, Ask, Control, Inboxes, Upward},
};

mod error;
mod history;
mod prepare;
mod reprocess;
mod steer;
mod supervise;
mod workers;

pub use error::{ControlError, DrainError};
pub use history::Metrics;
pub use prepare::{CreateRun, RerunRun};

/// Reports that are made anew at a time; whoever asks for more waits.
const REPORTS_AT_ONCE: usize = 2;

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
    /// Starts workers for runs that ask for their own; `None` refuses those.
    pub launcher: Option<Arc<dyn Launcher>>,
}

pub(crate) struct Shared {
    pub(crate) services: Services,
    pub(crate) registry: Registry,
    pub(crate) hub: Hub,
    pub(crate) keys: KeyBlocks,
    /// Bounds the reports that are made anew at a time.
    reports: Semaphore,
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
        let hub = Hub::new(services.clock.now());
        let shared = Arc::new(Shared {
            services,
            registry: Registry::default(),
            hub,
            keys: KeyBlocks::default(),
            reports: Semaphore::new(REPORTS_AT_ONCE),
            tasks: Mutex::default(),
            tracker: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        let orchestrator = Self { shared };
        orchestrator
            .shared
            .tracker
            .spawn(workers::sweep(orchestrator.shared.clone()));
        let following = follow::follow(orchestrator.shared.clone());
        orchestrator.shared.tracker.spawn(following);
        orchestrator
    }

    /// Takes up every run that was active when the control plane last ended.
    /// Returns how many there are. To be called before a worker can attach: what
    /// the runs had of workers, and their order in the queue, is restored first.
    pub async fn recover(&self) -> Result<usize, gauntlet_store::Error> {
        let shared = &self.shared;
        let active = shared.services.stores.runs.active().await?;
        for run in &active {
            shared.restore(run);
        }
        for run in &active {
            self.task(run.id);
        }
        if let Some(launcher) = shared.services.launcher.clone() {
            let active: Vec<RunId> = active.iter().map(|run| run.id).collect();
            let repair = async move { launcher::stop_orphans(&*launcher, &active).await };
            shared.tracker.spawn(repair);
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

    /// The channels of a run, whether it is active or not. Subscribe first,
    /// then read the store: so nothing is missed between the two.
    #[must_use]
    pub fn channel(&self, run: RunId) -> Arc<Channel> {
        self.shared.hub.channel(run)
    }

    /// The feeds of all runs and workers.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    /// Asks the run's task for something; gives the run as it is then.
    async fn ask(&self, run: RunId, ask: Ask) -> Result<Run, ControlError> {
        // A task that is just ending takes no more messages; the next one does.
        for _ in 0..3 {
            let (reply, answer) = oneshot::channel();
            let ask = ask.clone();
            let control = Control { ask, reply };
            if self.task(run).control.send(control).await.is_ok()
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
        let inboxes = Inboxes::new(control_inbox, up_inbox);
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
            supervise::supervise(&shared, run, inboxes).await;
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
}
