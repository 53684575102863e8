//! TLS, from `gauntlet serve` to the commands that call it.

use std::fs;

use crate::support::{Served, passed, refused};

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
    let said = refused(&list);
    assert!(said.contains("--tls-ca"), "{said}");
    let said = refused(&[&list[..], &["--tls-ca", &stranger]].concat());
    assert!(said.contains("no TLS with https://127.0.0.1:"), "{said}");
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
    let said = refused(&[&list[..], &[authority.to_str().unwrap()]].concat());
    assert!(
        said.contains("speaks no TLS; give the address with http://"),
        "{said}"
    );
}
