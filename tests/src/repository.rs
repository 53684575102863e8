//! The repository as a list of text files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders that hold what was built or fetched, wherever they stand.
const SKIPPED: [&str; 4] = [".git", "dist", "node_modules", "target"];

/// One text file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextFile {
    /// The path from the repository's root, with `/` between the parts.
    pub path: String,
    /// The whole content.
    pub text: String,
}

/// The repository that this package was compiled from.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests package is a folder of the repository")
        .to_owned()
}

/// All text files of a folder, sorted by path; what is not UTF-8 is not text. Symbolic links are not followed.
pub fn text_files(root: &Path) -> io::Result<Vec<TextFile>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.iter().any(|name| entry.file_name() == *name) {
                folders.push(entry.path());
            }
            if kind.is_file() {
                files.extend(text_file(root, &entry.path())?);
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn text_file(root: &Path, path: &Path) -> io::Result<Option<TextFile>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        // An editor or a test removed it since the folder was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let relative = path
        .strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/");
    Ok(String::from_utf8(bytes).ok().map(|text| TextFile {
        path: relative,
        text,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_text_and_skips_what_was_built_or_fetched() {
        let root = tempfile::tempdir().unwrap();
        for (path, bytes) in [
            ("a.txt", "text".as_bytes()),
            ("b/c.rs", b"fn c() {}"),
            ("b/picture.png", &[0xff, 0xfe]),
            ("b/target/d.rs", b"built"),
            ("b/dist/e.js", b"bundled"),
            ("node_modules/e.js", b"fetched"),
            (".ci/run", b"hidden, but ours"),
        ] {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let paths: Vec<String> = text_files(root.path())
            .unwrap()
            .into_iter()
            .map(|file| file.path)
            .collect();
        assert_eq!(paths, [".ci/run", "a.txt", "b/c.rs"]);
    }
}
