//! What bad input gets: the right code in the caller's own protocol, counted.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use gauntlet_connect::{Fault, FrontBuilder, code_name};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tonic::Code;
use tonic::body::Body;
use tower::ServiceExt as _;

use crate::seen::Seen;
use crate::support::{CHECK, WATCH, envelopes, framed, front};

/// The ways to call with protobuf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaks {
    ConnectUnary,
    ConnectStream,
    Grpc,
    GrpcWeb,
}

use Speaks::{ConnectStream, ConnectUnary, Grpc, GrpcWeb};

const ALL: [Speaks; 4] = [ConnectUnary, ConnectStream, Grpc, GrpcWeb];
/// Those that put messages into envelopes.
const ENVELOPED: [Speaks; 3] = [ConnectStream, Grpc, GrpcWeb];

impl Speaks {
    fn content_type(self) -> &'static str {
        match self {
            ConnectUnary => "application/proto",
            ConnectStream => "application/connect+proto",
            Grpc => "application/grpc",
            GrpcWeb => "application/grpc-web+proto",
        }
    }

    fn encoding_header(self) -> &'static str {
        match self {
            ConnectUnary => "content-encoding",
            ConnectStream => "connect-content-encoding",
            Grpc | GrpcWeb => "grpc-encoding",
        }
    }

    fn timeout_header(self) -> (&'static str, &'static str) {
        match self {
            ConnectUnary | ConnectStream => ("connect-timeout-ms", "9999999999"),
            Grpc | GrpcWeb => ("grpc-timeout", "99999999H"),
        }
    }

    /// One message as this protocol sends it.
    fn message(self, flags: u8, payload: &[u8]) -> Bytes {
        if self == ConnectUnary {
            Bytes::copy_from_slice(payload)
        } else {
            framed(flags, payload)
        }
    }

    fn request(self, headers: &[(&str, &str)], body: Body) -> Request<Body> {
        let path = if self == ConnectStream { WATCH } else { CHECK };
        let mut request = Request::post(path).header("content-type", self.content_type());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body).unwrap()
    }
}

/// What the caller was told.
#[derive(Debug)]
struct Told {
    code: String,
    message: String,
    error: Value,
}

/// Calls, and reads the error from where the protocol puts it.
async fn told(front: FrontBuilder, speaks: Speaks, request: Request<Body>) -> Told {
    let response = front.build().oneshot(request).await.unwrap();
    let headers = response.headers().clone();
    let collected = response.into_body().collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    let body = collected.to_bytes();
    let error = match speaks {
        ConnectUnary => serde_json::from_slice(&body).unwrap(),
        ConnectStream => envelopes(&body)[0].1["error"].clone(),
        Grpc | GrpcWeb => {
            let text = String::from_utf8_lossy(&body).into_owned();
            let field = |name: &str| {
                let header = headers.get(name).or_else(|| trailers.get(name));
                let in_body = text.lines().find_map(|line| {
                    let (found, value) = line.split_once(':')?;
                    found.ends_with(name).then(|| value.to_owned())
                });
                header.map_or(in_body, |value| Some(value.to_str().unwrap().to_owned()))
            };
            let code = field("grpc-status").unwrap();
            json!({
                "code": code_name(Code::from_bytes(code.as_bytes())),
                "message": field("grpc-message").unwrap_or_default().replace("%20", " "),
            })
        }
    };
    Told {
        code: error["code"].as_str().unwrap_or("none").to_owned(),
        message: error["message"].as_str().unwrap_or_default().to_owned(),
        error,
    }
}

/// Checks what a caller is told, and that exactly this fault was counted, and that the call ended with this code.
async fn check(
    front: FrontBuilder,
    speaks: Speaks,
    request: Request<Body>,
    expected: (&str, Fault),
) -> Told {
    let seen = Seen::new();
    let told = told(front.observer(seen.clone()), speaks, request).await;
    let (code, fault) = expected;
    assert_eq!(told.code, code, "{speaks:?}: {told:?}");
    assert_eq!(seen.faults(), [fault], "{speaks:?}");
    let codes: Vec<_> = seen.ended().iter().map(|call| call.code).collect();
    assert_eq!(codes, [code], "{speaks:?}");
    told
}

fn small() -> FrontBuilder {
    front().max_message_bytes(1000)
}

fn whole(bytes: impl Into<Bytes>) -> Body {
    Body::new(Full::new(bytes.into()))
}

#[tokio::test]
async fn malformed_protobuf_is_the_callers_mistake() {
    // The field `service` in bytes that are not UTF-8.
    let payload = b"\x0a\x01\xff";
    for speaks in ALL {
        let request = speaks.request(&[], whole(speaks.message(0, payload)));
        let told = check(
            small(),
            speaks,
            request,
            ("invalid_argument", Fault::Message),
        )
        .await;
        assert!(
            told.message.starts_with("service: invalid string value"),
            "{told:?}"
        );
        if speaks == ConnectUnary {
            let violation = &told.error["details"][0]["debug"]["fieldViolations"][0];
            assert_eq!(violation["field"], "service");
        }
    }
}

#[tokio::test]
async fn flags_that_make_no_sense_are_refused() {
    for speaks in ENVELOPED {
        let request = speaks.request(&[], whole(framed(0x40, b"")));
        check(
            small(),
            speaks,
            request,
            ("invalid_argument", Fault::Envelope),
        )
        .await;
    }
}

#[tokio::test]
async fn half_a_message_is_refused() {
    for speaks in ENVELOPED {
        let wire = framed(0, b"\x0a\x01x");
        let request = speaks.request(&[], whole(wire.slice(..wire.len() - 1)));
        check(
            small(),
            speaks,
            request,
            ("invalid_argument", Fault::Truncated),
        )
        .await;
    }
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused() {
    for speaks in ALL {
        let request = speaks.request(&[], whole(speaks.message(0, &[0; 1001])));
        check(
            small(),
            speaks,
            request,
            ("resource_exhausted", Fault::TooLarge),
        )
        .await;
    }
    // The length alone is enough: what it announces need not come.
    for speaks in ENVELOPED {
        let request = speaks.request(&[], whole(&b"\0\xff\xff\xff\xff"[..]));
        check(
            small(),
            speaks,
            request,
            ("resource_exhausted", Fault::TooLarge),
        )
        .await;
    }
}

fn gzipped(message: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(message).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_compression_bomb_is_not_inflated() {
    let bombs = [
        ("gzip", gzipped(&vec![0; 700_000])),
        (
            "zstd",
            zstd::stream::encode_all(&vec![0; 700_000][..], 1).unwrap(),
        ),
    ];
    for (encoding, bomb) in bombs {
        assert!(bomb.len() < 1000);
        for speaks in ALL {
            let headers = [(speaks.encoding_header(), encoding)];
            let request = speaks.request(&headers, whole(speaks.message(1, &bomb)));
            check(
                small(),
                speaks,
                request,
                ("resource_exhausted", Fault::Bomb),
            )
            .await;
        }
    }
    // Within the limit, but 1,000 times as long as it was sent.
    let far = gzipped(&vec![0; 2_000_000]);
    for speaks in ALL {
        let headers = [(speaks.encoding_header(), "gzip")];
        let request = speaks.request(&headers, whole(speaks.message(1, &far)));
        check(
            front(),
            speaks,
            request,
            ("resource_exhausted", Fault::Bomb),
        )
        .await;
    }
}

#[tokio::test]
async fn what_is_not_its_compression_is_refused() {
    for speaks in ALL {
        for encoding in ["gzip", "zstd"] {
            let headers = [(speaks.encoding_header(), encoding)];
            let request = speaks.request(&headers, whole(speaks.message(1, b"garbage")));
            check(
                small(),
                speaks,
                request,
                ("invalid_argument", Fault::Compression),
            )
            .await;
        }
        let headers = [(speaks.encoding_header(), "br")];
        let request = speaks.request(&headers, whole(speaks.message(1, b"garbage")));
        check(
            small(),
            speaks,
            request,
            ("unimplemented", Fault::UnknownEncoding),
        )
        .await;
    }
}

#[tokio::test]
async fn a_bad_timeout_is_refused() {
    for speaks in ALL {
        let headers = [(speaks.timeout_header().0, "soon")];
        let request = speaks.request(&headers, whole(speaks.message(0, b"")));
        check(
            small(),
            speaks,
            request,
            ("invalid_argument", Fault::Header),
        )
        .await;
    }
}

#[tokio::test]
async fn a_wrong_number_of_messages_is_refused() {
    for speaks in ENVELOPED {
        for wire in [&b""[..], b"\0\0\0\0\0\0\0\0\0\0"] {
            let request = speaks.request(&[], whole(wire));
            check(
                small(),
                speaks,
                request,
                ("unimplemented", Fault::MessageCount),
            )
            .await;
        }
    }
}

#[tokio::test]
async fn text_that_is_not_base64_is_refused() {
    let mut request = GrpcWeb.request(&[], whole("****"));
    let text = "application/grpc-web-text".parse().unwrap();
    request.headers_mut().insert("content-type", text);
    check(
        small(),
        GrpcWeb,
        request,
        ("invalid_argument", Fault::Truncated),
    )
    .await;
}

/// A body whose beginning arrives and whose rest does not.
fn unending(beginning: Bytes) -> Body {
    let first = tokio_stream::once(Ok::<_, tonic::Status>(http_body::Frame::data(beginning)));
    let stream = tokio_stream::StreamExt::chain(first, tokio_stream::pending());
    Body::new(http_body_util::StreamBody::new(stream))
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_ends_is_cut_whatever_timeout_it_states() {
    for speaks in ALL {
        // Half a message, and a whole one after which the caller does not stop sending.
        for beginning in [&b"\0"[..], b"\0\0\0\0\0"] {
            let headers = [speaks.timeout_header()];
            let request = speaks.request(&headers, unending(Bytes::from_static(beginning)));
            check(
                small().unary_deadline(Some(Duration::from_mins(1))),
                speaks,
                request,
                ("deadline_exceeded", Fault::RequestTimeout),
            )
            .await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_at_the_deadline_that_its_caller_states() {
    for speaks in [Grpc, GrpcWeb] {
        let headers = [("grpc-timeout", "50m")];
        let mut request = speaks.request(&headers, whole(framed(0, b"")));
        *request.uri_mut() = WATCH.parse().unwrap();
        check(
            small(),
            speaks,
            request,
            ("deadline_exceeded", Fault::Deadline),
        )
        .await;
    }
}

#[tokio::test]
async fn over_the_bound_a_call_is_turned_away() {
    for speaks in ALL {
        let full = small().max_unary_calls(0).max_streams(0);
        let request = speaks.request(&[], whole(speaks.message(0, b"")));
        let told = check(full, speaks, request, ("unavailable", Fault::Shed)).await;
        assert!(told.message.ends_with("try again in 1 s"), "{told:?}");
        if speaks == ConnectUnary {
            let detail = &told.error["details"][0];
            assert_eq!(detail["type"], "google.rpc.RetryInfo");
            assert_eq!(detail["debug"], json!({"retryDelay": "1s"}));
        }
    }
}

#[tokio::test]
async fn wrong_verbs_types_and_methods_are_counted() {
    let count = async |request: Request<Body>, expected: Fault| {
        let seen = Seen::new();
        let front = small().observer(seen.clone()).build();
        front.oneshot(request).await.unwrap();
        assert_eq!(seen.faults(), [expected]);
    };
    let post = |path: &str, kind: &str| {
        let request = Request::post(path).header("content-type", kind);
        request.body(Body::empty()).unwrap()
    };
    count(post(CHECK, "text/plain"), Fault::ContentType).await;
    let get = Request::get(CHECK).body(Body::empty()).unwrap();
    count(get, Fault::Verb).await;
    for kind in ["application/json", "application/grpc"] {
        let request = post("/grpc.health.v1.Health/Chuck", kind);
        count(request, Fault::UnknownMethod).await;
    }
}
