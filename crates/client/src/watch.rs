//! Following a run across broken connections: each stream is opened again where
//! it was cut, so that nothing comes twice and nothing is missed.

mod events;
mod logs;
mod metrics;
mod resume;
mod run;

use gauntlet_api::v1 as pb;

use crate::Error;

pub use events::EventsWatch;
pub use logs::LogsWatch;
pub use metrics::MetricsWatch;
pub use run::RunWatch;

/// What a watch says.
#[derive(Debug)]
pub enum Update<T> {
    /// Something new.
    New(T),
    /// The stream was cut; the next call tries again.
    Interrupted(Error),
}

/// Whether a status is one that never changes again.
#[must_use]
pub fn is_over(status: pb::RunStatus) -> bool {
    matches!(
        status,
        pb::RunStatus::Completed
            | pb::RunStatus::Stopped
            | pb::RunStatus::Cancelled
            | pb::RunStatus::Failed
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_statuses_are_final() {
        let all = (0..=9).filter_map(|number| pb::RunStatus::try_from(number).ok());
        assert_eq!(all.filter(|status| is_over(*status)).count(), 4);
    }
}
