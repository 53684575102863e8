//! Connect calls with one request and one response message in plain HTTP bodies.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method as Verb, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::codec::{self, Codec};
use crate::compress::Encoding;
use crate::deadline::{self, Ends};
use crate::envelope::{self, Splitter};
use crate::error;
use crate::front::Shared;
use crate::get::{self, BadQuery, ConnectGet};
use crate::observe::{Fault, Protocol};
use crate::registry::Method;
use crate::request;
use crate::response;
use crate::ticket::{Refused, Tally, Ticket};

/// A call as far as it is known before its message is.
struct Call<'a> {
    shared: &'a Shared,
    method: Arc<Method>,
    codec: Codec,
    accepted: Encoding,
    timeout: Option<Duration>,
    ends: Ends,
    ticket: &'a mut Ticket,
}

/// Answers a POST.
pub(crate) async fn post(
    shared: &Shared,
    method: Arc<Method>,
    codec: Codec,
    request: Request<Body>,
) -> Response<Body> {
    let mut ticket = shared.ticket(Some(&method), Protocol::Connect, codec);
    let answer = async {
        let (mut call, mut request) = Call::begin(shared, method, codec, request, &mut ticket)?;
        let encoding = Encoding::used(request.headers(), &CONTENT_ENCODING);
        let encoding = encoding.map_err(|refused| call.refuse(refused))?;
        let body = std::mem::take(request.body_mut());
        let message = call.receive(body).await?;
        call.perform(request, encoding, message).await
    };
    let answer = answer.await;
    answer.unwrap_or_else(|status| failed(shared, &status, &mut ticket))
}

/// Answers a GET of a method without side effects.
pub(crate) async fn get(
    shared: &Shared,
    method: Arc<Method>,
    request: Request<Body>,
) -> Response<Body> {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let parsed = match get::parse(&query) {
        Ok(get) => Ok(get),
        Err(BadQuery::Invalid(refused)) => Err(refused),
        Err(BadQuery::UnknownCodec) => {
            shared.observer.fault(Fault::ContentType);
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return response;
        }
    };
    let codec = parsed.as_ref().map_or(Codec::Json, |get| get.codec);
    let mut ticket = shared.ticket(Some(&method), Protocol::Connect, codec);
    let answer = async {
        let (mut call, mut request) = Call::begin(shared, method, codec, request, &mut ticket)?;
        let get = parsed.map_err(|refused| call.refuse(refused))?;
        call.ticket.tally().received(get.message.len());
        check_size(get.message.len(), shared.limits.bounds.bytes)
            .map_err(|refused| call.refuse(refused))?;
        *request.method_mut() = Verb::POST;
        request.extensions_mut().insert(ConnectGet { query });
        call.perform(request, get.encoding, get.message).await
    };
    let answer = answer.await;
    answer.unwrap_or_else(|status| failed(shared, &status, &mut ticket))
}

impl<'a> Call<'a> {
    fn begin(
        shared: &'a Shared,
        method: Arc<Method>,
        codec: Codec,
        request: Request<Body>,
        ticket: &'a mut Ticket,
    ) -> Result<(Self, Request<Body>), Status> {
        ticket.take_place(&shared.limits.places)?;
        let tally = ticket.tally();
        let timeout = stated(request.headers()).map_err(|refused| tally.refuse(refused))?;
        let accepted = Encoding::accepted(request.headers(), &ACCEPT_ENCODING);
        let ends = shared
            .limits
            .ends(Some(&method), timeout, request.extensions(), tally);
        let call = Self {
            shared,
            method,
            codec,
            accepted,
            timeout,
            ends,
            ticket,
        };
        Ok((call, request))
    }

    fn refuse(&self, refused: Refused) -> Status {
        self.ticket.tally().refuse(refused)
    }

    /// Reads the message, but not past the deadline, nor longer than a message may take.
    async fn receive(&mut self, body: Body) -> Result<Bytes, Status> {
        let wait = self.shared.limits.request_wait(&self.method);
        let late = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        let read = tokio::select! {
            biased;
            read = read(body, self.shared.limits.bounds.bytes, self.ticket.tally()) => read,
            status = self.ends.clone().reached() => return Err(status),
            () = late => Err(request::too_late()),
        };
        read.map_err(|refused| self.refuse(refused))
    }

    /// Calls the service with the message and reads its answer.
    async fn perform(
        &mut self,
        mut request: Request<Body>,
        encoding: Encoding,
        message: Bytes,
    ) -> Result<Response<Body>, Status> {
        let bounds = self.shared.limits.bounds;
        let proto = encoding
            .decompress(message, bounds)
            .and_then(|message| codec::to_proto(self.codec, self.method.input.as_ref(), message))
            .map_err(|refused| self.refuse(refused))?;
        self.ticket.tally().accepted();
        request::to_grpc_headers(request.headers_mut(), self.timeout);
        let frame = envelope::single(0, &proto);
        self.ticket.tally().hand_over(Some(frame.clone()));
        *request.body_mut() = Body::new(Full::from(frame));
        let response = self.shared.raw.call(request, self.ends.clone()).await;
        self.answer(response).await
    }

    async fn answer(&mut self, response: Response<Body>) -> Result<Response<Body>, Status> {
        let (mut parts, body) = response.into_parts();
        response::to_metadata(&mut parts.headers);
        let early = error::take_status(&mut parts.headers);
        let collected = body.collect().await?;
        let mut trailers = collected.trailers().cloned().unwrap_or_default();
        let outcome = early
            .or_else(|| error::take_status(&mut trailers))
            .unwrap_or_else(|| Err(response::no_status()));
        let message = outcome
            .map_err(|status| self.ticket.tally().blame(status))
            .and_then(|()| only_message(collected.to_bytes()));
        let mut answer = match message {
            Ok(message) => self.message(message)?,
            Err(status) => failed(self.shared, &status, self.ticket),
        };
        answer.headers_mut().extend(parts.headers);
        append_trailers(answer.headers_mut(), &trailers);
        Ok(answer)
    }

    fn message(&mut self, proto: Bytes) -> Result<Response<Body>, Status> {
        let mut message = codec::from_proto(self.codec, self.method.output.as_ref(), proto)?;
        let worthwhile = message.len() >= self.shared.limits.compress_from.max(1);
        let compress = worthwhile && self.accepted != Encoding::Identity;
        if compress {
            message = self.accepted.compress(&message).into();
        }
        self.ticket.sent(message.len(), 1);
        self.ticket.end(Code::Ok);
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

fn failed(shared: &Shared, status: &Status, ticket: &mut Ticket) -> Response<Body> {
    ticket.end(status.code());
    let mut response = error::response(status, shared.registry.pool());
    response
        .headers_mut()
        .extend(status.metadata().clone().into_headers());
    response
}

/// The timeout that the headers state.
fn stated(headers: &HeaderMap) -> Result<Option<Duration>, Refused> {
    request::check_version(headers)?;
    deadline::connect_timeout(headers)
}

async fn read(mut body: Body, limit: usize, tally: &Tally) -> Result<Bytes, Refused> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|status| Refused::new(Fault::Truncated, status))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        tally.received(data.len());
        check_size(read.len() + data.len(), limit)?;
        // Most messages come in one piece, which is not copied.
        if read.is_empty() && http_body::Body::is_end_stream(&body) {
            return Ok(data);
        }
        read.extend_from_slice(&data);
    }
    Ok(read.freeze())
}

fn check_size(size: usize, limit: usize) -> Result<(), Refused> {
    if size <= limit {
        return Ok(());
    }
    let message = format!("the message is over the limit of {limit} bytes");
    Err(Refused::new(
        Fault::TooLarge,
        Status::resource_exhausted(message),
    ))
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
