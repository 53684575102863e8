//! `gauntlet export`: a run's measurements as a file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gauntlet_client::pb;

use super::{
    Context, exit::Exit, failure::Failure, find, print, report::unfinished, text::number::bytes,
};

pub mod file;

use file::{Download, Place};

/// Writes a run's measurements to a file, for other tools.
#[derive(Debug, Args)]
pub struct Export {
    /// The run's name or id [default: the newest run]
    run: Option<String>,
    /// The file's format
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// The length of a row or of a chart's point: 1s, 10s, 1m, 10m or 1h
    #[arg(long, default_value = "1s", value_parser = resolution)]
    resolution: i64,
    /// Where to write; - for stdout [default: the run's name and the format]
    #[arg(long, short, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

/// The formats of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The run, its report and its points as one document.
    Json,
    /// One row per second and operation.
    Csv,
    /// A histogram log of HdrHistogram.
    Hlog,
    /// The rows of csv in columns with types.
    Parquet,
    /// The report with its charts, as one page for people.
    Html,
}

impl From<Format> for pb::ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Json => Self::Json,
            Format::Csv => Self::Csv,
            Format::Hlog => Self::Hlog,
            Format::Parquet => Self::Parquet,
            Format::Html => Self::Html,
        }
    }
}

/// A length of the API in microseconds.
fn resolution(text: &str) -> Result<i64, String> {
    let seconds = match text {
        "1s" => 1,
        "10s" => 10,
        "1m" => 60,
        "10m" => 600,
        "1h" => 3_600,
        _ => return Err("a resolution is 1s, 10s, 1m, 10m or 1h".to_owned()),
    };
    Ok(seconds * 1_000_000)
}

impl Export {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        let client = context.client().await?;
        let run = find::run(&client, context, self.run.as_deref()).await?;
        if run.status() == pb::RunStatus::Prepared {
            return Err(Failure::Asked(unfinished(&run)));
        }
        let request = pb::ExportRunRequest {
            run_id: run.run_id,
            format: pb::ExportFormat::from(self.format).into(),
            resolution_us: self.resolution,
        };
        let download = Download::begin(&client, request).await?;
        let place = match self.file {
            Some(file) => Place::of(file),
            None => Place::File(PathBuf::from(download.filename())),
        };
        if let Place::File(file) = &place
            && !self.force
            && file.exists()
        {
            return Err(Failure::Asked(format!(
                "{} is there already; give --force to write over it or --file for another",
                file.display()
            )));
        }
        let written = download.write(&place).await?;
        if let Place::File(file) = &place {
            print::aside(&format!("{} ({})", file.display(), bytes(written)));
        }
        Ok(Exit::Pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolutions_are_those_of_the_api() {
        assert_eq!(resolution("10m"), Ok(600_000_000));
        for bad in ["", "2s", "1 s", "60s"] {
            assert!(resolution(bad).is_err(), "{bad}");
        }
    }
}
