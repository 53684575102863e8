//! What a worker said while it held a shard.

use gauntlet_api::v1 as pb;
use gauntlet_model::{
    id::RunId,
    logs::{Level, LogLine},
    session::WorkerEvent,
};

use super::instant;
use crate::fields::Fields;

/// More lines than a worker keeps for one message.
const MOST_LINES: usize = 1_024;

pub(super) fn encode(run: RunId, lines: &[LogLine]) -> pb::LogLines {
    pb::LogLines {
        run_id: run.to_string(),
        lines: lines.iter().map(encode_line).collect(),
    }
}

fn encode_line(line: &LogLine) -> pb::WorkerLogLine {
    pb::WorkerLogLine {
        time_us: line.time.0,
        shard: line.shard.unwrap_or_default(),
        level: match line.level {
            Level::Debug => pb::LogLevel::Debug,
            Level::Info => pb::LogLevel::Info,
            Level::Warn => pb::LogLevel::Warn,
            Level::Error => pb::LogLevel::Error,
        }
        .into(),
        message: line.message.clone(),
    }
}

pub(super) fn decode(fields: &mut Fields<'_>, logs: pb::LogLines) -> Option<WorkerEvent> {
    let run = fields.uuid("run_id", &logs.run_id).map(RunId);
    if logs.lines.len() > MOST_LINES {
        fields.add("lines", format!("must be at most {MOST_LINES}"));
        return None;
    }
    let lines: Vec<_> = logs
        .lines
        .into_iter()
        .enumerate()
        .map(|(index, given)| line(&mut fields.child(format!("lines[{index}]")), &given))
        .collect();
    Some(WorkerEvent::Logs {
        run: run?,
        lines: lines.into_iter().collect::<Option<_>>()?,
    })
}

fn line(fields: &mut Fields<'_>, line: &pb::WorkerLogLine) -> Option<LogLine> {
    let time = instant(fields, "time_us", line.time_us);
    let level = fields.choice("level", line.level, |level: pb::LogLevel| match level {
        pb::LogLevel::Unspecified => None,
        pb::LogLevel::Debug => Some(Level::Debug),
        pb::LogLevel::Info => Some(Level::Info),
        pb::LogLevel::Warn => Some(Level::Warn),
        pb::LogLevel::Error => Some(Level::Error),
    });
    Some(LogLine {
        sequence: 0,
        time: time?,
        worker: None,
        shard: Some(line.shard),
        level: level?,
        message: LogLine::cut(&line.message),
    })
}
