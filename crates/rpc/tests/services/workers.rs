//! The worker's stream.

use std::time::Duration;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    session::{ControlMessage, Heartbeat, Hello, WorkerEvent},
    time::Timestamp,
};
use gauntlet_wire::session::{decode_control, encode_worker};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

use crate::support::{PATIENCE, Plane, hello};

/// A worker that does what a test says.
pub struct Scripted {
    up: mpsc::Sender<pb::WorkerMessage>,
    down: Streaming<pb::ControlMessage>,
}

impl Scripted {
    /// Attaches, takes the welcome, and makes its clock known: no run starts on
    /// a worker without.
    pub async fn attach(plane: &Plane, hello: Hello) -> Self {
        let (up, messages) = mpsc::channel(16);
        let first = encode_worker(&WorkerEvent::Hello(hello));
        up.send(first).await.unwrap();
        let messages = ReceiverStream::new(messages);
        let down = plane.workers().attach(messages).await.unwrap();
        let mut worker = Self {
            up,
            down: down.into_inner(),
        };
        let welcome = worker.hear().await.unwrap();
        assert!(
            matches!(welcome, Some(ControlMessage::Welcome(_))),
            "{welcome:?}"
        );
        worker.beat(Timestamp(1)).await;
        worker
    }

    async fn beat(&mut self, sent: Timestamp) {
        self.say(WorkerEvent::Heartbeat(Heartbeat {
            sent,
            clock_offset_us: 5,
            clock_uncertainty: Some(Duration::from_micros(50)),
            cpu: 0.5,
            memory_bytes: 1,
            in_flight: 0,
            backlog: 0,
        }))
        .await;
        let reply = self.hear().await.unwrap().unwrap();
        assert!(
            matches!(reply, ControlMessage::HeartbeatReply { sent: echoed, .. } if echoed == sent),
            "{reply:?}"
        );
    }

    pub async fn say(&self, event: WorkerEvent) {
        self.up.send(encode_worker(&event)).await.unwrap();
    }

    /// The next message; `None` at the end of the stream.
    pub async fn hear(&mut self) -> Result<Option<ControlMessage>, Status> {
        let message = tokio::time::timeout(PATIENCE, self.down.message()).await;
        let message = message.expect("a message in time")?;
        Ok(message.map(|message| decode_control(message).unwrap().1))
    }
}

async fn listed(plane: &Plane) -> Vec<(String, pb::WorkerStatus)> {
    let request = pb::ListWorkersRequest::default();
    let answer = plane.workers().list_workers(request).await.unwrap();
    let workers = answer.into_inner().workers.into_iter();
    workers
        .map(|worker| (worker.name.clone(), worker.status()))
        .collect()
}

#[tokio::test]
async fn a_worker_attaches_beats_and_leaves() {
    let plane = Plane::new();
    let mut worker = Scripted::attach(&plane, hello(1)).await;
    let idle = ("worker-1".to_owned(), pb::WorkerStatus::Idle);
    assert_eq!(listed(&plane).await, [idle]);

    worker.beat(Timestamp(12)).await;
    let request = pb::GetWorkerRequest {
        worker_id: hello(1).worker.to_string(),
    };
    let found = plane.workers().get_worker(request).await.unwrap();
    let found = found.into_inner().worker.unwrap();
    assert_eq!((found.memory_bytes, found.clock_uncertainty_us), (1, 50));
    assert_eq!(found.cpu.to_string(), "0.5");
    assert_eq!((found.reserved, found.run_ids.len()), (0, 0));

    let message = "bye".to_owned();
    worker.say(WorkerEvent::Goodbye { message }).await;
    assert_eq!(worker.hear().await.unwrap(), None);
    let gone = ("worker-1".to_owned(), pb::WorkerStatus::Gone);
    assert_eq!(listed(&plane).await, [gone]);
}

#[tokio::test]
async fn a_newer_session_ends_the_older_one() {
    let plane = Plane::new();
    let mut old = Scripted::attach(&plane, hello(1)).await;
    let _new = Scripted::attach(&plane, hello(1)).await;
    assert_eq!(old.hear().await.unwrap_err().code(), Code::Aborted);
    let idle = ("worker-1".to_owned(), pb::WorkerStatus::Idle);
    assert_eq!(listed(&plane).await, [idle]);
}

#[tokio::test]
async fn mistakes_of_a_worker_end_its_stream() {
    let plane = Plane::new();
    let mut twice = Scripted::attach(&plane, hello(1)).await;
    twice.say(WorkerEvent::Hello(hello(1))).await;
    let status = twice.hear().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");

    let mut empty = Scripted::attach(&plane, hello(2)).await;
    empty.up.send(pb::WorkerMessage::default()).await.unwrap();
    let status = empty.hear().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");

    let newer = Hello {
        protocol_min: 7,
        protocol_max: 8,
        ..hello(3)
    };
    let messages = tokio_stream::once(encode_worker(&WorkerEvent::Hello(newer)));
    let status = plane.workers().attach(messages).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_messages_ends() {
    let plane = Plane::new();
    let silent = tokio_stream::pending();
    let status = plane.workers().attach(silent).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);

    let mut worker = Scripted::attach(&plane, hello(1)).await;
    let status = worker.down.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
}

#[tokio::test]
async fn the_end_of_the_control_plane_ends_the_session() {
    let plane = Plane::new();
    let mut worker = Scripted::attach(&plane, hello(1)).await;
    plane.backend.stop.cancel();
    assert_eq!(worker.hear().await.unwrap_err().code(), Code::Unavailable);
}

async fn get_worker(plane: &Plane, id: u128) -> Result<pb::Worker, Status> {
    let worker_id = uuid::Uuid::from_u128(id).to_string();
    let request = pb::GetWorkerRequest { worker_id };
    let answer = plane.workers().get_worker(request).await?;
    Ok(answer.into_inner().worker.unwrap())
}

async fn drain(plane: &Plane, id: u128) -> Result<pb::Worker, Status> {
    let request = pb::DrainWorkerRequest {
        worker_id: uuid::Uuid::from_u128(id).to_string(),
        message: "an upgrade".to_owned(),
    };
    let answer = plane.workers().drain_worker(request).await?;
    Ok(answer.into_inner().worker.unwrap())
}

#[tokio::test]
async fn a_worker_is_found_by_its_id() {
    let plane = Plane::new();
    let missing = get_worker(&plane, 1).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let _worker = Scripted::attach(&plane, hello(1)).await;
    let found = get_worker(&plane, 1).await.unwrap();
    assert_eq!(
        (found.name.as_str(), found.status()),
        ("worker-1", pb::WorkerStatus::Idle)
    );

    // One that another process knew, or this one before it was started anew.
    let mut known = plane.backend.orchestrator.workers().remove(0);
    known.id = gauntlet_model::id::WorkerId(uuid::Uuid::from_u128(2));
    plane.backend.stores.workers.put(&known).await.unwrap();
    let found = get_worker(&plane, 2).await.unwrap();
    assert_eq!(found.status(), pb::WorkerStatus::Lost);
}

#[tokio::test]
async fn a_drained_worker_is_told_and_takes_no_run() {
    let plane = Plane::ready().await;
    let missing = drain(&plane, 1).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let mut worker = Scripted::attach(&plane, hello(1)).await;
    let drained = drain(&plane, 1).await.unwrap();
    assert_eq!(drained.status(), pb::WorkerStatus::Draining);
    let told = worker.hear().await.unwrap().unwrap();
    assert!(
        matches!(&told, ControlMessage::Drain { message } if message == "an upgrade"),
        "{told:?}"
    );
    let run = plane.create_run().await;
    let start = pb::StartRunRequest {
        run_id: run.run_id,
        ..pb::StartRunRequest::default()
    };
    let refused = plane.runs().start_run(start).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");

    let message = "bye".to_owned();
    worker.say(WorkerEvent::Goodbye { message }).await;
    assert_eq!(worker.hear().await.unwrap(), None);
    let gone = drain(&plane, 1).await.unwrap_err();
    assert_eq!(gone.code(), Code::FailedPrecondition, "{gone:?}");
}
