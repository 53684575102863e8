//! News between control planes that share a database.
//!
//! One connection of its own tells what this process changed (`NOTIFY`) and
//! hears what others did (`LISTEN`). It is never on the way of a write: changes
//! wait in a bounded queue; when that is full, one word to read everything
//! again takes the place of what did not fit.

use std::{
    collections::BTreeMap,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gauntlet_model::id::{Project, RunId};
use gauntlet_store::{ChangedRun, Error, FeedEvent, FeedReceiver, FeedSender, Result, feed};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{interval, sleep, timeout},
};
use tokio_postgres::{AsyncMessage, Client};
use uuid::Uuid;

use super::{carrier::Carrier, connection::outcome, pool::Pool};
use crate::statement::query;

/// The name that changes go by.
const CHANNEL: &str = "gauntlet_changes";
/// Changes that wait to be told; beyond it all are told to read again.
const QUEUE: usize = 4_096;
/// The longest payload; the server takes 7,999 bytes.
const PAYLOAD: usize = 7_500;
/// How often a quiet connection is asked whether it still is one.
const CHECK: Duration = Duration::from_secs(10);
/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// The wait before the first and before every later try to connect again.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long a check of the health waits for a new connection.
const PATIENCE: Duration = Duration::from_secs(2);

/// The way to the task, which ends when this is dropped.
pub(super) struct News {
    queue: mpsc::Sender<ChangedRun>,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    /// Sent with every message, so that nobody hears himself.
    origin: Uuid,
    feed: FeedSender,
    listening: watch::Sender<bool>,
    /// The queue was full: something was not told.
    overflowed: AtomicBool,
}

/// What is sent to the others.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Message {
    #[serde(rename = "o")]
    origin: Uuid,
    /// None means: read again.
    #[serde(rename = "c")]
    changes: Vec<(RunId, Option<i64>, Project)>,
}

impl News {
    /// Starts to listen and to tell.
    pub(super) fn start(pool: Pool) -> Self {
        let (queue, changes) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared {
            origin: Uuid::now_v7(),
            feed: feed(),
            listening: watch::Sender::new(false),
            overflowed: AtomicBool::new(false),
        });
        let task = tokio::spawn(keep_listening(pool, shared.clone(), changes));
        Self {
            queue,
            shared,
            task,
        }
    }

    /// Tells the others of a change. Never waits.
    pub(super) fn tell(&self, change: ChangedRun) {
        if self.queue.try_send(change).is_err() {
            self.shared.overflowed.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn subscribe(&self) -> FeedReceiver {
        self.shared.feed.subscribe()
    }

    /// [`Error::Unavailable`] while the others are not heard, for longer than
    /// connecting anew takes.
    pub(super) async fn check(&self) -> Result<()> {
        let mut listening = self.shared.listening.subscribe();
        let heard = listening.wait_for(|listening| *listening);
        if let Ok(Ok(_)) = timeout(PATIENCE, heard).await {
            return Ok(());
        }
        Err(Error::Unavailable(
            "changes by other control planes are not heard; connecting again".to_owned(),
        ))
    }
}

impl Drop for News {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects again and again; whatever may have been missed in between is a resync.
async fn keep_listening(pool: Pool, shared: Arc<Shared>, mut changes: mpsc::Receiver<ChangedRun>) {
    let mut wait = RETRY.0;
    loop {
        if let Ok((client, carrier)) = pool.connect().await {
            wait = RETRY.0;
            listen(&client, carrier, &shared, &mut changes).await;
            shared.listening.send_replace(false);
            // What was on its way when the connection ended may be lost.
            shared.overflowed.store(true, Ordering::Relaxed);
        }
        sleep(wait).await;
        wait = (wait * 2).min(RETRY.1);
    }
}

/// Listens and tells until the connection ends.
async fn listen(
    client: &Client,
    mut carrier: Carrier,
    shared: &Shared,
    changes: &mut mpsc::Receiver<ChangedRun>,
) {
    let hear = async {
        while let Some(Ok(message)) = poll_fn(|context| carrier.poll_message(context)).await {
            if let AsyncMessage::Notification(notification) = message {
                hear(shared, notification.payload());
            }
        }
    };
    // Either of the two ends when the connection does.
    tokio::select! {
        () = hear => {}
        Err(_) = tell(client, shared, changes) => {}
    }
}

fn hear(shared: &Shared, payload: &str) {
    let event = match serde_json::from_str::<Message>(payload) {
        Ok(message) if message.origin == shared.origin => return,
        Ok(message) if !message.changes.is_empty() => {
            let changed = |(run, revision, project)| ChangedRun {
                run,
                project,
                revision,
            };
            FeedEvent::Changed(message.changes.into_iter().map(changed).collect())
        }
        // What a newer gauntlet says and this one does not understand is a change too.
        Ok(_) | Err(_) => FeedEvent::Resync,
    };
    shared.feed.send(event);
}

async fn tell(
    client: &Client,
    shared: &Shared,
    changes: &mut mpsc::Receiver<ChangedRun>,
) -> Result<std::convert::Infallible> {
    let failed = |error| outcome("", &error);
    let listen = format!("LISTEN {CHANNEL}");
    client.batch_execute(&listen).await.map_err(failed)?;
    shared.feed.send(FeedEvent::Resync);
    shared.listening.send_replace(true);
    let notify = client.prepare(query!("feed/notify_postgres")).await;
    let notify = notify.map_err(failed)?;
    let mut check = interval(CHECK);
    let mut waiting = Vec::new();
    loop {
        tokio::select! {
            _ = check.tick() => {
                let alive = timeout(ANSWER, client.check_connection()).await;
                let alive = alive.map_err(|_| Error::Unavailable("no answer".to_owned()))?;
                alive.map_err(failed)?;
            }
            _ = changes.recv_many(&mut waiting, QUEUE) => {}
        }
        let mut payloads = payloads(shared.origin, waiting.drain(..));
        if shared.overflowed.swap(false, Ordering::Relaxed) {
            payloads.push(encode(shared.origin, &[]));
        }
        for payload in payloads {
            let sent = async { client.query(&notify, &[&CHANNEL, &payload]).await };
            let sent = timeout(ANSWER, sent).await;
            let sent = sent.map_err(|_| Error::Unavailable("no answer".to_owned()))?;
            sent.map_err(failed)?;
        }
    }
}

/// Changes in as few messages as they fit into; of one run the last one counts.
fn payloads(origin: Uuid, changes: impl Iterator<Item = ChangedRun>) -> Vec<String> {
    let newest: BTreeMap<RunId, ChangedRun> = changes.map(|change| (change.run, change)).collect();
    let mut payloads = Vec::new();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for change in newest.into_values() {
        // An id, a number, the project, and what stands between them.
        let size = 80 + change.project.as_str().len();
        if bytes + size > PAYLOAD - 100 {
            payloads.push(encode(origin, &std::mem::take(&mut batch)));
            bytes = 0;
        }
        bytes += size;
        batch.push((change.run, change.revision, change.project));
    }
    if !batch.is_empty() {
        payloads.push(encode(origin, &batch));
    }
    payloads
}

fn encode(origin: Uuid, changes: &[(RunId, Option<i64>, Project)]) -> String {
    let message = Message {
        origin,
        changes: changes.to_vec(),
    };
    serde_json::to_string(&message).expect("ids, numbers and names are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(number: u128, revision: Option<i64>, project: &str) -> ChangedRun {
        ChangedRun {
            run: RunId(Uuid::from_u128(number)),
            project: Project::new(project).unwrap(),
            revision,
        }
    }

    fn told(changes: Vec<ChangedRun>) -> Vec<Vec<(RunId, Option<i64>, Project)>> {
        let payloads = payloads(Uuid::nil(), changes.into_iter());
        assert!(payloads.iter().all(|one| one.len() <= PAYLOAD));
        let read = |text: &String| serde_json::from_str::<Message>(text).unwrap().changes;
        payloads.iter().map(read).collect()
    }

    #[test]
    fn of_one_run_the_last_change_counts() {
        let changes = [(1, Some(2)), (2, Some(9)), (1, Some(3)), (2, None)];
        let changes = changes.map(|(run, revision)| change(run, revision, "acme"));
        let expected = [&changes[2], &changes[3]]
            .map(|one| (one.run, one.revision, one.project.clone()))
            .to_vec();
        assert_eq!(told(changes.to_vec()), [expected]);
        assert_eq!(told(vec![]), Vec::<Vec<_>>::new());
    }

    #[test]
    fn many_changes_fit_into_few_messages() {
        let label = "a".repeat(63);
        for project in ["a".to_owned(), format!("{label}/{label}/{label}")] {
            let changes: Vec<ChangedRun> = (0..1_000)
                .map(|run| change(run, Some(i64::MAX), &project))
                .collect();
            let told = told(changes);
            assert_eq!(told.iter().flatten().count(), 1_000);
            assert!(told.len() <= 40, "{} messages", told.len());
        }
    }

    #[test]
    fn what_is_not_understood_is_a_reason_to_read_again() {
        let shared = Shared {
            origin: Uuid::nil(),
            feed: feed(),
            listening: watch::Sender::new(false),
            overflowed: AtomicBool::new(false),
        };
        let mut reader = shared.feed.subscribe();
        let other = Uuid::from_u128(1);
        hear(&shared, &encode(shared.origin, &[]));
        hear(&shared, "{\"v\": 2}");
        hear(&shared, &encode(other, &[]));
        let one = change(1, None, "acme");
        let told = (one.run, one.revision, one.project.clone());
        hear(&shared, &encode(other, &[told]));
        drop(shared);
        let mut heard = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            while let Some(event) = reader.next().await {
                heard.push(event);
            }
        });
        let changed = FeedEvent::Changed(vec![one]);
        assert_eq!(heard, [FeedEvent::Resync, FeedEvent::Resync, changed]);
    }
}
