//! The repository keeps its own rules. Each rule is explained where it is written, in `gauntlet_tests::tidy`.

use gauntlet_tests::repository::{self, TextFile};
use gauntlet_tests::tidy::{self, Violation};

fn check(rule: fn(&TextFile) -> Vec<Violation>) {
    let files = repository::text_files(&repository::root()).expect("the repository is readable");
    let violations: Vec<String> = files
        .iter()
        .flat_map(rule)
        .map(|found| found.to_string())
        .collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn module_files() {
    check(tidy::module_files);
}

#[test]
fn ignored_tests() {
    check(tidy::ignored_tests);
}

#[test]
fn notes_of_work_left() {
    check(tidy::notes_of_work_left);
}

#[test]
fn sleeping_tests() {
    check(tidy::sleeping_tests);
}

#[test]
fn machine_paths() {
    check(tidy::machine_paths);
}

#[test]
fn long_files() {
    check(tidy::long_files);
}

#[test]
fn untyped_script() {
    check(tidy::untyped_script);
}

#[test]
fn workspace_lints() {
    check(tidy::workspace_lints);
}

#[test]
fn unfinished_code() {
    check(tidy::unfinished_code);
}

#[test]
fn embedded_sql() {
    check(tidy::embedded_sql);
}

#[test]
fn unbounded_queues() {
    check(tidy::unbounded_queues);
}

#[test]
fn package_addresses() {
    check(tidy::package_addresses);
}
