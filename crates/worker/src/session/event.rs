//! What goes into a session, and what comes out.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_engine::{Epoch, Replay, Snapshot};
use gauntlet_model::{
    id::WorkerId,
    session::{Assign, AttemptRef, ControlMessage, WorkerEvent},
    time::Timestamp,
};

use crate::usage::Usage;

/// What happens to a session.
#[derive(Debug)]
pub enum Event {
    /// A stream is open and Hello is on its way.
    Connected,
    /// The stream is gone.
    Disconnected,
    /// The server says something, in a session of this generation.
    Control(u64, ControlMessage),
    /// The engine of a shard says something.
    Engine(AttemptRef, Heard),
    /// What the process used since an instant, and the gauges of all loads now.
    Used {
        /// What the process used.
        usage: Usage,
        /// Since when, by the worker's clock.
        since: Timestamp,
        /// Operations in flight.
        in_flight: u32,
        /// Operations due and not sent.
        backlog: u64,
    },
    /// An instant that [`Session::wake_at`](super::Session::wake_at) asked for has come.
    Tick,
    /// The worker is to leave.
    Leave,
}

/// What is heard from a shard's engine.
#[derive(Debug)]
pub enum Heard {
    /// The connections are open.
    Prepared {
        /// The target's kind and version.
        target_version: String,
        /// Computes the parameters of operations again.
        replay: Box<Replay>,
    },
    /// The engine has measured.
    Measured {
        /// What.
        snapshot: Box<Snapshot>,
        /// The interval's start, by the worker's clock.
        start: Timestamp,
        /// The interval's end, by the worker's clock.
        end: Timestamp,
        /// When the first operation of all was sent, by the worker's clock.
        first_operation: Option<Timestamp>,
    },
    /// The load has ended and everything measured was handed out.
    Ended {
        /// When the first operation was sent, by the worker's clock.
        first_operation: Option<Timestamp>,
    },
    /// The shard cannot go on.
    Failed {
        /// What happened and what to do.
        message: String,
    },
}

/// What must be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Do {
    /// Tell the server.
    Send(WorkerEvent),
    /// Give up the stream and connect again.
    Disconnect(&'static str),
    /// Open the connections of a shard.
    Prepare(Box<Assign>),
    /// Steer a shard's load.
    Steer(AttemptRef, Steer),
    /// Drop a shard's engine and whatever it still does.
    Forget(AttemptRef),
    /// Nothing is left to do.
    Quit,
    /// The server cannot be worked with.
    GiveUp(String),
}

/// What is done with a load. Instants are by the worker's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steer {
    /// Begin it.
    Start {
        /// When.
        at: Timestamp,
        /// What operations belong to from then on.
        epoch: Epoch,
    },
    /// Operations belong to another epoch.
    Enter {
        /// From when on they are due in it.
        at: Timestamp,
        /// Which one.
        epoch: Epoch,
    },
    /// Drop what waits in an open loop.
    ClearBacklog {
        /// What was due before and is not sent then.
        at: Timestamp,
    },
    /// Another rate of an open loop.
    SetRate {
        /// From when on.
        at: Timestamp,
        /// Operations due in 1,000 seconds, over all shards: each takes every N-th.
        milli_per_s: u64,
    },
    /// Another number of connections of a closed loop.
    SetConnections {
        /// From when on.
        at: Timestamp,
        /// Connections of the shard that send.
        connections: u32,
    },
    /// An interval ends.
    EndInterval {
        /// When.
        at: Timestamp,
    },
    /// Nothing is due any more.
    Pause {
        /// From when on.
        at: Timestamp,
    },
    /// Operations are due again.
    Resume {
        /// From when on.
        at: Timestamp,
    },
    /// End it.
    Stop {
        /// When.
        at: Timestamp,
        /// How long operations in flight may take.
        drain: Duration,
    },
    /// Cut it now.
    Abort,
}

/// Who the worker is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Made by the worker at its start.
    pub worker: WorkerId,
    /// For people.
    pub name: String,
    /// Connections that it is willing to hold.
    pub capacity: u32,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
    /// Processors that it may use.
    pub processors: u32,
}
