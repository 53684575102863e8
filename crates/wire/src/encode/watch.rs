//! What the watches say beside the states themselves.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    logs::{Level, LogLine},
    verdict::Verdict,
};

use super::report::verdict;

/// That the snapshot that follows takes the place of all before.
#[must_use]
pub fn resync(message: &str) -> pb::Resync {
    pb::Resync {
        message: message.to_owned(),
    }
}

/// A line of a run's log.
#[must_use]
pub fn log_line(line: &LogLine) -> pb::LogLine {
    pb::LogLine {
        sequence: line.sequence,
        time_us: line.time.0,
        worker_id: line.worker.map_or_else(String::new, |id| id.to_string()),
        shard: line.shard,
        level: level(line.level).into(),
        message: line.message.clone(),
    }
}

fn level(level: Level) -> pb::LogLevel {
    match level {
        Level::Debug => pb::LogLevel::Debug,
        Level::Info => pb::LogLevel::Info,
        Level::Warn => pb::LogLevel::Warn,
        Level::Error => pb::LogLevel::Error,
    }
}

/// Adds to a run what its report says.
pub fn judge(run: &mut pb::Run, verdict_of_report: Option<Verdict>, valid: bool) {
    run.verdict = verdict_of_report
        .map_or(pb::Verdict::Unspecified, verdict)
        .into();
    run.validity = if valid {
        pb::Validity::Valid
    } else {
        pb::Validity::Invalid
    }
    .into();
}
