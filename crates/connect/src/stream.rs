//! Connect calls that stream: enveloped messages both ways, the status in the last envelope.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::Full;
use tonic::Status;
use tonic::body::Body;

use crate::codec::Codec;
use crate::compress::Encoding;
use crate::deadline;
use crate::error;
use crate::front::Shared;
use crate::registry::Method;
use crate::request::{self, CONNECT_ACCEPT_ENCODING, CONNECT_ENCODING, RequestFrames, Rules};
use crate::response::{self, Form, ResponseFrames, Tail};

/// Answers a streaming call. Its HTTP status is always 200.
pub(crate) async fn call(
    shared: &Arc<Shared>,
    method: Arc<Method>,
    codec: Codec,
    request: Request<Body>,
) -> Response<Body> {
    match perform(shared, method, codec, request).await {
        Ok(response) => response,
        Err(status) => ended(shared, codec, status, &HeaderMap::new()),
    }
}

async fn perform(
    shared: &Arc<Shared>,
    method: Arc<Method>,
    codec: Codec,
    mut request: Request<Body>,
) -> Result<Response<Body>, Status> {
    let headers = request.headers_mut();
    request::check_version(headers)?;
    let timeout = deadline::connect_timeout(headers)?;
    let used = Encoding::used(headers, &CONNECT_ENCODING)?;
    let accepted = Encoding::accepted(headers, &CONNECT_ACCEPT_ENCODING);
    request::to_grpc_headers(headers, timeout);
    let ends = shared
        .limits
        .ends(Some(&method), timeout, request.extensions());
    let rules = Rules {
        method: method.clone(),
        codec,
        encoding: used,
        limit: shared.limits.max_message_bytes,
        wait: shared.limits.request_wait(&method),
    };
    let form = Form {
        codec,
        encoding: accepted,
        compress_from: shared.limits.compress_from,
        method,
    };
    let request = request.map(|body| Body::new(RequestFrames::new(body, rules)));
    let response = shared.raw.call(request, ends).await;
    Ok(formed(shared, form, response))
}

fn formed(shared: &Arc<Shared>, form: Form, response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    response::to_metadata(&mut parts.headers);
    if let Some(outcome) = error::take_status(&mut parts.headers) {
        let status = outcome.err().unwrap_or_else(response::no_status);
        return ended(shared, form.codec, status, &parts.headers);
    }
    let mut answer = begun(form.codec);
    if form.encoding != Encoding::Identity {
        let name = HeaderValue::from_static(form.encoding.name());
        answer.headers_mut().insert(CONNECT_ENCODING, name);
    }
    answer.headers_mut().extend(parts.headers);
    let tail = Tail::Connect(shared.clone());
    answer.map(|_| Body::new(ResponseFrames::new(body, form, tail)))
}

/// A response that is over before its first message.
fn ended(shared: &Shared, codec: Codec, status: Status, metadata: &HeaderMap) -> Response<Body> {
    let end = response::end_of_stream(Err(status), metadata, shared);
    begun(codec).map(|_| Body::new(Full::from(end)))
}

fn begun(codec: Codec) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let content_type = HeaderValue::from_static(codec.stream_type());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
