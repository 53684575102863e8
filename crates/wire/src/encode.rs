//! The model out, as the services answer it. A password is never among it.

mod compare;
mod control;
mod evidence;
mod history;
mod pool;
mod preflight;
mod report;
mod run;
mod sample;
mod search;
mod spec;
mod target;
mod template;
mod watch;
mod worker;

pub use compare::{compared_percentiles, comparison};
pub use evidence::target_activity;
pub use history::{history_point, phase_total};
pub use pool::pool;
pub use preflight::finding;
pub use report::{metrics_point, report};
pub use run::{RunHead, attempt, phase, run, run_event, run_head, shards, status};
pub use sample::{error_summary, operation_sample};
pub use search::step;
pub use spec::spec;
pub use target::target;
pub use template::{template, violations};
pub use watch::{judge, log_line, resync};
pub use worker::worker;

pub(crate) use run::key_range;
pub(crate) use target::address;

use std::time::Duration;

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    template::Spec,
    time::{Timestamp, micros},
};

/// What an etag begins with; the revision or version follows.
pub(crate) const ETAG_PREFIX: &str = "v";

/// The etag of a revision of a target or a version of a template.
#[must_use]
pub fn etag(number: i64) -> String {
    format!("{ETAG_PREFIX}{number}")
}

/// A sign of life on a quiet stream.
#[must_use]
pub fn heartbeat(now: Timestamp) -> pb::StreamHeartbeat {
    pb::StreamHeartbeat {
        server_time_us: now.0,
    }
}

/// The end of a stream's snapshot.
#[must_use]
pub fn snapshot_done(revision: i64) -> pb::SnapshotDone {
    pb::SnapshotDone { revision }
}

/// An instant that may be unknown; then it is 0.
pub(crate) fn instant(time: Option<Timestamp>) -> i64 {
    time.map_or(0, |time| time.0)
}

/// A clock's uncertainty, 0 when it is unknown: a known one is at least 1.
pub(crate) fn uncertainty(uncertainty: Option<Duration>) -> i64 {
    uncertainty.map_or(0, |known| micros(known).max(1))
}

/// The name of the operation at a place of the template.
fn operation_name(spec: &Spec, place: u32) -> String {
    let operation = spec.operations.get(place as usize);
    operation.map_or_else(String::new, |operation| operation.name.to_string())
}

fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: duration.subsec_nanos() as i32,
    }
}

#[cfg(test)]
pub(crate) mod tests;
