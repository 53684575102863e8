//! A health service behind a front, and the ways to call it.

use std::pin::Pin;

use bytes::Bytes;
use gauntlet_connect::{Front, FrontBuilder, Registry};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;
use tonic::service::Routes;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tower::ServiceExt as _;

/// Serves "" and "slow"; a check of "slow" never ends, and no watch does.
pub struct Scripted;

#[tonic::async_trait]
impl Health for Scripted {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(
        &self,
        request: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<HealthCheckResponse>, Status> {
        match request.into_inner().service.as_str() {
            "" => Ok(tonic::Response::new(serving())),
            "slow" => std::future::pending().await,
            other => Err(Status::not_found(format!("no service {other}"))),
        }
    }

    async fn watch(
        &self,
        _: tonic::Request<HealthCheckRequest>,
    ) -> Result<tonic::Response<Self::WatchStream>, Status> {
        let first = tokio_stream::once(Ok(serving()));
        Ok(tonic::Response::new(Box::pin(
            first.chain(tokio_stream::pending()),
        )))
    }
}

fn serving() -> HealthCheckResponse {
    HealthCheckResponse { status: 1 }
}

/// A front with `/healthz` beside the service.
pub fn front() -> FrontBuilder {
    let registry = Registry::from_descriptor_sets(&[tonic_health::pb::FILE_DESCRIPTOR_SET])
        .expect("the descriptor set is tonic's");
    let http = axum::Router::new().route("/healthz", axum::routing::get(|| async { "ok" }));
    Front::builder(registry, Routes::new(HealthServer::new(Scripted)), http)
}

pub const CHECK: &str = "/grpc.health.v1.Health/Check";
pub const WATCH: &str = "/grpc.health.v1.Health/Watch";

/// An answer read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub async fn read<B>(response: Response<B>) -> Self
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: std::fmt::Debug,
    {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("the body ends well").to_bytes();
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("the header is text"))
    }
}

/// A request with headers and a body.
pub fn request(
    verb: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(verb).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request
        .body(Full::new(body.into()))
        .expect("the request is valid")
}

/// Calls a front without a socket.
pub async fn call(front: FrontBuilder, request: Request<Full<Bytes>>) -> Answer {
    let response = front
        .build()
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {});
    Answer::read(response).await
}

/// A Connect call with JSON.
pub async fn check(front: FrontBuilder, json: &str) -> Answer {
    let body = json.to_owned();
    call(
        front,
        request("POST", CHECK, &[("content-type", "application/json")], body),
    )
    .await
}

/// The JSON of each envelope of a stream.
pub fn envelopes(mut body: &[u8]) -> Vec<(u8, serde_json::Value)> {
    let mut found = Vec::new();
    while let Some((prefix, rest)) = body.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
        let (json, rest) = rest.split_at(length);
        found.push((
            prefix[0],
            serde_json::from_slice(json).expect("the envelope is JSON"),
        ));
        body = rest;
    }
    found
}

/// One message in an envelope.
pub fn envelope(json: &str) -> Bytes {
    framed(0, json.as_bytes())
}

/// A payload in an envelope with these flags.
pub fn framed(flags: u8, payload: &[u8]) -> Bytes {
    let length = u32::try_from(payload.len())
        .expect("the message is short")
        .to_be_bytes();
    [&[flags][..], &length, payload].concat().into()
}
