//! The command line. One file per command; this one holds what they share.

mod adjust;
mod age;
mod ask;
mod backup;
mod compare;
mod delete;
mod demo;
mod errors;
mod events;
mod exit;
mod export;
mod failure;
mod find;
mod follow;
mod interrupt;
mod limits;
mod list;
mod logs;
mod otlp;
mod pool;
mod preflight;
mod print;
mod prune;
mod report;
mod rerun;
mod retain;
mod run;
mod schema;
mod serve;
mod steps;
mod stop;
mod stream;
mod target;
mod template;
mod text;
mod up;
mod vacuum;
mod view;
mod watch;
mod worker;
mod workers;

use std::{
    io::{IsTerminal as _, stderr, stdin},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand, ValueEnum, error::ErrorKind};
use gauntlet_client::Client;
use tokio::runtime;

use crate::plane;
use exit::Exit;
use failure::Failure;

/// Where a control plane is expected when nothing is said.
const DEFAULT_SERVER: &str = "http://127.0.0.1:8090";
/// The project when neither the command line nor the file names one.
const DEFAULT_PROJECT: &str = "default";

const EXIT_CODES: &str = "\
Exit codes: 0 pass, 1 usage or infrastructure, 2 SLO failed, 3 inconclusive, 4 invalid, 5 cancelled.";

/// Puts databases under controlled load and reports numbers that can be trusted.
#[derive(Debug, Parser)]
#[command(name = "gauntlet", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
struct Global {
    /// The control plane's address
    #[arg(long, global = true, env = "GAUNTLET_SERVER", default_value = DEFAULT_SERVER, value_name = "URL")]
    server: String,
    /// The file of the authority of a control plane with TLS, PEM
    #[arg(long, global = true, env = "GAUNTLET_TLS_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The project of targets, templates and runs [default: default]
    #[arg(long, global = true)]
    project: Option<String>,
    /// How to print: text for people, json for programs
    #[arg(long, global = true, value_enum, default_value = "text")]
    output: Output,
    /// What to log on stderr: error, warn, info, debug, or a filter like gauntlet=debug
    #[arg(long, global = true, env = "GAUNTLET_LOG", value_name = "FILTER")]
    log: Option<String>,
    /// How log lines look: text for people, json for programs
    #[arg(
        long,
        global = true,
        env = "GAUNTLET_LOG_FORMAT",
        value_enum,
        default_value = "text"
    )]
    log_format: plane::logs::LogFormat,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// Canonical protobuf JSON of the API's messages.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a control plane with an embedded store and local workers
    Up(up::Up),
    /// Start a control plane
    Serve(serve::Serve),
    /// Start one worker, or send one home
    Worker(worker::Worker),
    /// Prepare the store of a control plane
    #[command(subcommand)]
    Schema(schema::Schema),
    /// Remove runs that ended long ago
    Prune(prune::Prune),
    /// Copy the store to a file
    Backup(backup::Backup),
    /// Give the store's unused room back to the disk
    Vacuum(vacuum::Vacuum),
    /// Describe benchmarks
    #[command(subcommand)]
    Template(template::Template),
    /// Register the databases under test
    #[command(subcommand)]
    Target(target::Target),
    /// Name lists of parameter values
    #[command(subcommand)]
    Pool(pool::Pool),
    /// Check what a start would meet; sends no load
    Preflight(preflight::Preflight),
    /// Run a template, follow the run, report
    Run(run::Run),
    /// Repeat a run from its snapshot
    Rerun(rerun::Rerun),
    /// Follow a run to its end
    Watch(watch::Watch),
    /// Give a run under load another level
    Adjust(adjust::Adjust),
    /// Let nothing be due in a run until it is resumed
    Pause(adjust::Pause),
    /// Let a paused run go on
    Resume(adjust::Resume),
    /// Stop a run: no new operations, those in flight end
    Stop(stop::Stop),
    /// List runs, newest first
    List(list::List),
    /// Print the report of a run
    Report(report::Report),
    /// List the levels that a run's search tried
    Steps(steps::Steps),
    /// List what happened in a run
    Events(events::Events),
    /// Print what the workers and the control plane said of a run
    Logs(logs::Logs),
    /// Hold runs against the first of them
    Compare(compare::Compare),
    /// Write a run's measurements to a file
    Export(export::Export),
    /// List why operations of a run failed
    Errors(errors::Errors),
    /// Remove a run
    Delete(delete::Delete),
    /// List workers
    Workers(workers::Workers),
    /// Show the main job: a benchmark of an embedded database on two workers
    Demo(demo::Demo),
}

impl Command {
    /// A control plane serves in parallel and says what it does; the others
    /// leave the processors to the load and the terminal to the result.
    fn is_control_plane(&self) -> bool {
        matches!(self, Self::Up(_) | Self::Serve(_) | Self::Demo(_))
    }

    fn default_log(&self) -> &'static str {
        match self {
            Self::Serve(_) | Self::Worker(_) => "info",
            _ => "warn",
        }
    }

    async fn run(self, context: Context) -> Result<Exit, Failure> {
        match self {
            Self::Up(command) => command.run(&context).await,
            Self::Serve(command) => command.run(&context).await,
            Self::Worker(command) => command.run(&context).await,
            Self::Schema(command) => command.run(&context).await,
            Self::Prune(command) => command.run(&context).await,
            Self::Backup(command) => command.run(&context).await,
            Self::Vacuum(command) => command.run(&context).await,
            Self::Template(command) => command.run(&context).await,
            Self::Target(command) => command.run(&context).await,
            Self::Pool(command) => command.run(&context).await,
            Self::Preflight(command) => command.run(&context).await,
            Self::Run(command) => command.run(&context).await,
            Self::Rerun(command) => command.run(&context).await,
            Self::Watch(command) => command.run(&context).await,
            Self::Adjust(command) => command.run(&context).await,
            Self::Pause(command) => command.run(&context).await,
            Self::Resume(command) => command.run(&context).await,
            Self::Stop(command) => command.run(&context).await,
            Self::List(command) => command.run(&context).await,
            Self::Report(command) => command.run(&context).await,
            Self::Steps(command) => command.run(&context).await,
            Self::Events(command) => command.run(&context).await,
            Self::Logs(command) => command.run(&context).await,
            Self::Compare(command) => command.run(&context).await,
            Self::Export(command) => command.run(&context).await,
            Self::Errors(command) => command.run(&context).await,
            Self::Delete(command) => command.run(&context).await,
            Self::Workers(command) => command.run(&context).await,
            Self::Demo(command) => command.run(&context).await,
        }
    }
}

/// What a command knows of its surroundings.
#[derive(Clone, Debug)]
struct Context {
    server: String,
    tls_ca: Option<PathBuf>,
    given_project: Option<String>,
    output: Output,
    /// Whether a person can be asked.
    interactive: bool,
    /// Whether progress can be drawn.
    draws: bool,
}

impl Context {
    fn new(global: Global) -> Self {
        Self {
            server: global.server,
            tls_ca: global.tls_ca,
            given_project: global.project,
            output: global.output,
            interactive: stdin().is_terminal() && stderr().is_terminal(),
            draws: stderr().is_terminal(),
        }
    }

    fn project(&self) -> String {
        self.given_project
            .clone()
            .unwrap_or_else(|| DEFAULT_PROJECT.to_owned())
    }

    async fn client(&self) -> Result<Client, Failure> {
        let Some(path) = &self.tls_ca else {
            return Ok(Client::connect(&self.server).await?);
        };
        let authorities = std::fs::read(path)
            .map_err(|error| Failure::Asked(format!("--tls-ca {}: {error}", path.display())))?;
        Ok(Client::connect_with(&self.server, Some(&authorities)).await?)
    }

    fn is_json(&self) -> bool {
        self.output == Output::Json
    }
}

/// Parses the command line and carries the command out.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed pipe is the only thing that can go wrong here.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Pass.into(),
                _ => Exit::Failed.into(),
            };
        }
    };
    match carry_out(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.is_closed_pipe() {
                print::aside(&failure.told());
            }
            Exit::Failed.into()
        }
    }
}

fn carry_out(cli: Cli) -> Result<Exit, Failure> {
    let said = cli
        .global
        .log
        .clone()
        .or_else(|| std::env::var("RUST_LOG").ok());
    let filter = said.as_deref().filter(|filter| !filter.is_empty());
    plane::logs::init(filter, cli.command.default_log(), cli.global.log_format)?;
    let mut builder = if cli.command.is_control_plane() {
        runtime::Builder::new_multi_thread()
    } else {
        runtime::Builder::new_current_thread()
    };
    let runtime = builder.enable_all().build().map_err(Failure::Runtime)?;
    let result = runtime.block_on(cli.command.run(Context::new(cli.global)));
    // A thread that still waits for a terminal or a database must not hold the process.
    runtime.shutdown_background();
    result
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for line in [
            ["gauntlet", "--output", "json", "list"],
            ["gauntlet", "list", "--output", "json"],
        ] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.global.output, Output::Json);
            assert_eq!(cli.global.server, DEFAULT_SERVER);
        }
    }
}
