//! `gauntlet doctor` against a control plane, and without one.

use std::net::TcpListener;

use serde_json::Value;

use crate::support::{Served, gauntlet};

/// What the doctor says as JSON, and the exit code.
fn diagnosis(arguments: &[&str]) -> (Value, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let doctor = ["doctor", "--output", "json", "--data-dir", folder];
    let output = gauntlet(&[&doctor[..], arguments].concat());
    let said = serde_json::from_slice(&output.stdout);
    (
        said.unwrap_or_else(|_| panic!("{output:?}")),
        output.status.code(),
    )
}

/// How a check came out the first time it was made.
fn result<'a>(diagnosis: &'a Value, check: &str) -> Option<&'a str> {
    let checks = diagnosis["checks"].as_array().unwrap();
    let found = checks.iter().find(|one| one["check"] == check)?;
    found["result"].as_str()
}

#[test]
fn a_control_plane_is_looked_at_through_its_own_api() {
    let served = Served::start(&[]);
    let server = ["--server", &served.url];
    let (said, code) = diagnosis(&server);
    assert_eq!(result(&said, "server"), Some("ok"), "{said:#}");
    assert_eq!(result(&said, "clock"), Some("ok"), "{said:#}");
    assert_eq!(result(&said, "store"), Some("ok"), "{said:#}");
    // Nobody attached to `gauntlet serve`, which is worth a word and no failure.
    assert_eq!(result(&said, "workers"), Some("warning"), "{said:#}");
    assert_eq!(result(&said, "port"), None, "{said:#}");
    let failed = said["failed"].as_u64().unwrap();
    assert_eq!(code, Some(i32::from(failed > 0)), "{said:#}");

    let file = served.beside("absent/target.db");
    let add = ["target", "add", "db", "--sqlite", file.to_str().unwrap()];
    assert!(gauntlet(&[&add[..], &server].concat()).status.success());
    let (said, code) = diagnosis(&[&server[..], &["--target", "db"]].concat());
    assert_eq!(result(&said, "target"), Some("failed"), "{said:#}");
    assert_eq!(code, Some(1));
    let (said, _) = diagnosis(&[&server[..], &["--target", "bd"]].concat());
    let text = said.to_string();
    assert!(text.contains("did you mean"), "{said:#}");
}

#[test]
fn without_a_control_plane_the_doctor_says_what_to_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    // The port was free a moment ago and nothing of ours listens on it now.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let (said, code) = diagnosis(&["--server", &nobody, "--listen", &address]);
    assert_eq!(code, Some(1));
    assert_eq!(result(&said, "server"), Some("failed"), "{said:#}");
    assert_eq!(result(&said, "port"), Some("failed"), "{said:#}");
    assert!(said.to_string().contains("gauntlet up"), "{said:#}");
}
