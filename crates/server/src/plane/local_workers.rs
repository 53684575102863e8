//! Worker processes on this machine, which end with this one.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use futures_util::{FutureExt as _, future::join_all};
use gauntlet_model::run::{Worker, WorkerStatus};
use tokio_util::sync::CancellationToken;

use super::worker_process::{WorkerProcess, threads_each};

/// How long the workers may take to attach.
const ATTACHED_WITHIN: Duration = Duration::from_secs(15);
/// How often it is looked whether they are.
const LOOK: Duration = Duration::from_millis(20);
/// How much of a worker's log an error shows.
const SHOWN: usize = 300;

/// Why the local workers did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process could not be made.
    #[error("local worker {number} cannot be started: {error}")]
    Spawn {
        /// Which worker, from 1.
        number: u32,
        /// What the system said.
        error: io::Error,
    },
    /// It ended at once.
    #[error("local worker {number} ended before it attached ({status}); its log {} says: {said}", log.display())]
    Ended {
        /// Which worker, from 1.
        number: u32,
        /// How.
        status: ExitStatus,
        /// Where it logs.
        log: PathBuf,
        /// The end of the log.
        said: String,
    },
    /// It runs and is not there.
    #[error(
        "{attached} of {count} local workers attached within {} s; their logs in {} say why", ATTACHED_WITHIN.as_secs(), logs.display()
    )]
    NotAttached {
        /// How many are there.
        attached: usize,
        /// How many there should be.
        count: u32,
        /// Where they log.
        logs: PathBuf,
    },
    /// A person ended the start.
    #[error("stopped while the local workers were starting")]
    Stopped,
}

/// What to start.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// How many.
    pub(super) count: u32,
    /// The control plane's URL.
    pub(super) server: String,
    /// The folder of their logs.
    pub(super) logs: PathBuf,
}

/// The processes. They end with this value, however it ends.
pub(super) struct LocalWorkers(Vec<LocalWorker>);

struct LocalWorker {
    number: u32,
    log: PathBuf,
    process: WorkerProcess,
}

impl LocalWorkers {
    /// Starts the workers and returns when all are attached; `registered` says
    /// which workers there are.
    pub(super) async fn start(
        setup: &Setup,
        registered: impl Fn() -> Vec<Worker>,
        stop: &CancellationToken,
    ) -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(|error| Error::Spawn { number: 1, error })?;
        Self::start_program(&program, setup, registered, stop).await
    }

    async fn start_program(
        program: &Path,
        setup: &Setup,
        registered: impl Fn() -> Vec<Worker>,
        stop: &CancellationToken,
    ) -> Result<Self, Error> {
        let mut workers = Self(Vec::new());
        for number in 1..=setup.count {
            let worker = LocalWorker::spawn(program, setup, number);
            workers
                .0
                .push(worker.map_err(|error| Error::Spawn { number, error })?);
        }
        let waited = tokio::select! {
            waited = workers.attached(setup, registered) => waited,
            () = stop.cancelled() => Err(Error::Stopped),
        };
        match waited {
            Ok(()) => Ok(workers),
            Err(error) => {
                workers.end().await;
                Err(error)
            }
        }
    }

    async fn attached(
        &mut self,
        setup: &Setup,
        registered: impl Fn() -> Vec<Worker>,
    ) -> Result<(), Error> {
        let names: Vec<String> = (1..=setup.count).map(name).collect();
        let count = || {
            let workers = registered().into_iter();
            workers
                .filter(|worker| matches!(worker.status, WorkerStatus::Idle | WorkerStatus::Busy))
                .filter(|worker| names.contains(&worker.name))
                .count()
        };
        let mut look = tokio::time::interval(LOOK);
        let all = async {
            loop {
                look.tick().await;
                for worker in &mut self.0 {
                    worker.still_runs()?;
                }
                if count() >= names.len() {
                    return Ok(());
                }
            }
        };
        let in_time = tokio::time::timeout(ATTACHED_WITHIN, all).await;
        in_time.unwrap_or_else(|_| {
            Err(Error::NotAttached {
                attached: count(),
                count: setup.count,
                logs: setup.logs.clone(),
            })
        })
    }

    /// Says when a worker ends before its time; ends them all when `stop` fires.
    pub(super) async fn until(mut self, stop: &CancellationToken) {
        let watched = self.0.iter_mut().map(|worker| async {
            let how = match worker.process.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            };
            tracing::error!(
                worker = name(worker.number), how, log = %worker.log.display(),
                "a local worker ended; start the control plane again to have it back"
            );
        });
        tokio::select! {
            () = stop.cancelled() => {}
            () = join_all(watched).then(|_| stop.cancelled()) => {}
        }
        self.end().await;
    }

    async fn end(&mut self) {
        join_all(self.0.iter_mut().map(LocalWorker::end)).await;
    }
}

impl LocalWorker {
    fn spawn(program: &Path, setup: &Setup, number: u32) -> io::Result<Self> {
        let log = setup.logs.join(format!("worker-{number}.log"));
        let (name, threads) = (name(number), threads_each(setup.count).to_string());
        let arguments = ["--name", &name, "--threads", &threads];
        let output = (Stdio::null(), File::create(&log)?.into());
        let process = WorkerProcess::spawn(program, &setup.server, arguments, output)?;
        Ok(Self {
            number,
            log,
            process,
        })
    }

    fn still_runs(&mut self) -> Result<(), Error> {
        let number = self.number;
        let ended = self.process.try_wait();
        match ended.map_err(|error| Error::Spawn { number, error })? {
            None => Ok(()),
            Some(status) => Err(Error::Ended {
                number,
                status,
                log: self.log.clone(),
                said: last_words(&self.log),
            }),
        }
    }

    async fn end(&mut self) {
        if let Err(error) = self.process.end().await {
            tracing::warn!(worker = name(self.number), %error, "not ended");
        }
    }
}

fn name(number: u32) -> String {
    format!("local-{number}")
}

fn last_words(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let end = text.len().saturating_sub(SHOWN);
    String::from_utf8_lossy(&text[end..]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use gauntlet_model::{id::WorkerId, run::Gauges, time::Timestamp};
    use rustix::process::{Pid, test_kill_process};
    use uuid::Uuid;

    use super::{super::worker_process::tests::program, *};

    fn worker(name: String) -> Worker {
        Worker {
            id: WorkerId(Uuid::nil()),
            name,
            status: WorkerStatus::Idle,
            capacity: 1,
            processors: 1,
            labels: std::collections::BTreeMap::new(),
            version: String::new(),
            runs: Vec::new(),
            reserved: 0,
            gauges: Gauges::default(),
            attached: Timestamp(1),
            seen: Timestamp(1),
            clock_offset_us: 0,
            clock_uncertainty: None,
        }
    }

    /// What to start, with its logs in the program's folder.
    fn setup(program: &Path) -> Setup {
        Setup {
            count: 2,
            server: "http://127.0.0.1:1".to_owned(),
            logs: program.parent().unwrap().to_owned(),
        }
    }

    #[tokio::test]
    async fn a_worker_that_ends_at_once_is_an_error_with_its_last_words() {
        let (_folder, path) = program("echo no such luck >&2; exit 7");
        let stop = CancellationToken::new();
        let started = LocalWorkers::start_program(&path, &setup(&path), Vec::new, &stop).await;
        let error = started.err().unwrap().to_string();
        assert!(error.contains("exit status: 7"), "{error}");
        assert!(error.contains("no such luck"), "{error}");
    }

    #[tokio::test]
    async fn workers_are_ended_even_when_they_do_not_want_to() {
        let (_folder, path) = program("trap '' TERM; while :; do sleep 1; done");
        let stop = CancellationToken::new();
        let there = || vec![worker("local-1".to_owned()), worker("local-2".to_owned())];
        let workers = LocalWorkers::start_program(&path, &setup(&path), there, &stop)
            .await
            .unwrap();
        let pids: Vec<Pid> = workers
            .0
            .iter()
            .map(|worker| worker.process.id().unwrap())
            .collect();
        stop.cancel();
        workers.until(&stop).await;
        for pid in pids {
            assert!(test_kill_process(pid).is_err(), "{pid:?} still runs");
        }
    }

    #[tokio::test]
    async fn a_stop_during_the_start_leaves_nothing() {
        let (_folder, path) = program("cat > /dev/null");
        let stop = CancellationToken::new();
        stop.cancel();
        let started = LocalWorkers::start_program(&path, &setup(&path), Vec::new, &stop).await;
        assert!(matches!(started.err().unwrap(), Error::Stopped));
    }
}
