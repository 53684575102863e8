//! A store on a server that takes nothing in plain text.

use std::fs;

use gauntlet_store::{
    Error,
    battery::samples::{run, stored},
};
use gauntlet_store_sql::{Location, apply_schema, open};
use gauntlet_testkit::postgres::{Authority, Cluster, PlainText};

#[tokio::test]
async fn a_store_is_reached_over_tls_as_its_url_says() {
    let (authority, other) = (Authority::new("tests"), Authority::new("others"));
    let identity = authority.sign(&["127.0.0.1"]);
    let cluster = Cluster::start_with_tls(&identity, PlainText::Refused);
    let folder = tempfile::tempdir().unwrap();
    let file = |authority: &Authority, name| {
        let file = folder.path().join(name);
        fs::write(&file, authority.pem()).unwrap();
        file.display().to_string()
    };
    let (ours, others) = (file(&authority, "ca.pem"), file(&other, "other.pem"));
    let at = |parameters: &str| {
        let location = Location::parse(&format!("{}{parameters}", cluster.url()));
        location.expect("a location")
    };
    for (parameters, words) in [
        (
            String::new(),
            "no rule that lets this connection in without TLS: no pg_hba.conf entry",
        ),
        (
            format!("?sslmode=verify-full&sslrootcert={others}"),
            "not from an authority that is trusted",
        ),
    ] {
        let Err(error) = apply_schema(&at(&parameters)).await else {
            panic!("{parameters} connects");
        };
        assert!(error.to_string().contains(words), "{error}");
    }
    let location = at(&format!("?sslmode=verify-full&sslrootcert={ours}"));
    // What to do is told with all that the connection needs, for a shell.
    let Err(error) = open(&location).await else {
        panic!("there is no schema yet");
    };
    let command = format!("gauntlet schema apply --store '{location}'");
    assert!(
        error.to_string().contains(&command) && command.contains("&sslrootcert=/"),
        "{error}"
    );
    apply_schema(&location).await.unwrap();
    let stores = open(&location).await.unwrap();
    let one = stored(&stores, &run("acme", "nightly")).await;
    // News of other control planes come over a connection of their own.
    assert_eq!(stores.health.check().await, Ok::<(), Error>(()));
    let encrypted = open(&at("?sslmode=require")).await.unwrap();
    assert_eq!(encrypted.runs.get(one.id).await, Ok(Some(one)));
    let plain = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'gauntlet' AND NOT ssl";
    assert_eq!(cluster.psql(plain).unwrap(), "0");
}
