//! A worker's session with the control plane, free of io: an event comes in,
//! what must be done comes out. Time is an argument.
//!
//! The session outlives its streams. While there is none, measuring goes on and
//! what is to be told is kept; a new stream is told what the one before may not
//! have heard. It may hold several shards, each of another run.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_model::{
    session::{AttemptRef, ControlMessage, Heartbeat, Hello, PROTOCOL, Welcome, WorkerEvent},
    time::Timestamp,
};
use tracing::{info, warn};

use crate::{clock::ServerClock, usage::Usage};

mod assigned;
pub(crate) mod course;
mod event;
mod held;
mod inbox;
#[cfg(test)]
mod tests;

pub use event::{Do, Event, Heard, Identity, Steer};
use held::Held;

/// How long a stream may take to say welcome.
const WELCOME_WITHIN: Duration = Duration::from_secs(10);
/// Heartbeats that follow each other at once in a new session, so that the
/// clock is known before the first command.
const QUICK_HEARTBEATS: u32 = 4;
/// A server that says nothing for so many heartbeats is gone, but never before
/// [`LEAST_SILENCE`]: it answers every one.
const SILENT_HEARTBEATS: u32 = 5;
const LEAST_SILENCE: Duration = Duration::from_secs(5);
/// Intervals that may be out and not acknowledged, of all shards together; each
/// may have [`LEAST_WINDOW`]. So the link's queue has room for them.
const WINDOW: usize = 60;
const LEAST_WINDOW: usize = 4;
/// How long a leaving worker tries to deliver its last results.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// See the module.
#[derive(Debug)]
pub struct Session {
    identity: Identity,
    link: Link,
    clock: ServerClock,
    held: BTreeMap<AttemptRef, Held>,
    gauges: Gauges,
    /// Messages of older sessions, which were dropped.
    stale: u64,
    /// When a leaving worker goes at the latest.
    leaves: Option<Timestamp>,
    /// Why the worker takes no shard any more and goes when it holds none.
    drains: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Link {
    /// There is no stream.
    Down,
    /// Hello was sent; Welcome has not come.
    Greeting { since: Timestamp },
    /// The session is on.
    Up(Up),
}

#[derive(Clone, Copy, Debug)]
struct Up {
    generation: u64,
    period: Duration,
    /// The server's last sign of life.
    heard: Timestamp,
    next_heartbeat: Timestamp,
    /// Heartbeats answered.
    answered: u32,
}

impl Up {
    fn silent_at(&self) -> Timestamp {
        self.heard + (self.period * SILENT_HEARTBEATS).max(LEAST_SILENCE)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Gauges {
    usage: Usage,
    in_flight: u32,
    backlog: u64,
}

impl Session {
    /// Of a worker that was never attached.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            link: Link::Down,
            clock: ServerClock::default(),
            held: BTreeMap::new(),
            gauges: Gauges::default(),
            stale: 0,
            leaves: None,
            drains: None,
        }
    }

    /// What to say first on a new stream.
    #[must_use]
    pub fn hello(&self) -> WorkerEvent {
        let identity = self.identity.clone();
        WorkerEvent::Hello(Hello {
            protocol_min: PROTOCOL,
            protocol_max: PROTOCOL,
            worker: identity.worker,
            name: identity.name,
            capacity: identity.capacity,
            labels: identity.labels,
            processors: identity.processors,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            resumes: self.held.values().map(Held::resume_point).collect(),
        })
    }

    /// The shards that the worker holds.
    #[must_use]
    pub fn holds(&self) -> Vec<AttemptRef> {
        self.held.keys().copied().collect()
    }

    /// Whether something can be told.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// The server's clock, as far as it is known.
    pub(crate) fn clock(&self) -> &ServerClock {
        &self.clock
    }

    /// When [`Event::Tick`] is due; `None` while there is nothing to wait for.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let link = match self.link {
            Link::Down => None,
            Link::Greeting { since } => Some(since + WELCOME_WITHIN),
            Link::Up(up) => Some(up.next_heartbeat.min(up.silent_at())),
        };
        let held = self.held.values();
        let shards = held.flat_map(|held| [held.next_phase(), held.abandoned_at()]);
        let all = shards.chain([link, self.leaves]);
        all.flatten().min()
    }

    /// Folds an event into the state and what must be done.
    pub fn on(&mut self, event: Event, now: Timestamp) -> Vec<Do> {
        let mut todo = self.fold(event, now);
        for held in self.held.values_mut() {
            todo.extend(held.give_up(now));
        }
        self.enter_phases(now, &mut todo);
        self.keep_alive(now, &mut todo);
        self.tell(now, &mut todo);
        self.leave(now, &mut todo);
        if !self.is_up() {
            // A new stream is told what matters of it.
            todo.retain(|what| !matches!(what, Do::Send(_)));
        }
        todo
    }

    fn fold(&mut self, event: Event, now: Timestamp) -> Vec<Do> {
        match event {
            Event::Connected => self.link = Link::Greeting { since: now },
            Event::Disconnected => self.link = Link::Down,
            Event::Control(generation, message) => return self.control(generation, message, now),
            Event::Engine(attempt, heard) => {
                if let Some(held) = self.held.get_mut(&attempt) {
                    return held.heard(heard, &self.clock, now);
                }
            }
            Event::Used {
                usage,
                since,
                in_flight,
                backlog,
            } => {
                self.gauges = Gauges {
                    usage,
                    in_flight,
                    backlog,
                };
                for held in self.held.values_mut() {
                    held.used(usage.cpu, since);
                }
            }
            Event::Tick => {}
            Event::Leave => return self.begin_to_leave(now),
        }
        Vec::new()
    }

    fn control(&mut self, generation: u64, message: ControlMessage, now: Timestamp) -> Vec<Do> {
        match (&mut self.link, message) {
            (Link::Greeting { .. }, ControlMessage::Welcome(welcome)) => {
                self.welcomed(welcome, now)
            }
            (Link::Up(up), message) if up.generation == generation => {
                up.heard = now;
                self.told(message, now)
            }
            _ => {
                self.stale += 1;
                warn!(
                    generation,
                    dropped = self.stale,
                    "dropped a message of another session"
                );
                Vec::new()
            }
        }
    }

    fn welcomed(&mut self, welcome: Welcome, now: Timestamp) -> Vec<Do> {
        if welcome.protocol != PROTOCOL {
            return vec![Do::GiveUp(format!(
                "the server speaks protocol {}, this worker speaks {PROTOCOL}; use the same version of gauntlet for both",
                welcome.protocol
            ))];
        }
        info!(generation = welcome.generation, "attached");
        self.clock.guess(welcome.now, now);
        self.link = Link::Up(Up {
            generation: welcome.generation,
            period: welcome.heartbeat_period,
            heard: now,
            next_heartbeat: now,
            answered: 0,
        });
        let told = self.held.values_mut().flat_map(Held::reintroduce);
        told.map(Do::Send).collect()
    }

    /// Something said in the session that is on.
    fn told(&mut self, message: ControlMessage, now: Timestamp) -> Vec<Do> {
        match message {
            ControlMessage::Welcome(_) => Vec::new(),
            ControlMessage::Assign(assign) => self.assign(assign),
            ControlMessage::Command(command) => match self.held.get_mut(&command.attempt) {
                Some(held) => held.command(command, &self.clock, now),
                None => Vec::new(),
            },
            ControlMessage::IntervalsAck { attempt, sequence } => {
                if let Some(held) = self.held.get_mut(&attempt) {
                    held.acknowledge(sequence);
                }
                Vec::new()
            }
            ControlMessage::Drain { message } => {
                info!(
                    why = message,
                    "the worker is to leave when it holds no shard"
                );
                self.drains.get_or_insert(message);
                Vec::new()
            }
            ControlMessage::Release { attempt } => self.release(attempt),
            ControlMessage::HeartbeatReply {
                sent,
                received,
                replied,
            } => {
                self.clock.sample(sent, received, replied, now);
                if let Link::Up(up) = &mut self.link {
                    up.answered += 1;
                    if up.answered < QUICK_HEARTBEATS {
                        up.next_heartbeat = now;
                    }
                }
                Vec::new()
            }
        }
    }

    fn enter_phases(&mut self, now: Timestamp, todo: &mut Vec<Do>) {
        for held in self.held.values_mut() {
            let entered = held.enter_phases(&self.clock, now);
            todo.extend(entered.into_iter().map(Do::Send));
        }
    }

    /// Heartbeats, and the limits of patience with the server.
    fn keep_alive(&mut self, now: Timestamp, todo: &mut Vec<Do>) {
        match self.link {
            Link::Down => {}
            Link::Greeting { since } => {
                if since + WELCOME_WITHIN <= now {
                    self.link = Link::Down;
                    todo.push(Do::Disconnect("the server did not say welcome"));
                }
            }
            Link::Up(up) if up.silent_at() <= now => {
                self.link = Link::Down;
                todo.push(Do::Disconnect("the server does not answer heartbeats"));
            }
            Link::Up(up) => {
                if up.next_heartbeat <= now {
                    self.link = Link::Up(Up {
                        next_heartbeat: now + up.period,
                        ..up
                    });
                    todo.push(Do::Send(WorkerEvent::Heartbeat(self.heartbeat(now))));
                }
            }
        }
    }

    fn heartbeat(&self, now: Timestamp) -> Heartbeat {
        let gauges = self.gauges;
        Heartbeat {
            sent: now,
            clock_offset_us: self.clock.offset_us(),
            clock_uncertainty: self.clock.uncertainty(now),
            cpu: gauges.usage.cpu,
            memory_bytes: gauges.usage.memory_bytes,
            in_flight: gauges.in_flight,
            backlog: gauges.backlog,
        }
    }

    fn tell(&mut self, now: Timestamp, todo: &mut Vec<Do>) {
        if !self.is_up() {
            return;
        }
        let window = (WINDOW / self.held.len().max(1)).max(LEAST_WINDOW);
        for held in self.held.values_mut() {
            let told = held.tell(window, &self.clock, now);
            todo.extend(told.into_iter().map(Do::Send));
        }
    }

    fn begin_to_leave(&mut self, now: Timestamp) -> Vec<Do> {
        self.leaves.get_or_insert(now + LEAVE_WITHIN);
        let loaded = self.held.values().filter(|held| held.is_loaded());
        loaded
            .map(|held| Do::Steer(held.attempt, Steer::Abort))
            .collect()
    }

    /// A leaving worker says goodbye once its results are delivered, or when
    /// there is nobody to deliver them to, or no time left; a drained one when
    /// it holds no shard.
    fn leave(&mut self, now: Timestamp, todo: &mut Vec<Do>) {
        let message = match (self.leaves, &self.drains) {
            (Some(latest), _) => {
                let delivering = self
                    .held
                    .values()
                    .any(|held| held.is_loaded() || (held.is_over() && !held.end_told()));
                if delivering && self.is_up() && now < latest {
                    return;
                }
                "the worker was stopped".to_owned()
            }
            (None, Some(why)) if self.held.is_empty() => {
                info!("drained: the worker leaves");
                format!("the worker was drained: {why}")
            }
            (None, _) => return,
        };
        todo.push(Do::Send(WorkerEvent::Goodbye { message }));
        todo.push(Do::Quit);
    }
}
