//! `gauntlet completions`: the command line completed by the shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, exit::Exit, failure::Failure, print};

const HOW: &str = "\
Where a shell looks for it:
  bash        gauntlet completions bash > ~/.local/share/bash-completion/completions/gauntlet
  zsh         gauntlet completions zsh > ~/.zfunc/_gauntlet
              (with fpath+=(~/.zfunc) before compinit in ~/.zshrc)
  fish        gauntlet completions fish > ~/.config/fish/completions/gauntlet.fish
  elvish      gauntlet completions elvish >> ~/.config/elvish/rc.elv
  powershell  gauntlet completions powershell >> $PROFILE
It is read by shells that start afterwards. Make the folder first when it is not there.";

/// Print a script that completes the command line in a shell
#[derive(Debug, Args)]
#[command(after_help = HOW)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Carries the command out.
    pub fn run(self) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "gauntlet", &mut script);
        match print::text(&String::from_utf8_lossy(&script)) {
            // Who looks at its beginning has seen what was asked for.
            Err(failure) if failure.is_closed_pipe() => Ok(Exit::Pass),
            printed => printed.map(|()| Exit::Pass),
        }
    }
}
