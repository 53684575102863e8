//! The binary as a supervisor and an operator meet it: limits, the end, upkeep.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not what they call"
)]

mod doctor;
mod otlp;
mod own_workers;
mod serving;
mod setup;
mod starting;
mod support;
mod tls;
mod token;
mod upkeep;
