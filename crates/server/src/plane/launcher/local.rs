//! Workers of runs as processes on this machine.

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use gauntlet_model::{
    id::RunId,
    logs::{LONGEST, Level},
    session::AttemptRef,
};
use gauntlet_orchestrator::launcher::{LaunchError, LaunchId, Launched, Launcher, News, Order};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::plane::worker_process::{WorkerProcess, threads_each};

/// How long what a worker printed last may take to be read once it has ended.
const READ_WITHIN: Duration = Duration::from_secs(1);
/// Of the last lines of a worker so many go into the word of how it ended.
const LAST_WORDS: usize = 3;

/// Starts child processes of this one. They end with their run, with this
/// control plane, and when it is killed.
pub(in crate::plane) struct LocalLauncher {
    program: PathBuf,
    server: String,
    running: Arc<Mutex<HashMap<LaunchId, Running>>>,
    /// A task for each process, which ends after it.
    watches: TaskTracker,
    /// Ends them all.
    stop: CancellationToken,
}

#[derive(Clone)]
struct Running {
    attempt: AttemptRef,
    /// Asks for its end.
    stop: CancellationToken,
    /// Fires when it has ended.
    ended: CancellationToken,
}

impl LocalLauncher {
    /// Starts this program as the workers of a control plane, until `stop`.
    pub(in crate::plane) fn new(server: String, stop: CancellationToken) -> io::Result<Self> {
        Ok(Self::of_program(std::env::current_exe()?, server, stop))
    }

    fn of_program(program: PathBuf, server: String, stop: CancellationToken) -> Self {
        Self {
            program,
            server,
            running: Arc::default(),
            watches: TaskTracker::new(),
            stop,
        }
    }

    /// Waits until all have ended after `stop`.
    pub(in crate::plane) async fn ended(&self) {
        self.watches.close();
        self.watches.wait().await;
    }

    fn spawn(&self, order: &Order) -> io::Result<WorkerProcess> {
        let threads = threads_each(order.workers).to_string();
        let capacity = order.capacity.to_string();
        let labels = order.labels.iter();
        let labels: Vec<String> = labels
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let plain = ["--name", &order.name, "--threads", &threads];
        let more = ["--capacity", &capacity, "--log", "error"];
        let labels = labels.iter().flat_map(|label| ["--label", label]);
        let arguments = plain.into_iter().chain(more).chain(labels);
        let output = (Stdio::piped(), Stdio::piped());
        WorkerProcess::spawn(&self.program, &self.server, arguments, output)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LaunchId, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Launcher for LocalLauncher {
    fn place(&self) -> &'static str {
        "the control plane's machine"
    }

    async fn start(&self, order: Order) -> Result<LaunchId, LaunchError> {
        if self.stop.is_cancelled() {
            return Err(LaunchError("the control plane is shutting down".to_owned()));
        }
        let process = self.spawn(&order);
        let process = process.map_err(|error| LaunchError(error.to_string()))?;
        // A process that has just been made has an id, and no other one has it.
        let number = process.id().map_or(0, |id| id.as_raw_nonzero().get());
        let id = LaunchId(number.to_string());
        let running = Running {
            attempt: order.attempt,
            stop: self.stop.child_token(),
            ended: CancellationToken::new(),
        };
        self.lock().insert(id.clone(), running.clone());
        let (all, key) = (self.running.clone(), id.clone());
        self.watches.spawn(async move {
            let how = watch(process, &order.news, &running.stop).await;
            all.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&key);
            order.news.ended(how);
            running.ended.cancel();
        });
        Ok(id)
    }

    async fn stop(&self, id: &LaunchId) -> Result<(), LaunchError> {
        let running = self.lock().get(id).cloned();
        if let Some(running) = running {
            running.stop.cancel();
            running.ended.cancelled().await;
        }
        Ok(())
    }

    async fn list(&self, run: Option<RunId>) -> Result<Vec<Launched>, LaunchError> {
        let running = self.lock();
        let asked = running
            .iter()
            .filter(|(_, one)| run.is_none_or(|run| one.attempt.run == run));
        Ok(asked
            .map(|(id, one)| Launched {
                id: id.clone(),
                attempt: one.attempt,
            })
            .collect())
    }
}

/// Sees a process through; says how it ended.
async fn watch(mut process: WorkerProcess, news: &News, stop: &CancellationToken) -> String {
    let (stdout, stderr) = process.output();
    let reading = async {
        let said = tell(stdout, Level::Info, news);
        let complained = tell(stderr, Level::Warn, news);
        tokio::join!(said, complained).1
    };
    tokio::pin!(reading);
    let mut words = None;
    let ended = loop {
        tokio::select! {
            () = stop.cancelled() => break process.end().await,
            ended = process.wait() => break ended,
            // It may have closed both and go on.
            last = &mut reading, if words.is_none() => words = Some(last),
        }
    };
    let words = match words {
        Some(words) => words,
        None => timeout(READ_WITHIN, reading).await.unwrap_or_default(),
    };
    describe(ended, &words)
}

fn describe(ended: io::Result<ExitStatus>, words: &[String]) -> String {
    let how = match ended {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    if words.is_empty() {
        return format!("ended ({how})");
    }
    format!("ended ({how}); it said: {}", words.join(" / "))
}

/// Tells every line up to the end; gives the last ones.
async fn tell(from: Option<impl AsyncRead + Unpin>, level: Level, news: &News) -> Vec<String> {
    let mut last = Vec::new();
    let Some(from) = from else {
        return last;
    };
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    // A line without an end is told in pieces: it is not kept as a whole.
    while let Ok(1..) = (&mut from)
        .take(LONGEST as u64)
        .read_until(b'\n', &mut line)
        .await
    {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        if text.is_empty() {
            continue;
        }
        if last.len() == LAST_WORDS {
            last.remove(0);
        }
        last.push(text.clone());
        news.line(level, text);
    }
    last
}

#[cfg(test)]
mod tests;
