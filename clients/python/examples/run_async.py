"""Runs several template files one after the other's start and prints each one's verdict; the exit code is the largest.

    python run_async.py http://127.0.0.1:8090 first.yaml [second.yaml ...]

What run.py does for one file, with asyncio: the states and the seconds of all runs are followed at the same time.
"""

import asyncio
import sys
from pathlib import Path

import gauntlet_client
from gauntlet_client import aio, v1


async def main(url: str, files: list[str]) -> int:
    async with aio.connect(url) as gauntlet:
        runs = [await gauntlet.start_run(Path(file)) for file in files]
        return max(await asyncio.gather(*(follow(gauntlet, run) for run in runs)))


async def follow(gauntlet: aio.Gauntlet, run: v1.Run) -> int:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(show_states(gauntlet, run))
        tasks.create_task(show_seconds(gauntlet, run))
    run, report = await gauntlet.wait_for_report(run.run_id)
    print(f"{run.name}: verdict {report.verdict.name}, {report.validity.name}")
    return gauntlet_client.exit_code(run, report)


async def show_states(gauntlet: aio.Gauntlet, run: v1.Run) -> None:
    async for state in gauntlet.watch_run(run.run_id):
        print(f"{run.name}: {state.status.name}, {state.phase.name}")


async def show_seconds(gauntlet: aio.Gauntlet, run: v1.Run) -> None:
    async for point in gauntlet.metrics(run.run_id):
        total = point.total or v1.OperationPoint()
        response = total.response or v1.LatencySummary()
        print(f"{run.name}: {total.succeeded} ok/s, {total.failed} failed, p99 {response.p99_us / 1000:.2f} ms")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
    except* (gauntlet_client.GauntletError, OSError) as errors:
        sys.exit("\n".join(str(error) for error in errors.exceptions))
