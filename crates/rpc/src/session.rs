//! A worker's session: its messages in by a task, the messages for it out by
//! the stream.

use std::time::Duration;

use gauntlet_api::v1 as pb;
use gauntlet_model::session::{ControlMessage, Hello, Welcome, WorkerEvent};
use gauntlet_orchestrator::{Session as Attached, SessionError};
use gauntlet_wire::{
    Violations,
    session::{decode_worker, encode_control},
};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tonic::{Status, Streaming};

use crate::{
    Backend,
    pull::{Pull, stopping},
    status,
};

/// How long a new stream may take to say hello.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// A stream without a message for so long is ended. Heartbeats come each second.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// The way down to a worker. Dropping it ends the session.
pub(crate) struct Session {
    welcome: Option<Welcome>,
    generation: u64,
    down: mpsc::Receiver<ControlMessage>,
    /// Gives the session back, so that the queue down does not end before it is
    /// known why.
    reader: AbortOnDropHandle<(Attached, Result<(), Status>)>,
    /// Fires when the worker says that it leaves.
    left: CancellationToken,
    over: bool,
    stop: CancellationToken,
}

impl Session {
    pub(crate) async fn open(
        backend: &Backend,
        mut up: Streaming<pb::WorkerMessage>,
    ) -> Result<Self, Status> {
        let hello = hello(&mut up).await?;
        let attached = backend.orchestrator.attach(hello).await;
        let (session, down) = attached.map_err(status::attach)?;
        let welcome = session.welcome();
        let left = CancellationToken::new();
        let goodbye = left.clone();
        let reader = tokio::spawn(async move {
            let mut session = session;
            let ended = read(&mut session, up, goodbye).await;
            (session, ended)
        });
        Ok(Self {
            welcome: Some(welcome),
            generation: welcome.generation,
            down,
            reader: AbortOnDropHandle::new(reader),
            left,
            over: false,
            stop: backend.stop.clone(),
        })
    }

    fn message(&self, message: &ControlMessage) -> pb::ControlMessage {
        encode_control(self.generation, message)
    }
}

impl Pull for Session {
    type Message = pb::ControlMessage;

    async fn next(&mut self) -> Option<Result<Self::Message, Status>> {
        if let Some(welcome) = self.welcome.take() {
            return Some(Ok(self.message(&ControlMessage::Welcome(welcome))));
        }
        if self.over {
            return None;
        }
        tokio::select! {
            biased;
            message = self.down.recv() => match message {
                Some(message) => Some(Ok(self.message(&message))),
                None if self.left.is_cancelled() => None,
                None => Some(Err(Status::aborted(
                    "the session was ended: the worker opened a newer one, gave no sign of life, or did not read; attach again",
                ))),
            },
            ended = &mut self.reader => {
                self.over = true;
                match ended {
                    Ok((_, Ok(()))) => None,
                    Ok((_, Err(status))) => Some(Err(status)),
                    Err(error) => Some(Err(Status::internal(format!(
                        "the session ended early: {error}"
                    )))),
                }
            }
            () = self.stop.cancelled() => Some(Err(stopping())),
        }
    }
}

/// The first message, which says who the worker is.
async fn hello(up: &mut Streaming<pb::WorkerMessage>) -> Result<Hello, Status> {
    let first = tokio::time::timeout(HELLO_WITHIN, next(up)).await;
    let first = first.map_err(|_| {
        Status::deadline_exceeded(format!("no hello within {} s", HELLO_WITHIN.as_secs()))
    })??;
    match first {
        Some(WorkerEvent::Hello(hello)) => Ok(hello),
        _ => Err(Violations::one("hello", "must be the first message on the stream").into()),
    }
}

/// Takes the worker's messages until it leaves.
async fn read(
    session: &mut Attached,
    mut up: Streaming<pb::WorkerMessage>,
    left: CancellationToken,
) -> Result<(), Status> {
    loop {
        let message = tokio::time::timeout(IDLE_LIMIT, next(&mut up)).await;
        let message = message.map_err(|_| {
            Status::deadline_exceeded(format!("no message for {} s", IDLE_LIMIT.as_secs()))
        })??;
        let Some(event) = message else {
            return Ok(());
        };
        let leaves = matches!(event, WorkerEvent::Goodbye { .. });
        if leaves {
            left.cancel();
        }
        session.receive(event).await.map_err(ended)?;
        if leaves {
            return Ok(());
        }
    }
}

async fn next(up: &mut Streaming<pb::WorkerMessage>) -> Result<Option<WorkerEvent>, Status> {
    match up.message().await? {
        Some(message) => Ok(Some(decode_worker(message)?)),
        None => Ok(None),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn ended(error: SessionError) -> Status {
    match error {
        SessionError::Superseded => Status::aborted(error.to_string()),
        SessionError::SecondHello => Violations::one("hello", error.to_string()).into(),
    }
}
