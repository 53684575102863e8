//! Workers that are not let in, that attach by TLS, or that have nothing to do.

use std::collections::BTreeMap;

use gauntlet_model::session::{ControlMessage, WorkerEvent};
use gauntlet_worker::{Config, Tls, run};
use http::HeaderValue;
use tokio_util::sync::CancellationToken;

use crate::{
    control_plane::{ControlPlane, Door},
    work::{assign, start_worker},
};

#[tokio::test]
async fn a_target_that_is_not_there_fails_the_shard_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing.db");
    let mut control_plane = ControlPlane::start(Door::Open).await;
    let (worker, stop) = start_worker(&control_plane);
    let (mut session, _) = control_plane.attached(1).await;
    session
        .say(ControlMessage::Assign(assign(path.clone())))
        .await;
    let message = session
        .wait_for(|event| match event {
            WorkerEvent::ShardFailed { message, .. } => Some(message),
            _ => None,
        })
        .await;
    assert!(message.contains("missing.db"), "{message}");
    assert!(!path.exists(), "no database is made by asking for one");
    // Whoever stops the worker does not have to release the shard first.
    stop.cancel();
    session
        .wait_for(|event| matches!(event, WorkerEvent::Goodbye { .. }).then_some(()))
        .await;
    drop(session);
    worker.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_refusal_and_a_bad_address_end_the_worker() {
    let control_plane = ControlPlane::start(Door::Closed).await;
    let (worker, _stop) = start_worker(&control_plane);
    let error = worker.await.unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the control plane at http://{} refuses this worker: no workers wanted",
            control_plane.address
        )
    );
    for (server, words) in [
        ("not a server", "is not an address"),
        ("", "is not an address"),
        ("127.0.0.1:8090", "is not an address"),
        ("https://127.0.0.1:8090", "--tls-ca"),
    ] {
        let config = Config {
            server: server.to_owned(),
            tls: None,
            authorization: None,
            name: None,
            capacity: 1,
            labels: BTreeMap::new(),
            threads: None,
        };
        let error = run(config, CancellationToken::new()).await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_worker_attaches_by_tls_and_says_who_it_is() {
    let made = || rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (plane, own) = (made(), made());
    let pem = |one: &rcgen::CertifiedKey<rcgen::KeyPair>| {
        (one.cert.pem(), one.signing_key.serialize_pem())
    };
    let (certificate, key) = pem(&plane);
    let (own_certificate, own_key) = pem(&own);
    let mut control_plane = ControlPlane::start_tls(&certificate, &key, &own_certificate).await;
    let own = (own_certificate.as_bytes(), own_key.as_bytes());
    let config = Config {
        server: format!("https://{}", control_plane.address),
        tls: Some(Tls::from_pem(certificate.as_bytes(), Some(own)).unwrap()),
        authorization: None,
        name: Some("w1".to_owned()),
        capacity: 1,
        labels: BTreeMap::new(),
        threads: None,
    };
    let stop = CancellationToken::new();
    let worker = tokio::spawn(run(config, stop.clone()));
    let (session, hello) = control_plane.attached(1).await;
    assert_eq!(hello.name, "w1");
    stop.cancel();
    drop(session);
    worker.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_worker_says_who_calls_and_is_told_what_is_wrong_with_it() {
    let mut control_plane = ControlPlane::start(Door::Token("Bearer s3cret")).await;
    let config = |token: Option<&'static str>| Config {
        server: format!("http://{}", control_plane.address),
        tls: None,
        authorization: token.map(HeaderValue::from_static),
        name: Some("w1".to_owned()),
        capacity: 1,
        labels: BTreeMap::new(),
        threads: None,
    };
    for (token, expected) in [
        (
            None,
            "wants to know who calls (no such account); give a token",
        ),
        (Some("Bearer old"), "is wrong or has expired"),
    ] {
        let refused = run(config(token), CancellationToken::new()).await;
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
    }
    let stop = CancellationToken::new();
    let worker = tokio::spawn(run(config(Some("Bearer s3cret")), stop.clone()));
    let (session, hello) = control_plane.attached(1).await;
    assert_eq!(hello.name, "w1");
    stop.cancel();
    drop(session);
    worker.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_worker_without_a_server_still_stops() {
    let config = Config {
        // The discard port: nobody listens there.
        server: "http://127.0.0.1:9".to_owned(),
        tls: None,
        authorization: None,
        name: None,
        capacity: 1,
        labels: BTreeMap::new(),
        threads: None,
    };
    let stop = CancellationToken::new();
    stop.cancel();
    run(config, stop).await.unwrap();
}
