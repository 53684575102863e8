//! The repository's rules of style that a machine can check, each a function from one file to its violations.

mod scope;

use std::fmt;

use crate::repository::TextFile;
use scope::{has_extension, is_generated, is_rust, rust_code, test_lines};

/// Lines that no file of code may exceed. The target is 400; a file above it is looked at again.
const LONGEST_FILE: usize = 700;
/// The files that people write programs in.
const CODE: [&str; 8] = ["rs", "ts", "svelte", "mjs", "js", "go", "py", "sh"];
/// These rules and their tests quote what they refuse.
const OWN: &str = "tests/src/tidy";
/// What a line says that really must sleep in a test, with the reason after it; the line above may say it too.
const ALLOW_SLEEP: &str = "allow-sleep:";

/// One place that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The file, from the repository's root.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong and what to do instead.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Modules are `name.rs` and `name/`. Below a `tests` folder cargo leaves no other name for code that test programs share.
#[must_use]
pub fn module_files(file: &TextFile) -> Vec<Violation> {
    let shared_by_tests = file.path.split('/').rev().nth(2) == Some("tests");
    if file.path.rsplit('/').next() != Some("mod.rs") || shared_by_tests {
        return Vec::new();
    }
    vec![violation(
        file,
        1,
        "name the module's file after the module, not mod.rs",
    )]
}

/// A test that does not run proves nothing, nor do others beside one that runs alone.
#[must_use]
pub fn ignored_tests(file: &TextFile) -> Vec<Violation> {
    let message = "run the test or remove it, do not ignore it";
    let in_other_languages = |line: &str| {
        let suites = ["it.", "test.", "describe."];
        let ways = ["skip(", "only(", "todo(", "fixme("];
        let is_left_out =
            |(suite, way): (&str, &str)| starts_a_word(line, &format!("{suite}{way}"));
        let mut pairs = suites
            .iter()
            .flat_map(|suite| ways.map(|way| (*suite, way)));
        pairs.any(is_left_out)
            || starts_a_word(line, "t.Skip")
            || has_word(line, "pytest.mark.skip")
            || has_word(line, "pytest.mark.xfail")
    };
    let found = in_rust(file, |line| line.contains("#[ignore"), message);
    if !found.is_empty() || !has_extension(file, &["ts", "mjs", "go", "py"]) {
        return found;
    }
    in_text(file, in_other_languages, message)
}

/// Work that is left is an issue, not a note in the code.
#[must_use]
pub fn notes_of_work_left(file: &TextFile) -> Vec<Violation> {
    in_text(
        file,
        |line| has_word(line, "TODO") || has_word(line, "FIXME"),
        "finish it or open an issue",
    )
}

/// A test that sleeps is slow on a good day and wrong on a bad one.
#[must_use]
pub fn sleeping_tests(file: &TextFile) -> Vec<Violation> {
    if !is_rust(file) || is_own(file) {
        return Vec::new();
    }
    let lines: Vec<&str> = file.text.lines().collect();
    let comment_above = |index: usize| index > 0 && lines[index - 1].trim_start().starts_with("//");
    let allowed = |index: usize| {
        lines[index].contains(ALLOW_SLEEP)
            || comment_above(index) && lines[index - 1].contains(ALLOW_SLEEP)
    };
    let message = "wait for a signal or use paused time (or say allow-sleep: and the reason)";
    let sleeps = |line: &str| line.contains("thread::sleep") || line.contains("time::sleep");
    let found = rust_code(file).filter(|(index, line)| sleeps(line) && !allowed(*index));
    let in_tests = test_lines(file);
    found
        .filter(|(index, _)| in_tests[*index])
        .map(|(index, _)| violation(file, index + 1, message))
        .collect()
}

/// A path of one machine means nothing on another.
#[must_use]
pub fn machine_paths(file: &TextFile) -> Vec<Violation> {
    let homes = ["/work/", "/root/", "/home/", "/Users/"];
    in_text(
        file,
        |line| homes.iter().any(|home| starts_a_path(line, home)),
        "no path of one machine",
    )
}

/// A long file is several files. What generators write is nobody's to split.
#[must_use]
pub fn long_files(file: &TextFile) -> Vec<Violation> {
    let lines = file.text.lines().count();
    if !has_extension(file, &CODE) || is_generated(file) || lines <= LONGEST_FILE {
        return Vec::new();
    }
    let message =
        format!("{lines} lines, and {LONGEST_FILE} is the limit: split the file by subject");
    vec![violation(file, LONGEST_FILE + 1, &message)]
}

/// TypeScript that says `any`, or has the compiler look away, is JavaScript.
#[must_use]
pub fn untyped_script(file: &TextFile) -> Vec<Violation> {
    if !has_extension(file, &["ts", "svelte"]) || is_generated(file) {
        return Vec::new();
    }
    let looks_away = ["@ts-ignore", "@ts-nocheck"];
    let any = [": any", "as any", "<any", ", any"];
    in_text(
        file,
        |line| {
            looks_away.iter().any(|word| line.contains(word))
                || any.iter().any(|start| ends_a_type(line, start))
        },
        "give it its type, or unknown and a check",
    )
}

/// Every crate obeys the lints of the workspace.
#[must_use]
pub fn workspace_lints(file: &TextFile) -> Vec<Violation> {
    let is_package = file.text.lines().any(|line| line.trim() == "[package]");
    if file.path.rsplit('/').next() != Some("Cargo.toml") || !is_package {
        return Vec::new();
    }
    let mut lines = file
        .text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1);
    if lines
        .find(|line| !line.is_empty())
        .is_some_and(|line| line.replace(' ', "") == "workspace=true")
    {
        return Vec::new();
    }
    vec![violation(file, 1, "add [lints] with workspace = true")]
}

/// What is for the moment of writing does not stay.
#[must_use]
pub fn unfinished_code(file: &TextFile) -> Vec<Violation> {
    let macros = ["dbg!", "todo!", "unimplemented!"];
    let unfinished = |line: &str| macros.iter().any(|name| starts_a_word(line, name));
    if has_extension(file, &["ts", "svelte", "mjs", "js", "py"]) {
        let stops = |line: &str| ["debugger;", "breakpoint()"].contains(&line.trim());
        return in_text(file, stops, "finish the code: no debugger, no breakpoint");
    }
    in_rust(
        file,
        unfinished,
        "finish the code: no dbg!, todo! or unimplemented!",
    )
}

/// The store's statements are files that a person can read and run.
#[must_use]
pub fn embedded_sql(file: &TextFile) -> Vec<Violation> {
    let is_of_tests = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
    if !file.path.starts_with("crates/store-sql/src/") || is_of_tests {
        return Vec::new();
    }
    in_rust(
        file,
        begins_a_statement,
        "put the statement into sql/queries/<aggregate>/<verb>.sql",
    )
}

/// A queue without a bound hides that a reader is too slow until memory is gone.
#[must_use]
pub fn unbounded_queues(file: &TextFile) -> Vec<Violation> {
    if !is_rust(file) {
        return Vec::new();
    }
    let in_tests = test_lines(file);
    let message = "give the queue a capacity and a policy for when it is full";
    let unbounded =
        |line: &str| line.contains("unbounded_channel") || line.contains("mpsc::channel()");
    let found = rust_code(file).filter(|(index, line)| unbounded(line) && !in_tests[*index]);
    found
        .filter(|_| !is_own(file))
        .map(|(index, _)| violation(file, index + 1, message))
        .collect()
}

/// A list of pinned packages that names where they were fetched from works only where that place is reachable.
#[must_use]
pub fn package_addresses(file: &TextFile) -> Vec<Violation> {
    match file.path.rsplit('/').next() {
        // What is linked in a workspace is resolved, too: to a folder.
        Some("package-lock.json") => in_text(
            file,
            |line| line.contains("\"resolved\": \"http"),
            "write the lock file with omit-lockfile-registry-resolved",
        ),
        Some("requirements.txt") => in_text(
            file,
            |line| line.contains("://") || line.starts_with('-'),
            "name packages and versions only",
        ),
        _ => Vec::new(),
    }
}

fn violation(file: &TextFile, line: usize, message: &str) -> Violation {
    Violation {
        path: file.path.clone(),
        line,
        message: message.to_owned(),
    }
}

fn is_own(file: &TextFile) -> bool {
    file.path.starts_with(OWN)
}

/// Violations by line of code in a Rust file; comments are not code.
fn in_rust(file: &TextFile, breaks: impl Fn(&str) -> bool, message: &str) -> Vec<Violation> {
    if !is_rust(file) || is_own(file) {
        return Vec::new();
    }
    let found = rust_code(file).filter(|(_, line)| breaks(line));
    found
        .map(|(index, _)| violation(file, index + 1, message))
        .collect()
}

/// Violations by line in any text file.
fn in_text(file: &TextFile, breaks: impl Fn(&str) -> bool, message: &str) -> Vec<Violation> {
    if is_own(file) {
        return Vec::new();
    }
    let found = file
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| breaks(line));
    found
        .map(|(index, _)| violation(file, index + 1, message))
        .collect()
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let after = line[at + word.len()..].chars().next();
        !ends_in_word(&line[..at]) && !after.is_some_and(is_word_character)
    })
}

fn starts_a_word(line: &str, text: &str) -> bool {
    line.match_indices(text)
        .any(|(at, _)| !ends_in_word(&line[..at]))
}

/// True where the text begins an absolute path, not where it continues a relative one or the path of a URL.
fn starts_a_path(line: &str, text: &str) -> bool {
    line.match_indices(text).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|character| {
            is_word_character(character) || ".-~*}$/>)".contains(character)
        })
    })
}

/// True where a type ends in the text: what follows is neither a word nor prose.
fn ends_a_type(line: &str, text: &str) -> bool {
    line.match_indices(text).any(|(at, _)| {
        let after = line[at + text.len()..].trim_start_matches("[]");
        let next = after.trim_start().chars().next();
        !after.starts_with(is_word_character)
            && next.is_none_or(|character| ";,)=|&{}>]".contains(character))
    })
}

fn ends_in_word(text: &str) -> bool {
    text.chars().next_back().is_some_and(is_word_character)
}

fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// A string literal, or a line of one, whose first words are those of a statement.
fn begins_a_statement(line: &str) -> bool {
    let statements = [
        "SELECT ",
        "INSERT INTO ",
        "UPDATE ",
        "DELETE FROM ",
        "WITH ",
        "CREATE ",
        "ALTER ",
        "DROP ",
    ];
    let begins = |text: &str| {
        statements
            .iter()
            .any(|statement| text.trim_start().starts_with(statement))
    };
    begins(line) || line.split('"').skip(1).step_by(2).any(begins)
}

#[cfg(test)]
mod tests;
