//! `gauntlet export`: a run's measurements as a file.

use std::{
    fs,
    io::{self, Write, stdout},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use gauntlet_client::pb::{self, export_run_response::Part};
use tonic::Streaming;

use super::{Context, exit::Exit, failure::Failure, find, print};

/// Writes a run's measurements to a file, for other tools.
#[derive(Debug, Args)]
pub struct Export {
    /// The run's name or id [default: the newest run]
    run: Option<String>,
    /// The file's format
    #[arg(long, value_enum, default_value = "csv")]
    format: Format,
    /// The length of a row: 1s, 10s, 1m, 10m or 1h
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
}

impl From<Format> for pb::ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Json => Self::Json,
            Format::Csv => Self::Csv,
            Format::Hlog => Self::Hlog,
            Format::Parquet => Self::Parquet,
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
        let request = pb::ExportRunRequest {
            run_id: run.run_id,
            format: pb::ExportFormat::from(self.format).into(),
            resolution_us: self.resolution,
        };
        let mut pieces = client.runs().export_run(request).await?.into_inner();
        let header = header(&mut pieces).await?;
        let file = self.file.unwrap_or_else(|| PathBuf::from(header.filename));
        if file == Path::new("-") {
            copy(&mut pieces, &mut stdout().lock())
                .await
                .map_err(Broken::on_stdout)?;
            return Ok(Exit::Pass);
        }
        let bytes = to_file(&mut pieces, &file, self.force).await?;
        print::aside(&format!("{bytes} bytes in {}", file.display()));
        Ok(Exit::Pass)
    }
}

async fn header(
    pieces: &mut Streaming<pb::ExportRunResponse>,
) -> Result<pb::ExportHeader, Failure> {
    let first = pieces.message().await?.and_then(|message| message.part);
    match first {
        Some(Part::Header(header)) => Ok(header),
        _ => Err(Failure::Asked(
            "the control plane sent no header before the file".to_owned(),
        )),
    }
}

/// Why a file broke off.
enum Broken {
    Stream(Box<tonic::Status>),
    Write(io::Error),
}

impl Broken {
    fn on_stdout(self) -> Failure {
        match self {
            Self::Stream(status) => Failure::from(*status),
            Self::Write(error) => Failure::Output(error),
        }
    }

    fn on(self, file: &Path) -> Failure {
        match self {
            Self::Stream(status) => Failure::from(*status),
            Self::Write(error) => cannot_write(file, &error),
        }
    }
}

fn cannot_write(file: &Path, error: &io::Error) -> Failure {
    Failure::Asked(format!("cannot write {}: {error}", file.display()))
}

/// Writes beside the file and renames at the end: what has the file's name is whole.
async fn to_file(
    pieces: &mut Streaming<pb::ExportRunResponse>,
    file: &Path,
    force: bool,
) -> Result<u64, Failure> {
    if !force && file.exists() {
        return Err(Failure::Asked(format!(
            "{} is there already; give --force to write over it or --file for another",
            file.display()
        )));
    }
    let mut partial = file.as_os_str().to_owned();
    partial.push(".part");
    let partial = PathBuf::from(partial);
    let mut out = fs::File::create(&partial).map_err(|error| cannot_write(&partial, &error))?;
    match copy(pieces, &mut out).await {
        Ok(bytes) => {
            fs::rename(&partial, file).map_err(|error| cannot_write(file, &error))?;
            Ok(bytes)
        }
        Err(broken) => {
            // What is left of it is of no use to anybody.
            let _ = fs::remove_file(&partial);
            Err(broken.on(&partial))
        }
    }
}

async fn copy(
    pieces: &mut Streaming<pb::ExportRunResponse>,
    out: &mut impl Write,
) -> Result<u64, Broken> {
    let mut bytes = 0;
    loop {
        let message = pieces.message().await;
        let message = message.map_err(|status| Broken::Stream(Box::new(status)))?;
        match message.map(|message| message.part) {
            None => break,
            Some(Some(Part::Chunk(chunk))) => {
                out.write_all(&chunk).map_err(Broken::Write)?;
                bytes += chunk.len() as u64;
            }
            Some(_) => {}
        }
    }
    out.flush().map_err(Broken::Write)?;
    Ok(bytes)
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
