//! The whole system: the real binary, real workers, real databases, on loopback.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the message")]

mod api;
mod counts;
mod documents;
mod faults;
mod files;
mod placement;
mod plane;
mod prepare;
mod proxy;

mod search;
mod standstill;
mod tls;
mod words;
