//! The flags of a control plane that bound callers.

use std::time::Duration;

use clap::Args;

use super::age;
use crate::plane;

/// Bounds; what is over one is refused with a reason, or waits where it says so.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// The longest request message, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = gauntlet_rpc::LARGEST_REQUEST as u64,
          value_parser = clap::value_parser!(u64).range(1024..=gauntlet_rpc::LARGEST_REQUEST as u64))]
    max_message_bytes: u64,
    /// Open connections; further ones wait
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: u32,
    /// Open calls on one HTTP/2 connection
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_connection_streams: u32,
    /// Unary calls in progress; further ones get UNAVAILABLE
    #[arg(long, value_name = "COUNT", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..))]
    max_calls: u32,
    /// Streaming calls in progress, workers among them; further ones get UNAVAILABLE
    #[arg(long, value_name = "COUNT", default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..))]
    max_streams: u32,
    /// The deadline of a unary call that states none; 0s is none
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = age::parse)]
    call_deadline: Duration,
    /// How long a peer may be silent before it is asked whether it is there
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = age::positive)]
    keep_alive: Duration,
    /// How long it may take to answer before its connection ends
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = age::positive)]
    keep_alive_timeout: Duration,
}

impl Limits {
    /// As the control plane takes them.
    pub fn read(&self) -> plane::Limits {
        plane::Limits {
            max_message_bytes: self.max_message_bytes as usize,
            max_connections: self.max_connections as usize,
            max_connection_streams: self.max_connection_streams,
            max_calls: self.max_calls as usize,
            max_streams: self.max_streams as usize,
            call_deadline: (!self.call_deadline.is_zero()).then_some(self.call_deadline),
            keep_alive: self.keep_alive,
            keep_alive_timeout: self.keep_alive_timeout,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        limits: Limits,
    }

    #[test]
    fn the_flags_default_to_what_the_control_plane_does() {
        let limits = Line::parse_from(["gauntlet"]).limits.read();
        let default = plane::Limits::default();
        assert_eq!(format!("{limits:?}"), format!("{default:?}"));
    }
}
