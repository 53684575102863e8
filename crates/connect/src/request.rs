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
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;

use crate::codec::{self, Codec};
use crate::compress::Encoding;
use crate::deadline::{self, CONNECT_TIMEOUT};
use crate::envelope::{self, COMPRESSED, END_STREAM, Envelope, Splitter};
use crate::registry::Method;

pub(crate) const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(crate) const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
pub(crate) const CONNECT_ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
pub(crate) const CONNECT_ACCEPT_ENCODING: HeaderName =
    HeaderName::from_static("connect-accept-encoding");
pub(crate) const CONNECT_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");

/// Refuses another version of the Connect protocol; none given means this one.
pub(crate) fn check_version(headers: &HeaderMap) -> Result<(), Status> {
    match headers.get(CONNECT_VERSION) {
        Some(version) if version != "1" => Err(Status::invalid_argument(format!(
            "{CONNECT_VERSION} is {version:?}, it must be \"1\""
        ))),
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
    /// The longest message in bytes, before and after decompression.
    pub(crate) limit: usize,
    /// How long a method that takes one message waits for it; `None` where the call's deadline covers that.
    pub(crate) wait: Option<Duration>,
}

/// A request body as the services take it. A broken rule ends it with the status that the caller gets.
pub(crate) struct RequestFrames {
    body: Body,
    splitter: Splitter,
    rules: Rules,
    late: Option<Pin<Box<Sleep>>>,
    messages: u64,
    done: bool,
}

impl RequestFrames {
    pub(crate) fn new(body: Body, rules: Rules) -> Self {
        let late = rules.wait.map(|wait| Box::pin(tokio::time::sleep(wait)));
        Self {
            body,
            splitter: Splitter::new(rules.limit),
            rules,
            late,
            messages: 0,
            done: false,
        }
    }

    fn accept(&mut self, envelope: Envelope) -> Result<Bytes, Status> {
        let flags = envelope.flags();
        if flags & END_STREAM != 0 {
            return Err(Status::invalid_argument(
                "a request has no end-of-stream message",
            ));
        }
        if flags & !COMPRESSED != 0 {
            return Err(Status::invalid_argument(format!(
                "message flags {flags:#04x} are unknown"
            )));
        }
        let compressed = flags & COMPRESSED != 0;
        if compressed && self.rules.encoding == Encoding::Identity {
            return Err(Status::internal(
                "a message is compressed, but no header names the encoding",
            ));
        }
        if self.takes_one() && self.messages > 0 {
            return Err(Status::unimplemented(
                "the method takes one request message, got more",
            ));
        }
        self.messages += 1;
        if !compressed && self.rules.codec == Codec::Proto {
            return Ok(envelope.frame);
        }
        let mut message = envelope.payload();
        if compressed {
            message = self.rules.encoding.decompress(message, self.rules.limit)?;
        }
        let proto = codec::to_proto(self.rules.codec, self.rules.method.input.as_ref(), message)?;
        Ok(envelope::single(0, &proto))
    }

    fn finish(&self) -> Result<(), Status> {
        self.splitter.finish()?;
        if self.takes_one() && self.messages == 0 {
            return Err(Status::unimplemented(
                "the method takes one request message, got none",
            ));
        }
        Ok(())
    }

    fn takes_one(&self) -> bool {
        !self.rules.method.client_streaming
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Status>> {
        loop {
            if let Some(envelope) = self.splitter.next()? {
                return Poll::Ready(self.accept(envelope).map(Some));
            }
            let Poll::Ready(polled) = Pin::new(&mut self.body).poll_frame(cx) else {
                let Some(late) = &mut self.late else {
                    return Poll::Pending;
                };
                ready!(late.as_mut().poll(cx));
                let message = "the request message did not arrive in time";
                return Poll::Ready(Err(Status::deadline_exceeded(message)));
            };
            match polled {
                Some(Ok(frame)) => {
                    // Request trailers mean nothing in any of the protocols.
                    if let Ok(data) = frame.into_data() {
                        self.splitter.push(data);
                    }
                }
                Some(Err(status)) => return Poll::Ready(Err(status)),
                None => return Poll::Ready(self.finish().map(|()| None)),
            }
        }
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
        let message = ready!(self.poll_message(cx));
        self.done = !matches!(message, Ok(Some(_)));
        Poll::Ready(message.map(|message| message.map(Frame::data)).transpose())
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use http_body_util::{BodyExt as _, Full};
    use tonic::Code;

    use super::*;

    fn frames(method: &str, codec: Codec, encoding: Encoding, wire: Bytes) -> RequestFrames {
        let registry = crate::registry::tests::registry();
        let method = registry
            .method(&format!("/test.v1.Orders/{method}"))
            .unwrap()
            .clone();
        let rules = Rules {
            method,
            codec,
            encoding,
            limit: 1000,
            wait: None,
        };
        RequestFrames::new(Body::new(Full::from(wire)), rules)
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
