//! The flags of a control plane that removes what is old.

use std::time::Duration;

use clap::Args;

use super::age;
use crate::plane::Retention;

/// What is removed with time.
#[derive(Debug, Args)]
pub struct Retain {
    /// Remove runs so long after their end, like 30d; looked at every hour [default: never]
    #[arg(long, value_name = "DURATION", value_parser = age::positive)]
    retain: Option<Duration>,
    /// Keep only reports, rollups and errors of runs so long after their end [default: all]
    #[arg(long, value_name = "DURATION", value_parser = age::positive)]
    retain_raw: Option<Duration>,
}

impl Retain {
    /// As the control plane takes them.
    pub fn read(&self) -> Retention {
        Retention {
            runs: self.retain,
            raw: self.retain_raw,
        }
    }
}
