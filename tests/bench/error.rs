//! Why a benchmark ends without figures.

use std::io;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("interrupted; what was started is stopped and nothing was written")]
    Interrupted,
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("{0}")]
    Client(#[from] gauntlet_client::Error),
    #[error("{call} was refused: {message}")]
    Refused { call: &'static str, message: String },
    #[error("{program} ended with {status}:\n{said}")]
    Program {
        program: String,
        status: String,
        said: String,
    },
    #[error("{program} printed no {missing}:\n{said}")]
    Unreadable {
        program: &'static str,
        missing: &'static str,
        said: String,
    },
    #[error("{0} is not installed: {1}")]
    Missing(&'static str, &'static str),
    #[error("{0}")]
    Failed(String),
}

impl Error {
    /// Says what was being done when the system refused.
    pub fn io(what: &str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io {
            what: what.to_owned(),
            source,
        }
    }

    /// Names the call that the control plane refused.
    pub fn refused(call: &'static str) -> impl Fn(tonic::Status) -> Self {
        move |status| Self::Refused {
            call,
            message: status.message().to_owned(),
        }
    }
}
