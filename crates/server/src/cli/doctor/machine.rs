//! What this machine gives: read from the system, judged elsewhere.

use std::{
    fs,
    num::NonZero,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    thread,
};

use rustix::{
    fs::statvfs,
    process::{Resource, getrlimit},
};

/// Files of the data folder that nobody else may read: they open the passwords
/// of targets.
const SECRET: [&str; 2] = ["store.key", "secret.key"];

/// What this machine gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// The most open files of a process of this user; `None` when there is no limit.
    pub open_files: Option<u64>,
    /// To what that may be raised; `None` when there is no limit.
    pub most_open_files: Option<u64>,
    /// Processors that this process may use.
    pub processors: usize,
    /// Processes that ran or waited for a processor, on average over the last
    /// minute; `None` when the system does not say.
    pub load: Option<f64>,
    /// The folder of the data, or where it would be.
    pub folder: Folder,
}

/// A data folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Folder {
    /// As given.
    pub path: PathBuf,
    /// Whether it is there.
    pub exists: bool,
    /// Bytes free on its disk; `None` when the system does not say.
    pub free_bytes: Option<u64>,
    /// What in it others of this machine can read, with the permissions.
    pub loose: Vec<(PathBuf, u32)>,
}

/// Looks at this machine and at the folder of the data.
pub fn look(data_dir: &Path) -> Machine {
    let open_files = getrlimit(Resource::Nofile);
    Machine {
        open_files: open_files.current,
        most_open_files: open_files.maximum,
        processors: thread::available_parallelism().map_or(1, NonZero::get),
        load: load(),
        folder: Folder {
            path: data_dir.to_owned(),
            exists: data_dir.is_dir(),
            free_bytes: free_bytes(data_dir),
            loose: loose(data_dir),
        },
    }
}

/// The load average of the last minute.
fn load() -> Option<f64> {
    let said = fs::read_to_string("/proc/loadavg").ok()?;
    said.split_whitespace().next()?.parse().ok()
}

/// What is free for this user on the disk of a folder, or of the nearest folder
/// above it that is there.
fn free_bytes(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let there = folder.ancestors().find(|one| one.exists())?;
    let disk = statvfs(there).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Files that others can read and should not.
fn loose(folder: &Path) -> Vec<(PathBuf, u32)> {
    let mode = |path: &Path| Some(fs::metadata(path).ok()?.permissions().mode() & 0o777);
    // A folder that others cannot enter protects what is in it.
    if mode(folder).is_none_or(|mode| mode & 0o011 == 0) {
        return Vec::new();
    }
    SECRET
        .iter()
        .map(|name| folder.join(name))
        .filter_map(|path| mode(&path).map(|mode| (path, mode)))
        .filter(|(_, mode)| mode & 0o044 != 0)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_has_the_disk_of_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        let machine = look(&folder.path().join("a/b"));
        assert!(!machine.folder.exists);
        assert!(machine.folder.free_bytes.is_some());
        assert!(machine.processors > 0);
        assert_eq!(machine.folder.loose, []);
    }

    #[test]
    fn files_that_others_can_read_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let key = folder.path().join("store.key");
        fs::write(&key, "").unwrap();
        set(&key, 0o644);
        set(folder.path(), 0o755);
        assert_eq!(loose(folder.path()), [(key.clone(), 0o644)]);
        set(folder.path(), 0o700);
        assert_eq!(loose(folder.path()), []);
        set(folder.path(), 0o755);
        set(&key, 0o600);
        assert_eq!(loose(folder.path()), []);
    }
}
