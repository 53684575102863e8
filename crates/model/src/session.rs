//! What a worker and the control plane say to each other.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    id::{Name, RunId, WorkerId},
    interval::Interval,
    lifecycle::{Action, Phase},
    logs::LogLine,
    sample::OperationSample,
    target::{Address, Secret},
    template::Spec,
    time::Timestamp,
};

/// The protocol that control plane and workers speak. 2: a target's address says
/// whether connections are encrypted, which a worker of 1 would pass over and
/// connect in plain text; intervals name what stood still.
pub const PROTOCOL: u32 = 2;

/// Identifies one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttemptRef {
    /// The run.
    pub run: RunId,
    /// The shard, 0 … N-1.
    pub shard: u32,
    /// The attempt, from 1.
    pub attempt: u32,
}

/// Keys that belong to one attempt alone: `first`, … `first + length - 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRange {
    /// The first key.
    pub first: i64,
    /// How many keys.
    pub length: i64,
}

/// Up: from a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkerEvent {
    /// The first message of a session.
    Hello(Hello),
    /// Connections are open and statements prepared.
    Ready {
        /// Which attempt.
        attempt: AttemptRef,
        /// The target's kind and version.
        target_version: String,
    },
    /// A sign of life and a clock sample.
    Heartbeat(Heartbeat),
    /// A command was carried out.
    Ack {
        /// Which attempt.
        attempt: AttemptRef,
        /// The command.
        sequence: i64,
        /// How late it came after its instant.
        late: Duration,
    },
    /// A phase began.
    PhaseEntered {
        /// Which attempt.
        attempt: AttemptRef,
        /// The phase.
        phase: Phase,
        /// When, by the worker's corrected clock.
        at: Timestamp,
    },
    /// About one second of measurements.
    Interval {
        /// What was measured.
        interval: Box<Interval>,
        /// When the attempt's first operation was due, by the worker's corrected
        /// clock; `None` while there was none, or when the worker does not tell.
        /// Not of the interval alone: each one tells it, so none must arrive.
        first_operation: Option<Timestamp>,
    },
    /// Operations of the attempt so far that were kept as examples. They take
    /// the place of those that were told before, of the same attempt,
    /// operation and kind; those of one operation come in one message, ordered
    /// by rank within their kind.
    Samples {
        /// Which attempt.
        attempt: AttemptRef,
        /// All that are kept of the operations in it.
        samples: Vec<OperationSample>,
    },
    /// What the worker said while it held a shard of the run. The session
    /// knows which worker, so the lines do not say it.
    Logs {
        /// Which run.
        run: RunId,
        /// In their order.
        lines: Vec<LogLine>,
    },
    /// The shard ended and all its intervals were sent.
    ShardFinished(ShardTotals),
    /// The shard could not go on.
    ShardFailed {
        /// Which attempt.
        attempt: AttemptRef,
        /// What happened and what to do.
        message: String,
    },
    /// The worker leaves.
    Goodbye {
        /// Why.
        message: String,
    },
}

/// Who a worker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The oldest protocol it speaks.
    pub protocol_min: u32,
    /// The newest protocol it speaks.
    pub protocol_max: u32,
    /// Made by the worker at its start.
    pub worker: WorkerId,
    /// For people.
    pub name: String,
    /// Connections it is willing to hold.
    pub capacity: u32,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
    /// Processors it may use.
    pub processors: u32,
    /// gauntlet's version.
    pub version: String,
    /// What it still holds from the session before.
    pub resumes: Vec<ResumePoint>,
}

/// What a worker that reconnects still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    /// The attempt.
    pub attempt: AttemptRef,
    /// The last command carried out; 0 for none.
    pub last_command: i64,
}

/// A sign of life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heartbeat {
    /// The worker's clock when it sent this.
    pub sent: Timestamp,
    /// Microseconds to add to the worker's clock to get the server's.
    pub clock_offset_us: i64,
    /// Half of the smallest round trip seen; `None` before the first.
    pub clock_uncertainty: Option<Duration>,
    /// The worker process's share of all its processors, 0 to 1.
    pub cpu: f64,
    /// Resident memory, bytes.
    pub memory_bytes: u64,
    /// Operations in flight.
    pub in_flight: u32,
    /// Operations due and not sent.
    pub backlog: u64,
}

/// The end of a shard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShardTotals {
    /// Which attempt.
    pub attempt: AttemptRef,
    /// How many intervals were sent.
    pub intervals: i64,
    /// Operations that ended, in any phase and with any outcome.
    pub operations: u64,
    /// When the first operation was due, by the worker's corrected clock.
    pub first_operation: Option<Timestamp>,
    /// The largest CPU share of any second of the measurement, 0 to 1.
    pub peak_cpu: f64,
}

/// Down: to a worker.
#[derive(Clone, Debug, PartialEq)]
pub enum ControlMessage {
    /// The first message of a session.
    Welcome(Welcome),
    /// A shard to prepare.
    Assign(Box<Assign>),
    /// A command for a shard.
    Command(Command),
    /// Intervals up to this sequence are stored.
    IntervalsAck {
        /// Which attempt.
        attempt: AttemptRef,
        /// All up to this one.
        sequence: i64,
    },
    /// Forget a shard.
    Release {
        /// Which attempt.
        attempt: AttemptRef,
    },
    /// Take no shard any more, and leave when none is held.
    Drain {
        /// Why.
        message: String,
    },
    /// The answer to a heartbeat.
    HeartbeatReply {
        /// The heartbeat's `sent`.
        sent: Timestamp,
        /// The server's clock when the heartbeat came in.
        received: Timestamp,
        /// The server's clock when this was sent.
        replied: Timestamp,
    },
}

/// The worker is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// The protocol to speak.
    pub protocol: u32,
    /// Grows with every session of this worker.
    pub generation: u64,
    /// How often to send a heartbeat.
    pub heartbeat_period: Duration,
    /// The server's clock.
    pub now: Timestamp,
}

/// A shard to prepare.
#[derive(Clone, Debug, PartialEq)]
pub struct Assign {
    /// Which attempt.
    pub attempt: AttemptRef,
    /// The run's name, for the session tag at the target.
    pub run_name: Name,
    /// What to do.
    pub spec: Spec,
    /// Where.
    pub address: Address,
    /// The login's password.
    pub password: Option<Secret>,
    /// How many shards the run has.
    pub shards: u32,
    /// Keys for INSERT.
    pub keys: KeyRange,
    /// The values of the pools that the operations draw from, by name; `None`
    /// is SQL NULL.
    pub pools: Vec<(Name, Vec<Option<String>>)>,
}

/// The most bytes of all values of an assignment's pools together.
pub const MOST_POOL_BYTES: usize = 16 << 20;

/// A command for a shard: in order, each exactly once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Which attempt.
    pub attempt: AttemptRef,
    /// Counts from 1, per run.
    pub sequence: i64,
    /// When, by the server's clock.
    pub at: Timestamp,
    /// What.
    pub action: Action,
}
