//! What says who calls: what is sent, what is not, and what a proxy makes of it.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
};

use crate::support::refused;

#[test]
fn a_token_stays_on_this_machine_without_tls() {
    // Documentation addresses (RFC 5737): nobody is called before this is refused.
    let server = ["--server", "http://192.0.2.1:8090", "--token", "s3cret"];
    for command in [&["list"][..], &["worker"]] {
        let said = refused(&[command, &server].concat());
        assert!(
            said.contains("the token is not sent to http://192.0.2.1:8090")
                && !said.contains("s3cret"),
            "{said}"
        );
    }
    let said = refused(&["worker", "--token", " s3cret"]);
    assert!(said.contains("--token: a token is one line"), "{said}");
}

#[test]
fn a_proxy_that_wants_a_token_is_no_wrong_address() {
    let gate = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gate.local_addr().unwrap());
    // It ends with the tests' process.
    thread::spawn(move || {
        for stream in gate.incoming() {
            let mut stream = stream.unwrap();
            // It reads a little first: closed unread, the answer would be lost.
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n");
        }
    });
    let said = refused(&["list", "--server", &url]);
    assert!(said.contains("give a token with --token"), "{said}");
    let said = refused(&["list", "--server", &url, "--token", "old"]);
    assert!(said.contains("it is wrong or has expired"), "{said}");
}
