//! What is found at one instant, as it is stored.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{ActivitySample, StatementFigures};
use crate::time::Timestamp;

/// One thing found for a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// What for. A run has at most one piece for each place.
    pub place: Place,
    /// When it was taken, by the control plane's clock.
    pub taken: Timestamp,
    /// What was found.
    pub found: Found,
}

/// What a piece is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The instant before the warmup's load; a run without one has none.
    BeforeWarmup,
    /// The instant between warmup and measurement.
    AfterWarmup,
    /// The instant after the measurement's load.
    AfterMeasurement,
    /// What sessions waited for during the measurement.
    Waits,
    /// What sessions did from this instant on, sample by sample.
    Activity(Timestamp),
}

/// What the words of [`Place::Activity`] begin with.
const ACTIVITY: &str = "activity_";

impl Place {
    /// Those of which a run has one each, in their order.
    pub const SINGLE: [Self; 4] = [
        Self::BeforeWarmup,
        Self::AfterWarmup,
        Self::AfterMeasurement,
        Self::Waits,
    ];

    /// The stable word. Those of activity sort by time, and beside no other.
    #[must_use]
    pub fn word(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::BeforeWarmup => "before_warmup",
            Self::AfterWarmup => "after_warmup",
            Self::AfterMeasurement => "after_measurement",
            Self::Waits => "waits",
            Self::Activity(Timestamp(us)) => return Cow::Owned(format!("{ACTIVITY}{us:019}")),
        })
    }

    /// The place of a stable word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        if let Some(us) = word.strip_prefix(ACTIVITY) {
            return Some(Self::Activity(Timestamp(us.parse().ok()?)));
        }
        Self::SINGLE.into_iter().find(|place| place.word() == word)
    }
}

/// What was found, or why nothing was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The target's statistics at an instant.
    Snapshot(Box<Snapshot>),
    /// Samples over the measurement.
    Waits(Waits),
    /// Samples in a row, oldest first.
    Activity(Vec<ActivitySample>),
    /// The target has nothing of this, in words.
    Skipped(String),
    /// It could not be had, in words.
    Failed(String),
}

/// A target's own statistics at one instant. Counters grow from there on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Figures that only grow, by where they come from.
    pub counters: Vec<Counters>,
    /// Figures that may fall too: name with unit, value.
    pub levels: Vec<(String, f64)>,
    /// The run's operations; `None` when the target does not count statements.
    pub statements: Option<Statements>,
    /// The tables that the operations name, and their indexes.
    pub relations: Vec<RelationSize>,
    /// What the target says of itself: name, value with unit.
    pub settings: Vec<(String, String)>,
    /// Parts that could not be had, each with its reason and what to do.
    pub skipped: Vec<String>,
}

/// Counters that are set back together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Where they come from, in the target's words.
    pub source: String,
    /// When they were set back last; `None` if never or not known.
    pub reset: Option<Timestamp>,
    /// Name with unit, value.
    pub values: Vec<(String, f64)>,
}

/// The run's operations as the target counts them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statements {
    /// When they were set back last; `None` if never or not known.
    pub reset: Option<Timestamp>,
    /// How many statements the target has forgotten for want of room.
    pub forgotten: u64,
    /// Since then; operations that were never executed may be left out.
    pub figures: Vec<StatementFigures>,
}

/// The size of a table or an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationSize {
    /// Its name.
    pub name: String,
    /// Whether it is an index.
    pub index: bool,
    /// Its size, bytes.
    pub bytes: u64,
}

/// What the sessions of a run do at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitSample {
    /// The run's sessions, those that do nothing included.
    pub sessions: u32,
    /// Those that are at work, by what they wait for.
    pub waits: Vec<WaitNow>,
}

/// Sessions that wait for the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitNow {
    /// The kind in the target's words; "CPU" when not waiting.
    pub kind: String,
    /// What for; empty for CPU.
    pub event: String,
    /// How many.
    pub sessions: u32,
    /// Whether they queue for something that another session holds, so that
    /// more sessions would only make the queue longer.
    pub queued: bool,
}

impl WaitSample {
    /// Sessions that queue, as a share of the run's sessions; `None` without any.
    #[must_use]
    pub fn queue_ratio(&self) -> Option<f64> {
        if self.sessions == 0 {
            return None;
        }
        let queued = self.waits.iter().filter(|wait| wait.queued);
        let queued: u32 = queued.map(|wait| wait.sessions).sum();
        Some(f64::from(queued) / f64::from(self.sessions))
    }
}

/// Samples, added up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// How many samples were taken.
    pub samples: u64,
    /// How many could not be.
    pub failed: u64,
    /// Why the last of those could not be.
    pub reason: String,
    /// By kind and event.
    pub sums: Vec<WaitSum>,
}

/// Sessions that waited for the same, summed over the samples.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitSum {
    /// The kind in the target's words; "CPU" when not waiting.
    pub kind: String,
    /// What for; empty for CPU.
    pub event: String,
    /// The sum.
    pub sessions: u64,
}

impl Waits {
    /// Adds a sample.
    pub fn add(&mut self, sample: &WaitSample) {
        self.samples += 1;
        for now in &sample.waits {
            let same = |sum: &&mut WaitSum| sum.kind == now.kind && sum.event == now.event;
            match self.sums.iter_mut().find(same) {
                Some(sum) => sum.sessions += u64::from(now.sessions),
                None => self.sums.push(WaitSum {
                    kind: now.kind.clone(),
                    event: now.event.clone(),
                    sessions: u64::from(now.sessions),
                }),
            }
        }
    }

    /// Notes a sample that could not be taken.
    pub fn fail(&mut self, reason: String) {
        self.failed += 1;
        self.reason = reason;
    }
}
