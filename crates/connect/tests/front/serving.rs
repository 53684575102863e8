//! The accept loop over real sockets: what callers get, and how it ends.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use gauntlet_connect::{Fault, FrontBuilder, ServeOptions, serve};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::seen::Seen;
use crate::support::{Answer, CHECK, WATCH, envelope, envelopes, front, request};

pub struct Running {
    pub address: SocketAddr,
    stop: CancellationToken,
    served: JoinHandle<io::Result<()>>,
}

pub async fn start(front: FrontBuilder, options: ServeOptions) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let served = tokio::spawn(serve(listener, front.build(), stop.clone(), options));
    Running {
        address,
        stop,
        served,
    }
}

/// A grace that no test waits for, so that a passing test shows that the end came by itself.
pub fn patient() -> ServeOptions {
    ServeOptions {
        grace: Duration::from_hours(1),
        stream_grace: Duration::ZERO,
        ..ServeOptions::default()
    }
}

impl Running {
    async fn http1(&self) -> SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    async fn grpc(&self) -> HealthClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        HealthClient::new(endpoint.connect().await.unwrap())
    }

    pub async fn stopped(self) {
        self.stop.cancel();
        self.served.await.unwrap().unwrap();
    }
}

fn check(json: &'static str) -> Request<Full<Bytes>> {
    request(
        "POST",
        CHECK,
        &[("host", "x"), ("content-type", "application/json")],
        json,
    )
}

fn watch() -> Request<Full<Bytes>> {
    let headers = [("host", "x"), ("content-type", "application/connect+json")];
    request("POST", WATCH, &headers, envelope("{}"))
}

async fn first_message(body: &mut Incoming) -> Bytes {
    body.frame().await.unwrap().unwrap().into_data().unwrap()
}

#[tokio::test]
async fn one_port_speaks_connect_and_grpc() {
    let running = start(front(), patient()).await;
    let mut http1 = running.http1().await;
    for _ in 0..2 {
        let answer = Answer::read(http1.send_request(check("{}")).await.unwrap()).await;
        assert_eq!(answer.json(), json!({"status": "SERVING"}));
    }
    let mut grpc = running.grpc().await;
    let status = grpc
        .check(HealthCheckRequest {
            service: String::new(),
        })
        .await
        .unwrap();
    assert_eq!(status.into_inner().status, 1);
    // Idle connections do not hold up the end.
    running.stopped().await;
}

#[tokio::test]
async fn streams_end_with_unavailable_on_stop() {
    let running = start(front(), patient()).await;
    let mut http1 = running.http1().await;
    let mut json = http1.send_request(watch()).await.unwrap().into_body();
    let first = first_message(&mut json).await;
    assert_eq!(envelopes(&first), [(0, json!({"status": "SERVING"}))]);
    let mut grpc = running.grpc().await;
    let mut updates = grpc
        .watch(HealthCheckRequest {
            service: String::new(),
        })
        .await
        .unwrap()
        .into_inner();
    updates.message().await.unwrap();

    running.stopped().await;

    let end = envelopes(&json.collect().await.unwrap().to_bytes());
    assert_eq!(
        (end[0].0, &end[0].1["error"]["code"]),
        (2, &json!("unavailable"))
    );
    assert_eq!(
        updates.message().await.unwrap_err().code(),
        tonic::Code::Unavailable
    );
}

#[tokio::test]
async fn what_does_not_end_is_cut_after_the_grace() {
    let options = ServeOptions {
        grace: Duration::ZERO,
        ..ServeOptions::default()
    };
    let running = start(front(), options).await;
    let mut http1 = running.http1().await;
    let mut updates = http1.send_request(watch()).await.unwrap().into_body();
    first_message(&mut updates).await;
    let mut other = running.http1().await;
    let slow = other.send_request(check(r#"{"service": "slow"}"#));
    // The server counts as stopped only when neither connection is left.
    let (cut, ()) = tokio::join!(slow, running.stopped());
    assert!(cut.is_err());
}

#[tokio::test]
async fn an_early_error_reaches_a_caller_that_still_sends() {
    let running = start(front().max_message_bytes(10), patient()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let size = 900_000;
    let head = format!(
        "POST {CHECK} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; size]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert!(answer.contains("resource_exhausted"), "{answer}");
    running.stopped().await;
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let options = ServeOptions {
        first_bytes: Duration::ZERO,
        ..patient()
    };
    let seen = Seen::new();
    let running = start(front().observer(seen.clone()), options).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    assert_eq!(seen.fault().await, Fault::SilentConnection);
    running.stopped().await;
}

#[tokio::test]
async fn a_connection_over_the_bound_waits_for_a_place() {
    let running = start(
        front(),
        ServeOptions {
            max_connections: 1,
            ..patient()
        },
    )
    .await;
    let mut first = running.http1().await;
    Answer::read(first.send_request(check("{}")).await.unwrap()).await;
    let mut second = running.http1().await;
    let waiting = tokio::spawn(second.send_request(check("{}")));
    Answer::read(first.send_request(check("{}")).await.unwrap()).await;
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(
        Answer::read(waiting.await.unwrap().unwrap()).await.status,
        200
    );
    running.stopped().await;
}

#[tokio::test]
async fn a_thousand_open_streams_do_not_hold_up_the_end() {
    let seen = Seen::new();
    let running = start(front().observer(seen.clone()), patient()).await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        let mut grpc = running.grpc().await;
        for _ in 0..100 {
            let watched = grpc.watch(HealthCheckRequest::default()).await;
            let mut updates = watched.unwrap().into_inner();
            updates.message().await.unwrap();
            streams.push(updates);
        }
    }
    running.stopped().await;
    for mut updates in streams {
        let status = updates.message().await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Unavailable);
    }
    assert_eq!(seen.faults(), [Fault::Stopping; 1000]);
    let ended = seen.ended();
    assert!(ended.iter().all(|call| call.code == "unavailable"));
    assert_eq!((ended.len(), seen.open()), (1000, 0));
}

#[tokio::test]
async fn what_the_server_cuts_is_counted() {
    let seen = Seen::new();
    let options = ServeOptions {
        grace: Duration::ZERO,
        ..ServeOptions::default()
    };
    let running = start(front().observer(seen.clone()), options).await;
    let mut http1 = running.http1().await;
    let slow = http1.send_request(check(r#"{"service": "slow"}"#));
    let (cut, ()) = tokio::join!(slow, async {
        seen.started().await;
        running.stopped().await;
    });
    assert!(cut.is_err());
    assert_eq!(seen.faults(), [Fault::CutConnection]);
    assert_eq!(seen.ended()[0].code, "canceled");
    assert_eq!(seen.open(), 0);
}

#[tokio::test]
async fn long_paths_pass_but_not_with_long_headers() {
    let running = start(front(), patient()).await;
    let path = format!("/healthz?message={}", "x".repeat(60_000));
    let mut status = Vec::new();
    for more in ["", &"x".repeat(10_000)] {
        let mut http1 = running.http1().await;
        let get = request("GET", &path, &[("host", "x"), ("x-more", more)], "");
        let answered = http1.send_request(get).await.unwrap();
        status.push(answered.status().as_u16());
    }
    assert_eq!(status, [200, 431]);
    running.stopped().await;
}

#[tokio::test]
async fn a_connection_that_idles_is_closed() {
    let seen = Seen::new();
    let options = ServeOptions {
        header_read: Duration::ZERO,
        ..patient()
    };
    let running = start(front().observer(seen.clone()), options).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"POST /half HTTP/1.1\r\n").await.unwrap();
    // An answer that says so, or just the end.
    stream.read_to_end(&mut Vec::new()).await.unwrap();
    assert_eq!(seen.fault().await, Fault::IdleConnection);
    running.stopped().await;
}

#[tokio::test]
async fn garbage_on_the_wire_is_counted() {
    let seen = Seen::new();
    let running = start(front().observer(seen.clone()), patient()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"\0\x01garbage\r\n\r\n").await.unwrap();
    assert_eq!(seen.fault().await, Fault::BrokenConnection);
    running.stopped().await;
}
