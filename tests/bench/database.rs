//! The private PostgreSQL that everybody works against.

use std::time::Duration;

use gauntlet_testkit::postgres::Cluster;

use crate::error::{Error, Result};
use crate::peers::Peers;
use crate::process;
use crate::settings::Settings;

/// pgbench's tables.
pub const BENCH: &str = "bench";
/// sysbench's table.
pub const SBTEST: &str = "sbtest";

/// Everything in memory, and nothing in the background that would fall into somebody's round.
const SETTINGS: [&str; 2] = [
    "ALTER SYSTEM SET shared_buffers = '512MB'",
    "ALTER SYSTEM SET autovacuum = off",
];
/// What counts statements inside the server. It comes with most packages of PostgreSQL, but not with all.
const COUNTER: &str = "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'";
/// All statements in the tools' databases so far, and the server's clock in seconds.
const COUNT: &str = "SELECT coalesce(sum(calls), 0), extract(epoch FROM clock_timestamp()) \
                     FROM pg_stat_statements JOIN pg_database ON oid = dbid WHERE datname IN ('bench', 'sbtest')";
/// How long a tool may take until its load begins.
const BEGIN_LIMIT: Duration = Duration::from_secs(30);
/// How long the backends of a tool that has ended may take to end.
const SETTLE_LIMIT: Duration = Duration::from_secs(15);

/// A running server with the tables of all tools.
#[derive(Debug)]
pub struct Database {
    cluster: Cluster,
    postmaster: String,
    counts: bool,
    /// The server's version, such as `15.18`.
    pub version: String,
}

impl Database {
    /// Starts a server and fills the tables.
    pub async fn start(peers: &Peers, settings: &Settings) -> Result<Self> {
        println!("starting a private PostgreSQL and filling its tables");
        let cluster = Cluster::start();
        for statement in SETTINGS {
            cluster.psql(statement).map_err(failed)?;
        }
        let counts = cluster
            .psql("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_stat_statements'")
            .map_err(failed)?
            == "1";
        if counts {
            cluster.psql(COUNTER).map_err(failed)?;
        }
        cluster.stop();
        cluster.start_again();
        if counts {
            let create = "CREATE EXTENSION pg_stat_statements";
            cluster.psql(create).map_err(failed)?;
        }
        for name in [BENCH, SBTEST] {
            let _url = cluster.create_database(name);
        }
        let postmaster = postmaster(&cluster)?;
        let version = cluster.psql("SHOW server_version").map_err(failed)?;
        let version = version.split(' ').next().unwrap_or_default().to_owned();
        let database = Self {
            cluster,
            postmaster,
            counts,
            version,
        };
        // It takes a little of the server's time, so it counts only while a rate is checked.
        database.set_counting(false)?;
        peers.fill(&database.address(), settings).await?;
        for name in [BENCH, SBTEST] {
            for statement in ["VACUUM ANALYZE", "CHECKPOINT"] {
                database.cluster.psql_in(name, statement).map_err(failed)?;
            }
        }
        Ok(database)
    }

    /// Where it listens and how to log in.
    pub fn address(&self) -> Address<'_> {
        Address {
            host: &self.cluster.host,
            port: self.cluster.port,
            user: &self.cluster.user,
            password: self.cluster.password(),
        }
    }

    /// Whether the server can count what reaches it.
    pub fn counts(&self) -> bool {
        self.counts
    }

    /// Lets the server count statements, or lets it be.
    pub fn set_counting(&self, on: bool) -> Result<()> {
        if !self.counts {
            return Ok(());
        }
        let track = if on { "top" } else { "none" };
        let statements = [
            &format!("ALTER SYSTEM SET pg_stat_statements.track = '{track}'"),
            "SELECT pg_reload_conf()",
            "SELECT pg_stat_statements_reset()",
        ];
        for statement in statements {
            self.cluster.psql(statement).map_err(failed)?;
        }
        Ok(())
    }

    /// Statements per second as the server itself counts them, over a window that opens a while after a load begins;
    /// `None` where it cannot count.
    pub async fn counted_rate(&self, after: Duration, window: Duration) -> Result<Option<f64>> {
        if !self.counts {
            return Ok(None);
        }
        let (before, _) = self.count()?;
        process::until("the load to begin", BEGIN_LIMIT, async || {
            // The first few are those that prepare a session.
            Ok((self.count()?.0 > before + 100.0).then_some(()))
        })
        .await?;
        tokio::time::sleep(after).await; // allow-sleep: the load is what passes meanwhile
        let (first, opened_s) = self.count()?;
        tokio::time::sleep(window).await; // allow-sleep: as above
        let (last, closed_s) = self.count()?;
        Ok(Some((last - first) / (closed_s - opened_s)))
    }

    fn count(&self) -> Result<(f64, f64)> {
        let printed = self.cluster.psql(COUNT).map_err(failed)?;
        let numbers = printed.split_once('|');
        numbers
            .and_then(|(calls, clock)| Some((calls.parse().ok()?, clock.parse().ok()?)))
            .ok_or_else(|| failed(format!("pg_stat_statements answered {printed:?}")))
    }

    /// CPU time of the server and of all backends that have ended, in seconds. Waits until those of clients have.
    pub async fn cpu(&self) -> Result<f64> {
        let clients = "SELECT count(*) FROM pg_stat_activity \
                       WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        process::until(
            "the end of all sessions at PostgreSQL",
            SETTLE_LIMIT,
            async || {
                let count = self.cluster.psql(clients).map_err(failed)?;
                Ok((count == "0").then_some(()))
            },
        )
        .await?;
        let spent = process::stat(&self.postmaster)?;
        Ok(spent.own + spent.ended_children)
    }
}

/// The first line of its own file names the server's main process.
fn postmaster(cluster: &Cluster) -> Result<String> {
    let path = cluster.psql("SHOW data_directory").map_err(failed)? + "/postmaster.pid";
    let text = std::fs::read_to_string(&path).map_err(Error::io(&path))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Failed(format!("the private PostgreSQL: {error}"))
}

/// A server's address and login.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    pub host: &'a str,
    pub port: u16,
    pub user: &'a str,
    pub password: &'a str,
}
