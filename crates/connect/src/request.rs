//! Request bodies on their way in: envelopes as sent become uncompressed gRPC frames.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TE,
};
use http_body::{Body as _, Frame};
use tokio::time::{Instant, Sleep};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::codec::{self, Codec};
use crate::compress::{Bounds, Encoding};
use crate::deadline::{self, CONNECT_TIMEOUT};
use crate::envelope::{self, COMPRESSED, END_STREAM, Envelope, Splitter};
use crate::observe::Fault;
use crate::registry::Method;
use crate::ticket::{Refused, Tally};

pub(crate) const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(crate) const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
pub(crate) const CONNECT_ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
pub(crate) const CONNECT_ACCEPT_ENCODING: HeaderName =
    HeaderName::from_static("connect-accept-encoding");
pub(crate) const CONNECT_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");

/// Refuses another version of the Connect protocol; none given means this one.
pub(crate) fn check_version(headers: &HeaderMap) -> Result<(), Refused> {
    match headers.get(CONNECT_VERSION) {
        Some(version) if version != "1" => {
            let message = format!("{CONNECT_VERSION} is {version:?}, it must be \"1\"");
            Err(Refused::invalid(Fault::Header, message))
        }
        _ => Ok(()),
    }
}

/// Turns the headers of a Connect call into those of a gRPC call. Metadata stays.
pub(crate) fn to_grpc_headers(headers: &mut HeaderMap, timeout: Option<Duration>) {
    for name in [
        CONTENT_LENGTH,
        CONTENT_ENCODING,
        ACCEPT_ENCODING,
        CONNECT_ENCODING,
        CONNECT_ACCEPT_ENCODING,
        CONNECT_VERSION,
        CONNECT_TIMEOUT,
        GRPC_ENCODING,
        GRPC_ACCEPT_ENCODING,
        deadline::GRPC_TIMEOUT,
    ] {
        headers.remove(name);
    }
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/grpc+proto"),
    );
    headers.insert(TE, HeaderValue::from_static("trailers"));
    if let Some(timeout) = timeout {
        headers.insert(deadline::GRPC_TIMEOUT, deadline::to_grpc(timeout));
    }
}

/// What a request body must be like.
pub(crate) struct Rules {
    pub(crate) method: Arc<Method>,
    pub(crate) codec: Codec,
    pub(crate) encoding: Encoding,
    /// The longest message, before and after decompression.
    pub(crate) bounds: Bounds,
    /// How long a method that takes one message waits for it; `None` is for ever.
    pub(crate) wait: Option<Duration>,
}

/// A request body as the services take it. A broken rule ends it with the status that the caller gets.
pub(crate) struct RequestFrames {
    body: Body,
    splitter: Splitter,
    rules: Rules,
    tally: Tally,
    due: Option<Instant>,
    /// Exists once the body has made us wait.
    late: Option<Pin<Box<Sleep>>>,
    messages: u64,
    /// The service has a message from which it may not have asked on yet.
    handed_over: bool,
    done: bool,
}

impl RequestFrames {
    pub(crate) fn new(body: Body, rules: Rules, tally: Tally) -> Self {
        let due = rules.wait.and_then(|wait| Instant::now().checked_add(wait));
        Self {
            body,
            splitter: Splitter::new(rules.bounds.bytes),
            rules,
            tally,
            due,
            late: None,
            messages: 0,
            handed_over: false,
            done: false,
        }
    }

    fn accept(&mut self, envelope: Envelope) -> Result<Bytes, Refused> {
        let flags = envelope.flags();
        if flags & END_STREAM != 0 {
            let message = "a request has no end-of-stream message";
            return Err(Refused::invalid(Fault::Envelope, message));
        }
        if flags & !COMPRESSED != 0 {
            let message = format!("message flags {flags:#04x} are unknown");
            return Err(Refused::invalid(Fault::Envelope, message));
        }
        let compressed = flags & COMPRESSED != 0;
        if compressed && self.rules.encoding == Encoding::Identity {
            // All three protocols ask for this code.
            let message = "a message is compressed, but no header names the encoding";
            return Err(Refused::new(Fault::Envelope, Status::internal(message)));
        }
        if self.takes_one() && self.messages > 0 {
            return Err(wrong_count("more"));
        }
        self.messages += 1;
        self.tally.accepted();
        if !compressed && self.rules.codec == Codec::Proto {
            return Ok(envelope.frame);
        }
        let mut message = envelope.payload();
        if compressed {
            message = self.rules.encoding.decompress(message, self.rules.bounds)?;
        }
        let proto = codec::to_proto(self.rules.codec, self.rules.method.input.as_ref(), message)?;
        Ok(envelope::single(0, &proto))
    }

    fn finish(&self) -> Result<(), Refused> {
        self.splitter.finish()?;
        if self.takes_one() && self.messages == 0 {
            return Err(wrong_count("none"));
        }
        Ok(())
    }

    fn takes_one(&self) -> bool {
        !self.rules.method.client_streaming
    }

    /// Resolves when the caller has taken too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.due else {
            return Poll::Pending;
        };
        let late = self
            .late
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        late.as_mut().poll(cx)
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Refused>> {
        loop {
            if let Some(envelope) = self.splitter.next()? {
                return Poll::Ready(self.accept(envelope).map(Some));
            }
            let Poll::Ready(polled) = Pin::new(&mut self.body).poll_frame(cx) else {
                ready!(self.poll_late(cx));
                return Poll::Ready(Err(too_late()));
            };
            match polled {
                Some(Ok(frame)) => {
                    // Request trailers mean nothing in any of the protocols.
                    if let Ok(data) = frame.into_data() {
                        self.tally.received(data.len());
                        self.splitter.push(data);
                    }
                }
                Some(Err(status)) => return Poll::Ready(Err(broken_off(status))),
                None => return Poll::Ready(self.finish().map(|()| None)),
            }
        }
    }

    /// Remembers what the service got, as long as it may find that it cannot decode it.
    fn hand_over(&mut self, message: Option<&Bytes>) {
        if message.is_some() || self.handed_over {
            self.handed_over = message.is_some();
            self.tally.hand_over(message.cloned());
        }
    }
}

/// The request of a method that takes one message did not arrive in time.
pub(crate) fn too_late() -> Refused {
    let message = "the request message did not arrive in time";
    Refused::new(Fault::RequestTimeout, Status::deadline_exceeded(message))
}

fn wrong_count(got: &str) -> Refused {
    let message = format!("the method takes one request message, got {got}");
    Refused::new(Fault::MessageCount, Status::unimplemented(message))
}

/// A body that could not be read on. What gRPC-Web's text is not is the caller's mistake.
fn broken_off(status: Status) -> Refused {
    let text = status.message().strip_prefix("tonic-web: ");
    match text.filter(|_| status.code() == Code::Internal) {
        Some(reason) => {
            let message = format!("the request body cannot be read: {reason}");
            Refused::invalid(Fault::Truncated, message)
        }
        None => Refused::new(Fault::Truncated, status),
    }
}

impl http_body::Body for RequestFrames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.done {
            return Poll::Ready(None);
        }
        self.hand_over(None);
        let message = ready!(self.poll_message(cx)).map_err(|refused| self.tally.refuse(refused));
        self.done = !matches!(message, Ok(Some(_)));
        if let Ok(message) = &message {
            self.hand_over(message.as_ref());
        }
        Poll::Ready(message.map(|message| message.map(Frame::data)).transpose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BytesMut;
    use http_body_util::{BodyExt as _, Full};

    fn frames(method: &str, codec: Codec, encoding: Encoding, wire: Bytes) -> RequestFrames {
        let registry = crate::registry::tests::registry();
        let method = registry
            .method(&format!("/test.v1.Orders/{method}"))
            .unwrap()
            .clone();
        let rules = Rules {
            method: method.clone(),
            codec,
            encoding,
            bounds: Bounds {
                bytes: 1000,
                ratio: 1000,
                ratio_from: 0,
            },
            wait: None,
        };
        let tally = crate::ticket::tests::silent(Some(method));
        RequestFrames::new(Body::new(Full::from(wire)), rules, tally)
    }

    async fn code(frames: RequestFrames) -> Code {
        frames
            .collect()
            .await
            .map_or_else(|status| status.code(), |_| Code::Ok)
    }

    fn two() -> Bytes {
        let mut wire = BytesMut::new();
        envelope::write(&mut wire, 0, b"");
        envelope::write(&mut wire, 0, b"");
        wire.freeze()
    }

    #[tokio::test]
    async fn the_number_of_messages_is_the_methods() {
        let send = |method, wire| code(frames(method, Codec::Proto, Encoding::Identity, wire));
        let one = envelope::single(0, b"");
        assert_eq!(send("Get", Bytes::new()).await, Code::Unimplemented);
        assert_eq!(send("Get", one.clone()).await, Code::Ok);
        assert_eq!(send("Get", two()).await, Code::Unimplemented);
        assert_eq!(send("Watch", two()).await, Code::Unimplemented);
        assert_eq!(send("Load", Bytes::new()).await, Code::Ok);
        assert_eq!(send("Load", two()).await, Code::Ok);
    }

    #[tokio::test]
    async fn flags_must_make_sense() {
        let send = |flags, encoding| {
            code(frames(
                "Load",
                Codec::Proto,
                encoding,
                envelope::single(flags, b""),
            ))
        };
        assert_eq!(send(COMPRESSED, Encoding::Gzip).await, Code::Ok);
        assert_eq!(send(COMPRESSED, Encoding::Identity).await, Code::Internal);
        assert_eq!(
            send(END_STREAM, Encoding::Identity).await,
            Code::InvalidArgument
        );
        assert_eq!(send(0x80, Encoding::Identity).await, Code::InvalidArgument);
    }

    #[tokio::test]
    async fn compressed_json_becomes_plain_protobuf() {
        let json = Encoding::Gzip.compress(br#"{"id": "x"}"#);
        let wire = envelope::single(COMPRESSED, &json);
        let body = frames("Load", Codec::Json, Encoding::Gzip, wire)
            .collect()
            .await
            .unwrap();
        assert_eq!(body.to_bytes(), envelope::single(0, b"\x0a\x01x"));
    }

    #[test]
    fn connect_headers_become_grpc_headers() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("connect-protocol-version", "1"),
            ("connect-timeout-ms", "1500"),
            ("authorization", "Bearer x"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        to_grpc_headers(&mut headers, Some(Duration::from_millis(1500)));
        let mut found: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        found.sort_unstable();
        let expected = [
            ("authorization", "Bearer x"),
            ("content-type", "application/grpc+proto"),
            ("grpc-timeout", "1500m"),
            ("te", "trailers"),
        ];
        assert_eq!(found, expected);
    }
}
