//! What a start would meet: rules over what is known before any load is sent.
//!
//! The facts are gathered elsewhere; the rules decide only by them, so that the
//! same facts give the same findings before a start and in the start itself.

mod contention;
mod load;
mod plan;
mod target;
mod workers;

pub use plan::cost;

use std::{path::PathBuf, time::Duration};

use crate::{
    id::Name,
    run::Worker,
    target::Address,
    template::{Class, Spec},
    time::Timestamp,
};

/// How bad a finding is; ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// The numbers may mean something else than expected.
    Warning,
    /// The numbers will most likely be of no use.
    Severe,
    /// The run cannot start.
    Blocking,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $word:literal,)*) => {
        /// What a finding is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $code,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// The stable word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $word,)*
                }
            }
        }
    };
}

codes! {
    /// No target of the template's name is registered.
    TargetMissing = "TARGET_MISSING",
    /// The target does not answer.
    TargetUnreachable = "TARGET_UNREACHABLE",
    /// The target answers and does not let the load in.
    TargetRefused = "TARGET_REFUSED",
    /// A table that an operation names is not there.
    TableMissing = "TABLE_MISSING",
    /// The target does not take an operation's statement.
    StatementRefused = "STATEMENT_REFUSED",
    /// A value pool that a parameter draws from is not there.
    PoolMissing = "POOL_MISSING",
    /// Too few workers are free.
    WorkersShort = "WORKERS_SHORT",
    /// Operations write and the target takes no writes.
    ReadOnlyTarget = "READ_ONLY_TARGET",
    /// Operations write to a view.
    WritesToView = "WRITES_TO_VIEW",
    /// The target has fewer connections left than the load needs.
    ConnectionsShort = "CONNECTIONS_SHORT",
    /// An operation that means one row, or a few, reads the whole table.
    TableScan = "TABLE_SCAN",
    /// The target is gauntlet's own store.
    StoreIsTarget = "STORE_IS_TARGET",
    /// The planner knows nothing of a table, or what it knows is old.
    StatisticsStale = "STATISTICS_STALE",
    /// Target and store are on one server.
    SharedServer = "SHARED_SERVER",
    /// Several connections write to a database that takes one writer at a time.
    WriteContention = "WRITE_CONTENTION",
    /// More is asked for than the generator can be expected to send.
    GeneratorShort = "GENERATOR_SHORT",
    /// More is asked for than so few connections can be expected to carry.
    RateAboveConnections = "RATE_ABOVE_CONNECTIONS",
    /// An objective needs more operations than the measurement will have.
    SloSamplesShort = "SLO_SAMPLES_SHORT",
    /// An objective asks for more throughput than there is load.
    SloAboveLoad = "SLO_ABOVE_LOAD",
    /// The measurement is short.
    MeasurementShort = "MEASUREMENT_SHORT",
    /// The warmup is short.
    WarmupShort = "WARMUP_SHORT",
    /// What the run is expected to cost.
    Cost = "COST",
    /// The clock of a worker is not known well enough.
    ClockUncertain = "CLOCK_UNCERTAIN",
    /// Several connections update the same rows at once.
    LockContention = "LOCK_CONTENTION",
    /// A search may not end within the measurement.
    SearchTooLong = "SEARCH_TOO_LONG",
    /// The warmup leaves no time to become steady.
    SteadyUnreachable = "STEADY_UNREACHABLE",
    /// No worker carries the labels that the run asks for.
    LabelsUnmatched = "LABELS_UNMATCHED",
}

impl Code {
    /// The code of a stable word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == word)
    }

    /// Whether a start finds the same by itself, and says so by ending the run.
    #[must_use]
    pub fn is_found_at_start(self) -> bool {
        matches!(
            self,
            Self::TargetMissing
                | Self::TargetUnreachable
                | Self::TargetRefused
                | Self::TableMissing
                | Self::StatementRefused
                | Self::PoolMissing
                | Self::WorkersShort
                | Self::LabelsUnmatched
        )
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// In a few words.
    pub title: &'static str,
    /// What was found, with figures.
    pub message: String,
    /// What to do.
    pub recommendations: Vec<String>,
    /// The field of the template that it is about; may be empty.
    pub field: String,
}

/// What is known before a start.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Where the target is; `None` when it is not registered.
    pub address: Option<Address>,
    /// What the target says, or why it says nothing.
    pub target: Result<TargetFacts, TargetProblem>,
    /// Pools that parameters draw from and that are not there.
    pub missing_pools: Vec<Name>,
    /// The workers that the control plane knows.
    pub workers: Vec<Worker>,
    /// Where gauntlet keeps its own data; `None` when that is in memory.
    pub store: Option<Place>,
    /// What the target costs per hour; 0 when that is not known.
    pub price_per_hour: f64,
}

/// Where a database keeps its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file on this machine, by its absolute path.
    File(PathBuf),
    /// A database server.
    Server {
        /// A host name, an address, or the folder of a unix socket.
        host: String,
        /// The port.
        port: u16,
        /// The database.
        database: String,
    },
}

/// Why nothing is known of a target: one sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetProblem {
    /// It is not registered.
    Missing(String),
    /// It does not answer.
    Unreachable(String),
    /// It answers, and says no; or nobody can log in to it.
    Refused(String),
}

/// What a target says about the operations of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetFacts {
    /// The database's own version text.
    pub version: String,
    /// Whether writes are refused.
    pub read_only: bool,
    /// Connections that can still be opened; `None` where they are not limited.
    pub connections_free: Option<u32>,
    /// The tables that operations name, or that only their plans do.
    pub tables: Vec<TableFacts>,
    /// One for each operation, in their order.
    pub operations: Vec<OperationFacts>,
}

/// What is known of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFacts {
    /// The table, as the operation names it, or as the plan does.
    pub table: String,
    /// What it is; `None` if it is not there.
    pub kind: Option<TableKind>,
    /// Tables with a name like it.
    pub near: Vec<String>,
    /// The database's own estimate of its rows; `None` until it has one.
    pub rows_estimate: Option<u64>,
    /// Whether the planner has statistics of it.
    pub has_statistics: bool,
    /// When they were gathered last; `None` if never or not noted.
    pub analyzed: Option<Timestamp>,
    /// Rows changed since then; `None` where that is not counted.
    pub modified_since_analyze: Option<u64>,
}

/// What a table is, as far as a load is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Has rows of its own, and statistics.
    Stored,
    /// Shows the rows of others.
    View,
    /// Is what a module or another server makes of it.
    Foreign,
}

/// What is known of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperationFacts {
    /// Why the target does not take it, in one sentence; `None` if it does.
    pub problem: Option<String>,
    /// The tables of which its plan reads every row.
    pub scans: Vec<String>,
}

/// All that the rules find, the worst first.
#[must_use]
pub fn findings(spec: &Spec, facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    target::check(spec, facts, &mut found);
    contention::check(spec, facts, &mut found);
    workers::check(spec, facts, &mut found);
    load::check(spec, facts, &mut found);
    plan::check(spec, facts, &mut found);
    // Stable: those of one severity stay in the order of the rules.
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

/// How long a run is planned to be under load. A search, or a warmup until the
/// load is steady, may end sooner, never later.
#[must_use]
pub fn planned(spec: &Spec) -> Duration {
    spec.phases.warmup + spec.phases.measurement
}

/// Operations that a run will send over all its phases; `None` for a closed
/// loop, and for a search, whose levels are not known.
#[must_use]
pub fn planned_operations(spec: &Spec) -> Option<u64> {
    if spec.control.search.is_some() {
        return None;
    }
    let operations = spec.load.offered_per_s()? * planned(spec).as_secs_f64();
    Some(operations.round() as u64)
}

/// The place of an operation, and of a field below it.
fn field(operation: usize, field: &str) -> String {
    match field {
        "" => format!("operations[{operation}]"),
        field => format!("operations[{operation}].{field}"),
    }
}

/// The first operation that changes data.
fn first_write(spec: &Spec) -> Option<usize> {
    let writes =
        |operation: &crate::template::Operation| operation.statement.class() == Class::Write;
    spec.operations.iter().position(writes)
}

#[cfg(test)]
mod tests;
