//! Runs and what is recorded of them.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    id::{Name, Project, RunId, WorkerId},
    lifecycle::{Action, Phase, RunState, ShardStage, Status, Timing},
    session::{AttemptRef, KeyRange},
    template::{Launcher, Level, Load, Spec},
    time::Timestamp,
};

/// One execution of a template version.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The run's id.
    pub id: RunId,
    /// The template's project.
    pub project: Project,
    /// Unique in its project.
    pub name: Name,
    /// The template's name.
    pub template: Name,
    /// The template's version.
    pub template_version: i32,
    /// The template as it was when the run was created.
    pub spec: Spec,
    /// Where the run is in its life.
    pub state: RunState,
    /// Grows by one with every stored change.
    pub revision: i64,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
    /// What people want to remember of it.
    pub notes: String,
    /// The run whose snapshot it repeats.
    pub rerun_of: Option<RunId>,
    /// When it was created.
    pub created: Timestamp,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

impl Run {
    /// Where the run is in its life, in one word.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state.status()
    }

    /// The durations that the run's life goes by.
    #[must_use]
    pub fn timing(&self) -> Timing {
        Timing {
            warmup: self.spec.phases.warmup,
            until_steady: self.spec.phases.until_steady.is_some(),
            measurement: self.spec.phases.measurement,
            drain: self.spec.phases.drain_timeout,
            start: self.spec.start_timeout,
            worker_loss: self.spec.worker_loss,
            wait: self.wait(),
            level: self.spec.load.level(),
            search: self.spec.control.search,
            scaling: self.spec.control.scaling,
        }
    }

    /// How long the run may wait for workers; for those that it starts itself
    /// as long as for a start.
    fn wait(&self) -> Duration {
        let control = &self.spec.control;
        if control.launcher == Launcher::Local && control.worker_wait.is_zero() {
            return self.spec.start_timeout;
        }
        control.worker_wait
    }

    /// How long the whole run is planned to take, drain and report aside.
    #[must_use]
    pub fn planned(&self) -> Duration {
        self.spec.phases.warmup + self.spec.phases.measurement
    }

    /// The level of now: what was asked for last, or else the template's.
    #[must_use]
    pub fn level(&self) -> Level {
        self.state.level.unwrap_or_else(|| self.spec.load.level())
    }

    /// See [`etag`].
    #[must_use]
    pub fn etag(&self) -> String {
        etag(&self.labels, &self.notes)
    }

    /// Whether the run's load can have such a level.
    pub fn takes(&self, level: Level) -> Result<(), WrongLevel> {
        match (&self.spec.load, level) {
            (Load::Concurrency { .. }, Level::Concurrency { .. })
            | (Load::Rate { .. }, Level::Rate { .. }) => Ok(()),
            (Load::Concurrency { .. }, Level::Rate { .. }) => Err(WrongLevel::ClosedLoop),
            (Load::Rate { .. }, Level::Concurrency { .. }) => Err(WrongLevel::OpenLoop),
        }
    }
}

/// Names the state of what people write on a run: labels and notes. Equal
/// content has the same etag, and nothing else that happens to a run changes it.
#[must_use]
pub fn etag(labels: &BTreeMap<String, String>, notes: &str) -> String {
    let texts = labels.iter().flat_map(|(key, value)| [key.as_str(), value]);
    let digest = texts.chain([notes]).fold(FNV_OFFSET, |digest, text| {
        // The length in front keeps ("ab", "c") and ("a", "bc") apart.
        let length = (text.len() as u64).to_le_bytes();
        fnv(fnv(digest, &length), text.as_bytes())
    });
    format!("{digest:016x}")
}

/// A level of the other kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongLevel {
    /// A rate for a closed loop.
    #[error("the run's load is a closed loop, which has no rate; give connections")]
    ClosedLoop,
    /// Connections for an open loop.
    #[error("the run's load is an open loop, whose connections are fixed; give a rate")]
    OpenLoop,
}

/// Where the digest begins: 64-bit FNV-1a.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// The digest with more bytes.
fn fnv(digest: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(digest, |digest, byte| {
        (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// One worker's try at a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The shard.
    pub shard: u32,
    /// Counts from 1.
    pub number: u32,
    /// The worker.
    pub worker: WorkerId,
    /// The worker's name, processors and version, for the report.
    pub worker_text: String,
    /// Its state.
    pub stage: ShardStage,
    /// Why it failed or was lost; empty otherwise.
    pub message: String,
    /// Its keys for INSERT.
    pub keys: KeyRange,
    /// When it was given to the worker.
    pub assigned: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When its first operation was due.
    pub first_operation: Option<Timestamp>,
    /// The largest CPU share of any second of the measurement, in thousandths.
    pub peak_cpu_permille: u32,
    /// How uncertain the worker's clock was at its end.
    pub clock_uncertainty: Option<Duration>,
    /// The run's revision when it last changed; given by the store.
    pub revision: i64,
}

impl Attempt {
    /// Names the attempt among those of all runs.
    #[must_use]
    pub fn of(&self, run: RunId) -> AttemptRef {
        AttemptRef {
            run,
            shard: self.shard,
            attempt: self.number,
        }
    }
}

/// Something that happened in a run; its sequence is given by the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunEvent {
    /// Counts from 1 without gaps, per run; 0 before it is stored.
    pub sequence: i64,
    /// When.
    pub time: Timestamp,
    /// What kind.
    pub kind: RunEventKind,
    /// In words.
    pub message: String,
    /// The shard; `None` when it concerns the whole run.
    pub shard: Option<u32>,
}

/// The kinds of run event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEventKind {
    /// The status changed.
    Status,
    /// The phase changed.
    Phase,
    /// This command was sent.
    Control(ControlEvent),
    /// Something about a worker: that it entered this phase, or another thing.
    Worker(Option<PhaseEntry>),
    /// Something went wrong.
    Error,
}

impl RunEventKind {
    /// The stable word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Status => "STATUS",
            Self::Phase => "PHASE",
            Self::Control(_) => "CONTROL",
            Self::Worker(_) => "WORKER",
            Self::Error => "ERROR",
        }
    }

    /// The command that was sent; `None` for the other kinds.
    #[must_use]
    pub fn command(&self) -> Option<&ControlEvent> {
        match self {
            Self::Control(command) => Some(command),
            Self::Status | Self::Phase | Self::Worker(_) | Self::Error => None,
        }
    }

    /// The phase that a worker entered; `None` for all other events.
    #[must_use]
    pub fn entered(&self) -> Option<PhaseEntry> {
        match self {
            Self::Worker(entered) => *entered,
            Self::Status | Self::Phase | Self::Control(_) | Self::Error => None,
        }
    }

    /// The kind of a stable word and of the command or the entry that is kept
    /// with it; `None` when they do not belong together.
    #[must_use]
    pub fn parse(
        word: &str,
        command: Option<ControlEvent>,
        entered: Option<PhaseEntry>,
    ) -> Option<Self> {
        match (word, command, entered) {
            ("STATUS", None, None) => Some(Self::Status),
            ("PHASE", None, None) => Some(Self::Phase),
            ("CONTROL", Some(command), None) => Some(Self::Control(command)),
            ("WORKER", None, entered) => Some(Self::Worker(entered)),
            ("ERROR", None, None) => Some(Self::Error),
            _ => None,
        }
    }
}

/// A worker's entry into a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseEntry {
    /// The phase.
    pub phase: Phase,
    /// When, by the server's clock.
    pub at: Timestamp,
    /// Whether the worker came later than the others, to a phase that had begun.
    pub joined: bool,
}

/// A command as it is stored, before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlEvent {
    /// Counts from 1, per run.
    pub sequence: i64,
    /// When it takes effect, by the server's clock.
    pub at: Timestamp,
    /// What.
    pub action: Action,
}

/// A phase of a run, as it was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhaseTransition {
    /// The phase.
    pub phase: Phase,
    /// When.
    pub at: Timestamp,
}

/// A worker as the control plane knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// The worker's id.
    pub id: WorkerId,
    /// For people.
    pub name: String,
    /// Its state.
    pub status: WorkerStatus,
    /// Connections it is willing to hold.
    pub capacity: u32,
    /// Processors it may use.
    pub processors: u32,
    /// Free key-value pairs.
    pub labels: BTreeMap<String, String>,
    /// gauntlet's version.
    pub version: String,
    /// The runs it serves.
    pub runs: Vec<RunId>,
    /// Connections that they have reserved.
    pub reserved: u32,
    /// What it does at the moment.
    pub gauges: Gauges,
    /// When it first attached.
    pub attached: Timestamp,
    /// Its last sign of life.
    pub seen: Timestamp,
    /// Microseconds to add to its clock to get the server's.
    pub clock_offset_us: i64,
    /// How wrong the offset may be; `None` before the first sample.
    pub clock_uncertainty: Option<Duration>,
}

/// What a worker does at the moment, by its heartbeats and its intervals.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gauges {
    /// The worker process's share of all its processors, 0 to 1.
    pub cpu: f64,
    /// Resident memory, bytes.
    pub memory_bytes: u64,
    /// Operations in flight.
    pub in_flight: u32,
    /// Operations due and not sent.
    pub backlog: u64,
    /// Operations that ended in the newest second that it delivered, all its
    /// runs together.
    pub operations_per_s: f64,
}

/// The states of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkerStatus {
    /// Attached and free.
    Idle,
    /// Attached and serving a run.
    Busy,
    /// Attached, takes no new run, and leaves when it holds none.
    Draining,
    /// Its stream ended or its heartbeats stopped.
    Lost,
    /// It said goodbye.
    Gone,
}

impl WorkerStatus {
    /// The stable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "IDLE",
            Self::Busy => "BUSY",
            Self::Draining => "DRAINING",
            Self::Lost => "LOST",
            Self::Gone => "GONE",
        }
    }

    /// The status of a stable word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Idle,
            Self::Busy,
            Self::Draining,
            Self::Lost,
            Self::Gone,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
    }
}

#[cfg(test)]
mod tests;
