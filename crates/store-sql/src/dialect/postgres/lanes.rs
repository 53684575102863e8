//! Inserts that many callers want at once, a few rows each: what waits goes
//! into the same multi-row statements and shares one commit. Two lanes take
//! turns: while one waits for the server's disk, the other collects.

use std::sync::Arc;

use gauntlet_store::Error;
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::pool::Pool;
use crate::{
    database::{DEADLINE, late},
    script::{Done, Failed, Script, Step, send},
    statement::{Statement, Values},
};

/// How many transactions of this kind are under way at most.
const LANES: usize = 2;
/// Scripts that wait; beyond it callers wait for their turn until their deadline.
const QUEUE: usize = 1_024;
/// The most scripts in one transaction.
const MOST_TOGETHER: usize = 64;
/// No script joins a transaction that carries as many bytes.
const MOST_BYTES: usize = 2 << 20;

type Answer = std::result::Result<Vec<Done>, Failed>;

/// The way to the lanes, which end when this is dropped.
pub(super) struct Lanes {
    queue: mpsc::Sender<Job>,
    tasks: Vec<JoinHandle<()>>,
}

struct Job {
    script: Script,
    deadline: Instant,
    reply: oneshot::Sender<Answer>,
}

impl Lanes {
    pub(super) fn start(pool: &Pool) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        let lane = |_| tokio::spawn(serve(pool.clone(), jobs.clone()));
        Self {
            queue,
            tasks: (0..LANES).map(lane).collect(),
        }
    }

    /// Does a script that only inserts; one that is not begun by its deadline is
    /// never done.
    pub(super) async fn write(&self, script: Script, deadline: Instant) -> Answer {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            script,
            deadline,
            reply,
        };
        match timeout_at(deadline, self.queue.send(job)).await {
            Err(_) => return Err(late(DEADLINE).into()),
            Ok(Err(_)) => return Err(stopped().into()),
            Ok(Ok(())) => {}
        }
        answer.await.unwrap_or_else(|_| Err(stopped().into()))
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn stopped() -> Error {
    Error::Unavailable("the store is being closed".to_owned())
}

async fn serve(pool: Pool, queue: Arc<Mutex<mpsc::Receiver<Job>>>) {
    // One that came while a batch of another shape was collected.
    let mut held = None;
    loop {
        let jobs = collect(&queue, &mut held).await;
        if jobs.is_empty() {
            return;
        }
        write(&pool, jobs).await;
    }
}

/// What waits, as far as it is of one shape; nothing when no more can come.
async fn collect(queue: &Mutex<mpsc::Receiver<Job>>, held: &mut Option<Job>) -> Vec<Job> {
    let mut jobs: Vec<Job> = held.take().into_iter().collect();
    let mut bytes = 0;
    let mut queue = queue.lock().await;
    if jobs.is_empty() {
        jobs.extend(queue.recv().await);
    }
    while let (Some(first), true) = (jobs.first(), jobs.len() < MOST_TOGETHER) {
        bytes += jobs.last().map_or(0, |job| job.script.size());
        if bytes >= MOST_BYTES {
            break;
        }
        match queue.try_recv() {
            Ok(job) if same_shape(&first.script, &job.script) => jobs.push(job),
            Ok(other) => {
                *held = Some(other);
                break;
            }
            Err(_) => break,
        }
    }
    jobs
}

async fn write(pool: &Pool, mut jobs: Vec<Job>) {
    let now = Instant::now();
    jobs.retain(|job| job.deadline > now && !job.reply.is_closed());
    let connection = pool.acquire().await;
    let mut connection = match connection {
        Ok(connection) => connection,
        Err(error) => {
            for job in jobs {
                // Who asked may have given up.
                let _ = job.reply.send(Err(error.clone().into()));
            }
            return;
        }
    };
    let together = jobs.len() > 1 && connection.write(merged(&jobs)).await.is_ok();
    for job in jobs {
        // What went wrong with all of them is the fault of one: each on its own
        // is told what is wrong with itself.
        let answer = if together {
            Ok(Vec::new())
        } else {
            connection.write(job.script).await
        };
        // Who asked may have given up; what is stored stays stored.
        let _ = job.reply.send(answer);
    }
    connection.release();
}

/// Whether two scripts send the same statements.
fn same_shape(one: &Script, other: &Script) -> bool {
    let texts = |step: &Step| match step {
        Step::Send { statement, .. } => Some(statement.text.clone()),
        Step::Then(_) => None,
    };
    one.steps
        .iter()
        .map(texts)
        .eq(other.steps.iter().map(texts))
}

/// One script with the rows of all, which are of one shape.
fn merged(jobs: &[Job]) -> Script {
    let mut sums: Vec<Statement> = Vec::new();
    for job in jobs {
        for (place, step) in job.script.steps.iter().enumerate() {
            let Step::Send { statement, .. } = step else {
                continue;
            };
            match (sums.get_mut(place), &statement.values) {
                (None, _) => sums.push(statement.clone()),
                (Some(sum), Values::Many(more)) => sum.extend(more),
                (Some(_), _) => {}
            }
        }
    }
    Script {
        steps: sums.into_iter().map(|sum| send("", sum)).collect(),
        only_inserts: true,
    }
}
