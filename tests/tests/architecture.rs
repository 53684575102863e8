//! The crates depend on each other as ARCHITECTURE.md says, and on nothing from outside that it keeps out.

use std::process::Command;

use gauntlet_tests::layers::{self, Package};
use gauntlet_tests::repository;

fn workspace() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(repository::root())
        .output()
        .expect("the cargo that compiled this test");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    layers::packages(&String::from_utf8_lossy(&output.stdout))
        .expect("the documented shape of cargo metadata")
}

fn check(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn crates_depend_along_the_arrows() {
    check(&layers::arrows(&workspace()));
}

#[test]
fn the_table_names_crates_that_exist() {
    check(&layers::missing_packages(&workspace()));
}

#[test]
fn drivers_and_grpc_stay_where_they_belong() {
    check(&layers::confinement(&workspace()));
}
