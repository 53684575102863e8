//! A target that takes nothing in plain text, from the command line to the report.

use gauntlet_api::v1 as pb;
use gauntlet_testkit::postgres::{Authority, Cluster, PlainText};

use crate::plane::{Plane, text};

/// Every operation leaves a row.
const TEMPLATE: &str = "
name: inserts
target: db
table: bench
operations:
  - kind: insert
    weight: 100
    columns: [k, c, pad]
    parameters:
      - uniform: {min: 1, max: 1000}
      - text: {length: 20}
      - literal: {text: pad}
load:
  concurrency: {connections: 2}
phases:
  warmup: 0s
  measurement: 2s
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_benchmark_of_a_server_that_wants_tls() {
    let authority = Authority::new("provider");
    let identity = authority.sign(&["127.0.0.1"]);
    let cluster = Cluster::start_with_tls(&identity, PlainText::Refused);
    let plane = Plane::start().await;
    let _worker = plane.worker("w1").await;
    plane.file("ca.pem", &authority.pem());
    plane.file("empty.pem", "\n");
    plane.file(
        "server.pem",
        &format!("{}{}", identity.certificate, identity.key),
    );

    let add = |name: &str, parameters: &str| {
        let url = format!("{}?{parameters}", cluster.url());
        plane.gauntlet(&["target", "add", name, "--postgres", &url])
    };
    for (parameters, words) in [
        (
            "sslmode=prefer",
            "say disable, require, verify-ca or verify-full",
        ),
        (
            "sslmode=verify-full&sslrootcert=server.pem",
            "holds a private key",
        ),
        (
            "sslmode=verify-full&sslrootcert=empty.pem",
            "has no section CERTIFICATE",
        ),
        ("sslmode=verify-ca", "or use sslmode=verify-full"),
    ] {
        let refused = add("db", parameters);
        assert_eq!(refused.status.code(), Some(1), "{}", text(&refused));
        assert!(text(&refused).contains(words), "{}", text(&refused));
    }
    let plain = add("plain", "sslmode=disable");
    assert!(plain.status.success(), "{}", text(&plain));
    let insists = plane.gauntlet(&["target", "test", "plain"]);
    assert_eq!(insists.status.code(), Some(1), "{}", text(&insists));
    assert!(
        text(&insists).contains("sslmode=require"),
        "{}",
        text(&insists)
    );

    let added = add("db", "sslmode=verify-full&sslrootcert=ca.pem");
    let mode = "?sslmode=verify-full (root certificate given)";
    assert!(text(&added).contains(mode), "{}", text(&added));
    // Who says nothing of TLS does not turn it off.
    let again = plane.must(&["target", "update", "db", "--postgres", &cluster.url()]);
    assert!(again.contains(mode), "{again}");
    let tested = plane.must(&["target", "test", "db"]);
    assert!(tested.contains(" over TLSv1.3 with TLS_"), "{tested}");
    let listed = plane.must(&["target", "list"]);
    assert!(
        listed.contains(mode) && !listed.contains("BEGIN"),
        "{listed}"
    );

    plane.must(&["target", "load", "db", "--table", "bench", "--rows", "100"]);
    plane.file("inserts.yaml", TEMPLATE);
    plane.must(&["template", "apply", "-f", "inserts.yaml"]);
    let run = plane.start_run("inserts").await;
    let run = plane.until_over(&run).await;
    assert_eq!(run.status(), pb::RunStatus::Completed, "{run:?}");
    let report = plane.report(&run.run_id).await;
    let total = report.total.unwrap();
    assert!(total.succeeded > 0 && total.failed == 0, "{total:?}");
    let rows = cluster.psql("SELECT count(*) - 100 FROM bench").unwrap();
    let counted: u64 = rows.parse().unwrap();
    assert!(counted >= total.succeeded, "{counted} rows, {total:?}");
    let version = report.environment.unwrap().target_version;
    assert!(version.contains(" over TLSv1.3 with TLS_"), "{version}");
}

/// The certificates of a cloud's authorities are many, and come with every target
/// of a list.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_are_listed_with_long_root_certificates() {
    /// What a client takes where nothing is said.
    const USUAL: usize = 4 << 20;
    let plane = Plane::start().await;
    let certificate = Authority::new("cloud").pem();
    let bundle = certificate.repeat(250_000 / certificate.len());
    plane.file("bundle.pem", &bundle);
    let count = USUAL / bundle.len() + 1;
    for number in 0..count {
        let name = format!("db-{number}");
        let url = format!("postgres://u@db{number}/d?sslmode=verify-full&sslrootcert=bundle.pem");
        plane.must(&["target", "add", &name, "--postgres", &url]);
    }
    let listed = plane.must(&["target", "list"]);
    assert_eq!(
        listed.matches("(root certificate given)").count(),
        count,
        "{listed}"
    );
    let mistyped = plane.gauntlet(&["target", "test", "db-00"]);
    assert!(
        text(&mistyped).contains("did you mean"),
        "{}",
        text(&mistyped)
    );
}
