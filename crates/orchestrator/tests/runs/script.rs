//! A control plane over the in-memory store, and workers that play a script.
//! Time is tokio's and paused: it jumps to the next timer when all wait.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use gauntlet_model::{
    id::{Name, Project, RunId, TargetId, TemplateId, WorkerId},
    interval::{Encoded, Interval, Latencies, OperationInterval, empty_histogram},
    lifecycle::{Action, Phase, Status},
    run::Run,
    session::{
        Assign, AttemptRef, Command, ControlMessage, Heartbeat, Hello, KeyRange, ResumePoint,
        ShardTotals, WorkerEvent,
    },
    target::{Address, Dataset, Sealed, Secret, Target},
    template::{Load, Operation, Parameter, Phases, Spec, Statement, Template, WorkerLossPolicy},
    time::{Clock, Timestamp},
};
use gauntlet_orchestrator::{
    CreateRun, Orchestrator, Services,
    access::{AccessError, BadSeal, Loaded, Login, TargetAccess, TargetVersion, Vault},
};
use gauntlet_store::{Stores, memory};
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use uuid::Uuid;

/// Tokio's clock as microseconds since an epoch of its own.
pub struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000_000) + self.0.elapsed()
    }
}

pub type RowCount = Box<dyn Fn() -> u64 + Send>;

/// A target that has what it is told to have.
#[derive(Default)]
pub struct FakeTarget {
    pub refuses: Option<AccessError>,
    /// Counts the rows in the first shard's key range; none without it.
    pub rows: Mutex<Option<RowCount>>,
}

#[async_trait]
impl TargetAccess for FakeTarget {
    async fn test(&self, _: &Login) -> Result<TargetVersion, AccessError> {
        Ok(TargetVersion {
            version: "fake 1".to_owned(),
            connect_us: 1,
        })
    }

    async fn check(&self, login: &Login, _: &Spec) -> Result<TargetVersion, AccessError> {
        match &self.refuses {
            Some(error) => Err(error.clone()),
            None => self.test(login).await,
        }
    }

    async fn next_free_key(&self, _: &Login, _: &str, _: &str) -> Result<i64, AccessError> {
        Ok(101)
    }

    async fn count_keys(
        &self,
        _: &Login,
        _: &str,
        _: &str,
        range: KeyRange,
    ) -> Result<u64, AccessError> {
        let rows = self.rows.lock().unwrap();
        Ok(rows
            .as_ref()
            .filter(|_| range.first == 101)
            .map_or(0, |count| count()))
    }

    async fn load_dataset(
        &self,
        _: &Login,
        dataset: &Dataset,
        _: &(dyn Fn(Loaded) + Send + Sync),
    ) -> Result<Loaded, AccessError> {
        Ok(Loaded {
            rows: dataset.rows,
            already_present: false,
        })
    }
}

pub struct OpenVault;

impl Vault for OpenVault {
    fn seal(&self, secret: &Secret) -> Sealed {
        Sealed(secret.expose().as_bytes().to_vec())
    }

    fn open(&self, sealed: &Sealed) -> Result<Secret, BadSeal> {
        String::from_utf8(sealed.0.clone())
            .map(Secret::new)
            .map_err(|e| BadSeal(e.to_string()))
    }
}

/// One control plane with a target "db" and a template "bench".
pub struct Plane {
    pub orchestrator: Orchestrator,
    pub services: Services,
    pub target: Arc<FakeTarget>,
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn project() -> Project {
    Project::new("acme").unwrap()
}

pub fn spec() -> Spec {
    Spec {
        description: String::new(),
        target: name("db"),
        operations: vec![Operation {
            name: name("add"),
            weight: 10_000,
            statement: Statement::Insert {
                table: "t".to_owned(),
                key: "id".to_owned(),
                columns: vec!["k".to_owned()],
            },
            parameters: vec![Parameter::Integer(1)],
        }],
        load: Load::Concurrency {
            connections: 4,
            think_time: Duration::ZERO,
        },
        phases: Phases {
            warmup: Duration::from_secs(2),
            measurement: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(1),
        },
        workers: 2,
        seed: 1,
        slos: vec![],
        worker_loss: WorkerLossPolicy::Fail,
        operation_timeout: Duration::from_secs(1),
        start_timeout: Duration::from_secs(10),
    }
}

impl Plane {
    pub async fn new(spec: Spec) -> Self {
        Self::with(memory::stores(), FakeTarget::default(), spec).await
    }

    pub async fn with(stores: Stores, target: FakeTarget, spec: Spec) -> Self {
        let target = Arc::new(target);
        let services = Services {
            stores,
            access: target.clone(),
            vault: Arc::new(OpenVault),
            clock: Arc::new(PausedClock(Instant::now())),
            version: "0".to_owned(),
        };
        let now = services.clock.now();
        let address = Address::Sqlite {
            path: "/t.db".into(),
        };
        let (id, created) = (TargetId(Uuid::from_u128(1)), now);
        let db = Target {
            id,
            project: project(),
            name: name("db"),
            address,
            created,
        };
        services
            .stores
            .targets
            .insert(&db, None, None)
            .await
            .unwrap();
        let template = Template {
            id: TemplateId(Uuid::from_u128(2)),
            project: project(),
            name: name("bench"),
            version: 1,
            spec,
            created: now,
            updated: now,
        };
        services
            .stores
            .templates
            .insert(&template, None)
            .await
            .unwrap();
        Self {
            orchestrator: Orchestrator::new(services.clone()),
            services,
            target,
        }
    }

    /// A second control plane over the same store, as after a restart.
    pub async fn restarted(self) -> Self {
        self.orchestrator.shutdown().await;
        let orchestrator = Orchestrator::new(self.services.clone());
        orchestrator.recover().await.unwrap();
        Self {
            orchestrator,
            ..self
        }
    }

    pub async fn run(&self, number: u128) -> RunId {
        let id = RunId(Uuid::from_u128(number));
        let request = CreateRun {
            project: project(),
            template: name("bench"),
            version: None,
            name: None,
            labels: BTreeMap::new(),
            idempotency: None,
        };
        self.orchestrator.create(id, request).await.unwrap();
        id
    }

    pub async fn get(&self, run: RunId) -> Run {
        self.services.stores.runs.get(run).await.unwrap().unwrap()
    }

    /// Waits until the run is in a status; the paused clock makes it short.
    pub async fn until(&self, run: RunId, reached: impl Fn(&Run) -> bool) -> Run {
        let channel = self.orchestrator.channel(run);
        let mut states = channel.states();
        let wait = async {
            loop {
                let stored = self.get(run).await;
                if reached(&stored) {
                    return stored;
                }
                states.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_mins(5), wait)
            .await
            .expect("the run gets there")
    }

    pub async fn until_over(&self, run: RunId) -> Run {
        self.until(run, |run| run.status().is_terminal()).await
    }
}

pub fn measuring(run: &Run) -> bool {
    run.state.phase() == Some(Phase::Measurement)
}

pub fn in_status(status: Status) -> impl Fn(&Run) -> bool {
    move |run| run.status() == status
}

/// What a scripted worker does differently from a good one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Script {
    /// Never reports READY.
    pub never_ready: bool,
    /// Sends every interval twice.
    pub repeats: bool,
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
}

/// A worker with two operations per interval and one interval per second.
pub struct Worker {
    pub id: WorkerId,
    pub script: Script,
    pub memory: Arc<Mutex<Memory>>,
    session: Option<JoinHandle<()>>,
}

pub const PER_INTERVAL: u64 = 2;

impl Worker {
    pub async fn attach(plane: &Plane, number: u128, script: Script) -> Self {
        let id = WorkerId(Uuid::from_u128(number));
        let mut worker = Self {
            id,
            script,
            memory: Arc::default(),
            session: None,
        };
        worker.reattach(plane).await;
        worker
    }

    /// The process or its network is gone; what it knew stays in `memory`.
    pub fn cut(&mut self) {
        if let Some(session) = self.session.take() {
            session.abort();
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
            protocol_min: 1,
            protocol_max: 1,
            worker: self.id,
            name: format!("w{}", self.id.0.as_u128()),
            capacity: 100,
            labels: BTreeMap::new(),
            processors: 1,
            version: "0".to_owned(),
            resume,
        };
        let (session, down) = plane.orchestrator.attach(hello).await.unwrap();
        let life = Life {
            session,
            down,
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
    memory: Arc<Mutex<Memory>>,
    script: Script,
    clock: Arc<dyn Clock>,
}

impl Life {
    async fn live(mut self) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        // What an earlier session could not deliver.
        let (from, to, stopped) = {
            let memory = self.memory.lock().unwrap();
            (memory.acked + 1, memory.sent, memory.stopped)
        };
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
                _ = second.tick() => self.second().await,
            }
        }
    }

    async fn obey(&mut self, message: ControlMessage) {
        match message {
            ControlMessage::Assign(assign) => {
                let attempt = assign.attempt;
                self.memory.lock().unwrap().assigned = Some(assign);
                if !self.script.never_ready {
                    self.say(WorkerEvent::Ready {
                        attempt,
                        target_version: "fake 1".to_owned(),
                    })
                    .await;
                }
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
            ControlMessage::Welcome(_) | ControlMessage::HeartbeatReply { .. } => {}
        }
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
        let mut histogram = empty_histogram();
        histogram.record_n(1_000_000, PER_INTERVAL).unwrap();
        let response = Encoded::from_histogram(&histogram);
        let part = OperationInterval {
            operation: 0,
            phase: Phase::Measurement,
            succeeded: Latencies {
                response,
                rows: PER_INTERVAL,
                ..Latencies::default()
            },
            failed: Latencies::default(),
            cut: 0,
            dropped: 0,
        };
        let end = self.clock.now();
        self.say(WorkerEvent::Interval(Box::new(Interval {
            attempt,
            sequence,
            start: end.before(Duration::from_secs(1)),
            end,
            operations: vec![part],
            errors: vec![],
            in_flight: 0,
            backlog: 0,
        })))
        .await;
    }

    async fn finish(&mut self) {
        let (attempt, sent) = (self.attempt(), self.memory.lock().unwrap().sent);
        self.say(WorkerEvent::ShardFinished(ShardTotals {
            attempt,
            intervals: sent,
            operations: sent as u64 * PER_INTERVAL,
            first_operation: Some(self.clock.now()),
            peak_cpu: 0.5,
        }))
        .await;
    }

    fn attempt(&self) -> AttemptRef {
        self.memory
            .lock()
            .unwrap()
            .assigned
            .as_ref()
            .expect("assigned before")
            .attempt
    }

    /// An error means that a newer session took over.
    async fn say(&mut self, event: WorkerEvent) {
        let _ = self.session.receive(event).await;
    }
}
