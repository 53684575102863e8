//! TLS to PostgreSQL servers, as libpq's `sslmode` says it
//! (<https://www.postgresql.org/docs/current/libpq-ssl.html>): for the targets
//! under test and for the store.
//!
//! [`Tls`] is made once for a server and given to `tokio-postgres` with every
//! connection and every request to cancel. Where a login goes by SCRAM it is
//! bound to the server's certificate (`tls-server-end-point`, RFC 5929).

mod certificate;
mod connect;
mod parameters;
mod trouble;
mod verify;

pub use connect::{Handshake, Negotiated, Stream, Tls};
pub use parameters::{BadParameters, Mode, Parameters};
pub use trouble::Trouble;
pub use verify::{Authorities, BadAuthorities, Proof};
