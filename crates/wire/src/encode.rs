//! The model out, as the services answer it. A password is never among it.

mod report;
mod run;
mod spec;
mod template;
mod worker;

pub use report::{metrics_point, report};
pub use run::{attempt, phase, run, run_event, run_for_list, shards, status};
pub use spec::spec;
pub use template::{etag, target, template, violations};
pub use worker::worker;

pub(crate) use run::key_range;
pub(crate) use template::{ETAG_PREFIX, address};

use std::time::Duration;

use gauntlet_api::v1 as pb;
use gauntlet_model::time::{Timestamp, micros};

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

fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: duration.subsec_nanos() as i32,
    }
}

#[cfg(test)]
pub(crate) mod tests;
