//! TLS to PostgreSQL servers, as libpq's `sslmode` says it
//! (<https://www.postgresql.org/docs/current/libpq-ssl.html>): for the targets
//! under test and for the store.
//!
//! [`Tls`] is made once for a server and given to `tokio-postgres` with every
//! connection and every request to cancel. Where the server offers it, a login by
//! SCRAM is bound to its certificate (`tls-server-end-point`, RFC 5929); it is not
//! demanded, so against who pretends to be the server only `verify-full` helps, or
//! `verify-ca` with an authority of one's own.

mod certificate;
mod connect;
mod parameters;
mod trouble;
mod verify;

pub use connect::{Handshake, Negotiated, Stream, Tls};
pub use parameters::{BadParameters, Mode, Parameters, percent_decoded};
pub use trouble::Trouble;
pub use verify::{Authorities, BadAuthorities, Proof};
