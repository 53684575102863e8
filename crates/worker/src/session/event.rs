//! What goes into a session, and what comes out.

use std::{collections::BTreeMap, time::Duration};

use gauntlet_engine::{Epoch, Replay, Snapshot};
use gauntlet_model::{
    id::WorkerId,
    session::{Assign, ControlMessage, WorkerEvent},
    time::Timestamp,
};

use crate::usage::Usage;

/// What happens to a session.
#[derive(Debug)]
pub(crate) enum Event {
    /// A stream is open and Hello is on its way.
    Connected,
    /// The stream is gone.
    Disconnected,
    /// The server says something, in a session of this generation.
    Control(u64, ControlMessage),
    /// The shard's connections are open.
    Prepared {
        /// The target's kind and version.
        target_version: String,
        /// Computes the parameters of operations again.
        replay: Box<Replay>,
    },
    /// The engine has measured. The ends are by the worker's clock.
    Measured {
        snapshot: Box<Snapshot>,
        start: Timestamp,
        end: Timestamp,
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
    /// What the process used since an instant, and the load's gauges now.
    Used {
        usage: Usage,
        since: Timestamp,
        in_flight: u32,
        backlog: u64,
    },
    /// An instant that [`Session::wake_at`](super::Session::wake_at) asked for has come.
    Tick,
    /// The worker is to leave.
    Leave,
}

/// What must be done, in this order. Instants are by the worker's clock.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Do {
    /// Tell the server.
    Send(WorkerEvent),
    /// Give up the stream and connect again.
    Disconnect(&'static str),
    /// Open the connections of a shard.
    Prepare(Box<Assign>),
    /// Begin the load.
    Start { at: Timestamp, epoch: Epoch },
    /// Operations due from then on belong to the epoch.
    Enter { at: Timestamp, epoch: Epoch },
    /// So many operations of the run are due in 1,000 seconds from then on.
    SetRate { at: Timestamp, milli_per_s: u64 },
    /// So many connections of the shard send from then on.
    SetConnections { at: Timestamp, connections: u32 },
    /// Nothing is due from then on.
    Pause { at: Timestamp },
    /// The load goes on.
    Resume { at: Timestamp },
    /// End the load.
    Stop { at: Timestamp, drain: Duration },
    /// Cut the load now.
    Abort,
    /// Drop the shard and whatever it still does.
    Forget,
    /// Nothing is left to do.
    Quit,
    /// The server cannot be worked with.
    GiveUp(String),
}

/// Who the worker is.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) worker: WorkerId,
    pub(crate) name: String,
    pub(crate) capacity: u32,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) processors: u32,
}
