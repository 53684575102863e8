//! A worker's session with the control plane, free of io: an event comes in,
//! what must be done comes out. Time is an argument.
//!
//! The session outlives its streams. While there is none, measuring goes on and
//! what is to be told is kept; a new stream is told what the one before may not
//! have heard.

use std::time::Duration;

use gauntlet_model::{
    session::{
        Assign, AttemptRef, ControlMessage, Heartbeat, Hello, PROTOCOL, Welcome, WorkerEvent,
    },
    time::Timestamp,
};
use tracing::{info, warn};

use crate::{clock::ServerClock, usage::Usage};

mod course;
mod event;
mod held;
#[cfg(test)]
mod tests;

pub(crate) use event::{Do, Event, Identity};
use held::{End, Held};

/// How long a stream may take to say welcome.
const WELCOME_WITHIN: Duration = Duration::from_secs(10);
/// Heartbeats that follow each other at once in a new session, so that the
/// clock is known before the first command.
const QUICK_HEARTBEATS: u32 = 4;
/// A server that says nothing for so many heartbeats is gone, but never before
/// [`LEAST_SILENCE`]: it answers every one.
const SILENT_HEARTBEATS: u32 = 5;
const LEAST_SILENCE: Duration = Duration::from_secs(5);
/// How long a leaving worker tries to deliver its last results.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// See the module.
#[derive(Debug)]
pub(crate) struct Session {
    identity: Identity,
    link: Link,
    clock: ServerClock,
    held: Option<Held>,
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
    pub(crate) fn new(identity: Identity) -> Self {
        Self {
            identity,
            link: Link::Down,
            clock: ServerClock::default(),
            held: None,
            gauges: Gauges::default(),
            stale: 0,
            leaves: None,
            drains: None,
        }
    }

    /// What to say first on a new stream.
    pub(crate) fn hello(&self) -> WorkerEvent {
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
            resume: self.held.as_ref().map(Held::resume_point),
        })
    }

    /// The shard that the worker holds.
    pub(crate) fn holds(&self) -> Option<AttemptRef> {
        self.held.as_ref().map(|held| held.attempt)
    }

    /// Whether something can be told.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// The server's clock, as far as it is known.
    pub(crate) fn clock(&self) -> &ServerClock {
        &self.clock
    }

    /// When [`Event::Tick`] is due; `None` while there is nothing to wait for.
    pub(crate) fn wake_at(&self) -> Option<Timestamp> {
        let link = match self.link {
            Link::Down => None,
            Link::Greeting { since } => Some(since + WELCOME_WITHIN),
            Link::Up(up) => Some(up.next_heartbeat.min(up.silent_at())),
        };
        let phase = self.held.as_ref().and_then(Held::next_phase);
        let abandoned = self.held.as_ref().and_then(Held::abandoned_at);
        [link, phase, abandoned, self.leaves]
            .into_iter()
            .flatten()
            .min()
    }

    /// Folds an event into the state and what must be done.
    pub(crate) fn on(&mut self, event: Event, now: Timestamp) -> Vec<Do> {
        let mut todo = self.fold(event, now);
        todo.extend(self.held.iter_mut().flat_map(|held| held.give_up(now)));
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
            Event::Prepared {
                target_version,
                replay,
            } => {
                if let Some(held) = &mut self.held {
                    return held.prepared(target_version, *replay, &self.clock, now);
                }
            }
            Event::Measured {
                snapshot,
                start,
                end,
            } => {
                if let Some(held) = &mut self.held {
                    held.measured(*snapshot, start, end, &self.clock);
                }
            }
            Event::Ended { first_operation } => {
                let first_operation = first_operation.map(|at| self.clock.corrected(at));
                self.over(End::Finished { first_operation });
            }
            Event::Failed { message } => self.over(End::Failed { message }),
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
                if let Some(held) = &mut self.held {
                    held.used(usage.cpu, since);
                }
            }
            Event::Tick => {}
            Event::Leave => return self.begin_to_leave(now),
        }
        Vec::new()
    }

    fn over(&mut self, end: End) {
        if let Some(held) = &mut self.held {
            held.over(end);
        }
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
        let told = self.held.as_mut().map(Held::reintroduce);
        told.into_iter().flatten().map(Do::Send).collect()
    }

    /// Something said in the session that is on.
    fn told(&mut self, message: ControlMessage, now: Timestamp) -> Vec<Do> {
        match message {
            ControlMessage::Welcome(_) => Vec::new(),
            ControlMessage::Assign(assign) => self.assign(assign),
            ControlMessage::Command(command) => match self.held.as_mut() {
                Some(held) if held.attempt == command.attempt => {
                    held.command(command, &self.clock, now)
                }
                _ => Vec::new(),
            },
            ControlMessage::IntervalsAck { attempt, sequence } => {
                if let Some(held) = self.held.as_mut().filter(|held| held.attempt == attempt) {
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

    fn assign(&mut self, assign: Box<Assign>) -> Vec<Do> {
        let attempt = assign.attempt;
        if self.leaves.is_some() {
            return refused(attempt, "the worker is leaving".to_owned());
        }
        if self.drains.is_some() && self.holds() != Some(attempt) {
            return refused(attempt, "the worker is being drained".to_owned());
        }
        match &mut self.held {
            None => {
                info!(run = %attempt.run, shard = attempt.shard, "a shard was assigned");
                self.held = Some(Held::new(&assign));
                vec![Do::Prepare(assign)]
            }
            // The server is not sure that the first one arrived.
            Some(held) if held.attempt == attempt => {
                held.retell_end();
                held.ready().map(Do::Send).into_iter().collect()
            }
            Some(held) => {
                let other = held.attempt;
                let message = format!(
                    "the worker still holds shard {} of run {}; it takes one at a time",
                    other.shard, other.run
                );
                refused(attempt, message)
            }
        }
    }

    fn release(&mut self, attempt: AttemptRef) -> Vec<Do> {
        if self.held.take_if(|held| held.attempt == attempt).is_none() {
            return Vec::new();
        }
        info!(run = %attempt.run, shard = attempt.shard, "the shard was released");
        vec![Do::Forget]
    }

    fn enter_phases(&mut self, now: Timestamp, todo: &mut Vec<Do>) {
        if let Some(held) = &mut self.held {
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
        if let (Link::Up(_), Some(held)) = (self.link, &mut self.held) {
            let told = held.tell(&self.clock, now);
            todo.extend(told.into_iter().map(Do::Send));
        }
    }

    fn begin_to_leave(&mut self, now: Timestamp) -> Vec<Do> {
        self.leaves.get_or_insert(now + LEAVE_WITHIN);
        let loaded = self.held.as_ref().is_some_and(Held::is_loaded);
        loaded.then_some(Do::Abort).into_iter().collect()
    }

    /// A leaving worker says goodbye once its results are delivered, or when
    /// there is nobody to deliver them to, or no time left; a drained one when
    /// it holds no shard.
    fn leave(&mut self, now: Timestamp, todo: &mut Vec<Do>) {
        let message = match (self.leaves, &self.drains) {
            (Some(latest), _) => {
                let delivering = self
                    .held
                    .as_ref()
                    .is_some_and(|held| held.is_loaded() || (held.is_over() && !held.end_told()));
                if delivering && self.is_up() && now < latest {
                    return;
                }
                "the worker was stopped".to_owned()
            }
            (None, Some(why)) if self.held.is_none() => {
                info!("drained: the worker leaves");
                format!("the worker was drained: {why}")
            }
            (None, _) => return,
        };
        todo.push(Do::Send(WorkerEvent::Goodbye { message }));
        todo.push(Do::Quit);
    }
}

fn refused(attempt: AttemptRef, message: String) -> Vec<Do> {
    vec![Do::Send(WorkerEvent::ShardFailed { attempt, message })]
}
