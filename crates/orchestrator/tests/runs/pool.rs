//! Workers that carry commands out at their instants, and a target that is a
//! pool of servers: what they measure follows from the level.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use gauntlet_model::{
    id::WorkerId,
    interval::Interval,
    lifecycle::Action,
    session::{AttemptRef, Command, ControlMessage, Heartbeat, Hello, ResumePoint, WorkerEvent},
    time::{Clock, Timestamp},
};
use tokio::{sync::mpsc, task::JoinHandle};
use uuid::Uuid;

use crate::{script::Plane, worker::told};

mod shard;

pub use shard::{Pool, Shard};

const SECOND: Duration = Duration::from_secs(1);

/// What the worker's process knows; a cut stream does not touch it.
#[derive(Debug, Default)]
pub struct Memory {
    pub shard: Option<Shard>,
    /// All that it measured in its life, acknowledged or not.
    pub made: Vec<Interval>,
    pub drained: bool,
}

/// A worker of the pool.
pub struct PoolWorker {
    pub id: WorkerId,
    pub pool: Pool,
    pub capacity: u32,
    pub memory: Arc<Mutex<Memory>>,
    session: Option<JoinHandle<()>>,
    mail: Option<mpsc::Sender<WorkerEvent>>,
}

impl PoolWorker {
    pub async fn attach(plane: &Plane, number: u128, pool: Pool) -> Self {
        Self::with_capacity(plane, number, pool, 10_000).await
    }

    pub async fn with_capacity(plane: &Plane, number: u128, pool: Pool, capacity: u32) -> Self {
        let mut worker = Self {
            id: WorkerId(Uuid::from_u128(number)),
            pool,
            capacity,
            memory: Arc::default(),
            session: None,
            mail: None,
        };
        worker.reattach(plane).await;
        worker
    }

    /// Its stream is gone; it goes on measuring.
    pub fn cut(&mut self) {
        if let Some(session) = self.session.take() {
            session.abort();
        }
    }

    /// The process is gone, and all that it knew.
    pub fn kill(&mut self) {
        self.cut();
        self.memory = Arc::default();
    }

    /// Says something that is not in the script.
    pub async fn say(&self, event: WorkerEvent) {
        let mail = self.mail.as_ref().expect("attached");
        mail.send(event).await.unwrap();
    }

    /// Operations that it measured, by whether they succeeded.
    pub fn made(&self) -> u64 {
        succeeded(&self.memory.lock().unwrap().made)
    }

    pub async fn reattach(&mut self, plane: &Plane) {
        self.cut();
        let resume = |shard: &Shard| ResumePoint {
            attempt: shard.attempt(),
            last_command: shard.commands.last().map_or(0, |command| command.sequence),
        };
        let resumes = {
            let memory = self.memory.lock().unwrap();
            memory.shard.iter().map(resume).collect()
        };
        let hello = Hello {
            protocol_min: gauntlet_model::session::PROTOCOL,
            protocol_max: gauntlet_model::session::PROTOCOL,
            worker: self.id,
            name: format!("w{}", self.id.0.as_u128()),
            capacity: self.capacity,
            labels: BTreeMap::new(),
            processors: 1,
            version: "0".to_owned(),
            resumes,
        };
        let (session, down) = plane.orchestrator.attach(hello).await.unwrap();
        let (mail, letters) = mpsc::channel(16);
        self.mail = Some(mail);
        let life = Life {
            session,
            down,
            letters,
            memory: self.memory.clone(),
            pool: self.pool,
            clock: plane.services.clock.clone(),
            attached: plane.services.clock.now(),
        };
        self.session = Some(tokio::spawn(life.live()));
    }
}

impl Drop for PoolWorker {
    fn drop(&mut self) {
        self.cut();
    }
}

/// How many operations of some intervals succeeded.
pub fn succeeded(intervals: &[Interval]) -> u64 {
    let parts = intervals.iter().flat_map(|interval| &interval.operations);
    parts
        .map(|part| part.succeeded.response.decode().unwrap().len())
        .sum()
}

struct Life {
    session: gauntlet_orchestrator::Session,
    down: mpsc::Receiver<ControlMessage>,
    letters: mpsc::Receiver<WorkerEvent>,
    memory: Arc<Mutex<Memory>>,
    pool: Pool,
    clock: Arc<dyn Clock>,
    attached: Timestamp,
}

impl Life {
    async fn live(mut self) {
        let mut second = tokio::time::interval(SECOND);
        self.reintroduce().await;
        loop {
            self.tell().await;
            let next = self.shard(|shard| shard.next_end()).flatten();
            let wait = next.map_or(SECOND, |next| next.since(self.clock.now()));
            tokio::select! {
                message = self.down.recv() => match message {
                    Some(message) => self.obey(message).await,
                    None => return,
                },
                Some(letter) = self.letters.recv() => {
                    if matches!(letter, WorkerEvent::Goodbye { .. }) {
                        self.end_shard().await;
                    }
                    self.say(letter).await;
                }
                _ = second.tick() => self.heartbeat().await,
                () = tokio::time::sleep(wait) => {} // allow-sleep: on the paused clock
            }
        }
    }

    fn shard<T>(&self, of: impl FnOnce(&mut Shard) -> T) -> Option<T> {
        self.memory.lock().unwrap().shard.as_mut().map(of)
    }

    /// Delivers all there is and ends the shard.
    async fn end_shard(&mut self) {
        let (now, pool) = (self.clock.now(), self.pool);
        let ended = self.shard(|shard| {
            let interval = shard.measure(&pool, now);
            shard.over = true;
            (interval, shard.totals())
        });
        if let Some((interval, totals)) = ended {
            self.memory.lock().unwrap().made.push(interval.clone());
            self.say(told(interval)).await;
            self.say(WorkerEvent::ShardFinished(totals)).await;
        }
    }

    /// What an earlier session could not deliver.
    async fn reintroduce(&mut self) {
        let Some((attempt, started, unacked, totals)) = self.shard(|shard| {
            let totals = shard.over.then(|| shard.totals());
            (
                shard.attempt(),
                shard.start(),
                shard.unacked.clone(),
                totals,
            )
        }) else {
            return;
        };
        if started.is_none() {
            self.ready(attempt).await;
        }
        for interval in unacked {
            self.say(told(interval)).await;
        }
        if let Some(totals) = totals {
            self.say(WorkerEvent::ShardFinished(totals)).await;
        }
    }

    async fn ready(&mut self, attempt: AttemptRef) {
        let target_version = "pool 1".to_owned();
        self.say(WorkerEvent::Ready {
            attempt,
            target_version,
        })
        .await;
    }

    /// Tells of every interval that has ended.
    async fn tell(&mut self) {
        loop {
            let now = self.clock.now();
            let pool = self.pool;
            let due = self.shard(|shard| {
                let end = shard.next_end().filter(|end| *end <= now)?;
                let started = shard.until.or(shard.start())?;
                let interval = (end > started).then(|| shard.measure(&pool, end));
                shard.over = shard.stop().is_some_and(|stop| stop <= end);
                Some((interval, shard.over.then(|| shard.totals())))
            });
            let Some((interval, totals)) = due.flatten() else {
                return;
            };
            if let Some(interval) = interval {
                let earlier = {
                    let mut memory = self.memory.lock().unwrap();
                    memory.made.push(interval.clone());
                    memory.made.iter().rev().nth(4).cloned()
                };
                let attempt = interval.attempt;
                let earlier = earlier.filter(|earlier| earlier.attempt == attempt);
                if let Some(earlier) = earlier.filter(|_| self.pool.doubles) {
                    self.say(told(earlier)).await;
                }
                self.say(told(interval)).await;
            }
            if let Some(totals) = totals {
                self.say(WorkerEvent::ShardFinished(totals)).await;
            }
        }
    }

    async fn obey(&mut self, message: ControlMessage) {
        match message {
            ControlMessage::Assign(assign) => {
                let attempt = assign.attempt;
                let known = self.shard(|shard| shard.attempt());
                if known != Some(attempt) {
                    self.memory.lock().unwrap().shard = Some(Shard::new(assign));
                }
                self.ready(attempt).await;
            }
            ControlMessage::Command(command) => self.carry_out(command).await,
            ControlMessage::IntervalsAck { attempt, sequence } => {
                self.shard(|shard| {
                    if shard.attempt() == attempt {
                        shard.unacked.retain(|one| one.sequence > sequence);
                    }
                });
            }
            ControlMessage::Release { attempt } => {
                let mut memory = self.memory.lock().unwrap();
                memory.shard.take_if(|shard| shard.attempt() == attempt);
            }
            ControlMessage::Drain { .. } => self.memory.lock().unwrap().drained = true,
            ControlMessage::Welcome(_) | ControlMessage::HeartbeatReply { .. } => {}
        }
    }

    async fn carry_out(&mut self, command: Command) {
        let (attempt, sequence) = (command.attempt, command.sequence);
        let begun = self.shard(|shard| shard.start().is_some()) == Some(true);
        let entered = match command.action {
            // For one that joins; who is under load passes it over.
            Action::Start(_) if begun => None,
            Action::Start(phase) | Action::SetPhase(phase) => Some((phase, command.at)),
            _ => None,
        };
        let late = self.clock.now().since(command.at);
        let taken = self.shard(|shard| {
            if shard.attempt() != attempt {
                return false;
            }
            let last = shard.commands.last().map_or(0, |last| last.sequence);
            if sequence <= last {
                return false;
            }
            let first = shard.commands.is_empty();
            assert!(
                !first || matches!(command.action, Action::Start(_)),
                "the first command of {attempt:?} is {command:?}"
            );
            assert!(first || sequence == last + 1, "{last} before {sequence}");
            shard.commands.push(command);
            true
        });
        if taken != Some(true) {
            return;
        }
        self.say(WorkerEvent::Ack {
            attempt,
            sequence,
            late,
        })
        .await;
        if let Some((phase, at)) = entered {
            self.say(WorkerEvent::PhaseEntered { attempt, phase, at })
                .await;
        }
    }

    async fn heartbeat(&mut self) {
        let now = self.clock.now();
        let connections = self.shard(|shard| {
            let under_load = shard.start().is_some() && !shard.over;
            under_load.then(|| shard.connections(&shard.at(now).aim))
        });
        let connections = f64::from(connections.flatten().unwrap_or(0));
        let age = now.since(self.attached).as_secs();
        self.say(WorkerEvent::Heartbeat(Heartbeat {
            sent: now,
            clock_offset_us: 0,
            clock_uncertainty: (self.pool.clock)(age),
            cpu: (connections * self.pool.cpu_per_connection).min(1.0),
            memory_bytes: 1,
            in_flight: connections as u32,
            backlog: 0,
        }))
        .await;
    }

    /// An error means that a newer session took over.
    async fn say(&mut self, event: WorkerEvent) {
        if self.pool.doubles {
            let _ = self.session.receive(event.clone()).await;
        }
        let _ = self.session.receive(event).await;
    }
}
