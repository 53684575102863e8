"""Runs a template file and ends with the exit code that the command line would end with.

    python run.py http://127.0.0.1:8090 template.yaml [CODE ...]

Prints a line for each second, then the verdict. CODEs are those of severe findings of the check before the start that are
accepted. Ctrl-C stops the run.
"""

import sys
from pathlib import Path

import gauntlet_client
from gauntlet_client import Interrupted, Skipped, v1


def main(url: str, file: str, *acknowledge: str) -> int:
    with gauntlet_client.connect(url) as gauntlet:
        run = gauntlet.start_run(Path(file), acknowledge=acknowledge)
        print(f"run {run.name} ({run.run_id})")
        try:
            for point in gauntlet.metrics(run.run_id, note=say):
                print(line(point))
        except KeyboardInterrupt:
            gauntlet.runs.stop_run(v1.StopRunRequest(run_id=run.run_id, message="ended by Ctrl-C"))
        run, report = gauntlet.wait_for_report(run.run_id)
        return concluded(run, report)


def line(point: v1.MetricsPoint) -> str:
    total = point.total or v1.OperationPoint()
    response = total.response or v1.LatencySummary()
    rate = f"{total.succeeded:7} ok/s {total.failed:5} failed"
    return f"{point.phase.name.lower():11} {rate}  p50 {response.p50_us / 1000:8.2f} ms  p99 {response.p99_us / 1000:8.2f} ms"


def say(note: Interrupted | Skipped) -> None:
    text = f"{note.error}; trying again" if isinstance(note, Interrupted) else f"{note.seconds} seconds were skipped"
    print(text, file=sys.stderr)


def concluded(run: v1.Run, report: v1.Report) -> int:
    for slo in report.slos:
        print(f"{slo.verdict.name:12} {slo.name}: {slo.message}")
    for reason in report.reasons:
        print(f"{'INVALID':12} {reason.code}: {reason.message}")
    print(f"{run.status.name}, verdict {report.verdict.name}, {report.validity.name}")
    return gauntlet_client.exit_code(run, report)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except (gauntlet_client.GauntletError, OSError) as error:
        sys.exit(str(error))
