//! A session with a scripted server and engine.

use std::collections::BTreeMap;

use gauntlet_engine::{Outcome, Replay, Snapshot};
use gauntlet_model::{
    id::WorkerId,
    interval::Interval,
    lifecycle::{Action, Phase},
    session::{Assign, Command},
};
use uuid::Uuid;

use super::super::*;
use crate::{
    measured::tests::{series, snapshot},
    plan::{
        Work,
        tests::{assign, five_connections},
    },
};

/// The server's clock is this much ahead of the worker's.
pub const AHEAD_US: i64 = 5_000_000;
pub const GENERATION: u64 = 7;

/// A session with its clock, and what it was told to do.
pub struct Script {
    pub session: Session,
    pub now: Timestamp,
    pub generation: u64,
    /// What the engine says of its first operation with each second.
    pub first_operation: Option<Timestamp>,
}

impl Script {
    pub fn new() -> Self {
        Self {
            session: Session::new(Identity {
                worker: WorkerId(Uuid::from_u128(1)),
                name: "w".to_owned(),
                capacity: 10,
                labels: BTreeMap::new(),
                processors: 2,
            }),
            now: Timestamp(1_000_000_000),
            generation: GENERATION,
            first_operation: None,
        }
    }

    /// Attached, with its first heartbeat answered without any delay.
    pub fn attached() -> Self {
        let mut script = Self::new();
        script.attach();
        for _ in 0..QUICK_HEARTBEATS {
            script.answer_heartbeat(script.now);
        }
        script
    }

    /// Attached and ready for commands.
    pub fn prepared() -> Self {
        let mut script = Self::attached();
        script.control(ControlMessage::Assign(Box::new(an_assign())));
        script.on(prepared());
        script
    }

    /// Under load, in the measurement.
    pub fn measuring() -> Self {
        let mut script = Self::prepared();
        script.command(1, script.now, Action::Start(Phase::Measurement));
        script
    }

    pub fn on(&mut self, event: Event) -> Vec<Do> {
        self.session.on(event, self.now)
    }

    pub fn control(&mut self, message: ControlMessage) -> Vec<Do> {
        self.on(Event::Control(self.generation, message))
    }

    pub fn attach(&mut self) -> Vec<Do> {
        self.on(Event::Connected);
        self.control(ControlMessage::Welcome(Welcome {
            protocol: PROTOCOL,
            generation: self.generation,
            heartbeat_period: Duration::from_secs(1),
            now: server(self.now),
        }))
    }

    /// The stream breaks and a new one is opened.
    pub fn reattach(&mut self) -> Vec<Do> {
        self.on(Event::Disconnected);
        self.generation += 1;
        self.attach()
    }

    pub fn answer_heartbeat(&mut self, sent: Timestamp) -> Vec<Do> {
        self.control(ControlMessage::HeartbeatReply {
            sent,
            received: server(self.now),
            replied: server(self.now),
        })
    }

    /// A command whose instant is given by the worker's clock.
    pub fn command(&mut self, sequence: i64, at: Timestamp, action: Action) -> Vec<Do> {
        self.control(ControlMessage::Command(Command {
            attempt: an_attempt(),
            sequence,
            at: server(at),
            action,
        }))
    }

    /// One second passes in which so many operations ended.
    pub fn measure(&mut self, operations: usize) -> Vec<Do> {
        let series = series(0, 0, Outcome::Ok, &vec![1_000; operations]);
        self.measure_with(snapshot(vec![series]))
    }

    /// One second passes in which this was measured.
    pub fn measure_with(&mut self, snapshot: Snapshot) -> Vec<Do> {
        let start = self.now;
        self.now = self.now + Duration::from_secs(1);
        let end = self.now;
        self.on(Event::Engine(
            an_attempt(),
            Heard::Measured {
                snapshot: Box::new(snapshot),
                start,
                end,
                first_operation: self.first_operation,
            },
        ))
    }

    pub fn acknowledge(&mut self, sequence: i64) -> Vec<Do> {
        self.control(ControlMessage::IntervalsAck {
            attempt: an_attempt(),
            sequence,
        })
    }

    pub fn pass(&mut self, time: Duration) -> Vec<Do> {
        self.now = self.now + time;
        self.on(Event::Tick)
    }
}

pub fn server(local: Timestamp) -> Timestamp {
    Timestamp(local.0 + AHEAD_US)
}

/// The connections are open.
pub fn prepared() -> Event {
    prepared_as(an_attempt())
}

/// The same for another shard.
pub fn prepared_as(attempt: AttemptRef) -> Event {
    let heard = Heard::Prepared {
        target_version: "SQLite 3".to_owned(),
        replay: Box::new(Replay::new(&Work::new(&an_assign(), 1).plan)),
    };
    Event::Engine(attempt, heard)
}

pub fn measured(snapshot: Snapshot, start: Timestamp, end: Timestamp) -> Event {
    let heard = Heard::Measured {
        snapshot: Box::new(snapshot),
        start,
        end,
        first_operation: None,
    };
    Event::Engine(an_attempt(), heard)
}

/// The load has ended.
pub fn ended(first_operation: Option<Timestamp>) -> Event {
    Event::Engine(an_attempt(), Heard::Ended { first_operation })
}

pub fn failed(message: &str) -> Event {
    let message = message.to_owned();
    Event::Engine(an_attempt(), Heard::Failed { message })
}

pub fn steer(what: Steer) -> Do {
    Do::Steer(an_attempt(), what)
}

pub fn forget() -> Do {
    Do::Forget(an_attempt())
}

pub fn an_assign() -> Assign {
    assign(0, 1, five_connections())
}

pub fn an_attempt() -> AttemptRef {
    an_assign().attempt
}

/// What is sent, heartbeats aside.
pub fn sent(todo: Vec<Do>) -> Vec<WorkerEvent> {
    todo.into_iter()
        .filter_map(|what| match what {
            Do::Send(WorkerEvent::Heartbeat(_)) => None,
            Do::Send(event) => Some(event),
            _ => None,
        })
        .collect()
}

/// What is done beside sending.
pub fn done(todo: Vec<Do>) -> Vec<Do> {
    todo.into_iter()
        .filter(|what| !matches!(what, Do::Send(_)))
        .collect()
}

pub fn intervals(todo: Vec<Do>) -> Vec<Interval> {
    sent(todo)
        .into_iter()
        .filter_map(|event| match event {
            WorkerEvent::Interval { interval, .. } => Some(*interval),
            _ => None,
        })
        .collect()
}

pub fn sequences(todo: Vec<Do>) -> Vec<i64> {
    let intervals = intervals(todo);
    intervals.iter().map(|interval| interval.sequence).collect()
}

pub fn ack(sequence: i64, late_us: u64) -> WorkerEvent {
    WorkerEvent::Ack {
        attempt: an_attempt(),
        sequence,
        late: Duration::from_micros(late_us),
    }
}

pub fn ready() -> WorkerEvent {
    WorkerEvent::Ready {
        attempt: an_attempt(),
        target_version: "SQLite 3".to_owned(),
    }
}

pub fn entered(phase: Phase, at: Timestamp) -> WorkerEvent {
    WorkerEvent::PhaseEntered {
        attempt: an_attempt(),
        phase,
        at: server(at),
    }
}
