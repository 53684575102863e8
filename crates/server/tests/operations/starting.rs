//! What a command that starts a run leaves behind when it starts none.

use std::{
    io::Write as _,
    process::{Output, Stdio},
};

use crate::support::{Served, command, passed, refused};

const TEMPLATE: &str = "
name: mix
target: db
table: t
operations: [{kind: point_lookup, weight: 100, parameters: [{uniform: {min: 1, max: 9}}]}]
load: {concurrency: {connections: 1}}
phases: {measurement: 5s}
";

/// Gauntlet with something on its standard input.
fn piped(arguments: &[&str], text: &str) -> Output {
    let mut child = command()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    child.wait_with_output().unwrap()
}

#[test]
fn a_run_that_is_not_started_is_not_left_behind() {
    let served = Served::start(&[]);
    let url = served.url.as_str();
    let file = served.beside("target.db");
    let file = file.to_str().unwrap();
    passed(&["--server", url, "target", "add", "db", "--sqlite", file]);
    let applied = piped(&["--server", url, "template", "apply", "-f", "-"], TEMPLATE);
    assert!(applied.status.success(), "{applied:?}");

    let typo = refused(&["--server", url, "run", "mix", "--acknowledge", "TYPO"]);
    for words in [
        "--acknowledge TYPO: no finding has this code",
        "gauntlet preflight mix",
    ] {
        assert!(typo.contains(words), "{typo}");
    }
    let unheard = refused(&["--server", url, "run", "mix"]);
    assert!(unheard.contains("error: "), "{unheard}");
    let taken = refused(&["--server", url, "template", "clone", "mix", "mix"]);
    assert!(taken.contains("choose another name"), "{taken}");
    let nobody = refused(&["--server", url, "preflight", "nope"]);
    assert!(
        nobody.contains("no template and no run is named"),
        "{nobody}"
    );

    let listed = passed(&["--server", url, "list", "--output", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.get("runs"), None, "{listed}");
}
