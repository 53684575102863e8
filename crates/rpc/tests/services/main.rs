//! The services as a caller sees them, without a socket.

mod catalog;
mod empty;
mod life;
mod runs;
mod streams;
mod support;
mod workers;
