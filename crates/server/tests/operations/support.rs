//! A control plane in a process of its own.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

/// `gauntlet serve` on a store in a folder of its own.
pub struct Served {
    /// Like `http://127.0.0.1:1234`.
    pub url: String,
    /// The store's address.
    pub store: String,
    process: Child,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

/// Runs gauntlet to its end.
pub fn gauntlet(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

/// Gauntlet, with nothing in its environment that speaks to it.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gauntlet"));
    for variable in [
        "GAUNTLET_STORE",
        "GAUNTLET_LOG",
        "GAUNTLET_SERVER",
        "GAUNTLET_TLS_CA",
        "GAUNTLET_TOKEN",
        "RUST_LOG",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ] {
        command.env_remove(variable);
    }
    command
}

/// What a command that fails says on standard error.
pub fn refused(arguments: &[&str]) -> String {
    let output = gauntlet(arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// What a command that passes says on standard output.
pub fn passed(arguments: &[&str]) -> String {
    let output = gauntlet(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

impl Served {
    /// Starts it with more arguments.
    pub fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", folder.path().join("store.db").display());
        passed(&["schema", "apply", "--store", &store]);
        let log = folder.path().join("log");
        let mut process = command()
            .args(["serve", "--listen", "127.0.0.1:0", "--output", "json"])
            .args(["--store", &store])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        lines.read_line(&mut line).unwrap();
        let said: serde_json::Value = serde_json::from_str(&line)
            .unwrap_or_else(|_| panic!("{line:?}: {}", std::fs::read_to_string(&log).unwrap()));
        Self {
            url: said["address"].as_str().unwrap().to_owned(),
            store,
            process,
            log,
            _folder: folder,
        }
    }

    /// A file beside the store.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.log.with_file_name(name)
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// Waits for its end; how it ended, and what it logged.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let status = self.process.wait().unwrap();
        (status, read(&self.log))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // One that has ended needs nothing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read(path: &Path) -> String {
    let mut text = String::new();
    let mut file = std::fs::File::open(path).unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}
