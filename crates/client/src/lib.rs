//! A thin front on the generated client of `gauntlet.v1`: connects with a
//! deadline, turns statuses into errors with a sentence, follows a run across
//! broken connections, reads template files, and leads from one to a report.

mod access;
mod apply;
mod connection;
mod error;
pub mod json;
mod outcome;
mod peer;
mod schema;
mod start;
mod tls;
mod transport;
pub mod watch;

pub use access::{Access, BadToken, Identity, Token};
pub use apply::{ApplyError, Change, LONGEST_SOURCE, apply};
pub use connection::Client;
pub use error::{Error, Refusal};
pub use gauntlet_api::v1 as pb;
pub use gauntlet_template_file::{self as yaml, Violation, near};
pub use outcome::Outcome;
pub use prost_types::Duration as PbDuration;
pub use start::{Ended, Start, StartError};
pub use tonic::Code;
pub use transport::Transport;

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
