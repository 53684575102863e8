//! Connect calls with one request and one response message in plain HTTP bodies.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method as Verb, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tonic::Status;
use tonic::body::Body;

use crate::codec::{self, Codec};
use crate::compress::Encoding;
use crate::deadline::{self, Ends};
use crate::envelope::{self, Splitter};
use crate::error;
use crate::front::Shared;
use crate::get::{self, BadQuery, ConnectGet};
use crate::registry::Method;
use crate::request;
use crate::response;

/// A call as far as it is known before its message is.
struct Call<'a> {
    shared: &'a Shared,
    method: Arc<Method>,
    codec: Codec,
    accepted: Encoding,
    timeout: Option<Duration>,
    ends: Ends,
}

/// Answers a POST.
pub(crate) async fn post(
    shared: &Shared,
    method: Arc<Method>,
    codec: Codec,
    request: Request<Body>,
) -> Response<Body> {
    let answer = async {
        let (call, mut request) = Call::begin(shared, method, codec, request)?;
        let encoding = Encoding::used(request.headers(), &CONTENT_ENCODING)?;
        let limit = shared.limits.max_message_bytes;
        let body = std::mem::take(request.body_mut());
        let message = call.in_time(read(body, limit)).await?;
        call.perform(request, encoding, message).await
    };
    answer
        .await
        .unwrap_or_else(|status| failed(shared, &status))
}

/// Answers a GET of a method without side effects.
pub(crate) async fn get(
    shared: &Shared,
    method: Arc<Method>,
    request: Request<Body>,
) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let get = match get::parse(&query) {
        Ok(get) => get,
        Err(BadQuery::UnknownCodec) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return response;
        }
        Err(BadQuery::Invalid(status)) => return failed(shared, &status),
    };
    let answer = async {
        let (call, mut request) = Call::begin(shared, method, get.codec, request)?;
        check_size(get.message.len(), shared.limits.max_message_bytes)?;
        *request.method_mut() = Verb::POST;
        request.extensions_mut().insert(ConnectGet { query });
        call.perform(request, get.encoding, get.message).await
    };
    answer
        .await
        .unwrap_or_else(|status| failed(shared, &status))
}

impl<'a> Call<'a> {
    fn begin(
        shared: &'a Shared,
        method: Arc<Method>,
        codec: Codec,
        request: Request<Body>,
    ) -> Result<(Self, Request<Body>), Status> {
        request::check_version(request.headers())?;
        let timeout = deadline::connect_timeout(request.headers())?;
        let accepted = Encoding::accepted(request.headers(), &ACCEPT_ENCODING);
        let ends = shared
            .limits
            .ends(Some(&method), timeout, request.extensions());
        Ok((
            Self {
                shared,
                method,
                codec,
                accepted,
                timeout,
                ends,
            },
            request,
        ))
    }

    /// Waits for the caller, but not past the deadline.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        tokio::select! {
            biased;
            done = work => done,
            status = self.ends.clone().reached() => Err(status),
        }
    }

    /// Calls the service with the message and reads its answer.
    async fn perform(
        self,
        mut request: Request<Body>,
        encoding: Encoding,
        message: Bytes,
    ) -> Result<Response<Body>, Status> {
        let message = encoding.decompress(message, self.shared.limits.max_message_bytes)?;
        let proto = codec::to_proto(self.codec, self.method.input.as_ref(), message)?;
        request::to_grpc_headers(request.headers_mut(), self.timeout);
        *request.body_mut() = Body::new(Full::from(envelope::single(0, &proto)));
        let response = self.shared.raw.call(request, self.ends.clone()).await;
        self.answer(response).await
    }

    async fn answer(&self, response: Response<Body>) -> Result<Response<Body>, Status> {
        let (mut parts, body) = response.into_parts();
        response::to_metadata(&mut parts.headers);
        let early = error::take_status(&mut parts.headers);
        let collected = body.collect().await?;
        let mut trailers = collected.trailers().cloned().unwrap_or_default();
        let outcome = early
            .or_else(|| error::take_status(&mut trailers))
            .unwrap_or_else(|| Err(response::no_status()));
        let message = outcome.and_then(|()| only_message(collected.to_bytes()));
        let mut answer = match message {
            Ok(message) => self.message(message)?,
            Err(status) => failed(self.shared, &status),
        };
        answer.headers_mut().extend(parts.headers);
        append_trailers(answer.headers_mut(), &trailers);
        Ok(answer)
    }

    fn message(&self, proto: Bytes) -> Result<Response<Body>, Status> {
        let mut message = codec::from_proto(self.codec, self.method.output.as_ref(), proto)?;
        let worthwhile = message.len() >= self.shared.limits.compress_from.max(1);
        let compress = worthwhile && self.accepted != Encoding::Identity;
        if compress {
            message = self.accepted.compress(&message).into();
        }
        let mut response = Response::new(Body::new(Full::from(message)));
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(self.codec.unary_type()),
        );
        if compress {
            headers.insert(
                CONTENT_ENCODING,
                HeaderValue::from_static(self.accepted.name()),
            );
        }
        Ok(response)
    }
}

fn failed(shared: &Shared, status: &Status) -> Response<Body> {
    let mut response = error::response(status, shared.registry.pool());
    response
        .headers_mut()
        .extend(status.metadata().clone().into_headers());
    response
}

async fn read(mut body: Body, limit: usize) -> Result<Bytes, Status> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await.transpose()? {
        let Ok(data) = frame.into_data() else {
            continue;
        };
        check_size(read.len() + data.len(), limit)?;
        // Most messages come in one piece, which is not copied.
        if read.is_empty() && http_body::Body::is_end_stream(&body) {
            return Ok(data);
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

fn check_size(size: usize, limit: usize) -> Result<(), Status> {
    if size <= limit {
        return Ok(());
    }
    Err(Status::resource_exhausted(format!(
        "the message is over the limit of {limit} bytes"
    )))
}

fn only_message(frames: Bytes) -> Result<Bytes, Status> {
    let mut splitter = Splitter::new(usize::MAX);
    splitter.push(frames);
    match splitter.next()? {
        Some(envelope) => Ok(envelope.payload()),
        None => Err(Status::internal("the response has no message")),
    }
}

/// A unary response has no trailers: they travel as headers with a prefix.
fn append_trailers(headers: &mut HeaderMap, trailers: &HeaderMap) {
    for (name, value) in trailers {
        // A name that was valid stays valid with the prefix, unless it is longer than a header may be.
        if let Ok(name) = HeaderName::try_from(format!("trailer-{name}")) {
            headers.append(name, value.clone());
        }
    }
}
