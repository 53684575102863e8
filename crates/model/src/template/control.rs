//! What is done with a load while it runs, and where its workers come from.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

/// The label of a worker that was started for one run: the run's id. Such a
/// worker serves no other run.
pub const RUN_LABEL: &str = "gauntlet.dev/run";

/// See the module. The default changes nothing: a fixed load on workers that
/// are attached and free.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Control {
    /// Looks for the highest level that the target sustains.
    pub search: Option<Search>,
    /// Whether workers are added.
    pub scaling: Scaling,
    /// When load is taken back or the run ends.
    pub guardrails: Option<Guardrails>,
    /// Labels that a worker must carry.
    pub worker_labels: BTreeMap<String, String>,
    /// How long the run may wait for free workers; zero fails the start.
    pub worker_wait: Duration,
    /// Where the workers come from.
    pub launcher: Launcher,
    /// A worker whose clock is more uncertain fails the start.
    pub max_clock_uncertainty: Duration,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            search: None,
            scaling: Scaling::default(),
            guardrails: None,
            worker_labels: BTreeMap::new(),
            worker_wait: Duration::ZERO,
            launcher: Launcher::External,
            max_clock_uncertainty: Duration::from_millis(20),
        }
    }
}

/// Where a run's workers come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Launcher {
    /// Attached workers, chosen by labels and free capacity.
    External,
    /// Processes on the control plane's machine, started for the run.
    Local,
}

/// A search for the highest level that the target sustains. It begins at the
/// level of the load and ends with the measurement at the latest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// How the levels follow each other.
    pub method: Method,
    /// The length of a step's window.
    pub step: Duration,
    /// How long the load settles before the window.
    pub settle: Duration,
    /// The length of the window in which the best level must hold once more;
    /// zero for none.
    pub confirm: Duration,
    /// The highest level that is tried: connections or operations per second.
    pub max_level: f64,
    /// The most steps, confirmation included.
    pub max_steps: u32,
    /// What makes a step fail.
    pub stop: StopSignals,
}

/// How the levels of a search follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Grow by a factor until a step fails, then halve the gap.
    Bisect(Bisect),
    /// Equal increments, with steps back.
    Linear(Linear),
}

/// See [`Method::Bisect`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bisect {
    /// The factor of growth, at least 1.1.
    pub growth: f64,
    /// The gap that ends the search, as a share of the lowest level that failed.
    pub resolution: f64,
    /// Whether the lower levels are tried again on the way down.
    pub descend: bool,
}

/// See [`Method::Linear`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// What each step adds.
    pub increment: f64,
    /// How often the search may go back.
    pub backoffs: u32,
}

/// What makes a step fail. Those that are `None` are not looked at. The shares
/// are as in the API: `StopSignals` of `template.proto`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StopSignals {
    /// Sessions that wait at the target, as a share of all connections.
    pub max_queue_ratio: Option<f64>,
    /// The share of operations that fail.
    pub max_error_ratio: f64,
    /// Whether the template's objectives count.
    pub slos: bool,
    /// How much the p95 may grow against the first step, as a share of it.
    pub max_latency_increase: Option<f64>,
    /// How much the throughput may fall against the best step, as a share of it.
    pub max_throughput_drop: f64,
    /// How much an open loop may fall short of its rate, as a share of it.
    pub max_rate_shortfall: f64,
    /// The least share of the ideal gain of added connections.
    pub min_gain: Option<f64>,
}

impl Default for StopSignals {
    fn default() -> Self {
        Self {
            max_queue_ratio: None,
            max_error_ratio: 0.01,
            slos: true,
            max_latency_increase: None,
            max_throughput_drop: 0.1,
            max_rate_shortfall: 0.02,
            min_gain: None,
        }
    }
}

/// Whether workers are added while a run is under load.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// How.
    pub mode: ScalingMode,
    /// The share of its processors at which a worker is the limit.
    pub max_worker_cpu: f64,
    /// For how many seconds in a row.
    pub patience_s: u32,
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            mode: ScalingMode::Fixed,
            max_worker_cpu: 0.8,
            patience_s: 3,
        }
    }
}

/// The ways of scaling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScalingMode {
    /// Exactly the template's workers.
    Fixed,
    /// Up to so many; a run that needs more ends.
    Bounded {
        /// The most workers.
        max_workers: u32,
    },
    /// As many as are needed and free.
    Auto,
}

/// Limits for the sake of the generator or the target. Those that are `None`
/// are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guardrails {
    /// What happens when one is crossed.
    pub mode: GuardrailMode,
    /// A worker's share of its processors.
    pub max_worker_cpu: Option<f64>,
    /// A worker's resident memory.
    pub max_worker_memory_bytes: Option<u64>,
    /// The share of operations that fail within a second.
    pub max_error_ratio: Option<f64>,
    /// Sessions that wait at the target, as a share of all connections.
    pub max_queue_ratio: Option<f64>,
    /// For how many seconds in a row.
    pub patience_s: u32,
}

/// What happens when a limit is crossed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardrailMode {
    /// The run ends.
    Hard,
    /// The worker gets less load, the others share it.
    Soft,
}

/// When a load counts as steady.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UntilSteady {
    /// How long it must have been.
    pub window: Duration,
    /// How far the halves of the window may differ, as a share.
    pub tolerance: f64,
}
