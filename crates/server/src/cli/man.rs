//! `gauntlet man`: the manual pages.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Args, Command, CommandFactory as _};

use super::{Cli, Context, exit::Exit, failure::Failure, print, text::number::counted};

const HOW: &str = "\
Where man looks for them:
  gauntlet man --dir ~/.local/share/man/man1
  man gauntlet-run";

/// Write the manual pages
///
/// Writes the manual: one page for gauntlet and one for each command.
#[derive(Debug, Args)]
#[command(after_help = HOW)]
pub struct Man {
    /// The folder of the pages; made when it is not there
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
}

impl Man {
    /// Carries the command out.
    pub fn run(self, context: &Context) -> Result<Exit, Failure> {
        let pages = write(&self.dir).map_err(|error| refused(&self.dir, &error))?;
        if context.is_json() {
            let dir = serde_json::Value::from(self.dir.to_string_lossy());
            print::line(&format!("{{\"dir\":{dir},\"pages\":{pages}}}"))?;
        } else {
            print::line(&format!(
                "{} in {}",
                counted(pages as u64, "page"),
                self.dir.display()
            ))?;
        }
        Ok(Exit::Pass)
    }
}

/// Writes all pages; says how many.
fn write(dir: &Path) -> io::Result<usize> {
    fs::create_dir_all(dir)?;
    let command = Cli::command();
    let pages = count(&command);
    clap_mangen::generate_to(command, dir)?;
    Ok(pages)
}

fn refused(dir: &Path, error: &io::Error) -> Failure {
    let why = if dir.is_file() {
        "it is a file; name a folder with --dir".to_owned()
    } else {
        error.to_string()
    };
    Failure::Asked(format!(
        "the pages cannot be written to {}: {why}",
        dir.display()
    ))
}

/// A command and those below it.
fn count(command: &Command) -> usize {
    let shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    1 + shown.map(count).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let pages = write(folder.path()).unwrap();
        let written = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(written, pages);
        let page = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(page("gauntlet.1").contains("Exit codes"));
        assert!(page("gauntlet-target-add.1").contains("postgres"));
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_told() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = write(file.path()).unwrap_err();
        let told = refused(file.path(), &error).told();
        assert!(
            told.contains("it is a file; name a folder with --dir"),
            "{told}"
        );
    }
}
