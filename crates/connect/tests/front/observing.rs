//! What an observer is told of calls that go well, and of callers that leave.

use gauntlet_connect::{Codec, Protocol};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use tonic::body::Body;
use tower::ServiceExt as _;

use crate::seen::{Ended, Seen};
use crate::support::{CHECK, WATCH, framed, front};

fn post(path: &str, content_type: &str, body: bytes::Bytes) -> Request<Full<bytes::Bytes>> {
    let request = Request::post(path).header("content-type", content_type);
    request.body(Full::new(body)).unwrap()
}

fn ended(protocol: Protocol, codec: Codec, bytes: (u64, u64)) -> Ended {
    Ended {
        method: Some(CHECK.into()),
        streaming: false,
        protocol,
        codec,
        code: "ok",
        bytes,
        messages: (1, 1),
    }
}

#[tokio::test]
async fn each_call_is_told_with_what_it_moved() {
    let seen = Seen::new();
    let front = front().observer(seen.clone()).build();
    // The answer is {"status":"SERVING"}: 20 bytes of JSON, 2 of protobuf, 5 more in an envelope.
    for (content_type, body) in [
        ("application/json", "{}".into()),
        ("application/proto", bytes::Bytes::new()),
        ("application/grpc", framed(0, b"")),
        ("application/grpc-web", framed(0, b"")),
    ] {
        let response = front.clone().oneshot(post(CHECK, content_type, body));
        let body = response.await.unwrap().into_body();
        body.collect().await.unwrap();
    }
    assert_eq!(
        seen.ended(),
        [
            ended(Protocol::Connect, Codec::Json, (2, 20)),
            ended(Protocol::Connect, Codec::Proto, (0, 2)),
            ended(Protocol::Grpc, Codec::Proto, (5, 7)),
            ended(Protocol::GrpcWeb, Codec::Proto, (5, 7)),
        ]
    );
    assert_eq!(seen.faults(), []);
}

#[tokio::test]
async fn a_caller_that_leaves_a_stream_has_cancelled_it() {
    let seen = Seen::new();
    let front = front().observer(seen.clone()).build();
    for content_type in ["application/connect+proto", "application/grpc"] {
        let response = front
            .clone()
            .oneshot(post(WATCH, content_type, framed(0, b"")));
        let mut body: Body = response.await.unwrap().into_body();
        body.frame().await.unwrap().unwrap();
        drop(body);
    }
    let streams: Vec<_> = seen
        .ended()
        .into_iter()
        .map(|call| (call.streaming, call.code, call.messages, call.bytes))
        .collect();
    assert_eq!(streams, [(true, "canceled", (1, 1), (5, 7)); 2]);
}

#[tokio::test]
async fn a_caller_cannot_invent_labels() {
    let seen = Seen::new();
    let front = front().observer(seen.clone()).build();
    let request = post("/no.such.Service/Call", "application/grpc", framed(0, b""));
    front.oneshot(request).await.unwrap();
    let ended = seen.ended();
    assert_eq!((&ended[0].method, ended[0].code), (&None, "unimplemented"));
}
