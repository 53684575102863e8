//! Looking at the sessions of a run while it is under load.

use async_trait::async_trait;
use gauntlet_model::evidence::WaitSample;

use super::AccessError;

/// Looks at the sessions of one run; dropping it hangs up.
#[async_trait]
pub trait WaitWatch: Send {
    /// What they do at this instant. After an error another watch is to be
    /// opened.
    async fn look(&mut self) -> Result<WaitSample, AccessError>;
}
