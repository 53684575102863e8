//! What callers of each protocol get from the front, without a socket.

use std::time::Duration;

use gauntlet_connect::CorsOrigins;
use serde_json::json;

use crate::support::{CHECK, WATCH, call, check, envelope, envelopes, front, request};

const JSON: (&str, &str) = ("content-type", "application/json");
const STREAM: (&str, &str) = ("content-type", "application/connect+json");

#[tokio::test]
async fn plain_json_calls_a_method() {
    let answer = check(front(), r#"{"service": ""}"#).await;
    assert_eq!(
        (answer.status.as_u16(), answer.json()),
        (200, json!({"status": "SERVING"}))
    );
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn an_error_has_its_http_status_and_json() {
    let answer = check(front(), r#"{"service": "x"}"#).await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.json(),
        json!({"code": "not_found", "message": "no service x"})
    );
}

#[tokio::test]
async fn an_unknown_field_is_refused_by_name() {
    let answer = check(front(), r#"{"servise": ""}"#).await;
    assert_eq!(answer.status, 400);
    let error = answer.json();
    assert_eq!(error["code"], "invalid_argument");
    assert_eq!(error["message"], "servise: unknown field");
    assert_eq!(
        error["details"][0]["debug"],
        json!({"fieldViolations": [{"field": "servise", "description": "unknown field"}]})
    );
}

#[tokio::test]
async fn an_empty_body_is_told_what_to_send() {
    let answer = check(front(), "").await;
    assert_eq!(answer.status, 400);
    let message = answer.json()["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(message.contains("send {}"), "{message}");
}

#[tokio::test]
async fn a_request_over_the_limit_is_resource_exhausted() {
    let small = || front().max_message_bytes(20);
    let answer = check(small(), r#"{"service": "more than twenty bytes"}"#).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["code"]),
        (429, &json!("resource_exhausted"))
    );
    let body = envelope(r#"{"service": "more than twenty bytes"}"#);
    let answer = call(small(), request("POST", WATCH, &[STREAM], body)).await;
    assert_eq!(
        envelopes(&answer.body)[0].1["error"]["code"],
        "resource_exhausted"
    );
}

#[tokio::test]
async fn what_is_not_a_call_is_told_what_would_be() {
    let answer = call(
        front(),
        request("POST", CHECK, &[("content-type", "text/plain")], ""),
    )
    .await;
    assert_eq!(answer.status, 415);
    assert!(
        answer.header("accept-post").starts_with("application/json"),
        "{answer:?}"
    );
    assert!(
        answer
            .body
            .starts_with(b"415 Unsupported Media Type: use one of application/json"),
        "{answer:?}"
    );
    let answer = call(front(), request("GET", CHECK, &[], "")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, "POST")
    );
    let answer = call(
        front(),
        request("POST", "/grpc.health.v1.Health/Chuck", &[JSON], "{}"),
    )
    .await;
    assert_eq!(answer.status, 501);
    assert_eq!(
        answer.json(),
        json!({"code": "unimplemented", "message": "there is no method /grpc.health.v1.Health/Chuck"})
    );
}

#[tokio::test]
async fn a_stream_of_an_unknown_method_ends_as_a_stream() {
    for kind in ["application/connect+json", "application/connect+proto"] {
        let typed = [("content-type", kind)];
        let path = "/grpc.health.v1.Health/Chuck";
        let answer = call(front(), request("POST", path, &typed, "")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, kind)
        );
        let message = format!("there is no method {path}");
        let end = json!({"error": {"code": "unimplemented", "message": message}});
        assert_eq!(envelopes(&answer.body), [(2, end)]);
    }
}

#[tokio::test]
async fn other_paths_are_the_routers() {
    let answer = call(front(), request("GET", "/healthz", &[], "")).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body[..]),
        (200, &b"ok"[..])
    );
    assert_eq!(
        call(front(), request("GET", "/nowhere", &[], ""))
            .await
            .status,
        404
    );
}

#[tokio::test(start_paused = true)]
async fn a_unary_deadline_holds_whoever_states_it() {
    let slow = r#"{"service": "slow"}"#;
    let answer = check(front().unary_deadline(Some(Duration::from_hours(1))), slow).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["code"]),
        (504, &json!("deadline_exceeded"))
    );
    let headers = [JSON, ("connect-timeout-ms", "50")];
    let answer = call(
        front().unary_deadline(None),
        request("POST", CHECK, &headers, slow),
    )
    .await;
    assert_eq!(answer.status, 504);
    let headers = [
        ("content-type", "application/grpc"),
        ("grpc-timeout", "50m"),
    ];
    // The message { service: "slow" } in protobuf.
    let body = &b"\0\0\0\0\x06\x0a\x04slow"[..];
    let answer = call(
        front().unary_deadline(None),
        request("POST", CHECK, &headers, body),
    )
    .await;
    assert_eq!(answer.header("grpc-status"), "4");
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_at_its_deadline_after_its_messages() {
    let headers = [STREAM, ("connect-timeout-ms", "50")];
    let answer = call(front(), request("POST", WATCH, &headers, envelope("{}"))).await;
    let found = envelopes(&answer.body);
    assert_eq!(answer.status, 200);
    assert_eq!(found[0], (0, json!({"status": "SERVING"})));
    assert_eq!(
        (found[1].0, &found[1].1["error"]["code"]),
        (2, &json!("deadline_exceeded"))
    );
}

#[tokio::test]
async fn a_bad_timeout_is_refused() {
    let headers = [JSON, ("connect-timeout-ms", "soon")];
    let answer = call(front(), request("POST", CHECK, &headers, "{}")).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["code"]),
        (400, &json!("invalid_argument"))
    );
}

#[tokio::test]
async fn grpc_web_answers_with_its_status_in_the_body() {
    let headers = [("content-type", "application/grpc-web+proto; charset=utf-8")];
    let answer = call(
        front(),
        request("POST", CHECK, &headers, &b"\0\0\0\0\0"[..]),
    )
    .await;
    assert_eq!(answer.header("content-type"), "application/grpc-web+proto");
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(body.contains("grpc-status:0"), "{body:?}");
}

#[tokio::test]
async fn pages_may_call_if_their_origin_is_allowed() {
    let preflight = |origin| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "content-type,x-mine"),
        ];
        request("OPTIONS", CHECK, &headers, "")
    };
    let answer = call(front(), preflight("https://example.com")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(
        answer.header("access-control-allow-headers"),
        "content-type,x-mine"
    );
    assert_eq!(answer.header("access-control-max-age"), "7200");
    let local = || front().cors_origins(CorsOrigins::Loopback);
    let answer = call(local(), preflight("https://example.com")).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    let answer = call(local(), preflight("http://localhost:5173")).await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "http://localhost:5173"
    );
}
