//! The command line. One file per command; this one holds what they share.

mod adjust;
mod age;
mod ask;
mod backup;
mod compare;
mod completions;
mod delete;
mod demo;
mod doctor;
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
mod listen;
mod logs;
mod looks;
mod man;
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
    ffi::OsString,
    io::{IsTerminal as _, stderr, stdin},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{
    Arg, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
    error::ErrorKind,
};
use gauntlet_client::{Access, Client, Code, Identity, Token};
use tokio::runtime;

use crate::plane;
use exit::Exit;
use failure::Failure;
use view::terminal::can_redraw;

/// Where a control plane is expected when nothing is said.
const DEFAULT_SERVER: &str = "http://127.0.0.1:8090";
/// The project when neither the command line nor the file names one.
const DEFAULT_PROJECT: &str = "default";

const AFTER: &str = "\
First steps:
  gauntlet demo                          a benchmark in half a minute
  gauntlet up                            a control plane, in another terminal
  gauntlet target add db --postgres URL  the database to benchmark
  gauntlet template apply -f FILE.yaml   what to do with it
  gauntlet run NAME                      do it, watch it, read the report
  gauntlet doctor                        when something does not work

Exit codes: 0 pass, 1 usage or infrastructure, 2 SLO failed or regression,
3 inconclusive, 4 invalid, 5 cancelled.";

/// Puts databases under controlled load and reports numbers that can be trusted.
#[derive(Parser)]
#[command(
    name = "gauntlet",
    version,
    after_help = AFTER,
    max_term_width = 100
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Args)]
#[command(next_help_heading = "Global options")]
struct Global {
    /// The control plane's address
    #[arg(long, global = true, env = "GAUNTLET_SERVER", default_value = DEFAULT_SERVER, value_name = "URL")]
    server: String,
    /// The file of the authority of a control plane with TLS, PEM [default: those
    /// that this machine trusts]
    #[arg(long, global = true, env = "GAUNTLET_TLS_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The caller's certificate, PEM, for a control plane with TLS that asks for one
    #[arg(long, global = true, env = "GAUNTLET_CLIENT_CERT", value_name = "FILE")]
    client_cert: Option<PathBuf>,
    /// Its private key, PEM
    #[arg(long, global = true, env = "GAUNTLET_CLIENT_KEY", value_name = "FILE")]
    client_key: Option<PathBuf>,
    /// Says who calls, for a control plane or a proxy that asks; other users of this
    /// machine can see it here, and not in the environment
    #[arg(long, global = true, env = "GAUNTLET_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The project of targets, templates and runs [default: default]
    #[arg(long, global = true)]
    project: Option<String>,
    /// How to print: text for people, json for programs; a template also as its file, yaml
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
    /// A template as the file that it was made from.
    #[value(hide = true)]
    Yaml,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::Up),
    Serve(serve::Serve),
    Worker(worker::Worker),
    /// Prepare the store of a control plane
    #[command(subcommand)]
    Schema(schema::Schema),
    Prune(prune::Prune),
    Backup(backup::Backup),
    Vacuum(vacuum::Vacuum),
    /// Describe benchmarks
    #[command(subcommand)]
    Template(template::Template),
    /// Register the databases under test
    #[command(subcommand)]
    Target(target::Target),
    /// Keep named lists of parameter values that templates draw from
    #[command(subcommand)]
    Pool(pool::Pool),
    Preflight(preflight::Preflight),
    Run(run::Run),
    Rerun(rerun::Rerun),
    Watch(watch::Watch),
    Adjust(adjust::Adjust),
    Pause(adjust::Pause),
    Resume(adjust::Resume),
    Stop(stop::Stop),
    List(list::List),
    /// Print the report of a run
    Report(report::Report),
    Steps(steps::Steps),
    Events(events::Events),
    Logs(logs::Logs),
    Compare(compare::Compare),
    /// Write a run's measurements to a file
    Export(export::Export),
    Errors(errors::Errors),
    Delete(delete::Delete),
    Workers(workers::Workers),
    Demo(demo::Demo),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Man(man::Man),
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

    /// Whether there is a file to print.
    fn has_yaml(&self) -> bool {
        matches!(self, Self::Template(template::Template::Show(_)))
    }

    async fn run(self, context: Context) -> Result<Exit, Failure> {
        if context.output == Output::Yaml && !self.has_yaml() {
            return Err(Failure::Asked(
                "only \"gauntlet template show\" prints YAML; give --output json or text"
                    .to_owned(),
            ));
        }
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
            Self::Doctor(command) => command.run(&context).await,
            Self::Completions(command) => command.run(),
            Self::Man(command) => command.run(&context),
        }
    }
}

/// What stands in the file of an option.
fn file(option: &str, path: Option<&Path>) -> Result<Option<Vec<u8>>, Failure> {
    let read = |path: &Path| {
        std::fs::read(path)
            .map_err(|error| Failure::Asked(format!("{option} {}: {error}", path.display())))
    };
    path.map(read).transpose()
}

/// What a command knows of its surroundings.
#[derive(Clone)]
struct Context {
    server: String,
    tls_ca: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    token: Option<String>,
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
            // A variable that is set to nothing says nothing.
            server: match global.server.as_str() {
                "" => DEFAULT_SERVER.to_owned(),
                _ => global.server,
            },
            tls_ca: global.tls_ca,
            client_cert: global.client_cert,
            client_key: global.client_key,
            token: global.token.filter(|token| !token.is_empty()),
            given_project: global.project,
            output: global.output,
            interactive: stdin().is_terminal() && stderr().is_terminal(),
            draws: stderr().is_terminal() && can_redraw(std::env::var("TERM").ok().as_deref()),
        }
    }

    fn project(&self) -> String {
        self.given_project
            .clone()
            .unwrap_or_else(|| DEFAULT_PROJECT.to_owned())
    }

    async fn client(&self) -> Result<Client, Failure> {
        Ok(Client::connect_with(&self.server, &self.access()?).await?)
    }

    /// What a connection shows and whom it believes.
    fn access(&self) -> Result<Access, Failure> {
        Ok(Access {
            authorities: file("--tls-ca", self.tls_ca.as_deref())?,
            identity: self.identity()?,
            token: self.token()?,
        })
    }

    /// What TLS of a worker is made of; `None` for an address without.
    fn tls(&self) -> Result<Option<gauntlet_worker::Tls>, Failure> {
        let own = self.identity()?;
        let own = own.as_ref().map(|own| (&*own.certificate, &*own.key));
        let made = match file("--tls-ca", self.tls_ca.as_deref())? {
            Some(authorities) => gauntlet_worker::Tls::from_pem(&authorities, own),
            None if self.server.starts_with("https:") => gauntlet_worker::Tls::of_system(own),
            None => return Ok(None),
        };
        made.map(Some).map_err(Failure::Asked)
    }

    /// The caller's own certificate.
    fn identity(&self) -> Result<Option<Identity>, Failure> {
        // Nobody asks for it without TLS, and the variables may be set for another server.
        if !self.server.starts_with("https:") {
            return Ok(None);
        }
        let certificate = file("--client-cert", self.client_cert.as_deref())?;
        let key = file("--client-key", self.client_key.as_deref())?;
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(Identity { certificate, key })),
            _ => Err(Failure::Asked(
                "--client-cert and --client-key belong together: give both".to_owned(),
            )),
        }
    }

    /// What says who calls.
    fn token(&self) -> Result<Option<Token>, Failure> {
        let token = self.token.as_deref().map(Token::new).transpose();
        token.map_err(|error| Failure::Asked(format!("--token: {error}")))
    }

    /// A failure in the words that help most: a call that the control plane does
    /// not know is a matter of versions.
    async fn explained(&self, failure: Failure) -> Failure {
        let Failure::Client(error) = &failure else {
            return failure;
        };
        if error.code() != Some(Code::Unimplemented) {
            return failure;
        }
        let ours = env!("CARGO_PKG_VERSION");
        let theirs = match self.client().await {
            Ok(client) => client.server().map(|server| server.version.clone()),
            Err(_) => None,
        };
        Failure::Asked(match theirs {
            Some(theirs) if theirs != ours => format!(
                "the control plane does not know this call: it is version {theirs}, this is {ours}; upgrade it, or call it with gauntlet {theirs}"
            ),
            Some(theirs) => {
                format!("{error} (it is version {theirs}, as this is, of another build)")
            }
            None => format!(
                "the control plane does not know this call: it is older than this, which is {ours}; upgrade it"
            ),
        })
    }

    fn is_json(&self) -> bool {
        self.output == Output::Json
    }
}

/// Reads a command line.
fn parse(line: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let line: Vec<OsString> = line.into_iter().collect();
    let read = |command: clap::Command| {
        let mut matches = command.try_get_matches_from(line.clone())?;
        Cli::from_arg_matches_mut(&mut matches)
    };
    let error = match read(command()) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    // What the environment says of every command is in the usage of an error, as if
    // it had to be given.
    let unset = |arg: Arg| {
        if arg.is_global_set() {
            arg.env(None::<&str>)
        } else {
            arg
        }
    };
    match read(command().mut_args(unset)) {
        Err(same) if same.kind() == error.kind() => Err(same),
        _ => Err(error),
    }
}

/// The command line as it is read: a negative number is a value that may be out of
/// range, and no option that is not known.
fn command() -> clap::Command {
    fn numbers(arg: Arg) -> Arg {
        let takes = arg.get_action().takes_values() && !arg.is_positional();
        if takes {
            arg.allow_negative_numbers(true)
        } else {
            arg
        }
    }
    fn each(command: clap::Command) -> clap::Command {
        command.mut_args(numbers).mut_subcommands(each)
    }
    each(Cli::command())
}

/// Parses the command line and carries the command out.
pub fn main() -> ExitCode {
    if std::env::args_os().len() < 2 {
        print::aside(&Cli::command().render_long_help().to_string());
        return Exit::Failed.into();
    }
    let cli = match parse(std::env::args_os()) {
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
    let context = Context::new(cli.global);
    let result = runtime.block_on(async {
        match cli.command.run(context.clone()).await {
            Ok(exit) => Ok(exit),
            Err(failure) => Err(context.explained(failure).await),
        }
    });
    // A thread that still waits for a terminal or a database must not hold the process.
    runtime.shutdown_background();
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// What is said of a command line that is not good.
    fn said(line: &[&str]) -> String {
        let line = line.iter().map(OsString::from);
        match parse(line) {
            Ok(_) => panic!("it is taken"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_negative_number_is_a_value_out_of_range() {
        for line in [
            ["gauntlet", "adjust", "r", "--rate", "-5"],
            ["gauntlet", "adjust", "r", "--connections", "-5"],
            ["gauntlet", "run", "t", "--version", "-5"],
            ["gauntlet", "run", "t", "--version", "0"],
            ["gauntlet", "target load t --table", "x", "--rows", "-5"],
            ["gauntlet", "target update t", "", "--price-per-hour", "-5"],
        ] {
            let line: Vec<&str> = line
                .iter()
                .flat_map(|words| words.split_whitespace())
                .collect();
            let said = said(&line);
            assert!(
                said.contains("invalid value") && !said.contains("tip"),
                "{said}"
            );
        }
    }

    #[test]
    fn no_age_is_asked_for_by_both_names() {
        let said = said(&["gauntlet", "prune", "--store", "sqlite:x"]);
        assert!(
            said.contains("<--older-than <DURATION>|--raw-older-than <DURATION>>"),
            "{said}"
        );
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
