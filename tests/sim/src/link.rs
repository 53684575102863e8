//! A worker's stream to the control plane, encoded and decoded as on the wire.

use gauntlet_model::session::{ControlMessage, Hello, WorkerEvent};
use gauntlet_orchestrator::Orchestrator;
use gauntlet_wire::session::{decode_control, decode_worker, encode_control, encode_worker};
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    chance::Chance,
    pipe::{Travel, carry},
};

/// Messages that wait in a direction.
const QUEUE: usize = 4_096;

/// An open stream; dropping it cuts it.
pub struct Link {
    up: mpsc::Sender<WorkerEvent>,
    down: mpsc::Receiver<(u64, ControlMessage)>,
    _tasks: JoinSet<()>,
}

impl Link {
    /// Says something; false when the stream is gone.
    pub fn send(&self, event: WorkerEvent) -> bool {
        self.up.try_send(event).is_ok()
    }

    /// What the control plane says; `None` when the stream is gone.
    pub async fn receive(&mut self) -> Option<(u64, ControlMessage)> {
        self.down.recv().await
    }
}

/// Opens a stream.
#[must_use]
pub fn open(orchestrator: Orchestrator, hello: Hello, travel: Travel, mut chance: Chance) -> Link {
    let mut tasks = JoinSet::new();
    let (up, up_source) = mpsc::channel(QUEUE);
    let (up_sink, up_end) = mpsc::channel(QUEUE);
    let (down_source, down_start) = mpsc::channel(QUEUE);
    let (down_sink, down) = mpsc::channel(QUEUE);
    tasks.spawn(carry(
        up_source,
        up_sink,
        travel.clone(),
        chance.part(),
        |event| {
            matches!(
                event,
                WorkerEvent::Interval { .. }
                    | WorkerEvent::Ack { .. }
                    | WorkerEvent::Samples { .. }
            )
        },
    ));
    tasks.spawn(carry(
        down_start,
        down_sink,
        travel,
        chance.part(),
        |(_, message)| {
            matches!(
                message,
                ControlMessage::Command(_) | ControlMessage::IntervalsAck { .. }
            )
        },
    ));
    tasks.spawn(serve(orchestrator, hello, up_end, down_source));
    Link {
        up,
        down,
        _tasks: tasks,
    }
}

/// The control plane's end.
async fn serve(
    orchestrator: Orchestrator,
    hello: Hello,
    mut up: mpsc::Receiver<WorkerEvent>,
    down: mpsc::Sender<(u64, ControlMessage)>,
) {
    let WorkerEvent::Hello(hello) = as_on_the_wire(&WorkerEvent::Hello(hello)) else {
        unreachable!("what was encoded is decoded");
    };
    let Ok((mut session, mut commands)) = orchestrator.attach(hello).await else {
        return;
    };
    let welcome = session.welcome();
    let generation = welcome.generation;
    let said = down.send((generation, ControlMessage::Welcome(welcome)));
    if said.await.is_err() {
        return;
    }
    loop {
        tokio::select! {
            biased;
            message = commands.recv() => match message {
                Some(message) => {
                    let encoded = encode_control(generation, &message);
                    let decoded = decode_control(encoded).expect("what was encoded is decoded");
                    if down.send(decoded).await.is_err() {
                        return;
                    }
                }
                None => return,
            },
            event = up.recv() => match event {
                Some(event) => {
                    if session.receive(as_on_the_wire(&event)).await.is_err() {
                        return;
                    }
                }
                None => return,
            },
        }
    }
}

fn as_on_the_wire(event: &WorkerEvent) -> WorkerEvent {
    decode_worker(encode_worker(event)).expect("what was encoded is decoded")
}
