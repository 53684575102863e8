//! pgbench and sysbench: found, run, and read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::database::{Address, BENCH, SBTEST};
use crate::error::{Error, Result};
use crate::process::{command, folder, run};
use crate::settings::{CONNECTIONS, PGBENCH_THREADS, SCALE, Settings};
use crate::tool::Tool;

/// How much longer than asked a tool may take.
const GRACE: Duration = Duration::from_mins(1);
/// How long filling a table may take.
const FILL_LIMIT: Duration = Duration::from_mins(10);

/// The programs that were found.
#[derive(Debug)]
pub struct Peers {
    pgbench: PathBuf,
    pgbench_version: String,
    sysbench: Option<String>,
}

/// What a peer is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    pub length: Duration,
    /// Operations each second; as fast as it goes when `None`.
    pub rate: Option<u32>,
}

/// What a peer did.
#[derive(Debug)]
pub struct Outcome {
    pub operations: f64,
    pub per_second: f64,
    /// User and system time of its process, in seconds.
    pub cpu_s: f64,
    /// How late each operation was sent, in microseconds; only pgbench with a rate tells.
    pub lags_us: Vec<f64>,
}

impl Peers {
    /// pgbench has to be there: it comes with the PostgreSQL server. sysbench may be missing.
    pub async fn find() -> Result<Self> {
        let mut folders = packaged();
        if let Ok((printed, _)) = run(command("pg_config").arg("--bindir"), GRACE).await {
            folders.push(PathBuf::from(printed.trim()));
        }
        folders.extend(std::env::split_paths(
            &std::env::var_os("PATH").unwrap_or_default(),
        ));
        let pgbench = folders
            .into_iter()
            .map(|folder| folder.join("pgbench"))
            .find(|path| path.is_file())
            .ok_or(Error::Missing(
                "pgbench",
                "it comes with the PostgreSQL server, for example `apt-get install postgresql`",
            ))?;
        let pgbench_version = version(&pgbench).await?;
        let sysbench = version(Path::new("sysbench")).await.ok();
        if sysbench.is_none() {
            println!("sysbench is not installed: its figures are left out");
        }
        Ok(Self {
            pgbench,
            pgbench_version,
            sysbench,
        })
    }

    /// gauntlet and the peers that are installed.
    pub fn present(&self) -> Vec<Tool> {
        let mut tools = vec![Tool::Gauntlet, Tool::Pgbench];
        if self.sysbench.is_some() {
            tools.push(Tool::Sysbench);
        }
        tools
    }

    /// One text for each program.
    pub fn versions(&self) -> String {
        let sysbench = self.sysbench.as_deref().unwrap_or("no sysbench");
        format!("{}, {sysbench}", self.pgbench_version)
    }

    /// Makes and fills the tables of both.
    pub async fn fill(&self, address: &Address<'_>, settings: &Settings) -> Result<()> {
        let mut pgbench = self.pgbench(address);
        run(pgbench.args(pgbench_fill()), FILL_LIMIT).await?;
        if self.sysbench.is_some() {
            let arguments = sysbench_arguments(address, settings.sysbench_rows);
            let mut sysbench = command("sysbench");
            run(sysbench.args(arguments).arg("prepare"), FILL_LIMIT).await?;
        }
        Ok(())
    }

    /// Point selects by pgbench.
    pub async fn run_pgbench(&self, address: &Address<'_>, work: Work) -> Result<Outcome> {
        let folder = folder()?;
        let prefix = folder.path().join("log");
        let mut pgbench = self.pgbench(address);
        pgbench.args(pgbench_arguments(work));
        if work.rate.is_some() {
            pgbench.arg(format!("--log-prefix={}", prefix.display()));
        }
        pgbench.arg(BENCH);
        let (printed, cpu_s) = run(&mut pgbench, work.length + GRACE).await?;
        let (operations, per_second) = parse_pgbench(&printed).ok_or(Error::Unreadable {
            program: "pgbench",
            missing: "number of transactions and tps",
            said: printed,
        })?;
        Ok(Outcome {
            operations,
            per_second,
            cpu_s,
            lags_us: lags_in(folder.path())?,
        })
    }

    /// Point selects by sysbench, on its own table.
    pub async fn run_sysbench(
        &self,
        address: &Address<'_>,
        settings: &Settings,
        work: Work,
    ) -> Result<Outcome> {
        let mut sysbench = command("sysbench");
        sysbench
            .args(sysbench_arguments(address, settings.sysbench_rows))
            .args(sysbench_work(work))
            .arg("run");
        let (printed, cpu_s) = run(&mut sysbench, work.length + GRACE).await?;
        let (operations, per_second) = parse_sysbench(&printed).ok_or(Error::Unreadable {
            program: "sysbench",
            missing: "transactions per second",
            said: printed,
        })?;
        Ok(Outcome {
            operations,
            per_second,
            cpu_s,
            lags_us: Vec::new(),
        })
    }

    fn pgbench(&self, address: &Address<'_>) -> tokio::process::Command {
        let mut pgbench = command(&self.pgbench);
        pgbench
            .args(["-h", address.host, "-p", &address.port.to_string()])
            .args(["-U", address.user])
            .env("PGPASSWORD", address.password);
        pgbench
    }
}

/// The commands as a person would type them.
pub fn commands(settings: &Settings) -> Vec<String> {
    let address = Address {
        host: "127.0.0.1",
        port: 5432,
        user: "$USER",
        password: "$PASSWORD",
    };
    let login = "-h 127.0.0.1 -p $PORT -U $USER";
    let closed = Work {
        length: settings.round(),
        rate: None,
    };
    let open = |rate| Work {
        length: settings.rate_length(),
        rate: Some(rate),
    };
    let mut lines = vec![format!("pgbench {login} {}", pgbench_fill().join(" "))];
    for work in [closed, open(1_000), open(10_000)] {
        let arguments = pgbench_arguments(work).join(" ");
        lines.push(format!("pgbench {login} {arguments} {BENCH}"));
    }
    let common = sysbench_arguments(&address, settings.sysbench_rows).join(" ");
    let common = common.replace("5432", "$PORT");
    lines.push(format!("sysbench {common} prepare"));
    for work in [closed, open(1_000), open(10_000)] {
        let arguments = sysbench_work(work).join(" ");
        lines.push(format!("sysbench {common} {arguments} run"));
    }
    lines
}

async fn version(program: &Path) -> Result<String> {
    let (printed, _) = run(command(program).arg("--version"), GRACE).await?;
    Ok(printed.trim().to_owned())
}

/// Debian's own `pgbench` in PATH is a script that looks for the real one; its time would count as pgbench's.
fn packaged() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/usr/lib/postgresql") else {
        return Vec::new();
    };
    let mut versions: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    versions.iter().map(|path| path.join("bin")).collect()
}

fn texts<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).into()
}

fn pgbench_fill() -> Vec<String> {
    texts(["-i", "-q", "-s", &SCALE.to_string(), BENCH])
}

fn pgbench_arguments(work: Work) -> Vec<String> {
    let mut arguments = texts(["-n", "-S", "-M", "prepared"]);
    arguments.extend(texts(["-c", &CONNECTIONS.to_string()]));
    arguments.extend(texts(["-j", &PGBENCH_THREADS.to_string()]));
    arguments.extend(texts(["-T", &work.length.as_secs().to_string()]));
    if let Some(rate) = work.rate {
        arguments.extend(texts(["-R", &rate.to_string(), "-l"]));
    }
    arguments
}

fn sysbench_arguments(address: &Address<'_>, rows: u32) -> Vec<String> {
    vec![
        "oltp_point_select".to_owned(),
        "--db-driver=pgsql".to_owned(),
        format!("--pgsql-host={}", address.host),
        format!("--pgsql-port={}", address.port),
        format!("--pgsql-user={}", address.user),
        format!("--pgsql-password={}", address.password),
        format!("--pgsql-db={SBTEST}"),
        "--tables=1".to_owned(),
        format!("--table-size={rows}"),
    ]
}

fn sysbench_work(work: Work) -> Vec<String> {
    let mut arguments = vec![
        "--rand-type=uniform".to_owned(),
        format!("--threads={CONNECTIONS}"),
        format!("--time={}", work.length.as_secs()),
    ];
    if let Some(rate) = work.rate {
        arguments.push(format!("--rate={rate}"));
    }
    arguments
}

/// How many transactions, and how many each second.
fn parse_pgbench(printed: &str) -> Option<(f64, f64)> {
    let after = |start: &str| printed.lines().find_map(|line| line.strip_prefix(start));
    let count = after("number of transactions actually processed: ")?;
    let rate = after("tps = ")?;
    let first = |text: &str| text.split([' ', '/']).next()?.parse().ok();
    Some((first(count)?, first(rate)?))
}

/// How many transactions, and how many each second.
fn parse_sysbench(printed: &str) -> Option<(f64, f64)> {
    let line = printed
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("transactions:"))?;
    let (count, rest) = line.split_once('(')?;
    let rate = rest.split_whitespace().next()?;
    Some((count.trim().parse().ok()?, rate.parse().ok()?))
}

/// The seventh column of every log in the folder: how long after its scheduled time an operation was sent.
fn lags_in(folder: &Path) -> Result<Vec<f64>> {
    let entries = fs::read_dir(folder).map_err(Error::io("the logs of pgbench"))?;
    let mut lags = Vec::new();
    for entry in entries.flatten() {
        let text = fs::read_to_string(entry.path()).map_err(Error::io("a log of pgbench"))?;
        lags.extend(text.lines().filter_map(lag));
    }
    Ok(lags)
}

fn lag(line: &str) -> Option<f64> {
    line.split(' ').nth(6)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::ACCOUNTS;

    #[test]
    fn pgbench_is_read() {
        let printed = "transaction type: <builtin: select only>\nnumber of clients: 8\n\
            number of transactions actually processed: 20033\nnumber of failed transactions: 0 (0.000%)\n\
            latency average = 0.212 ms\ninitial connection time = 12.3 ms\n\
            tps = 1001.663412 (without initial connection time)\n";
        assert_eq!(parse_pgbench(printed), Some((20_033.0, 1_001.663_412)));
        let counted = printed.replace("20033", "800/800");
        assert_eq!(parse_pgbench(&counted), Some((800.0, 1_001.663_412)));
        assert_eq!(parse_pgbench("pgbench: error"), None);
    }

    #[test]
    fn sysbench_is_read() {
        let printed = "SQL statistics:\n    queries performed:\n        read:                            123\n    \
            transactions:                        199730 (9983.13 per sec.)\n    queries:                             199730 (9983.13 per sec.)\n";
        assert_eq!(parse_sysbench(printed), Some((199_730.0, 9_983.13)));
        assert_eq!(parse_sysbench("FATAL: no"), None);
    }

    #[test]
    fn the_schedule_lag_is_the_seventh_column() {
        assert_eq!(lag("0 199 2241 0 1175850568 995598 1020"), Some(1_020.0));
        assert_eq!(lag("0 199 2241 0 1175850568 995598"), None);
        assert_eq!(lag("1 3 skipped 0 1175850568 995598 x"), None);
    }

    #[test]
    fn all_tools_get_the_same_connections_and_time() {
        let work = Work {
            length: Duration::from_secs(8),
            rate: Some(1_000),
        };
        assert_eq!(
            pgbench_arguments(work).join(" "),
            "-n -S -M prepared -c 8 -j 2 -T 8 -R 1000 -l"
        );
        assert_eq!(
            sysbench_work(work).join(" "),
            "--rand-type=uniform --threads=8 --time=8 --rate=1000"
        );
        assert_eq!(ACCOUNTS, 1_000_000);
    }
}
