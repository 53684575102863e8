//! A thin front on the generated client of `gauntlet.v1`: connects with a
//! deadline, turns statuses into errors with a sentence, follows a run across
//! broken connections, and reads template files.

mod connection;
mod error;
pub mod json;
pub mod near;
mod schema;
mod tls;
pub mod watch;
pub mod yaml;

pub use connection::Client;
pub use error::{Error, Refusal, Violation};
pub use gauntlet_api::v1 as pb;
pub use prost_types::Duration as PbDuration;
pub use tonic::Code;
