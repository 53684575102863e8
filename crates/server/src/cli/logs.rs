//! `gauntlet logs`: what the workers and the control plane said of a run.

use clap::{Args, ValueEnum};
use gauntlet_client::{pb, watch::LogsWatch};
use pb::stream_logs_response::Update;

use super::{
    Context,
    exit::Exit,
    failure::Failure,
    find, print, stream,
    text::{number::instant, word},
};

/// Print what the workers and the control plane said of a run
#[derive(Debug, Args)]
pub struct Logs {
    /// The run's name or id [default: the newest run]
    run: Option<String>,
    /// Go on with new lines until the run is over
    #[arg(long)]
    follow: bool,
    /// The least level
    #[arg(long, value_enum, default_value = "info")]
    level: Level,
    /// Only of this shard
    #[arg(long)]
    shard: Option<u32>,
}

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    /// For those who look for the cause of something.
    Debug,
    /// What happens in the normal course.
    Info,
    /// What should not happen and can be lived with.
    Warn,
    /// What went wrong.
    Error,
}

impl From<Level> for pb::LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

impl Logs {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let run = find::run(&client, context, self.run.as_deref()).await?;
        if let Some(shard) = self.shard
            && shard >= run.shards_total
        {
            return Err(Failure::Asked(no_such_shard(&run, shard)));
        }
        let request = pb::StreamLogsRequest {
            run_id: run.run_id,
            min_level: pb::LogLevel::from(self.level).into(),
            shard: self.shard,
            stored_only: !self.follow,
            ..Default::default()
        };
        let mut lines = LogsWatch::new(client, request);
        stream::read(
            async || lines.next().await,
            |update| match update {
                Update::Line(line) => show(context, &line),
                Update::Skipped(lines) => {
                    print::aside(&format!("{lines} older lines are gone"));
                    Ok(())
                }
                Update::SnapshotDone(_) | Update::Heartbeat(_) => Ok(()),
            },
        )
        .await
    }
}

fn no_such_shard(run: &pb::Run, shard: u32) -> String {
    let there = match run.shards_total {
        1 => "it has 1 shard, 0".to_owned(),
        shards => format!("it has {shards} shards, 0 to {}", shards - 1),
    };
    format!("run {} has no shard {shard}: {there}", run.name)
}

fn show(context: &Context, line: &pb::LogLine) -> Result<(), Failure> {
    if context.is_json() {
        return print::json_line("LogLine", line);
    }
    print::line(&text(line))
}

fn text(line: &pb::LogLine) -> String {
    let level = word::lower(line.level().as_str_name(), "LOG_LEVEL_");
    let place = match (line.shard, line.worker_id.as_str()) {
        (Some(shard), _) => format!("shard {shard}"),
        (None, "") => "control".to_owned(),
        (None, _) => "worker".to_owned(),
    };
    format!(
        "{}  {level:<5}  {place:<9}  {}",
        instant(line.time_us),
        line.message
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_of_the_run() {
        let said = |shards_total| {
            let run = pb::Run {
                name: "demo-1".to_owned(),
                shards_total,
                ..Default::default()
            };
            no_such_shard(&run, 99)
        };
        let one = "run demo-1 has no shard 99: it has 1 shard, 0";
        assert_eq!(said(1), one);
        assert!(said(4).ends_with(": it has 4 shards, 0 to 3"));
    }

    #[test]
    fn a_line_says_who_spoke() {
        let line = |shard, worker: &str| pb::LogLine {
            shard,
            worker_id: worker.to_owned(),
            level: pb::LogLevel::Warn.into(),
            message: "slow".to_owned(),
            ..Default::default()
        };
        for (line, place) in [
            (line(Some(2), "w"), "shard 2  "),
            (line(None, "w"), "worker   "),
            (line(None, ""), "control  "),
        ] {
            assert_eq!(text(&line), format!("{}  warn   {place}  slow", instant(0)));
        }
    }
}
