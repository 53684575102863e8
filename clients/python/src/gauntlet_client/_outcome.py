"""How a program that ran a benchmark ends, as scripts see it."""

from __future__ import annotations

from .gen.gauntlet.v1.run_pb import Report, Run, RunStatus, Validity, Verdict


def exit_code(run: Run, report: Report | None) -> int:
    """The command line's exit code of a run that is over: 0 pass, 1 failed, 2 an objective is not met, 3 too few
    operations to say, 4 the numbers cannot be trusted, 5 a person ended the run. What makes the numbers meaningless comes
    before what they say."""
    if run.status is RunStatus.CANCELLED:
        return 5
    if run.status not in (RunStatus.COMPLETED, RunStatus.STOPPED) or report is None:
        return 1
    if report.validity is not Validity.VALID:
        return 4
    return {Verdict.FAIL: 2, Verdict.INCONCLUSIVE: 3}.get(report.verdict, 0)
