//! How the process ends, as scripts see it.

pub use gauntlet_client::Outcome as Exit;
