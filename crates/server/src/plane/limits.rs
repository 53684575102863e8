//! What bounds callers.

use std::time::Duration;

use gauntlet_connect::{FrontBuilder, ServeOptions, Tls};

/// What bounds callers. What is over a bound is refused, or waits where it says so.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest request message, bytes.
    pub max_message_bytes: usize,
    /// Open connections; further ones wait in the system's backlog.
    pub max_connections: usize,
    /// Open streams on one HTTP/2 connection.
    pub max_connection_streams: u32,
    /// Unary calls at once; further ones are told to come again.
    pub max_calls: usize,
    /// Streaming calls at once; further ones are told to come again.
    pub max_streams: usize,
    /// How long a unary call may take whose caller states no deadline; `None` is for ever.
    pub call_deadline: Option<Duration>,
    /// After so much silence a peer is asked whether it is still there.
    pub keep_alive: Duration,
    /// How long it may take to answer; then the connection ends.
    pub keep_alive_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_message_bytes: gauntlet_rpc::LARGEST_REQUEST,
            max_connections: 10_000,
            max_connection_streams: 10_000,
            max_calls: 1_024,
            max_streams: 50_000,
            call_deadline: Some(Duration::from_mins(1)),
            keep_alive: Duration::from_secs(20),
            keep_alive_timeout: Duration::from_secs(20),
        }
    }
}

impl Limits {
    pub(super) fn front(&self, front: FrontBuilder) -> FrontBuilder {
        front
            .max_message_bytes(self.max_message_bytes)
            .max_unary_calls(self.max_calls)
            .max_streams(self.max_streams)
            .unary_deadline(self.call_deadline)
    }

    pub(super) fn serve(&self, tls: Option<Tls>) -> ServeOptions {
        ServeOptions {
            max_connections: self.max_connections,
            max_concurrent_streams: Some(self.max_connection_streams),
            keep_alive_interval: self.keep_alive,
            keep_alive_timeout: self.keep_alive_timeout,
            tls,
            ..ServeOptions::default()
        }
    }
}
