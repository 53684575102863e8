"""The examples against a real control plane. GAUNTLET names the binary; without it these are skipped."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import gauntlet_client
from gauntlet_client import errors, v1

EXAMPLES = Path(__file__).parent.parent / "examples"
BINARY = os.environ.get("GAUNTLET", "")
# No step may take longer.
PATIENCE_S = 60
TEMPLATE = """
name: {name}
target: db
table: gauntlet_demo
operations:
  - {{kind: point_lookup, weight: 70, parameters: [{{zipf: {{min: 1, max: 1000}}}}]}}
  - kind: insert
    weight: 30
    columns: [k, c, pad]
    parameters: [{{uniform: {{min: 1, max: 9}}}}, {{text: {{length: 9}}}}, {{literal: {{text: x}}}}]
load: {load}
workers: {workers}
phases: {{measurement: 3s}}
"""
# What a busy machine may do to the numbers.
BUSY = {"RATE_MISSED", "DROPPED", "GENERATOR_CPU", "CLOCK"}

pytestmark = pytest.mark.skipif(not BINARY, reason="GAUNTLET does not name the gauntlet binary")


def gauntlet(url: str, *arguments: str) -> str:
    command = [BINARY, "--server", url, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gauntlet") / "bench.db"


@pytest.fixture(scope="module")
def url(database: Path) -> Iterator[str]:
    data = str(database.parent / "data")
    command = [BINARY, "up", "--listen", "127.0.0.1:0", "--data-dir", data, "--workers", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout
            said = server.stdout.readline()
            assert said.startswith("serving at "), said
            url = said.split()[2]
            gauntlet(url, "target", "add", "db", "--sqlite", str(database))
            gauntlet(url, "target", "load", "db", "--table", "gauntlet_demo", "--rows", "1000")
            yield url
        finally:
            server.terminate()


def example(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, env=environment())


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def written(folder: Path, name: str, workers: int = 1, load: str = "{rate: {per_second: 100, connections: 4}}") -> str:
    file = folder / f"{name}.yaml"
    file.write_text(TEMPLATE.format(name=name, workers=workers, load=load))
    return str(file)


def test_run(url: str, tmp_path: Path) -> None:
    done = example("run.py", url, written(tmp_path, "blocking"))
    assert "COMPLETED" in done.stdout and done.returncode in (0, 4), done
    assert done.stdout.count("ok/s") >= 3


def test_run_async(url: str, tmp_path: Path) -> None:
    done = example("run_async.py", url, written(tmp_path, "first"), written(tmp_path, "second"))
    assert done.stdout.count("COMPLETED") == 2 and done.returncode in (0, 4), done


def test_a_faulty_file(url: str, tmp_path: Path) -> None:
    file = tmp_path / "faulty.yaml"
    file.write_text("name: faulty\ntarget: db\nload: {rat: 1}\n")
    done = example("run.py", url, str(file))
    assert done.returncode == 1 and "3:8: " in done.stderr and "rat" in done.stderr, done
    with gauntlet_client.connect(url) as client, pytest.raises(errors.FaultyTemplate):
        client.start_run(file)


@pytest.mark.parametrize(
    "load", ["{rate: {per_second: 200, connections: 4}}", "{concurrency: {connections: 4, think_time: 10ms}}"]
)
def test_the_worker_joins_a_run_beside_one_of_gauntlets_own(
    url: str, database: Path, tmp_path: Path, load: str
) -> None:
    before = rows(database)
    command = [sys.executable, str(EXAMPLES / "worker.py"), url, "python"]
    with subprocess.Popen(command, env=environment()) as worker, gauntlet_client.connect(url) as client:
        try:
            wait_for_worker(client)
            name = "both-open" if "rate" in load else "both-closed"
            run = client.start_run(Path(written(tmp_path, name, workers=2, load=load)))
            run, report = client.wait_for_report(run.run_id)
        finally:
            worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE_S) == 0
    assert run.status is v1.RunStatus.COMPLETED and {reason.code for reason in report.reasons} <= BUSY
    assert all(shard.succeeded > 50 for shard in report.shards) and len(report.shards) == 2
    assert [part.shard for part in report.reconciliations] == [0, 1]
    assert all(part.counted == part.found > 20 and not part.uncertain for part in report.reconciliations)
    assert rows(database) - before == sum(part.counted for part in report.reconciliations)


def rows(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM gauntlet_demo").fetchone()
    return int(count)


def wait_for_worker(client: gauntlet_client.Gauntlet) -> None:
    """Until the worker is idle."""
    deadline = time.monotonic() + PATIENCE_S
    for update in client.workers.watch_workers(v1.WatchWorkersRequest()):
        if update.update and update.update.field == "worker" and (worker := update.update.value.worker):
            if worker.name == "python" and worker.status is v1.WorkerStatus.IDLE:
                return
        assert time.monotonic() < deadline
