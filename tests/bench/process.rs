//! Processes that end with this one, and what they cost.

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{interval, timeout};

use crate::error::{Error, Result};

/// `/proc` counts time in ticks of 10 ms on every architecture that is left.
const TICKS_PER_S: f64 = 100.0;
/// How long the last lines of a log are that an error shows.
const TAIL: usize = 2_000;

/// A command that dies with its handle and that no interrupt of the terminal reaches before us.
/// It does not hear the PG* variables of the caller: they would change where it connects.
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("PG") || text.starts_with("GAUNTLET_") {
            command.env_remove(&name);
        }
    }
    command
        .kill_on_drop(true)
        .process_group(0)
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end and gives back what it printed and the CPU time that it took, in seconds.
/// Only one at a time: the time is that of all children that ended meanwhile.
pub async fn run(command: &mut Command, limit: Duration) -> Result<(String, f64)> {
    let program = command
        .as_std()
        .get_program()
        .to_string_lossy()
        .into_owned();
    let before = cpu_of_ended_children()?;
    let output = timeout(limit, command.output())
        .await
        .map_err(|_| Error::Failed(format!("{program} did not end within {limit:?}")))?
        .map_err(Error::io(&program))?;
    let spent = cpu_of_ended_children()? - before;
    Ok((text_of(program, &output)?, spent))
}

fn text_of(program: String, output: &Output) -> Result<String> {
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    let said = format!("{printed}{}", String::from_utf8_lossy(&output.stderr));
    Err(Error::Program {
        program,
        status: output.status.to_string(),
        said: tail(&said).to_owned(),
    })
}

/// A process that works in the background, with its log.
#[derive(Debug)]
pub struct Background {
    name: &'static str,
    child: Child,
    log: std::path::PathBuf,
}

impl Background {
    /// Starts it; what it prints goes to the file.
    pub fn start(
        name: &'static str,
        command: &mut Command,
        log: std::path::PathBuf,
    ) -> Result<Self> {
        let file = File::create(&log).map_err(Error::io("a log file"))?;
        let copy = file.try_clone().map_err(Error::io("a log file"))?;
        let child = command
            .stdout(file)
            .stderr(copy)
            .spawn()
            .map_err(Error::io(name))?;
        Ok(Self { name, child, log })
    }

    /// Fails when it has ended, with the end of its log.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait().map_err(Error::io(self.name))? {
            None => Ok(()),
            Some(status) => Err(Error::Program {
                program: self.name.to_owned(),
                status: status.to_string(),
                said: self.log_tail(),
            }),
        }
    }

    /// Waits for its end and gives back the exit code; -1 after a signal.
    pub async fn end(&mut self, limit: Duration) -> Result<i32> {
        let status = timeout(limit, self.child.wait())
            .await
            .map_err(|_| Error::Failed(format!("{} did not end within {limit:?}", self.name)))?
            .map_err(Error::io(self.name))?;
        Ok(status.code().unwrap_or(-1))
    }

    /// User and system time so far, in seconds.
    pub fn cpu(&self) -> Result<f64> {
        Ok(stat(&self.id()?.to_string())?.own)
    }

    /// Resident memory now, in MB of a million bytes.
    pub fn rss_mb(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.id()?);
        let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
        parse_rss(&text).ok_or_else(|| Error::Failed(format!("{path} is not as proc(5) says")))
    }

    fn id(&self) -> Result<u32> {
        let id = self.child.id();
        id.ok_or_else(|| Error::Failed(format!("{} has ended", self.name)))
    }

    /// The end of what it printed.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        tail(&String::from_utf8_lossy(&text)).to_owned()
    }
}

fn tail(text: &str) -> &str {
    let from = text.len().saturating_sub(TAIL);
    let from = (from..text.len()).find(|index| text.is_char_boundary(*index));
    text[from.unwrap_or(text.len())..].trim_end()
}

/// CPU time of a process, in seconds, threads that ended included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuTime {
    /// Its own.
    pub own: f64,
    /// That of its children that ended and were waited for.
    pub ended_children: f64,
}

fn cpu_of_ended_children() -> Result<f64> {
    Ok(stat("self")?.ended_children)
}

/// The CPU time of a process by its id, or `self`.
pub fn stat(id: &str) -> Result<CpuTime> {
    let path = format!("/proc/{id}/stat");
    let text = fs::read_to_string(&path).map_err(Error::io(&path))?;
    parse_stat(&text).ok_or_else(|| Error::Failed(format!("{path} is not as proc(5) says")))
}

/// Fields 14 to 17 of proc(5); the command's name before them may hold anything, a closing parenthesis too.
fn parse_stat(text: &str) -> Option<CpuTime> {
    let (_, fields) = text.rsplit_once(')')?;
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .map_while(|field| field.parse().ok())
        .collect();
    let [user, system, children_user, children_system] = ticks[..] else {
        return None;
    };
    Some(CpuTime {
        own: (user + system) / TICKS_PER_S,
        ended_children: (children_user + children_system) / TICKS_PER_S,
    })
}

/// The line `VmRSS` of proc(5), which counts in KiB.
fn parse_rss(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1_024.0 / 1e6)
}

/// A port that nothing listens on right now.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("a free port"))?;
    let address = listener.local_addr().map_err(Error::io("a free port"))?;
    Ok(address.port())
}

/// Asks again and again until there is an answer.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut ask: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let mut ticks = interval(Duration::from_millis(20));
    let answer = timeout(limit, async {
        loop {
            ticks.tick().await;
            if let Some(answer) = ask().await? {
                return Ok(answer);
            }
        }
    });
    answer
        .await
        .map_err(|_| Error::Failed(format!("waited {limit:?} for {what} in vain")))?
}

/// A folder that is removed with its handle.
pub fn folder() -> Result<tempfile::TempDir> {
    let made: io::Result<_> = tempfile::Builder::new().prefix("gauntlet-bench-").tempdir();
    made.map_err(Error::io("a temporary folder"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_any_name() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 150 50 700 300 20 0 1";
        let expected = Some(CpuTime {
            own: 2.0,
            ended_children: 10.0,
        });
        assert_eq!(parse_stat(&format!("1 (sh) {fields}")), expected);
        assert_eq!(parse_stat(&format!("1 (a) b) {fields}")), expected);
        assert_eq!(parse_stat("1 (sh) S 1 2"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn resident_memory_is_read_in_millions_of_bytes() {
        assert_eq!(
            parse_rss("VmHWM:\t  9 kB\nVmRSS:\t  125000 kB\n"),
            Some(128.0)
        );
        assert_eq!(parse_rss("Name:\tgauntlet\n"), None);
    }
}
