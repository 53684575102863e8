//! The whole front, as callers see it.
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, not what they call"
)]

mod calls;
mod hostile;
mod observing;
mod secure;
mod seen;
mod serving;
mod support;
