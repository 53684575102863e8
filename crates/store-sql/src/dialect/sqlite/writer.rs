//! Writes: one thread owns the one connection that writes. It takes what waits
//! into one transaction, so that many callers share one commit (group commit).
//! Each has its savepoint: one that fails does not hurt the others.

use std::{
    path::{Path, PathBuf},
    thread,
};

use gauntlet_store::{Error, Result};
use rusqlite::Connection;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use super::connection::{self, Use};
use crate::{
    database::{DEADLINE, late},
    script::{Done, Failed, Script, Step},
};

/// Scripts that wait; beyond it callers wait for their turn until their deadline.
const QUEUE: usize = 1_024;
/// The most scripts in one transaction.
const MOST_TOGETHER: usize = 64;
/// No script joins a transaction that carries as many bytes.
const MOST_BYTES: usize = 2 << 20;

type Answer = std::result::Result<Vec<Done>, Failed>;

/// The way to the thread. The thread ends when this is dropped.
pub(super) struct Writer {
    queue: mpsc::Sender<Work>,
}

enum Work {
    Write(Job),
    Vacuum(oneshot::Sender<Result<()>>),
}

struct Job {
    script: Script,
    deadline: Instant,
    reply: oneshot::Sender<Answer>,
}

impl Writer {
    /// Opens the file and starts the thread.
    pub(super) fn start(path: &Path) -> Result<Self> {
        let connection = connection::open(path, Use::Write)?;
        let (queue, work) = mpsc::channel(QUEUE);
        let owner = Owner {
            path: path.to_owned(),
            connection: Some(connection),
        };
        let thread = thread::Builder::new().name("store-writer".to_owned());
        let started = thread.spawn(move || owner.serve(work));
        started.map_err(|error| Error::Unavailable(format!("no thread to write: {error}")))?;
        Ok(Self { queue })
    }

    /// Does a script; one that is not begun by its deadline is never done.
    pub(super) async fn write(&self, script: Script, deadline: Instant) -> Answer {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            script,
            deadline,
            reply,
        };
        match timeout_at(deadline, self.queue.send(Work::Write(job))).await {
            Err(_) => return Err(late(DEADLINE).into()),
            Ok(Err(_)) => return Err(stopped().into()),
            Ok(Ok(())) => {}
        }
        // It is dropped unanswered when its deadline has passed.
        answer.await.unwrap_or_else(|_| {
            let late_now = Instant::now() >= deadline;
            let why = if late_now { late(DEADLINE) } else { stopped() };
            Err(why.into())
        })
    }

    /// Gives room back to the disk; writes wait meanwhile.
    pub(super) async fn vacuum(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        let sent = self.queue.send(Work::Vacuum(reply)).await;
        sent.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn stopped() -> Error {
    Error::Unavailable("the thread that writes has ended; restart gauntlet".to_owned())
}

/// What the thread owns.
struct Owner {
    path: PathBuf,
    /// `None` after an error that left it in an unknown state.
    connection: Option<Connection>,
}

impl Owner {
    fn serve(mut self, mut queue: mpsc::Receiver<Work>) {
        while let Some(work) = queue.blocking_recv() {
            let mut next = Some(work);
            let (mut jobs, mut bytes) = (Vec::new(), 0);
            while let Some(Work::Write(job)) = next {
                bytes += job.script.size();
                jobs.push(job);
                next = None;
                if jobs.len() < MOST_TOGETHER && bytes < MOST_BYTES {
                    next = queue.try_recv().ok();
                }
            }
            self.write(jobs);
            if let Some(Work::Vacuum(reply)) = next {
                // Who asked may be gone; the room is given back all the same.
                let _ = reply.send(self.vacuum());
            }
        }
    }

    fn write(&mut self, mut jobs: Vec<Job>) {
        // Who gave up is told that nothing was done, and so nothing is.
        let now = Instant::now();
        jobs.retain(|job| job.deadline > now && !job.reply.is_closed());
        if jobs.is_empty() {
            return;
        }
        let scripts: Vec<&Script> = jobs.iter().map(|job| &job.script).collect();
        let answers = match self.together(&scripts) {
            Ok(answers) => answers,
            Err(Lost::NotBegun(error)) => {
                scripts.iter().map(|_| Err(error.clone().into())).collect()
            }
            Err(Lost::Spoilt(error)) if scripts.len() == 1 => vec![Err(error.into())],
            // One of them spoilt it for all: each on its own.
            Err(Lost::Spoilt(_)) => scripts.iter().map(|script| self.alone(script)).collect(),
        };
        for (job, answer) in jobs.into_iter().zip(answers) {
            // Who asked may have given up; what is stored stays stored.
            let _ = job.reply.send(answer);
        }
    }

    fn alone(&mut self, script: &Script) -> Answer {
        match self.together(&[script]) {
            Ok(mut answers) => answers.pop().unwrap_or_else(|| Ok(Vec::new())),
            Err(Lost::NotBegun(error) | Lost::Spoilt(error)) => Err(error.into()),
        }
    }

    /// Does scripts in one transaction; gives each one's answer, in their order.
    fn together(&mut self, scripts: &[&Script]) -> std::result::Result<Vec<Answer>, Lost> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connection::open(&self.path, Use::Write).map_err(Lost::NotBegun)?,
        };
        let answers = transaction(&connection, scripts);
        if answers.is_err() && !connection.is_autocommit() {
            // Closing a connection ends its transaction, whatever its state.
            let rolled_back = connection.execute_batch("ROLLBACK");
            if rolled_back.is_err() {
                return answers;
            }
        }
        self.connection = Some(connection);
        answers
    }

    fn vacuum(&mut self) -> Result<()> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => connection::open(&self.path, Use::Write)?,
        };
        let done = connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);");
        self.connection = Some(connection);
        done.map_err(|error| connection::outcome("", &error))
    }
}

/// Why a transaction was lost.
enum Lost {
    /// It never began.
    NotBegun(Error),
    /// It could not go on, or not be committed.
    Spoilt(Error),
}

fn transaction(
    connection: &Connection,
    scripts: &[&Script],
) -> std::result::Result<Vec<Answer>, Lost> {
    let control = |text: &str| {
        let mut prepared = connection.prepare_cached(text)?;
        prepared.raw_execute().map(drop)
    };
    let spoilt = |error: rusqlite::Error| Lost::Spoilt(connection::outcome("", &error));
    // A transaction that began by reading could not go on to write after
    // another process had written.
    control("BEGIN IMMEDIATE").map_err(|error| Lost::NotBegun(connection::outcome("", &error)))?;
    let mut answers = Vec::with_capacity(scripts.len());
    for script in scripts {
        control("SAVEPOINT one").map_err(spoilt)?;
        let answer = perform(connection, script);
        if let Err(failed) = &answer {
            // SQLite ends a transaction by itself when its disk is full.
            if connection.is_autocommit() {
                return Err(Lost::Spoilt(failed.error.clone()));
            }
            control("ROLLBACK TO one").map_err(spoilt)?;
        }
        control("RELEASE one").map_err(spoilt)?;
        answers.push(answer);
    }
    control("COMMIT").map_err(spoilt)?;
    Ok(answers)
}

/// Does one script within a transaction.
fn perform(connection: &Connection, script: &Script) -> Answer {
    let mut done: Vec<Done> = Vec::new();
    steps(connection, &script.steps, &mut done)?;
    Ok(done)
}

fn steps(
    connection: &Connection,
    steps: &[Step],
    done: &mut Vec<Done>,
) -> std::result::Result<(), Failed> {
    for step in steps {
        match step {
            Step::Send { subject, statement } => {
                let at = Some(done.len());
                let one = connection::run(connection, subject, statement);
                done.push(one.map_err(|error| Failed { at, error })?);
            }
            Step::Then(next) => {
                let nothing = Done::default();
                let next = next(done.last().unwrap_or(&nothing))?;
                self::steps(connection, &next, done)?;
            }
        }
    }
    Ok(())
}
