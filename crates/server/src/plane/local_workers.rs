//! Worker processes on this machine, which end with this one.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    num::NonZero,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use futures_util::{FutureExt as _, future::join_all};
use gauntlet_model::run::{Worker, WorkerStatus};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStdin, Command};
use tokio_util::sync::CancellationToken;

/// How long the workers may take to attach.
const ATTACHED_WITHIN: Duration = Duration::from_secs(15);
/// How often it is looked whether they are.
const LOOK: Duration = Duration::from_millis(20);
/// How long a worker may take to end by itself.
const ENDED_WITHIN: Duration = Duration::from_secs(3);
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

impl Setup {
    fn threads(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        threads_each(processors, self.count as usize)
    }
}

/// Load threads of each worker: together no more than there are processors.
/// Beyond that they wait for each other, and single operations take seconds
/// that the database had no part in.
fn threads_each(processors: usize, workers: usize) -> usize {
    (processors / workers.max(1)).max(1)
}

/// The processes. They end with this value, however it ends: a worker that
/// reads the end of its standard input leaves, and the system closes that when
/// this process is killed.
pub(super) struct LocalWorkers(Vec<LocalWorker>);

struct LocalWorker {
    number: u32,
    log: PathBuf,
    child: Child,
    /// Held open: waiting for a child closes the input that it still owns, and
    /// a worker takes the end of its input for the end of this process.
    _lifeline: Option<ChildStdin>,
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
            let how = match worker.child.wait().await {
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

    /// Asks all to end, then makes them.
    async fn end(&mut self) {
        for worker in &self.0 {
            worker.ask_to_end();
        }
        let all = async {
            for worker in &mut self.0 {
                // The error is that of a process that is not ours: there is none to wait for.
                let _ = worker.child.wait().await;
            }
        };
        if tokio::time::timeout(ENDED_WITHIN, all).await.is_ok() {
            return;
        }
        for worker in &mut self.0 {
            if let Err(error) = worker.child.kill().await {
                tracing::warn!(worker = name(worker.number), %error, "not killed");
            }
        }
    }
}

impl LocalWorker {
    fn spawn(program: &Path, setup: &Setup, number: u32) -> io::Result<Self> {
        let log = setup.logs.join(format!("worker-{number}.log"));
        let mut child = Command::new(program)
            .args(["worker", "--server", &setup.server, "--name", &name(number)])
            .arg("--exit-with-parent")
            .args(["--threads", &setup.threads().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            // A Ctrl-C at the terminal is for this process, which ends the workers in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let lifeline = child.stdin.take();
        Ok(Self {
            number,
            log,
            child,
            _lifeline: lifeline,
        })
    }

    fn still_runs(&mut self) -> Result<(), Error> {
        let number = self.number;
        let ended = self.child.try_wait();
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

    fn ask_to_end(&self) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id as i32));
        if let Some(pid) = pid
            && let Err(error) = kill_process(pid, Signal::TERM)
        {
            tracing::warn!(worker = name(self.number), %error, "not asked to end");
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

/// For a worker process: fires `stop` when the process that started it is gone,
/// and ends this one if it has not ended by itself soon after.
pub fn exit_with_parent(stop: CancellationToken) -> io::Result<()> {
    let watch = move || {
        let mut stdin = io::stdin().lock();
        // An error is as good as the end: nobody holds the other side any more.
        while stdin.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
        stop.cancel();
        std::thread::sleep(ENDED_WITHIN);
        std::process::exit(1);
    };
    std::thread::Builder::new()
        .name("parent-watch".to_owned())
        .spawn(watch)
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use gauntlet_model::{id::WorkerId, time::Timestamp};
    use rustix::process::test_kill_process;
    use uuid::Uuid;

    use super::*;

    fn worker(name: String) -> Worker {
        Worker {
            id: WorkerId(Uuid::nil()),
            name,
            status: WorkerStatus::Idle,
            capacity: 1,
            processors: 1,
            labels: std::collections::BTreeMap::new(),
            version: String::new(),
            run: None,
            attached: Timestamp(1),
            seen: Timestamp(1),
            clock_offset_us: 0,
            clock_uncertainty: None,
        }
    }

    /// A program that does what the shell script says, in a folder of its own.
    fn program(script: &str) -> (tempfile::TempDir, PathBuf, Setup) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        // Written by another process: a file that this one holds open for writing
        // cannot be executed, and a fork of another test may hold it a little longer.
        let written = std::process::Command::new("/bin/sh")
            .args([
                "-c",
                r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#,
                "sh",
            ])
            .args([path.as_os_str(), script.as_ref()])
            .status();
        assert!(written.unwrap().success());
        let setup = Setup {
            count: 2,
            server: "http://127.0.0.1:1".to_owned(),
            logs: folder.path().to_owned(),
        };
        (folder, path, setup)
    }

    #[test]
    fn load_threads_are_not_more_than_processors() {
        for (processors, workers, each) in [(2, 1, 2), (2, 2, 1), (8, 3, 2), (2, 5, 1), (1, 0, 1)] {
            assert_eq!(threads_each(processors, workers), each);
        }
    }

    #[tokio::test]
    async fn a_worker_that_ends_at_once_is_an_error_with_its_last_words() {
        let (_folder, path, setup) = program("echo no such luck >&2; exit 7");
        let stop = CancellationToken::new();
        let started = LocalWorkers::start_program(&path, &setup, Vec::new, &stop).await;
        let error = started.err().unwrap().to_string();
        assert!(error.contains("exit status: 7"), "{error}");
        assert!(error.contains("no such luck"), "{error}");
    }

    #[tokio::test]
    async fn workers_are_ended_even_when_they_do_not_want_to() {
        let (_folder, path, setup) = program("trap '' TERM; while :; do sleep 1; done");
        let stop = CancellationToken::new();
        let there = || vec![worker("local-1".to_owned()), worker("local-2".to_owned())];
        let workers = LocalWorkers::start_program(&path, &setup, there, &stop)
            .await
            .unwrap();
        let pids: Vec<Pid> = workers
            .0
            .iter()
            .map(|worker| Pid::from_raw(worker.child.id().unwrap() as i32).unwrap())
            .collect();
        stop.cancel();
        workers.until(&stop).await;
        for pid in pids {
            assert!(test_kill_process(pid).is_err(), "{pid:?} still runs");
        }
    }

    #[tokio::test]
    async fn a_stop_during_the_start_leaves_nothing() {
        let (_folder, path, setup) = program("cat > /dev/null");
        let stop = CancellationToken::new();
        stop.cancel();
        let started = LocalWorkers::start_program(&path, &setup, Vec::new, &stop).await;
        assert!(matches!(started.err().unwrap(), Error::Stopped));
    }
}
