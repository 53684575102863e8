//! Where PostgreSQL is installed and which account may run it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why no private PostgreSQL can be started on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missing {
    #[error(
        "PostgreSQL is not installed: install its server, for example with `apt-get install postgresql`, or put the \
         folder of initdb and postgres into PATH"
    )]
    Programs,
    #[error(
        "PostgreSQL refuses to run as root and there is no account `postgres` or `nobody`: create one of them"
    )]
    Account,
}

/// The account that runs the server when this process is root, which PostgreSQL refuses to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Account {
    uid: u32,
    gid: u32,
}

/// The programs of one PostgreSQL version, and the account that runs them.
#[derive(Clone, Debug)]
pub(super) struct Installation {
    programs: PathBuf,
    account: Option<Account>,
}

impl Installation {
    pub(super) fn find() -> Result<Self, Missing> {
        let programs = candidates()
            .into_iter()
            .find(|folder| is_complete(folder))
            .ok_or(Missing::Programs)?;
        let account = if rustix::process::geteuid().is_root() {
            let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
            Some(unprivileged(&accounts).ok_or(Missing::Account)?)
        } else {
            None
        };
        Ok(Self { programs, account })
    }

    pub(super) fn path_of(&self, program: &str) -> PathBuf {
        self.programs.join(program)
    }

    /// Whether a library that the server can load is there.
    pub(super) fn has_library(&self, name: &str) -> bool {
        let file = format!("{name}.so");
        ["../lib", "../lib/postgresql", "../lib64/pgsql"]
            .iter()
            .any(|folder| self.programs.join(folder).join(&file).is_file())
    }

    /// A program of this installation, run as this process' own account, deaf to the PG* variables of the caller.
    pub(super) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.path_of(name));
        for (variable, _) in
            env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG"))
        {
            command.env_remove(variable);
        }
        command.env("LC_ALL", "C");
        command
    }

    /// A program of this installation, run as the account that owns the server, in a folder which that account can enter.
    pub(super) fn program_as_account(&self, name: &str, folder: &Path) -> Command {
        let mut command = self.program(name);
        self.as_account(&mut command);
        command.current_dir(folder);
        command
    }

    pub(super) fn as_account(&self, command: &mut Command) {
        if let Some(Account { uid, gid }) = self.account {
            command.uid(uid).gid(gid);
        }
    }

    /// Makes the account that runs the server the owner of a file or folder.
    pub(super) fn give(&self, path: &Path) -> io::Result<()> {
        match self.account {
            Some(Account { uid, gid }) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }

    /// The usual temporary folder, or `/tmp` where the server's account could not reach the usual one.
    pub(super) fn temporary_folder(&self) -> PathBuf {
        let usual = env::temp_dir();
        if self.account.is_none() || usual.ancestors().all(everyone_may_enter) {
            usual
        } else {
            PathBuf::from("/tmp")
        }
    }
}

/// Folders that may hold the programs, the most deliberate choice first: PATH, the newest packaged version, `pg_config`.
fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for folder in env::split_paths(&env::var_os("PATH").unwrap_or_default()) {
        // A link to one program stands for the folder that it points into, where the others are too.
        if let Ok(initdb) = folder.join("initdb").canonicalize() {
            folders.extend(initdb.parent().map(Path::to_owned));
        }
    }
    let packaged = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name());
    folders.extend(
        newest_first(packaged.collect())
            .into_iter()
            .map(|version| Path::new("/usr/lib/postgresql").join(version).join("bin")),
    );
    if let Ok(output) = Command::new("pg_config")
        .arg("--bindir")
        .stdin(Stdio::null())
        .output()
    {
        folders.push(PathBuf::from(
            String::from_utf8_lossy(&output.stdout).trim(),
        ));
    }
    folders
}

fn newest_first(mut versions: Vec<OsString>) -> Vec<OsString> {
    versions.sort_by_key(|version| {
        std::cmp::Reverse(version.to_string_lossy().parse::<u32>().unwrap_or(0))
    });
    versions
}

fn is_complete(folder: &Path) -> bool {
    ["initdb", "postgres", "psql"]
        .iter()
        .all(|program| folder.join(program).is_file())
}

fn everyone_may_enter(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 != 0)
}

/// The first account of `postgres` and `nobody` in the text of `/etc/passwd`.
fn unprivileged(passwd: &str) -> Option<Account> {
    ["postgres", "nobody"]
        .iter()
        .find_map(|name| account_of(passwd, name))
}

fn account_of(passwd: &str, name: &str) -> Option<Account> {
    let line = passwd
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut numbers = line.split(':').skip(2);
    let uid = numbers.next()?.parse().ok()?;
    let gid = numbers.next()?.parse().ok()?;
    Some(Account { uid, gid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_is_postgres_then_nobody() {
        let cases = [
            (
                "root:x:0:0::/:/bin/sh\nnobody:x:65534:65533::/:/bin/false\npostgres:x:101:104:PostgreSQL,,,:/:/bin/sh",
                Some((101, 104)),
            ),
            (
                "root:x:0:0::/:/bin/sh\nnobody:x:65534:65533::/:/bin/false",
                Some((65534, 65533)),
            ),
            ("root:x:0:0::/:/bin/sh", None),
            ("postgres:x:many:104::/:/bin/sh", None),
            ("", None),
        ];
        for (passwd, expected) in cases {
            assert_eq!(
                unprivileged(passwd).map(|account| (account.uid, account.gid)),
                expected,
                "{passwd}"
            );
        }
    }

    #[test]
    fn versions_sort_as_numbers() {
        let versions = ["9", "15", "common", "10"].map(OsString::from).to_vec();
        assert_eq!(
            newest_first(versions),
            ["15", "10", "9", "common"].map(OsString::from)
        );
    }
}
