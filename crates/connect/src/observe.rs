//! What the front tells of its calls and connections, for metrics.

use std::time::Duration;

use tonic::Code;

use crate::codec::Codec;

/// The protocol that a caller speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Connect: unary, streaming or GET.
    Connect,
    /// gRPC over HTTP/2.
    Grpc,
    /// gRPC-Web, binary or text.
    GrpcWeb,
}

impl Protocol {
    /// The protocol's name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Grpc => "grpc",
            Self::GrpcWeb => "grpc_web",
        }
    }
}

/// What is known of a call when it begins. Every field has few values, so that each can be a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallStart<'a> {
    /// The path `/pkg.Svc/Method`; `None` if the registry does not know it, so that callers cannot invent labels.
    pub method: Option<&'a str>,
    /// Whether the method streams in at least one direction.
    pub streaming: bool,
    /// The caller's protocol.
    pub protocol: Protocol,
    /// The form of the messages.
    pub codec: Codec,
}

/// How a call ended, and what it moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallEnd {
    /// The code that the caller was sent; `Cancelled` if it went away before that.
    pub code: Code,
    /// From the request's headers to the last message of the response, which may still wait for the network.
    pub duration: Duration,
    /// Bytes of request messages as sent, with their envelopes, without headers.
    pub bytes_in: u64,
    /// Bytes of response messages as sent, with their envelopes, without headers. Of gRPC-Web, before it is encoded as text.
    pub bytes_out: u64,
    /// Request messages that were accepted.
    pub messages_in: u64,
    /// Response messages.
    pub messages_out: u64,
}

/// What a peer did wrong, or what had to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The content type is none that the path takes.
    ContentType,
    /// The HTTP verb is none that the path takes.
    Verb,
    /// The service has no such method.
    UnknownMethod,
    /// A header, or a parameter of a GET, that the protocol forbids.
    Header,
    /// A compression that is not supported.
    UnknownEncoding,
    /// An envelope whose flags make no sense.
    Envelope,
    /// A body that ended within a message, or is not the base64 that it claims to be.
    Truncated,
    /// No message, or several, where the method takes one.
    MessageCount,
    /// A message over the limit as sent.
    TooLarge,
    /// A message that inflates beyond the limit, the ratio or the memory that decompression may take.
    Bomb,
    /// A message that is not what its compression says.
    Compression,
    /// A message that is not valid JSON or protobuf of its type.
    Message,
    /// A request message that did not arrive in time.
    RequestTimeout,
    /// A call that its deadline ended.
    Deadline,
    /// A call that was not begun since too many are running.
    Shed,
    /// A stream that the end of the server cut.
    Stopping,
    /// A connection that did not show in time which HTTP version it speaks.
    SilentConnection,
    /// A TLS handshake that failed.
    Handshake,
    /// A TLS handshake that was not done in time.
    HandshakeTimeout,
    /// A connection that left its next request, the rest of a header or the answer to a ping out for too long.
    IdleConnection,
    /// A connection that broke its HTTP version's rules, or was lost.
    BrokenConnection,
    /// A connection that was still open when the server's grace had passed.
    CutConnection,
}

impl Fault {
    /// Every fault, so that metrics can begin at 0.
    pub const ALL: [Self; 22] = [
        Self::ContentType,
        Self::Verb,
        Self::UnknownMethod,
        Self::Header,
        Self::UnknownEncoding,
        Self::Envelope,
        Self::Truncated,
        Self::MessageCount,
        Self::TooLarge,
        Self::Bomb,
        Self::Compression,
        Self::Message,
        Self::RequestTimeout,
        Self::Deadline,
        Self::Shed,
        Self::Stopping,
        Self::SilentConnection,
        Self::Handshake,
        Self::HandshakeTimeout,
        Self::IdleConnection,
        Self::BrokenConnection,
        Self::CutConnection,
    ];

    /// The fault's name in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ContentType => "content_type",
            Self::Verb => "verb",
            Self::UnknownMethod => "unknown_method",
            Self::Header => "header",
            Self::UnknownEncoding => "unknown_encoding",
            Self::Envelope => "envelope",
            Self::Truncated => "truncated",
            Self::MessageCount => "message_count",
            Self::TooLarge => "too_large",
            Self::Bomb => "bomb",
            Self::Compression => "compression",
            Self::Message => "message",
            Self::RequestTimeout => "request_timeout",
            Self::Deadline => "deadline",
            Self::Shed => "shed",
            Self::Stopping => "stopping",
            Self::SilentConnection => "silent_connection",
            Self::Handshake => "handshake",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::IdleConnection => "idle_connection",
            Self::BrokenConnection => "broken_connection",
            Self::CutConnection => "cut_connection",
        }
    }
}

/// Is told of every call and connection, on the task that serves it: an observer must not block.
///
/// Each method does nothing unless it is written. For every start there is exactly one end.
pub trait Observer: Send + Sync {
    /// A call has begun: its headers are there.
    fn call_started(&self, call: &CallStart<'_>) {
        let _ = call;
    }

    /// A call is over.
    fn call_ended(&self, call: &CallStart<'_>, end: &CallEnd) {
        let _ = (call, end);
    }

    /// A peer was refused or cut. A call can have several faults, and a fault need not belong to a call.
    fn fault(&self, fault: Fault) {
        let _ = fault;
    }

    /// A connection was accepted.
    fn connection_opened(&self) {}

    /// A connection is over.
    fn connection_closed(&self) {}
}

/// Observes nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unobserved;

impl Observer for Unobserved {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_fault_has_a_name_of_its_own() {
        let names: HashSet<&str> = Fault::ALL.into_iter().map(Fault::name).collect();
        assert_eq!(names.len(), Fault::ALL.len());
    }
}
