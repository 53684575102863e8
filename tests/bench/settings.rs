//! How long and how often each thing is measured.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// Connections of every tool in every comparison.
pub const CONNECTIONS: u32 = 8;
/// Threads of pgbench; a gauntlet worker takes one per processor.
pub const PGBENCH_THREADS: u32 = 2;
/// pgbench's scale: 100,000 accounts each.
pub const SCALE: u32 = 10;
/// Rows of `pgbench_accounts` at that scale.
pub const ACCOUNTS: u32 = SCALE * 100_000;
/// Callers that create runs at the same time.
pub const CALLERS: usize = 32;

/// Measures gauntlet beside pgbench and sysbench and writes the figures.
#[derive(Debug, Parser)]
pub struct Options {
    /// The gauntlet binary to measure; the one beside this program when not given.
    #[arg(long, value_name = "PATH")]
    pub binary: Option<PathBuf>,
    /// Short rounds, to see that everything works; the figures mean little.
    #[arg(long)]
    pub quick: bool,
    /// The folder for benchmarks.md and benchmarks.json.
    #[arg(long, value_name = "FOLDER", default_value = "docs")]
    pub out: PathBuf,
    /// Measures only these parts and prints the figures instead of writing them.
    #[arg(
        long = "only",
        visible_alias = "part",
        value_name = "PART",
        value_delimiter = ','
    )]
    pub parts: Vec<Part>,
    /// Writes the files although only some parts are measured: the figures of the others stay as they are there.
    #[arg(long)]
    pub keep: bool,
}

impl Options {
    pub fn wants(&self, part: Part) -> bool {
        self.parts.is_empty()
            || self.parts.contains(&part)
            || part.is_api() && self.parts.contains(&Part::Api)
    }

    pub fn wants_api(&self) -> bool {
        Part::value_variants()
            .iter()
            .any(|part| part.is_api() && self.wants(*part))
    }
}

/// What can be measured alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Closed loop: CPU per operation and throughput.
    Select,
    /// Open loop: achieved rate and lag.
    Rate,
    /// From the start of the binary to the first operation.
    FirstOperation,
    /// START, STOP and steps of a search at 32 workers.
    Steering,
    /// All parts below.
    Api,
    /// `CreateRun` calls per second.
    CreateRun,
    /// `GetRun` and `ListRuns` among very many runs.
    ListRuns,
    /// Measurements of many workers.
    Ingest,
    /// Changes of runs to many watchers.
    Fanout,
}

impl Part {
    fn is_api(self) -> bool {
        matches!(
            self,
            Self::CreateRun | Self::ListRuns | Self::Ingest | Self::Fanout
        )
    }
}

/// The lengths and repetitions of one benchmark.
#[derive(Debug)]
pub struct Settings {
    pub quick: bool,
    /// Closed-loop rounds; each has every tool once.
    pub rounds: usize,
    /// Load before the measurement of a closed-loop run.
    pub warmup: Duration,
    /// The measurement of a closed-loop run.
    pub measurement: Duration,
    /// Open-loop rounds at each rate.
    pub rate_rounds: usize,
    /// The measurement of an open-loop run.
    pub rate_measurement: Duration,
    /// Load before it.
    pub rate_warmup: Duration,
    /// How long the callers create runs.
    pub create: Duration,
    /// How many runs the lists are of.
    pub listed_runs: usize,
    /// Rounds of the calls that read.
    pub call_rounds: usize,
    /// Workers of the larger ingest; the smaller has 64.
    pub many_workers: usize,
    /// How long the ingest is watched.
    pub ingest: Duration,
    /// Watchers of one run in the largest fan-out, and runs of the widest.
    pub watchers: usize,
    /// Changes that are followed one after the other.
    pub changes: usize,
    /// Fresh folders for the demo; it runs twice in each.
    pub demos: usize,
    /// Rounds of starts, stops and searches.
    pub steered: usize,
    /// Rows of sysbench's table.
    pub sysbench_rows: u32,
}

impl Settings {
    pub fn of(options: &Options) -> Self {
        let seconds = Duration::from_secs;
        if options.quick {
            Self {
                quick: true,
                rounds: 2,
                warmup: seconds(1),
                measurement: seconds(2),
                rate_rounds: 1,
                rate_measurement: seconds(4),
                rate_warmup: seconds(1),
                create: seconds(2),
                listed_runs: 2_000,
                call_rounds: 2,
                many_workers: 100,
                ingest: seconds(5),
                watchers: 100,
                changes: 5,
                demos: 1,
                steered: 1,
                sysbench_rows: 100_000,
            }
        } else {
            Self {
                quick: false,
                rounds: 7,
                warmup: seconds(1),
                measurement: seconds(8),
                rate_rounds: 3,
                rate_measurement: seconds(20),
                rate_warmup: seconds(2),
                create: seconds(10),
                listed_runs: 100_000,
                call_rounds: 15,
                many_workers: 1_000,
                ingest: seconds(20),
                watchers: 1_000,
                changes: 40,
                demos: 3,
                steered: 10,
                sysbench_rows: ACCOUNTS,
            }
        }
    }

    /// How long each tool works in an open-loop round.
    pub fn rate_length(&self) -> Duration {
        self.rate_warmup + self.rate_measurement
    }

    /// How long the server counts amid an open-loop round; the rest is for both ends of it.
    pub fn rate_window(&self) -> Duration {
        self.rate_measurement.saturating_sub(Duration::from_secs(1))
    }

    /// How long each tool works in a closed-loop round: peers have no warmup that they leave out.
    pub fn round(&self) -> Duration {
        self.warmup + self.measurement
    }
}
