//! `gauntlet worker`: one process that sends load.

mod drain;

use clap::{Args, Subcommand};

use super::{Context, exit::Exit, failure::Failure, interrupt, run::label};
use crate::plane::{exit_with_parent, logs};

/// Start one worker, or send one home
///
/// Starts one worker: it attaches to a control plane and serves runs until
/// Ctrl-C or SIGTERM. With a command, does something about another one.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Worker {
    #[command(subcommand)]
    command: Option<Command>,
    /// A name for people [default: the host's name and the process id]
    #[arg(long)]
    name: Option<String>,
    /// The most connections the worker is willing to hold
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    capacity: u32,
    /// A label of the worker; may be given several times
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Load threads [default: one per processor]
    #[arg(long, value_parser = threads)]
    threads: Option<usize>,
    /// End with the process that started this one
    #[arg(long, hide = true)]
    exit_with_parent: bool,
}

/// What to do about a worker that runs.
#[derive(Debug, Subcommand)]
enum Command {
    Drain(drain::Drain),
}

fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(threads @ 1..=1024) => Ok(threads),
        _ => Err("give a number from 1 to 1024".to_owned()),
    }
}

impl Worker {
    /// Carries the command out.
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        if let Some(Command::Drain(drain)) = self.command {
            return drain.run(context).await;
        }
        let stop = interrupt::stop_token()?;
        if self.exit_with_parent {
            exit_with_parent(stop.clone()).map_err(Failure::Runtime)?;
        }
        // A control plane's own workers go straight to it; the variable that they
        // inherit is for commands that go elsewhere.
        let token = if self.exit_with_parent {
            None
        } else {
            context.token()?
        };
        let config = gauntlet_worker::Config {
            server: context.server.clone(),
            tls: context.tls()?,
            authorization: token.map(|token| token.authorization().clone()),
            name: self.name,
            capacity: self.capacity,
            labels: self.labels.into_iter().collect(),
            threads: self.threads,
        };
        gauntlet_worker::run_with_logs(config, logs::tap(), stop).await?;
        Ok(Exit::Pass)
    }
}
