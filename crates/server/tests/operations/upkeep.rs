//! `gauntlet prune`, `backup` and `vacuum`.

use crate::support::{Served, passed, refused};

#[test]
fn a_served_store_is_copied_and_neither_pruned_nor_vacuumed() {
    let served = Served::start(&[]);
    let store = served.store.clone();
    let copy = served.beside("copy.db");
    let copy = copy.to_str().unwrap();
    let said = passed(&["backup", "--store", &store, copy]);
    assert!(
        said.contains("copied sqlite:") && said.contains(copy),
        "{said}"
    );
    let again = refused(&["backup", "--store", &store, copy]);
    assert!(again.contains("exists already"), "{again}");
    let pruned = refused(&["prune", "--store", &store, "--older-than", "30d"]);
    assert!(pruned.contains("gauntlet serve --retain"), "{pruned}");
    let counted = passed(&[
        "prune",
        "--store",
        &store,
        "--older-than",
        "30d",
        "--dry-run",
    ]);
    assert!(counted.starts_with("would remove 0 runs"), "{counted}");
    let vacuumed = refused(&["vacuum", "--store", &store]);
    assert!(vacuumed.contains("stop it first"), "{vacuumed}");
    let applied = refused(&["schema", "apply", "--store", &store]);
    assert!(applied.contains("stop it first"), "{applied}");

    // The copy is a store of its own, and nobody serves it.
    let copied = format!("sqlite:{copy}");
    let said = passed(&[
        "prune",
        "--store",
        &copied,
        "--older-than",
        "30d",
        "--output",
        "json",
    ]);
    assert_eq!(said, "{\"runs\":0,\"intervals\":0}\n");
    let said = passed(&["vacuum", "--store", &copied]);
    assert!(said.contains("gave the unused room"), "{said}");
    served.terminate();
    let (status, log) = served.ended();
    assert!(status.success(), "{log}");
}

#[test]
fn a_store_that_is_not_there_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("none.db").display());
    for command in [
        vec!["prune", "--older-than", "1d"],
        vec!["vacuum"],
        vec!["backup", "copy.db"],
    ] {
        let said = refused(&[command, vec!["--store", &store]].concat());
        assert!(said.contains("gauntlet schema apply"), "{said}");
    }
    let inside = std::fs::read_dir(folder.path()).unwrap();
    assert_eq!(inside.count(), 0);
}
