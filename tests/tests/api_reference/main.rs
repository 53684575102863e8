//! `docs/api.md` says what the protos say. `UPDATE_DOCS=1 cargo test -p gauntlet-tests --test api_reference` writes it.

mod print;

use gauntlet_tests::repository;

#[test]
fn the_reference_is_that_of_the_protos() {
    let path = repository::root().join("docs/api.md");
    let printed = print::reference();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &printed).expect("docs/ can be written");
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == printed,
        "docs/api.md is not what the protos say; UPDATE_DOCS=1 cargo test -p gauntlet-tests --test api_reference writes it"
    );
}

#[test]
fn everything_is_explained() {
    let missing = print::unexplained();
    assert!(missing.is_empty(), "no comment stands at {missing:#?}");
}
