//! The services as a caller sees them, without a socket.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod activity;
mod away;
mod catalog;
mod change;
mod compare;
mod empty;
mod export;
mod history;
mod kept;
mod life;
mod lists;
mod made;
mod others;
mod pools;
mod preflight;
mod runs;
mod search;
mod seconds;
mod server;
mod steer;
mod streams;
mod support;
mod template_files;
mod template_sources;
mod watches;
mod workers;
