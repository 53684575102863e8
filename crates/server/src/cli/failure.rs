//! Why a command could not do its part; each message is what the user reads.

use std::io;

use gauntlet_client::{self as client, json, yaml};

use crate::plane;

/// Why a command could not do its part.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A call to the control plane failed.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// A template file is not good.
    #[error(transparent)]
    File(#[from] yaml::Error),
    /// A message has no JSON.
    #[error(transparent)]
    Json(#[from] json::Error),
    /// The control plane in this process failed.
    #[error(transparent)]
    Plane(#[from] plane::Error),
    /// The log filter is none.
    #[error("--log {0}")]
    Log(#[from] plane::logs::BadFilter),
    /// The store's address is none.
    #[error(transparent)]
    Location(#[from] gauntlet_store_sql::BadLocation),
    /// The store does not do what it is asked to.
    #[error(transparent)]
    Store(#[from] gauntlet_store::Error),
    /// The store is as it was.
    #[error(transparent)]
    Upkeep(#[from] plane::upkeep::UpkeepError),
    /// A worker in this process failed.
    #[error(transparent)]
    Worker(#[from] gauntlet_worker::Error),
    /// The runtime or a signal handler could not be set up.
    #[error("cannot start: {0}")]
    Runtime(io::Error),
    /// The output is closed or full.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    /// What was asked for makes no sense or is not there.
    #[error("{0}")]
    Asked(String),
}

impl Failure {
    /// Whether the reader of the output went away, as `head` does: nothing to
    /// complain about.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Says what to do about something that is there already.
    #[must_use]
    pub fn already(mut self, what_to_do: &str) -> Self {
        if let Self::Client(client::Error::Refused(refusal)) = &mut self
            && refusal.code == client::Code::AlreadyExists
        {
            refusal.message.push_str("; ");
            refusal.message.push_str(what_to_do);
        }
        self
    }

    /// What the user reads: each fault of a file is an error of its own.
    pub fn told(&self) -> String {
        match self {
            Self::File(yaml::Error::Faulty(faults)) => {
                let lines: Vec<String> = faults
                    .iter()
                    .map(|fault| format!("error: {fault}"))
                    .collect();
                lines.join("\n")
            }
            other => format!("error: {other}"),
        }
    }
}

impl From<client::ApplyError> for Failure {
    fn from(error: client::ApplyError) -> Self {
        match error {
            client::ApplyError::File(error) => Self::File(error),
            client::ApplyError::Call(error) => Self::Client(error),
        }
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::Client(status.into())
    }
}
