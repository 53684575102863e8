//! The Connect protocol in front of gRPC services.
//!
//! [`Front`] is one tower service for one port. It looks at the content type of a request and hands it
//! to the right speaker: gRPC goes to tonic, gRPC-Web through tonic-web, Connect (unary, streaming and GET,
//! JSON and protobuf) is turned into gRPC frames in process and back, everything else goes to an axum router.
//! Nothing is generated per method: a [`Registry`] read from descriptor sets knows every method's
//! messages, and JSON is converted by reflection unless a method overrides its [`JsonCodec`].
//!
//! All three protocols share one way to the services, so that deadlines, size limits, compression,
//! the number of messages and the end of the server mean the same to every caller. The services behind it
//! always see uncompressed messages: `accept_compressed` and `send_compressed` have no use there.
//! A service's own `max_decoding_message_size` (tonic: 4 MiB) must not be below the front's limit.
//!
//! Two things that tonic's traits cannot say travel as extensions: a handler puts [`Trailers`] into its response,
//! and finds [`ConnectGet`] in a request that came by GET.

mod blame;
mod classify;
mod codec;
mod compress;
mod cors;
mod deadline;
mod drain;
mod envelope;
mod error;
mod front;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
mod get;
mod grpc;
mod observe;
mod raw;
mod registry;
mod request;
mod response;
mod serve;
mod stream;
mod ticket;
mod trailers;
mod unary;

pub use codec::{Codec, JsonCodec, JsonError};
pub use cors::CorsOrigins;
pub use error::code_name;
pub use front::{Front, FrontBuilder};
pub use get::ConnectGet;
pub use observe::{CallEnd, CallStart, Fault, Observer, Protocol};
pub use registry::{Registry, RegistryError};
pub use serve::{ServeOptions, Tls, TlsError, serve};
pub use trailers::Trailers;
