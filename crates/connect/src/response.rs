//! Response bodies on their way out: gRPC frames become what the caller asked for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http_body::Frame;
use serde::Serialize;
use tonic::body::Body;
use tonic::{Code, Status};

use crate::codec::{self, Codec};
use crate::compress::Encoding;
use crate::envelope::{self, COMPRESSED, END_STREAM, Envelope, PREFIX, Splitter};
use crate::error::{self, ErrorJson};
use crate::front::Shared;
use crate::registry::Method;
use crate::request::{GRPC_ACCEPT_ENCODING, GRPC_ENCODING};
use crate::ticket::{Passing, Ticket};

/// Leaves only metadata in the headers of a gRPC response.
pub(crate) fn to_metadata(headers: &mut HeaderMap) {
    for name in [
        CONTENT_TYPE,
        CONTENT_LENGTH,
        DATE,
        GRPC_ENCODING,
        GRPC_ACCEPT_ENCODING,
    ] {
        headers.remove(name);
    }
}

/// The form of the messages that the caller reads.
pub(crate) struct Form {
    pub(crate) codec: Codec,
    pub(crate) encoding: Encoding,
    /// Messages shorter than this, in bytes, are not worth compressing.
    pub(crate) compress_from: usize,
    pub(crate) method: Arc<Method>,
}

impl Form {
    fn is_as_is(&self) -> bool {
        self.codec == Codec::Proto && self.encoding == Encoding::Identity
    }

    /// Appends one message to `out`.
    fn write(&self, envelope: &Envelope, out: &mut BytesMut) -> Result<(), Status> {
        let message =
            codec::from_proto(self.codec, self.method.output.as_ref(), envelope.payload())?;
        if self.encoding == Encoding::Identity || message.len() < self.compress_from.max(1) {
            envelope::write(out, 0, &message);
        } else {
            envelope::write(out, COMPRESSED, &self.encoding.compress(&message));
        }
        Ok(())
    }
}

/// How the status travels after the messages.
pub(crate) enum Tail {
    /// As HTTP trailers.
    Grpc,
    /// As a last envelope with JSON.
    Connect(Arc<Shared>),
}

/// A response body in the caller's protocol, from one that a service wrote.
pub(crate) struct ResponseFrames {
    body: Body,
    splitter: Splitter,
    form: Form,
    tail: Tail,
    ticket: Ticket,
    passing: Passing,
    done: bool,
}

impl ResponseFrames {
    pub(crate) fn new(body: Body, form: Form, tail: Tail, ticket: Ticket) -> Self {
        // What our own service says is not limited.
        Self {
            body,
            splitter: Splitter::new(usize::MAX),
            form,
            tail,
            ticket,
            passing: Passing::default(),
            done: false,
        }
    }

    /// One frame in can be many messages, which leave as one frame.
    fn repack(&mut self, data: Bytes) -> Result<Bytes, Status> {
        let messages = self.passing.count(&data);
        if self.form.is_as_is() {
            self.ticket.sent(data.len(), messages);
            return Ok(data);
        }
        let mut out = BytesMut::with_capacity(data.len() + PREFIX);
        self.splitter.push(data);
        while let Some(envelope) = self.splitter.next()? {
            self.form.write(&envelope, &mut out)?;
        }
        self.ticket.sent(out.len(), messages);
        Ok(out.freeze())
    }

    /// The last frame. The rest of the service's body is dropped, and so is its handler.
    fn end(&mut self, outcome: Result<(), Status>, metadata: HeaderMap) -> Frame<Bytes> {
        self.done = true;
        self.body = Body::empty();
        let outcome = outcome.map_err(|status| self.ticket.tally().blame(status));
        let code = outcome.as_ref().err().map_or(Code::Ok, Status::code);
        self.ticket.end(code);
        match &self.tail {
            Tail::Connect(shared) => Frame::data(end_of_stream(outcome, &metadata, shared)),
            Tail::Grpc => {
                let mut trailers = metadata;
                let status = outcome.err().unwrap_or_else(|| Status::ok(""));
                trailers.extend(status.into_http::<()>().into_parts().0.headers);
                trailers.remove(CONTENT_TYPE);
                Frame::trailers(trailers)
            }
        }
    }

    fn frame(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        match frame.into_data() {
            Ok(data) => match self.repack(data) {
                Ok(data) if data.is_empty() => None,
                Ok(data) => Some(Frame::data(data)),
                Err(status) => Some(self.end(Err(status), HeaderMap::new())),
            },
            Err(frame) => {
                let mut trailers = frame.into_trailers().unwrap_or_default();
                let outcome = error::take_status(&mut trailers).unwrap_or_else(|| Err(no_status()));
                Some(self.end(outcome, trailers))
            }
        }
    }
}

impl http_body::Body for ResponseFrames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        loop {
            if self.done {
                return Poll::Ready(None);
            }
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => self.frame(frame),
                Some(Err(status)) => Some(self.end(Err(status), HeaderMap::new())),
                None => Some(self.end(Err(no_status()), HeaderMap::new())),
            };
            if let Some(frame) = frame {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
    }
}

/// The status of a response whose service wrote none.
pub(crate) fn no_status() -> Status {
    Status::internal("the response ended without a status")
}

/// What ends a Connect stream.
#[derive(Serialize)]
struct EndJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorJson<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, Vec<Cow<'a, str>>>,
}

/// The envelope that ends a Connect stream.
pub(crate) fn end_of_stream(
    outcome: Result<(), Status>,
    metadata: &HeaderMap,
    shared: &Shared,
) -> Bytes {
    let status = outcome.err();
    let end = EndJson {
        error: status
            .as_ref()
            .map(|status| error::to_json(status, shared.registry.pool())),
        metadata: metadata_to_json(metadata),
    };
    let json = serde_json::to_vec(&end).expect("text and numbers are valid JSON");
    envelope::single(END_STREAM, &json)
}

/// Metadata as an object of lists; binary values are base64 text on the wire already.
fn metadata_to_json(metadata: &HeaderMap) -> BTreeMap<&str, Vec<Cow<'_, str>>> {
    let values = |name| {
        metadata
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
    };
    metadata
        .keys()
        .map(|name| (name.as_str(), values(name).collect()))
        .collect()
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Empty};

    use super::*;
    use crate::observe::Unobserved;

    /// A stream whose service read a message, could not decode it, and says so in the trailers.
    async fn blamed(frame: Bytes) -> (Code, String) {
        let registry = crate::registry::tests::registry();
        let method = registry.method("/test.v1.Orders/Load").unwrap().clone();
        let form = Form {
            codec: Codec::Proto,
            encoding: Encoding::Identity,
            compress_from: 0,
            method: method.clone(),
        };
        let ticket = crate::ticket::tests::ticket(Some(method), Arc::new(Unobserved));
        ticket.tally().hand_over(Some(frame));
        let said = "failed to decode Protobuf message: Order.id: invalid string value";
        let trailers = Status::internal(said)
            .into_http::<()>()
            .into_parts()
            .0
            .headers;
        let body = Empty::new().with_trailers(async { Some(Ok(trailers)) });
        let frames = ResponseFrames::new(Body::new(body), form, Tail::Grpc, ticket);
        let collected = frames.collect().await.unwrap();
        let status = Status::from_header_map(collected.trailers().unwrap()).unwrap();
        (status.code(), status.message().to_owned())
    }

    #[tokio::test]
    async fn an_undecodable_message_in_a_stream_is_the_callers_mistake() {
        let (code, message) = blamed(envelope::single(0, b"\x0a\x01\xff")).await;
        assert_eq!(code, Code::InvalidArgument, "{message}");
        assert!(message.starts_with("id: invalid string value"), "{message}");
        let (code, message) = blamed(envelope::single(0, b"\x0a\x01x")).await;
        assert_eq!(code, Code::Internal, "{message}");
    }

    #[test]
    fn repeated_metadata_is_a_list() {
        let mut metadata = HeaderMap::new();
        metadata.append("x-a", "1".parse().unwrap());
        metadata.append("x-b", "2".parse().unwrap());
        metadata.append("x-a", "3".parse().unwrap());
        let json = serde_json::to_string(&metadata_to_json(&metadata)).unwrap();
        assert_eq!(json, r#"{"x-a":["1","3"],"x-b":["2"]}"#);
    }
}
