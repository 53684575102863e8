"""A run of two workers, one of which is not gauntlet's own: python beside.py URL WORKER DATABASE TABLE TEMPLATE.

Waits for both workers, runs the template, and compares what each of them counted with the rows of the SQLite file.
"""

import sqlite3
import sys
import time
from pathlib import Path

import gauntlet_client
from gauntlet_client import v1

PATIENCE_S = 30


def main(url: str, worker: str, database: str, table: str, template: str) -> None:
    with gauntlet_client.connect(url) as gauntlet:
        wait_for_workers(gauntlet, worker)
        before = rows(database, table)
        run = gauntlet.start_run(Path(template).read_text().replace("workers: 1", "workers: 2"))
        done = gauntlet.wait_for_report(run.run_id)
    report = done.report
    expect("status", done.run.status.name, "COMPLETED")
    expect("validity", (report.validity.name, report.reasons), ("VALID", []))
    parts = {shard.worker: shard.succeeded for shard in report.shards}
    expect("workers", len(parts), 2)
    expect(f"operations of {worker} in {parts}", parts.get(worker, 0) > 0, True)
    counted = [(one.counted, one.uncertain) for one in report.reconciliations]
    expect("inserts", counted, [(one.found, 0) for one in report.reconciliations])
    inserted = sum(one.counted for one in report.reconciliations)
    expect("rows", rows(database, table) - before, inserted)
    print(f"{report.total.succeeded} operations by {parts}, {inserted} inserts and as many rows")


def wait_for_workers(gauntlet: gauntlet_client.Gauntlet, worker: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        listed = gauntlet.workers.list_workers(v1.ListWorkersRequest()).workers
        idle = [one.name for one in listed if one.status.name == "IDLE"]
        if worker in idle and len(idle) == 2:
            return
        if time.monotonic() > deadline:
            sys.exit(f"the worker {worker} is not there after {PATIENCE_S} s: {listed}")
        time.sleep(0.1)


def rows(database: str, table: str) -> int:
    with sqlite3.connect(database) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return count


def expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        sys.exit(f"{what}: {found}, not {expected}")


if __name__ == "__main__":
    main(*sys.argv[1:])
