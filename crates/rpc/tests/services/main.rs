//! The services as a caller sees them, without a socket.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod catalog;
mod empty;
mod life;
mod runs;
mod streams;
mod support;
mod workers;
