//! A file of the control plane on its way to a disk or to stdout.

use std::{
    fs,
    io::{self, Write, stdout},
    path::{Path, PathBuf},
};

use gauntlet_client::{
    Client,
    pb::{self, export_run_response::Part},
};
use tonic::Streaming;

use crate::cli::failure::Failure;

/// Where a file goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// To stdout.
    Stdout,
    /// To a disk.
    File(PathBuf),
}

impl Place {
    /// What a person means by a path: `-` is stdout.
    pub fn of(path: PathBuf) -> Self {
        if path == Path::new("-") {
            return Self::Stdout;
        }
        Self::File(path)
    }

    /// Whether something can be written there, before it is asked for.
    pub fn check(&self) -> Result<(), Failure> {
        let Self::File(file) = self else {
            return Ok(());
        };
        if file.is_dir() {
            return Err(Failure::Asked(format!(
                "{} is a folder; name a file in it",
                file.display()
            )));
        }
        let parent = file.parent().filter(|parent| *parent != Path::new(""));
        match parent {
            Some(parent) if !parent.is_dir() => Err(Failure::Asked(format!(
                "there is no folder {}; make it, or name a file elsewhere",
                parent.display()
            ))),
            _ => Ok(()),
        }
    }
}

/// A file whose header has come.
pub struct Download {
    filename: String,
    pieces: Streaming<pb::ExportRunResponse>,
}

impl Download {
    /// Asks for a file.
    pub async fn begin(client: &Client, request: pb::ExportRunRequest) -> Result<Self, Failure> {
        let mut pieces = client.runs().export_run(request).await?.into_inner();
        let first = pieces.message().await?.and_then(|message| message.part);
        match first {
            Some(Part::Header(header)) => Ok(Self {
                filename: header.filename,
                pieces,
            }),
            _ => Err(Failure::Asked(
                "the control plane sent no header before the file".to_owned(),
            )),
        }
    }

    /// The name that the control plane suggests.
    pub fn filename(&self) -> &str {
        &self.filename
    }

    /// Writes the file; returns how many bytes it has. What has the file's name
    /// on a disk is whole.
    pub async fn write(mut self, place: &Place) -> Result<u64, Failure> {
        place.check()?;
        match place {
            Place::Stdout => {
                let copied = self.copy(&mut stdout().lock()).await;
                copied.map_err(Broken::on_stdout)
            }
            Place::File(file) => self.write_file(file).await,
        }
    }

    async fn write_file(&mut self, file: &Path) -> Result<u64, Failure> {
        let partial = beside(file);
        let mut out = fs::File::create(&partial).map_err(|error| cannot_write(file, &error))?;
        let written = match self.copy(&mut out).await {
            Ok(bytes) => fs::rename(&partial, file)
                .map(|()| bytes)
                .map_err(Broken::Write),
            Err(broken) => Err(broken),
        };
        written.map_err(|broken| {
            // What is left of it is of no use to anybody.
            let _ = fs::remove_file(&partial);
            broken.on(file)
        })
    }

    async fn copy(&mut self, out: &mut impl Write) -> Result<u64, Broken> {
        let mut bytes = 0;
        loop {
            let message = self.pieces.message().await;
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

/// A name in the same folder, so that renaming moves nothing; no two processes
/// have the same.
fn beside(file: &Path) -> PathBuf {
    let mut partial = file.as_os_str().to_owned();
    partial.push(format!(".{}.part", std::process::id()));
    PathBuf::from(partial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_checked_before_anything_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let check = |path: PathBuf| {
            let checked = Place::of(path).check();
            checked.map_err(|failure| failure.to_string())
        };
        assert_eq!(check(PathBuf::from("-")), Ok(()));
        assert_eq!(check(PathBuf::from("report.html")), Ok(()));
        assert_eq!(check(folder.path().join("report.html")), Ok(()));
        let is_folder = check(folder.path().to_owned()).unwrap_err();
        assert!(
            is_folder.ends_with("is a folder; name a file in it"),
            "{is_folder}"
        );
        let missing = check(folder.path().join("no/report.html")).unwrap_err();
        assert!(missing.contains("there is no folder"), "{missing}");
    }

    #[test]
    fn an_unfinished_file_lies_beside_the_finished_one() {
        let partial = beside(Path::new("/tmp/a/report.html"));
        assert_eq!(partial.parent(), Some(Path::new("/tmp/a")));
        assert_ne!(partial, Path::new("/tmp/a/report.html"));
    }
}
