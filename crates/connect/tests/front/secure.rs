//! TLS in front of the connections.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gauntlet_connect::{Fault, ServeOptions, Tls};
use http::StatusCode;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::seen::Seen;
use crate::serving::{Running, patient, start};
use crate::support::{front, request};

/// An authority that signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
struct Signed {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn sign(&self, name: &str) -> Signed {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        Signed {
            certificate: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// How a server of this authority is configured, and which callers it lets in.
    fn server(&self, callers: Option<&Authority>) -> ServeOptions {
        let Signed { certificate, key } = self.sign("localhost");
        let callers = callers.map(Authority::pem);
        let callers = callers.as_ref().map(String::as_bytes);
        let tls = Tls::from_pem(certificate.as_bytes(), key.as_bytes(), callers).unwrap();
        ServeOptions {
            tls: Some(tls),
            ..patient()
        }
    }

    /// A caller that trusts this authority, speaks `protocol` and shows `own`, if anything.
    fn caller(&self, protocol: &str, own: Option<&Signed>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => config.with_no_client_auth(),
            Some(own) => {
                let chain = CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![chain], key).unwrap()
            }
        };
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        TlsConnector::from(Arc::new(config))
    }
}

async fn connect(
    running: &Running,
    caller: &TlsConnector,
) -> io::Result<TokioIo<TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(running.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    Ok(TokioIo::new(caller.connect(name, stream).await?))
}

fn healthz() -> http::Request<Full<Bytes>> {
    request("GET", "https://localhost/healthz", &[("host", "x")], "")
}

/// The status of a call over a new connection of HTTP/1.1.
async fn call(running: &Running, caller: &TlsConnector) -> Option<StatusCode> {
    let io = connect(running, caller).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.ok()?;
    tokio::spawn(connection);
    let response = sender.send_request(healthz()).await.ok()?;
    Some(response.status())
}

#[tokio::test]
async fn both_versions_of_http_are_served() {
    let authority = Authority::new();
    let running = start(front(), authority.server(None)).await;
    let caller = authority.caller("http/1.1", None);
    assert_eq!(call(&running, &caller).await, Some(StatusCode::OK));
    let io = connect(&running, &authority.caller("h2", None))
        .await
        .unwrap();
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
    let (mut sender, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(healthz()).await.unwrap();
    assert_eq!(response.status(), 200);
    running.stopped().await;
}

#[tokio::test]
async fn only_callers_of_the_named_authority_connect() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let seen = Seen::new();
    let running = start(front().observer(seen.clone()), ours.server(Some(&theirs))).await;
    let known = theirs.sign("caller");
    let caller = ours.caller("http/1.1", Some(&known));
    assert_eq!(call(&running, &caller).await, Some(StatusCode::OK));
    assert_eq!(seen.faults(), []);
    let stranger = ours.sign("caller");
    for own in [None, Some(&stranger)] {
        assert_eq!(call(&running, &ours.caller("http/1.1", own)).await, None);
    }
    running.stopped().await;
    assert_eq!(seen.faults(), [Fault::Handshake; 2]);
    assert_eq!(seen.open(), 0);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_given_up() {
    let authority = Authority::new();
    let seen = Seen::new();
    let options = ServeOptions {
        handshake: Duration::ZERO,
        ..authority.server(None)
    };
    let running = start(front().observer(seen.clone()), options).await;
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(seen.fault().await, Fault::HandshakeTimeout);
    running.stopped().await;
}

#[tokio::test]
async fn plain_text_is_no_handshake() {
    let authority = Authority::new();
    let seen = Seen::new();
    let running = start(front().observer(seen.clone()), authority.server(None)).await;
    let mut plain = TcpStream::connect(running.address).await.unwrap();
    plain
        .write_all(b"GET /healthz HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(seen.fault().await, Fault::Handshake);
    running.stopped().await;
}

#[tokio::test]
async fn the_end_does_not_wait_for_a_handshake() {
    let authority = Authority::new();
    let seen = Seen::new();
    let options = ServeOptions {
        handshake: Duration::from_hours(1),
        ..authority.server(None)
    };
    let running = start(front().observer(seen.clone()), options).await;
    let _silent = TcpStream::connect(running.address).await.unwrap();
    running.stopped().await;
    assert_eq!(seen.open(), 0);
}
