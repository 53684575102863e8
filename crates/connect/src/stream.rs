//! Connect calls that stream: enveloped messages both ways, the status in the last envelope.

use std::sync::Arc;
use std::time::Duration;

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
use crate::observe::Protocol;
use crate::registry::Method;
use crate::request::{self, CONNECT_ACCEPT_ENCODING, CONNECT_ENCODING, RequestFrames, Rules};
use crate::response::{self, Form, ResponseFrames, Tail};
use crate::ticket::{Refused, Ticket};

/// Answers a streaming call. Its HTTP status is always 200.
pub(crate) async fn call(
    shared: &Arc<Shared>,
    method: Arc<Method>,
    codec: Codec,
    request: Request<Body>,
) -> Response<Body> {
    let mut ticket = shared.ticket(Some(&method), Protocol::Connect, codec);
    match perform(shared, method, codec, request, &mut ticket).await {
        Ok((form, response)) => formed(shared, form, response, ticket),
        Err(status) => ended(shared, codec, status, &HeaderMap::new(), &mut ticket),
    }
}

async fn perform(
    shared: &Arc<Shared>,
    method: Arc<Method>,
    codec: Codec,
    mut request: Request<Body>,
    ticket: &mut Ticket,
) -> Result<(Form, Response<Body>), Status> {
    ticket.take_place(&shared.limits.places)?;
    let tally = ticket.tally();
    let headers = request.headers_mut();
    let (timeout, used) = stated(headers).map_err(|refused| tally.refuse(refused))?;
    let accepted = Encoding::accepted(headers, &CONNECT_ACCEPT_ENCODING);
    request::to_grpc_headers(headers, timeout);
    let ends = shared
        .limits
        .ends(Some(&method), timeout, request.extensions(), tally);
    let rules = Rules {
        method: method.clone(),
        codec,
        encoding: used,
        bounds: shared.limits.bounds,
        wait: shared.limits.request_wait(&method),
    };
    let form = Form {
        codec,
        encoding: accepted,
        compress_from: shared.limits.compress_from,
        method,
    };
    let request = request.map(|body| Body::new(RequestFrames::new(body, rules, tally.clone())));
    Ok((form, shared.raw.call(request, ends).await))
}

/// The timeout and the encoding of the messages that the headers state.
fn stated(headers: &HeaderMap) -> Result<(Option<Duration>, Encoding), Refused> {
    request::check_version(headers)?;
    let timeout = deadline::connect_timeout(headers)?;
    Ok((timeout, Encoding::used(headers, &CONNECT_ENCODING)?))
}

fn formed(
    shared: &Arc<Shared>,
    form: Form,
    response: Response<Body>,
    mut ticket: Ticket,
) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    response::to_metadata(&mut parts.headers);
    if let Some(outcome) = error::take_status(&mut parts.headers) {
        let status = outcome.err().unwrap_or_else(response::no_status);
        let status = ticket.tally().blame(status);
        return ended(shared, form.codec, status, &parts.headers, &mut ticket);
    }
    let mut answer = begun(form.codec);
    if form.encoding != Encoding::Identity {
        let name = HeaderValue::from_static(form.encoding.name());
        answer.headers_mut().insert(CONNECT_ENCODING, name);
    }
    answer.headers_mut().extend(parts.headers);
    let tail = Tail::Connect(shared.clone());
    answer.map(|_| Body::new(ResponseFrames::new(body, form, tail, ticket)))
}

/// A response that is over before its first message.
fn ended(
    shared: &Shared,
    codec: Codec,
    status: Status,
    metadata: &HeaderMap,
    ticket: &mut Ticket,
) -> Response<Body> {
    ticket.end(status.code());
    let end = response::end_of_stream(Err(status), metadata, shared);
    begun(codec).map(|_| Body::new(Full::from(end)))
}

/// The answer to a stream of a method that is not there.
pub(crate) fn refused(shared: &Shared, codec: Codec, status: Status) -> Response<Body> {
    let end = response::end_of_stream(Err(status), &HeaderMap::new(), shared);
    begun(codec).map(|_| Body::new(Full::from(end)))
}

fn begun(codec: Codec) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let content_type = HeaderValue::from_static(codec.stream_type());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}
