//! TLS, from `gauntlet serve` to the commands that call it.

use std::fs;

use crate::support::{Served, command, passed, refused};

/// What a command says that fails on a machine that trusts these authorities.
fn refused_with(arguments: &[&str], trusted: &str) -> String {
    let output = command()
        .args(arguments)
        .env("SSL_CERT_FILE", trusted)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn commands_reach_a_control_plane_by_tls_whose_authority_they_know() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let made = || rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (ours, other) = (made(), made());
    let certificate = file("cert.pem", ours.cert.pem());
    let key = file("key.pem", ours.signing_key.serialize_pem());
    let stranger = file("other.pem", other.cert.pem());

    let served = Served::start(&["--tls-cert", &certificate, "--tls-key", &key]);
    let url = served.url.clone();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let list = ["list", "--server", &url, "--output", "json"];
    passed(&[&list[..], &["--tls-ca", &certificate]].concat());
    let unknown = refused_with(&list, &stranger);
    assert_eq!(
        unknown,
        format!(
            "error: no TLS with {url}: this machine does not know the authority of its certificate; name the authority's file with --tls-ca\n"
        )
    );
    let known = command()
        .args(list)
        .env("SSL_CERT_FILE", &certificate)
        .output();
    assert!(known.unwrap().status.success());
    let said = refused(&[&list[..], &["--tls-ca", &stranger]].concat());
    assert!(
        said.contains("is not from the authority that --tls-ca"),
        "{said}"
    );
    let said = refused(&[&list[..], &["--tls-ca", "none.pem"]].concat());
    assert!(said.contains("--tls-ca none.pem"), "{said}");
    // Without TLS it is not heard.
    let plain = url.replace("https", "http");
    let said = refused(&["list", "--server", &plain]);
    assert!(
        said.contains("speaks TLS; give the address with https://"),
        "{said}"
    );
}

#[test]
fn a_control_plane_without_tls_says_so_to_who_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("cert.pem");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(&authority, made.cert.pem()).unwrap();
    let served = Served::start(&[]);
    let url = served.url.replace("http:", "https:");
    let list = ["list", "--server", &url, "--tls-ca"];
    let authority = authority.to_str().unwrap();
    let said = refused(&[&list[..], &[authority]].concat());
    let without = refused_with(&list[..3], authority);
    for said in [said, without] {
        assert!(
            said.contains("speaks no TLS; give the address with http://"),
            "{said}"
        );
    }
}

#[test]
fn a_control_plane_that_asks_for_a_certificate_lets_in_who_shows_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let made = || rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (plane, caller) = (made(), made());
    let certificate = file("cert.pem", plane.cert.pem());
    let key = file("key.pem", plane.signing_key.serialize_pem());
    let own = file("own.pem", caller.cert.pem());
    let own_key = file("own.key", caller.signing_key.serialize_pem());

    let serving = ["--tls-cert", &certificate, "--tls-key", &key];
    let served = Served::start(&[&serving[..], &["--tls-client-ca", &own]].concat());
    let list = ["list", "--server", &served.url, "--tls-ca", &certificate];
    let list = [&list[..], &["--output", "json"]].concat();
    let shown = ["--client-cert", &own, "--client-key", &own_key];
    passed(&[&list[..], &shown].concat());
    let by_variables = command()
        .args(&list)
        .envs([
            ("GAUNTLET_CLIENT_CERT", &own),
            ("GAUNTLET_CLIENT_KEY", &own_key),
        ])
        .output();
    assert!(by_variables.unwrap().status.success());
    let without = refused(&list);
    assert!(without.contains("--client-cert"), "{without}");
    let half = refused(&[&list[..], &shown[..2]].concat());
    assert!(half.contains("--client-key belong together"), "{half}");
    let mixed = ["--client-cert", &own, "--client-key", &key];
    let mixed = refused(&[&list[..], &mixed].concat());
    assert!(
        mixed.contains("the client certificate and its key cannot be used"),
        "{mixed}"
    );
}
