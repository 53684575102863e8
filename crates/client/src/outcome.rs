//! How a run came out, as scripts see it.

use std::process::ExitCode;

use gauntlet_api::v1 as pb;

/// How a run came out; each has an exit code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 0: done; of a run: its objectives are met and its numbers can be trusted.
    Pass,
    /// 1: a usage error, or something that is needed is not there.
    Failed,
    /// 2: an objective is not met; of a comparison: a run is worse than allowed.
    SloFailed,
    /// 3: too few operations to say.
    Inconclusive,
    /// 4: the numbers cannot be trusted.
    Invalid,
    /// 5: a person ended the run.
    Cancelled,
}

impl Outcome {
    /// That of a run that is over. What makes the numbers meaningless comes
    /// before what they say.
    #[must_use]
    pub fn of(run: &pb::Run, report: Option<&pb::Report>) -> Self {
        match run.status() {
            pb::RunStatus::Cancelled => return Self::Cancelled,
            pb::RunStatus::Completed | pb::RunStatus::Stopped => {}
            _ => return Self::Failed,
        }
        let Some(report) = report else {
            return Self::Failed;
        };
        match (report.validity(), report.verdict()) {
            (pb::Validity::Invalid | pb::Validity::Unspecified, _) => Self::Invalid,
            (pb::Validity::Valid, pb::Verdict::Fail) => Self::SloFailed,
            (pb::Validity::Valid, pb::Verdict::Inconclusive) => Self::Inconclusive,
            (pb::Validity::Valid, pb::Verdict::Pass | pb::Verdict::Unspecified) => Self::Pass,
        }
    }

    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Failed => 1,
            Self::SloFailed => 2,
            Self::Inconclusive => 3,
            Self::Invalid => 4,
            Self::Cancelled => 5,
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence() {
        use pb::{RunStatus as S, Validity, Verdict};
        const VALID: Validity = Validity::Valid;
        const INVALID: Validity = Validity::Invalid;
        for (status, report, code) in [
            (S::Completed, Some((VALID, Verdict::Pass)), 0),
            (S::Completed, Some((VALID, Verdict::Unspecified)), 0),
            (S::Completed, Some((VALID, Verdict::Fail)), 2),
            (S::Completed, Some((VALID, Verdict::Inconclusive)), 3),
            (S::Completed, Some((INVALID, Verdict::Pass)), 4),
            (S::Completed, Some((INVALID, Verdict::Fail)), 4),
            (S::Completed, Some((INVALID, Verdict::Inconclusive)), 4),
            (
                S::Completed,
                Some((Validity::Unspecified, Verdict::Pass)),
                4,
            ),
            (S::Completed, None, 1),
            (S::Stopped, Some((VALID, Verdict::Pass)), 0),
            (S::Stopped, Some((VALID, Verdict::Fail)), 2),
            (S::Failed, Some((VALID, Verdict::Pass)), 1),
            (S::Failed, Some((INVALID, Verdict::Fail)), 1),
            (S::Failed, None, 1),
            (S::Cancelled, Some((VALID, Verdict::Pass)), 5),
            (S::Cancelled, Some((INVALID, Verdict::Fail)), 5),
            (S::Cancelled, None, 5),
            (S::Running, None, 1),
        ] {
            let run = pb::Run {
                status: status.into(),
                ..Default::default()
            };
            let report = report.map(|(validity, verdict)| pb::Report {
                validity: validity.into(),
                verdict: verdict.into(),
                ..Default::default()
            });
            assert_eq!(
                Outcome::of(&run, report.as_ref()).code(),
                code,
                "{status:?} {report:?}"
            );
        }
    }
}
