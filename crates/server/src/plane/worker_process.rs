//! One worker process of this control plane, which ends with it.

use std::{
    io::{self, Read as _},
    num::NonZero,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

use super::vault::KEY_VARIABLE;

/// How long a worker may take to end by itself.
pub(super) const ENDED_WITHIN: Duration = Duration::from_secs(3);

/// Load threads of each worker: together no more than there are processors.
/// Beyond that they wait for each other, and single operations take seconds
/// that the database had no part in.
pub(super) fn threads_each(workers: u32) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    share(processors, workers as usize)
}

fn share(processors: usize, workers: usize) -> usize {
    (processors / workers.max(1)).max(1)
}

/// The process. It ends with this value, however it ends: a worker that reads
/// the end of its standard input leaves, and the system closes that when this
/// process is killed.
pub(super) struct WorkerProcess {
    child: Child,
    /// Held open: waiting for a child closes the input that it still owns, and
    /// a worker takes the end of its input for the end of this process.
    _lifeline: Option<ChildStdin>,
}

impl WorkerProcess {
    /// Starts `gauntlet worker` for a control plane, with more arguments.
    pub(super) fn spawn<'a>(
        program: &Path,
        server: &str,
        arguments: impl IntoIterator<Item = &'a str>,
        (stdout, stderr): (Stdio, Stdio),
    ) -> io::Result<Self> {
        let mut child = Command::new(program)
            .args(["worker", "--server", server, "--exit-with-parent"])
            .args(arguments)
            // A worker has no use for what opens passwords.
            .env_remove(KEY_VARIABLE)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            // A Ctrl-C at the terminal is for this process, which ends the workers in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let lifeline = child.stdin.take();
        Ok(Self {
            child,
            _lifeline: lifeline,
        })
    }

    /// What it prints, where that is not given away at the start; once.
    pub(super) fn output(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// The process, which is also its group; `None` once it has been waited for.
    pub(super) fn id(&self) -> Option<Pid> {
        let id = self.child.id()?;
        Pid::from_raw(i32::try_from(id).ok()?)
    }

    /// How it ended; `None` while it runs.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits for its end. Safe to cancel.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Asks it to end, and after a while makes it and all that it started.
    pub(super) async fn end(&mut self) -> io::Result<ExitStatus> {
        self.signal(|id| kill_process(id, Signal::TERM));
        if let Ok(ended) = tokio::time::timeout(ENDED_WITHIN, self.wait()).await {
            return ended;
        }
        // It has not been waited for, so the group is still its own.
        self.signal(|id| kill_process_group(id, Signal::KILL));
        self.wait().await
    }

    fn signal(&self, send: impl FnOnce(Pid) -> rustix::io::Result<()>) {
        if let Some(id) = self.id()
            && let Err(error) = send(id)
        {
            tracing::warn!(process = %id.as_raw_nonzero(), %error, "not asked to end");
        }
    }
}

/// For a worker process: fires `stop` when the process that started it is gone,
/// and ends this one if it has not ended by itself soon after.
pub fn exit_with_parent(stop: CancellationToken) -> io::Result<()> {
    let watch = move || {
        let mut stdin = io::stdin().lock();
        // An error is as good as the end: nobody holds the other side any more.
        while stdin.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
        stop.cancel();
        std::thread::sleep(ENDED_WITHIN);
        std::process::exit(1);
    };
    std::thread::Builder::new()
        .name("parent-watch".to_owned())
        .spawn(watch)
        .map(|_| ())
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::PathBuf;

    use super::*;

    /// A program that does what the shell script says, in a folder of its own.
    pub(crate) fn program(script: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        // Written by another process: a file that this one holds open for writing
        // cannot be executed, and a fork of another test may hold it a little longer.
        let written = std::process::Command::new("/bin/sh")
            .args([
                "-c",
                r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod 755 "$1""#,
                "sh",
            ])
            .args([path.as_os_str(), script.as_ref()])
            .status();
        assert!(written.unwrap().success());
        (folder, path)
    }

    #[test]
    fn load_threads_are_not_more_than_processors() {
        for (processors, workers, each) in [(2, 1, 2), (2, 2, 1), (8, 3, 2), (2, 5, 1), (1, 0, 1)] {
            assert_eq!(share(processors, workers), each);
        }
    }
}
