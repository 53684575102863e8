//! The words of the API's enums, and words of people back into them.

use clap::ValueEnum;
use gauntlet_client::pb;

/// An enum's value as a person reads it: `RUN_STATUS_STARTING` is `starting`.
pub fn lower(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix)
        .unwrap_or(name)
        .to_lowercase()
        .replace('_', " ")
}

/// A run's status.
pub fn status(run: &pb::Run) -> String {
    lower(run.status().as_str_name(), "RUN_STATUS_")
}

/// A run's phase.
pub fn phase(phase: pb::RunPhase) -> String {
    lower(phase.as_str_name(), "RUN_PHASE_")
}

/// Why a run ended.
pub fn stop_reason(run: &pb::Run) -> String {
    lower(run.stop_reason().as_str_name(), "STOP_REASON_")
}

/// A verdict, loud.
pub fn verdict(verdict: pb::Verdict) -> &'static str {
    match verdict {
        pb::Verdict::Unspecified => "NONE",
        pb::Verdict::Pass => "PASS",
        pb::Verdict::Fail => "FAIL",
        pb::Verdict::Inconclusive => "INCONCLUSIVE",
    }
}

/// Where a run is in its life, as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Status {
    /// Created, not started.
    Prepared,
    /// Workers are connecting to the target.
    Starting,
    /// Under load.
    Running,
    /// Draining and processing.
    Stopping,
    /// Ended by a person; draining and processing.
    Cancelling,
    /// Ended as planned.
    Completed,
    /// Ended by a bound or a guardrail.
    Stopped,
    /// Ended by a person.
    Cancelled,
    /// Ended by an error.
    Failed,
}

impl From<Status> for pb::RunStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Prepared => Self::Prepared,
            Status::Starting => Self::Starting,
            Status::Running => Self::Running,
            Status::Stopping => Self::Stopping,
            Status::Cancelling => Self::Cancelling,
            Status::Completed => Self::Completed,
            Status::Stopped => Self::Stopped,
            Status::Cancelled => Self::Cancelled,
            Status::Failed => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enums_read_as_words() {
        let run = pb::Run {
            status: pb::RunStatus::Completed.into(),
            stop_reason: pb::StopReason::DurationElapsed.into(),
            ..Default::default()
        };
        assert_eq!(status(&run), "completed");
        assert_eq!(stop_reason(&run), "duration elapsed");
        assert_eq!(phase(pb::RunPhase::Measurement), "measurement");
    }

    #[test]
    fn every_status_is_an_argument() {
        let arguments: Vec<i32> = Status::value_variants()
            .iter()
            .map(|status| pb::RunStatus::from(*status).into())
            .collect();
        assert_eq!(arguments, (1..=9).collect::<Vec<i32>>());
    }
}
