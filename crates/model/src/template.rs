//! Benchmark descriptions, as they are once they make sense.

use std::time::Duration;

mod control;
mod level;
mod violations;

pub use control::{
    Bisect, Control, GuardrailMode, Guardrails, Launcher, Linear, Method, RUN_LABEL, Scaling,
    ScalingMode, Search, StopSignals, UntilSteady,
};
pub use level::{Level, Split, share, share_before};
pub use violations::Violation;

use serde::{Deserialize, Serialize};

use crate::{
    id::{Name, Project, TemplateId},
    time::Timestamp,
};

/// One immutable version of a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// The template's id, the same for all its versions.
    pub id: TemplateId,
    /// The project it belongs to.
    pub project: Project,
    /// Unique in its project.
    pub name: Name,
    /// Counts from 1.
    pub version: i32,
    /// What the benchmark does.
    pub spec: Spec,
    /// The file that this version was made from, as its author wrote it; `None`
    /// when it was not made from one, and in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When version 1 was made.
    pub created: Timestamp,
    /// When this version was made.
    pub updated: Timestamp,
}

/// What a benchmark does. [`Spec::violations`] is empty for every value that
/// came through `wire`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// In the author's words.
    pub description: String,
    /// The target, in the template's project.
    pub target: Name,
    /// The mix.
    pub operations: Vec<Operation>,
    /// How much load.
    pub load: Load,
    /// How long each phase lasts.
    pub phases: Phases,
    /// How many workers share the load.
    pub workers: u32,
    /// The same seed gives the same work.
    pub seed: u64,
    /// What the run is judged by.
    pub slos: Vec<Slo>,
    /// What happens when a worker is lost.
    pub worker_loss: WorkerLossPolicy,
    /// An operation that takes longer is cut.
    pub operation_timeout: Duration,
    /// How long the workers may take to be ready.
    pub start_timeout: Duration,
    /// What is done with the load while it runs, and where its workers come from.
    #[serde(default)]
    pub control: Control,
}

impl Spec {
    /// Connections that each worker must be able to hold from the start. With a
    /// search that is its part of the highest level, when as many workers share
    /// it as there may be.
    #[must_use]
    pub fn connections_each(&self) -> u32 {
        let (workers, first) = (self.workers.max(1), self.first_connections_each());
        let (Some(search), Load::Concurrency { .. }) = (self.control.search, self.load) else {
            return first;
        };
        let sharing = match self.control.scaling.mode {
            ScalingMode::Fixed => workers,
            ScalingMode::Bounded { max_workers } => max_workers.max(workers),
            // There is no telling by how many it is shared.
            ScalingMode::Auto => return first,
        };
        first.max((search.max_level as u32).div_ceil(sharing))
    }

    /// Connections that each worker must be able to hold at the template's level.
    #[must_use]
    pub fn first_connections_each(&self) -> u32 {
        self.load.connections().div_ceil(self.workers.max(1))
    }
}

/// A weighted kind of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Unique in the template.
    pub name: Name,
    /// Its share in units of 0.01 %; all shares sum to 10,000.
    pub weight: u32,
    /// The statement.
    pub statement: Statement,
    /// In the order of the statement's placeholders. An INSERT's key is not
    /// among them: it comes from the attempt's key range.
    pub parameters: Vec<Parameter>,
    /// The group that objectives can name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Name>,
}

/// What an operation sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statement {
    /// One row by its key.
    PointLookup {
        /// The table.
        table: String,
        /// Its integer key.
        key: String,
        /// The columns read; all when empty.
        columns: Vec<String>,
    },
    /// Rows from a key upward.
    RangeScan {
        /// The table.
        table: String,
        /// Its integer key.
        key: String,
        /// The columns read; all when empty.
        columns: Vec<String>,
        /// The most rows read.
        limit: u32,
    },
    /// One new row.
    Insert {
        /// The table.
        table: String,
        /// Its integer key.
        key: String,
        /// The columns written beside the key.
        columns: Vec<String>,
    },
    /// Columns of one row by its key.
    Update {
        /// The table.
        table: String,
        /// Its integer key.
        key: String,
        /// The columns set.
        columns: Vec<String>,
    },
    /// Any statement.
    Sql {
        /// The text, with placeholders `$1`, `$2`, …
        text: String,
        /// Whether it changes data.
        class: Class,
    },
}

impl Statement {
    /// Whether the statement changes data.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::PointLookup { .. } | Self::RangeScan { .. } => Class::Read,
            Self::Insert { .. } | Self::Update { .. } => Class::Write,
            Self::Sql { class, .. } => *class,
        }
    }

    /// The table and its key, where the statement names them.
    #[must_use]
    pub fn table_and_key(&self) -> Option<(&str, &str)> {
        match self {
            Self::PointLookup { table, key, .. }
            | Self::RangeScan { table, key, .. }
            | Self::Insert { table, key, .. }
            | Self::Update { table, key, .. } => Some((table, key)),
            Self::Sql { .. } => None,
        }
    }

    /// How many parameters the template must give.
    #[must_use]
    pub fn parameters(&self) -> usize {
        match self {
            Self::PointLookup { .. } | Self::RangeScan { .. } => 1,
            Self::Insert { columns, .. } => columns.len(),
            Self::Update { columns, .. } => columns.len() + 1,
            Self::Sql { text, .. } => placeholders(text),
        }
    }
}

/// Whether a statement changes data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Changes nothing.
    Read,
    /// Changes data.
    Write,
}

/// Where a parameter gets its values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// An integer, always the same.
    Integer(i64),
    /// A number, always the same.
    Number(f64),
    /// A text, always the same.
    Text(String),
    /// SQL NULL.
    Null,
    /// Integers, all equally likely.
    Uniform {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// Integers by Zipf's law.
    Zipf {
        /// The smallest and likeliest.
        min: i64,
        /// The largest.
        max: i64,
        /// P(min + i) is proportional to 1 / (i + 1)^exponent.
        exponent: f64,
    },
    /// Integers in order, again from the first after the last.
    Sequential {
        /// The first.
        min: i64,
        /// The last.
        max: i64,
    },
    /// Letters.
    RandomText {
        /// How many.
        length: u32,
    },
    /// A value of a value pool of the template's project.
    Pool {
        /// The pool's name.
        pool: Name,
        /// How values are drawn.
        order: PoolOrder,
    },
}

/// How values are drawn from a pool.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolOrder {
    /// All equally likely.
    Uniform,
    /// In their order, again from the first after the last.
    Sequential,
    /// By Zipf's law, the first the likeliest.
    Zipf {
        /// P(value i) is proportional to 1 / i^exponent, counted from 1.
        exponent: f64,
    },
}

/// How much load, over all workers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// Each connection sends its next operation when the one before has ended.
    Concurrency {
        /// Connections over all workers.
        connections: u32,
        /// The pause between two operations.
        think_time: Duration,
    },
    /// Operations are due on a schedule.
    Rate {
        /// Due each second, over all workers.
        per_second: f64,
        /// Connections over all workers.
        connections: u32,
        /// Due and unsent over all workers before further ones are dropped.
        max_backlog: u64,
    },
}

impl Load {
    /// Connections over all workers.
    #[must_use]
    pub fn connections(&self) -> u32 {
        match self {
            Self::Concurrency { connections, .. } | Self::Rate { connections, .. } => *connections,
        }
    }

    /// The level that it has at its start.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Self::Concurrency { connections, .. } => Level::Concurrency {
                connections: *connections,
            },
            Self::Rate { per_second, .. } => Level::Rate {
                milli_per_s: (per_second * 1e3).round() as u64,
            },
        }
    }

    /// Operations due each second; `None` for a closed loop.
    #[must_use]
    pub fn offered_per_s(&self) -> Option<f64> {
        match self {
            Self::Concurrency { .. } => None,
            Self::Rate { per_second, .. } => Some(*per_second),
        }
    }
}

/// How long each phase lasts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Load that does not count; zero for none.
    pub warmup: Duration,
    /// Load that counts.
    pub measurement: Duration,
    /// How long operations in flight may take to end.
    pub drain_timeout: Duration,
    /// Ends the warmup as soon as the load is steady; `warmup` is then the
    /// longest that it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_steady: Option<UntilSteady>,
}

/// One limit, on some operations or all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    /// The label in reports.
    pub name: String,
    /// The operations that it limits. Stored where the operation was before
    /// there were other scopes.
    #[serde(rename = "operation")]
    pub scope: Scope,
    /// The limit.
    pub limit: Limit,
    /// How sure a verdict must be, 0.5 to 0.9999.
    pub confidence: f64,
    /// Whether the run ends as soon as the verdict so far is FAIL.
    #[serde(default)]
    pub abort_on_fail: bool,
}

/// The operations that an objective limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scope {
    /// All of them.
    #[default]
    All,
    /// One.
    Operation(Name),
    /// Those that read, or those that write.
    Class {
        /// Which.
        class: Class,
    },
    /// Those with a label.
    Label {
        /// Which.
        label: Name,
    },
}

impl Scope {
    /// Whether an operation is among them.
    #[must_use]
    pub fn holds(&self, operation: &Operation) -> bool {
        match self {
            Self::All => true,
            Self::Operation(name) => operation.name == *name,
            Self::Class { class } => operation.statement.class() == *class,
            Self::Label { label } => operation.label.as_ref() == Some(label),
        }
    }
}

/// What an objective limits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// A percentile of the response time.
    Latency {
        /// 99.9 for p99.9.
        percentile: f64,
        /// The largest that is good.
        max: Duration,
    },
    /// The largest share of operations that may fail.
    ErrorRatio(f64),
    /// The smallest number of operations that succeed per second.
    Throughput(f64),
}

/// What happens to a run that loses a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerLossPolicy {
    /// The run ends as failed.
    Fail,
    /// The run goes on with the workers left.
    Continue,
    /// A new attempt takes the shard over on another worker.
    Replace,
}

/// The largest `n` of the placeholders `$n` in a statement. Quoted texts,
/// quoted names and comments are passed over.
#[must_use]
pub fn placeholders(sql: &str) -> usize {
    let bytes = sql.as_bytes();
    let (mut at, mut largest) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'\'' | b'"') => at = after(bytes, at + 1, &[quote]),
            b'-' if bytes[at..].starts_with(b"--") => at = after(bytes, at + 2, b"\n"),
            b'/' if bytes[at..].starts_with(b"/*") => at = after(bytes, at + 2, b"*/"),
            b'$' => {
                let digits = bytes[at + 1..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
                let number: usize = sql[at + 1..at + 1 + digits].parse().unwrap_or(0);
                largest = largest.max(number);
                at += 1 + digits;
            }
            _ => at += 1,
        }
    }
    largest
}

fn after(bytes: &[u8], from: usize, end: &[u8]) -> usize {
    (from..bytes.len())
        .find(|&at| bytes[at..].starts_with(end))
        .map_or(bytes.len(), |at| at + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_counted_outside_quotes_and_comments() {
        for (sql, expected) in [
            ("SELECT 1", 0),
            ("SELECT c FROM t WHERE id = $1", 1),
            ("UPDATE t SET a = $2 WHERE id = $1", 2),
            ("SELECT '$9', \"$8\" /* $7 */, $1 -- $6", 1),
            ("SELECT 'it''s $3', $2", 2),
            ("SELECT '$1", 0),
            ("SELECT $", 0),
            ("SELECT 'é$2' || $1", 1),
        ] {
            assert_eq!(placeholders(sql), expected, "{sql}");
        }
    }
}
