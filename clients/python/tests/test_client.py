"""Both clients against a control plane in the same process: tokens, errors and streams on their way through connectrpc."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Literal

import pytest
from connectrpc.code import Code
from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext
from protobuf import Oneof
from pyqwest.testing import ASGITransport, WSGITransport

from gauntlet_client import Gauntlet, aio, errors, v1
from gauntlet_client.gen.gauntlet.v1.run_service_connect import (
    RunService,
    RunServiceASGIApplication,
    RunServiceSync,
    RunServiceWSGIApplication,
)

RUNS = [
    v1.Run(run_id="r", status=v1.RunStatus.RUNNING, revision=1),
    v1.Run(run_id="r", status=v1.RunStatus.FAILED, revision=2, stop_message="no worker"),
]


Get = RequestContext[v1.GetRunRequest, v1.GetRunResponse]


def get(request: v1.GetRunRequest, ctx: Get) -> v1.GetRunResponse:
    if request.run_id != "r":
        raise ConnectError(Code.NOT_FOUND, f"run {request.run_id} does not exist")
    who = ctx.request_headers.get("authorization", "nobody")
    return v1.GetRunResponse(run=v1.Run(notes=f"{who} waits for {(ctx.timeout_ms or 0) / 1000:.0f} s"))


def states(request: v1.WatchRunRequest) -> Iterator[v1.WatchRunResponse]:
    """Each stream says one thing and breaks."""
    seen = request.options.resume_from_revision if request.options else 0
    for run in RUNS[seen:]:
        update: Oneof[Literal["run"], v1.Run] = Oneof("run", run)
        yield v1.WatchRunResponse(update=update)
        raise ConnectError(Code.UNAVAILABLE, "going down")


class Blocking(RunServiceSync):
    def get_run(self, request: v1.GetRunRequest, ctx: Get, /) -> v1.GetRunResponse:
        return get(request, ctx)

    def watch_run(
        self, request: v1.WatchRunRequest, ctx: RequestContext[v1.WatchRunRequest, v1.WatchRunResponse], /
    ) -> Iterator[v1.WatchRunResponse]:
        return states(request)


class Asynchronous(RunService):
    async def get_run(self, request: v1.GetRunRequest, ctx: Get, /) -> v1.GetRunResponse:
        return get(request, ctx)

    async def watch_run(
        self, request: v1.WatchRunRequest, ctx: RequestContext[v1.WatchRunRequest, v1.WatchRunResponse], /
    ) -> AsyncIterator[v1.WatchRunResponse]:
        for message in states(request):
            yield message


def test_the_blocking_client() -> None:
    with Gauntlet("http://localhost", "secret", transport=WSGITransport(RunServiceWSGIApplication(Blocking()))) as gauntlet:
        answer = gauntlet.runs.get_run(v1.GetRunRequest(run_id="r"))
        assert answer.run and answer.run.notes == "Bearer secret waits for 60 s"
        answer = gauntlet.runs.get_run(v1.GetRunRequest(run_id="r"), timeout_ms=5_000)
        assert answer.run and answer.run.notes == "Bearer secret waits for 5 s"
        with pytest.raises(errors.NotFound, match="run x does not exist"):
            gauntlet.runs.get_run(v1.GetRunRequest(run_id="x"))
        with pytest.raises(errors.OtherVersion, match=r"gauntlet.v1.RunService/StopRun"):
            gauntlet.runs.stop_run(v1.StopRunRequest(run_id="r"))
        assert list(gauntlet.watch_run("r")) == RUNS
        with pytest.raises(errors.NoReport, match="no worker"):
            gauntlet.wait_for_report("r")


def test_a_client_that_is_closed() -> None:
    gauntlet = Gauntlet("http://localhost")
    gauntlet.close()
    with pytest.raises(errors.Closed) as closed:
        gauntlet.runs.get_run(v1.GetRunRequest(run_id="r"))
    assert not closed.value.passing

    async def walk() -> None:
        async with aio.Gauntlet("http://localhost") as other:
            pass
        with pytest.raises(errors.Closed):
            await other.runs.get_run(v1.GetRunRequest(run_id="r"))

    asyncio.run(walk())


def test_the_asynchronous_client() -> None:
    async def walk() -> None:
        transport = ASGITransport(RunServiceASGIApplication(Asynchronous()))
        async with aio.Gauntlet("http://localhost", transport=transport) as gauntlet:
            answer = await gauntlet.runs.get_run(v1.GetRunRequest(run_id="r"))
            assert answer.run and answer.run.notes == "nobody waits for 60 s"
            answer = await gauntlet.runs.get_run(v1.GetRunRequest(run_id="r"), timeout_ms=5_000)
            assert answer.run and answer.run.notes == "nobody waits for 5 s"
            with pytest.raises(errors.NotFound, match="run x does not exist"):
                await gauntlet.runs.get_run(v1.GetRunRequest(run_id="x"))
            with pytest.raises(errors.OtherVersion, match=r"gauntlet.v1.RunService/StopRun"):
                await gauntlet.runs.stop_run(v1.StopRunRequest(run_id="r"))
            assert [run async for run in gauntlet.watch_run("r")] == RUNS
            with pytest.raises(errors.NoReport, match="no worker"):
                await gauntlet.wait_for_report("r")

    asyncio.run(walk())
