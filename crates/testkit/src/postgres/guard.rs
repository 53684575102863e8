//! A folder with a guard: a small shell process that owns the folder and the server in it.
//!
//! The guard holds the read end of a pipe from this process. When this process ends, in any way, the pipe closes, and
//! the guard ends the server and removes the folder. A parent-death signal would not do: Linux sends it when the
//! *thread* that started the child ends, and each test has a thread of its own.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::installation::Installation;

const SCRIPT: &str = include_str!("guard.sh");

/// How an attempt to start the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Started {
    /// It accepts connections.
    Ready,
    /// It ended, and the log says why.
    Failed,
}

/// A temporary folder and its guard.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    guard: Child,
    // An option, so that drop can close it before it waits for the guard.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Folder {
    pub(super) fn create(installation: &Installation) -> io::Result<Self> {
        let path = tempfile::Builder::new()
            .prefix("gauntlet-pg-")
            .tempdir_in(installation.temporary_folder())?
            .keep();
        installation.give(&path)?;
        let mut shell = Command::new("sh");
        installation.as_account(&mut shell);
        let mut guard = shell
            .args(["-c", SCRIPT, "gauntlet-pg-guard"])
            .arg(&path)
            .arg(installation.path_of("postgres"))
            .env("LC_ALL", "C")
            .current_dir(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Its own group: an interrupt from the terminal ends the tests, and then the guard cleans up in order.
            .process_group(0)
            .spawn()?;
        let answers = BufReader::new(guard.stdout.take().expect("standard output is piped"));
        Ok(Self {
            path,
            commands: guard.stdin.take(),
            answers,
            guard,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// The log since the last start.
    pub(super) fn log(&self) -> String {
        fs::read(self.path.join("log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Starts the server unless it runs; the guard answers within a minute.
    pub(super) fn start(&mut self, port: u16) -> io::Result<Started> {
        match self.ask(&format!("start {port}"))?.as_str() {
            "ready" => Ok(Started::Ready),
            _ => Ok(Started::Failed),
        }
    }

    pub(super) fn stop(&mut self) -> io::Result<()> {
        self.ask("stop").map(drop)
    }

    pub(super) fn kill9(&mut self) -> io::Result<()> {
        self.ask("kill").map(drop)
    }

    fn ask(&mut self, command: &str) -> io::Result<String> {
        let commands = self.commands.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(commands, "{command}")?;
        let mut answer = String::new();
        if self.answers.read_line(&mut answer)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer.trim_end().to_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.commands = None;
        // A guard that is already gone has nothing left to wait for.
        let _ = self.guard.wait();
    }
}
