//! Workers that play a script.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use gauntlet_model::{
    id::WorkerId,
    interval::{Encoded, Interval, Latencies, OperationInterval, empty_histogram},
    lifecycle::{Action, Phase},
    session::{
        Assign, AttemptRef, Command, ControlMessage, Heartbeat, Hello, ResumePoint, ShardTotals,
        WorkerEvent,
    },
    time::{Clock, Timestamp},
};
use tokio::{sync::mpsc, task::JoinHandle};
use uuid::Uuid;

use crate::script::Plane;

/// What a scripted worker does differently from a good one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Script {
    /// Never reports READY.
    pub never_ready: bool,
    /// Sends every interval twice.
    pub repeats: bool,
    /// Says WARMUP of what it measures before the measurement.
    pub warms_up: bool,
    /// When it says when it began.
    pub began: Began,
}

/// When a worker says when its first operation was due.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Began {
    #[default]
    WithEachInterval,
    AtItsEnd,
}

/// What a scripted worker knows; outlives its sessions.
#[derive(Debug, Default)]
pub struct Memory {
    pub commands: Vec<Command>,
    pub assigned: Option<Box<Assign>>,
    pub acked: i64,
    pub sent: i64,
    pub stopped: bool,
    pub released: bool,
    pub drained: Option<String>,
}

/// A worker with two operations per interval and one interval per second.
pub struct Worker {
    pub id: WorkerId,
    pub script: Script,
    labels: BTreeMap<String, String>,
    pub memory: Arc<Mutex<Memory>>,
    session: Option<JoinHandle<()>>,
    mail: Option<mpsc::Sender<WorkerEvent>>,
}

pub const PER_INTERVAL: u64 = 2;

impl Worker {
    pub async fn attach(plane: &Plane, number: u128, script: Script) -> Self {
        Self::attach_with(plane, number, script, BTreeMap::new()).await
    }

    pub async fn attach_with(
        plane: &Plane,
        number: u128,
        script: Script,
        labels: BTreeMap<String, String>,
    ) -> Self {
        let id = WorkerId(Uuid::from_u128(number));
        let mut worker = Self {
            id,
            script,
            labels,
            memory: Arc::default(),
            session: None,
            mail: None,
        };
        worker.reattach(plane).await;
        worker
    }

    /// Says something that is not in the script.
    pub async fn say(&self, event: WorkerEvent) {
        let mail = self.mail.as_ref().expect("attached");
        mail.send(event).await.unwrap();
    }

    /// The attempt that it was given last.
    pub fn attempt(&self) -> AttemptRef {
        self.memory.lock().unwrap().attempt()
    }

    /// The actions that it was told to carry out, with their instants.
    pub fn told(&self) -> Vec<(Timestamp, Action)> {
        let memory = self.memory.lock().unwrap();
        let commands = memory.commands.iter();
        commands.map(|one| (one.at, one.action.clone())).collect()
    }

    /// The process or its network is gone; what it knew stays in `memory`.
    pub fn cut(&mut self) {
        if let Some(session) = self.session.take() {
            session.abort();
        }
    }

    /// Comes back whenever the control plane hangs up; never ends.
    pub async fn keep_attached(&mut self, plane: &Plane) {
        loop {
            if let Some(session) = self.session.take() {
                // An error means that the test cut it.
                let _ = session.await;
            }
            self.reattach(plane).await;
        }
    }

    pub async fn reattach(&mut self, plane: &Plane) {
        self.cut();
        let resume = {
            let memory = self.memory.lock().unwrap();
            memory
                .assigned
                .as_ref()
                .filter(|_| !memory.released)
                .map(|assign| ResumePoint {
                    attempt: assign.attempt,
                    last_command: memory.commands.last().map_or(0, |command| command.sequence),
                })
        };
        let hello = Hello {
            protocol_min: gauntlet_model::session::PROTOCOL,
            protocol_max: gauntlet_model::session::PROTOCOL,
            worker: self.id,
            name: format!("w{}", self.id.0.as_u128()),
            capacity: 100,
            labels: self.labels.clone(),
            processors: 1,
            version: "0".to_owned(),
            resumes: resume.into_iter().collect(),
        };
        let (session, down) = plane.orchestrator.attach(hello).await.unwrap();
        let (mail, letters) = mpsc::channel(16);
        self.mail = Some(mail);
        let life = Life {
            session,
            down,
            letters,
            memory: self.memory.clone(),
            script: self.script,
            clock: plane.services.clock.clone(),
        };
        self.session = Some(tokio::spawn(life.live()));
    }
}

struct Life {
    session: gauntlet_orchestrator::Session,
    down: mpsc::Receiver<ControlMessage>,
    letters: mpsc::Receiver<WorkerEvent>,
    memory: Arc<Mutex<Memory>>,
    script: Script,
    clock: Arc<dyn Clock>,
}

impl Life {
    async fn live(mut self) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        // What an earlier session could not deliver.
        let (from, to, stopped, waits) = {
            let memory = self.memory.lock().unwrap();
            let waits = memory.assigned.is_some() && memory.commands.is_empty();
            let waits = waits && !memory.released;
            (memory.acked + 1, memory.sent, memory.stopped, waits)
        };
        if waits {
            self.ready().await;
        }
        for sequence in from..=to {
            self.interval(sequence).await;
        }
        if stopped {
            self.finish().await;
        }
        loop {
            tokio::select! {
                message = self.down.recv() => match message {
                    Some(message) => self.obey(message).await,
                    None => return,
                },
                Some(letter) = self.letters.recv() => self.say(letter).await,
                _ = second.tick() => self.second().await,
            }
        }
    }

    async fn obey(&mut self, message: ControlMessage) {
        match message {
            ControlMessage::Assign(assign) => {
                {
                    let mut memory = self.memory.lock().unwrap();
                    *memory = Memory {
                        assigned: Some(assign),
                        drained: memory.drained.take(),
                        ..Memory::default()
                    };
                }
                self.ready().await;
            }
            ControlMessage::Command(command) => {
                let (attempt, sequence) = (command.attempt, command.sequence);
                let stop = matches!(command.action, Action::Stop { .. });
                self.memory.lock().unwrap().commands.push(command);
                self.say(WorkerEvent::Ack {
                    attempt,
                    sequence,
                    late: Duration::ZERO,
                })
                .await;
                if stop {
                    self.memory.lock().unwrap().stopped = true;
                    self.finish().await;
                }
            }
            ControlMessage::IntervalsAck { sequence, .. } => {
                self.memory.lock().unwrap().acked = sequence;
            }
            ControlMessage::Release { .. } => self.memory.lock().unwrap().released = true,
            ControlMessage::Drain { message } => {
                self.memory.lock().unwrap().drained = Some(message);
            }
            ControlMessage::Welcome(_) | ControlMessage::HeartbeatReply { .. } => {}
        }
    }

    async fn ready(&mut self) {
        if self.script.never_ready {
            return;
        }
        let attempt = self.attempt();
        let target_version = "fake 1".to_owned();
        self.say(WorkerEvent::Ready {
            attempt,
            target_version,
        })
        .await;
    }

    async fn second(&mut self) {
        let now = self.clock.now();
        self.say(WorkerEvent::Heartbeat(Heartbeat {
            sent: now,
            clock_offset_us: 0,
            clock_uncertainty: Some(Duration::from_micros(50)),
            cpu: 0.1,
            memory_bytes: 1,
            in_flight: 1,
            backlog: 0,
        }))
        .await;
        let next = {
            let mut memory = self.memory.lock().unwrap();
            let running = !memory.commands.is_empty() && !memory.stopped;
            memory.sent += i64::from(running);
            running.then_some(memory.sent)
        };
        if let Some(sequence) = next {
            self.interval(sequence).await;
            if self.script.repeats {
                self.interval(sequence).await;
            }
        }
    }

    async fn interval(&mut self, sequence: i64) {
        let attempt = self.attempt();
        let end = self.clock.now();
        let start = end.before(Duration::from_secs(1));
        let phase = if self.script.warms_up {
            self.memory.lock().unwrap().phase_at(start)
        } else {
            Phase::Measurement
        };
        let started = self.memory.lock().unwrap().started();
        let first_operation = started.filter(|_| self.script.began == Began::WithEachInterval);
        let interval = interval(attempt, sequence, (start, end), phase);
        self.say(WorkerEvent::Interval {
            interval: Box::new(interval),
            first_operation,
        })
        .await;
    }

    async fn finish(&mut self) {
        let (attempt, sent, started) = {
            let memory = self.memory.lock().unwrap();
            (memory.attempt(), memory.sent, memory.started())
        };
        self.say(WorkerEvent::ShardFinished(ShardTotals {
            attempt,
            intervals: sent,
            operations: sent as u64 * PER_INTERVAL,
            first_operation: started,
            peak_cpu: 0.5,
        }))
        .await;
    }

    fn attempt(&self) -> AttemptRef {
        self.memory.lock().unwrap().attempt()
    }

    /// An error means that a newer session took over.
    async fn say(&mut self, event: WorkerEvent) {
        let _ = self.session.receive(event).await;
    }
}

impl Memory {
    fn attempt(&self) -> AttemptRef {
        self.assigned.as_ref().expect("assigned before").attempt
    }

    /// When it was told to begin.
    fn started(&self) -> Option<Timestamp> {
        self.commands.first().map(|command| command.at)
    }

    fn phase_at(&self, at: Timestamp) -> Phase {
        let set = |command: &Command| match command.action {
            Action::Start(phase) | Action::SetPhase(phase) if command.at <= at => Some(phase),
            _ => None,
        };
        let mut newest = self.commands.iter().rev();
        newest.find_map(set).unwrap_or(Phase::Warmup)
    }
}

/// An interval as of a worker that does not tell when it began.
pub fn told(interval: Interval) -> WorkerEvent {
    WorkerEvent::Interval {
        interval: Box::new(interval),
        first_operation: None,
    }
}

/// An interval with [`PER_INTERVAL`] operations of 1 ms.
pub fn interval(
    attempt: AttemptRef,
    sequence: i64,
    (start, end): (Timestamp, Timestamp),
    phase: Phase,
) -> Interval {
    let mut histogram = empty_histogram();
    histogram.record_n(1_000_000, PER_INTERVAL).unwrap();
    let response = Encoded::from_histogram(&histogram);
    let part = OperationInterval {
        operation: 0,
        phase,
        step: 0,
        succeeded: Latencies {
            response,
            rows: PER_INTERVAL,
            ..Latencies::default()
        },
        failed: Latencies::default(),
        cut: 0,
        dropped: 0,
    };
    Interval {
        attempt,
        sequence,
        start,
        end,
        operations: vec![part],
        errors: vec![],
        in_flight: 0,
        backlog: 0,
    }
}
