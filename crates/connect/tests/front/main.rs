//! The whole front, as callers see it.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not what they call"
)]

mod calls;
mod serving;
mod support;
