"""The asynchronous client: what the blocking one does, for asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pyqwest import Client, HTTPTransport, Transport

from . import _steps
from ._address import checked
from ._border import Border
from ._follow import PATIENCE_S, SILENCE_S, Follower, Interrupted, MetricsFollower, Retry, RunFollower, Skipped
from ._settle import settle_at_exit
from ._steps import Call, Ended, Start, Steps
from ._sync import CONNECT_S, Note
from .errors import GauntletError
from .gen.gauntlet.v1.run_pb import MetricsPoint, Run
from .gen.gauntlet.v1.run_service_connect import RunServiceClient
from .gen.gauntlet.v1.server_service_connect import ServerServiceClient
from .gen.gauntlet.v1.server_service_pb import Server
from .gen.gauntlet.v1.target_service_connect import TargetServiceClient
from .gen.gauntlet.v1.template_pb import Template
from .gen.gauntlet.v1.template_service_connect import TemplateServiceClient
from .gen.gauntlet.v1.worker_service_connect import WorkerServiceClient

__all__ = ["Gauntlet", "connect"]

Q = TypeVar("Q")
M = TypeVar("M")
I = TypeVar("I")
T = TypeVar("T")


class Gauntlet:
    """A control plane. The generated clients of its services are attributes; close it, or use it in an async with
    statement."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        authorities: bytes | None = None,
        patience_s: float = PATIENCE_S,
        transport: Transport | None = None,
    ) -> None:
        """At an address like "http://127.0.0.1:8090". A token goes with every call. With https the certificate must come
        from one of `authorities` (PEM), or of those that the system trusts. Watches give up after `patience_s` without a
        message, math.inf for never. `transport` is for tests."""
        self.url = checked(url, token)
        self._patience_s = patience_s
        settle_at_exit()
        self._open = AsyncExitStack()

        def http(read_s: float | None) -> Client:
            if transport is not None:
                return Client(transport)
            made = HTTPTransport(
                tls_ca_cert=authorities,
                tls_include_system_certs=authorities is None,
                connect_timeout=CONNECT_S,
                read_timeout=read_s,
                follow_redirects=False,
            )
            self._open.push_async_callback(made.aclose)
            return Client(made)

        # A call has a deadline of its own; a stream is never silent for long.
        calls, streams = http(None), http(SILENCE_S)
        border = (Border(self.url, token),)
        self.runs = RunServiceClient(self.url, http_client=calls, interceptors=border)
        self.templates = TemplateServiceClient(self.url, http_client=calls, interceptors=border)
        self.targets = TargetServiceClient(self.url, http_client=calls, interceptors=border)
        self.workers = WorkerServiceClient(self.url, http_client=calls, interceptors=border)
        self.server = ServerServiceClient(self.url, http_client=calls, interceptors=border)
        self._streams = RunServiceClient(self.url, http_client=streams, interceptors=border)

    async def check(self) -> Server:
        """Who serves. Raises OtherVersion when it is of another minor version than this package."""
        return await self._walk(_steps.check())

    async def apply_template(self, text: str, *, project: str | None = None) -> Template:
        """Creates the template of a file's text, or makes its next version. Raises FaultyTemplate."""
        return await self._walk(_steps.apply(text, project))

    async def start_run(
        self,
        source: str | Path | Run,
        *,
        project: str | None = None,
        name: str = "",
        labels: Mapping[str, str] | None = None,
        acknowledge: Iterable[str] = (),
    ) -> Run:
        """Starts a run of a template: its name, the path of its file, or the file's text, which then becomes its newest
        version; or starts a run that is PREPARED. Raises FaultyTemplate, and NotAcknowledged for severe findings whose codes
        are not in `acknowledge`."""
        return await self._walk(_steps.start(Start(source, project, name, labels or {}, acknowledge)))

    def watch_run(self, run_id: str, *, note: Note | None = None) -> AsyncIterator[Run]:
        """The states of a run, from now to its end, across broken connections; `note` is told of those."""
        return follow(RunFollower(run_id), self._streams.watch_run, note, self._patience_s)

    def metrics(self, run_id: str, *, after_us: int = 0, note: Note | None = None) -> AsyncIterator[MetricsPoint]:
        """The seconds of a run, from its first, or the first after an instant (microseconds since the Unix epoch, UTC), to
        its last, each once, across broken connections. A second in which the phase changes has a point for each phase."""
        return follow(MetricsFollower(run_id, after_us), self._streams.stream_metrics, note, self._patience_s)

    async def wait_for_report(self, run_id: str) -> Ended:
        """The run as it ended and its report. Raises NoReport when it ended without one."""
        last = Run()
        async for run in self.watch_run(run_id):
            last = run
        return await self._walk(_steps.report(last))

    async def close(self) -> None:
        """Closes all connections. May be called again."""
        await self._open.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _call(self, call: Call) -> Any:
        return await getattr(getattr(self, call.service), call.method)(call.request)

    async def _walk(self, steps: Steps[T]) -> T:
        try:
            call = next(steps)
            while True:
                try:
                    answer = await self._call(call)
                except GauntletError as error:
                    call = steps.throw(error)
                else:
                    call = steps.send(answer)
        except StopIteration as end:
            value: T = end.value
            return value


def connect(
    url: str, token: str | None = None, *, authorities: bytes | None = None, patience_s: float = PATIENCE_S
) -> Gauntlet:
    """A control plane; no connection is opened before the first call. See Gauntlet."""
    return Gauntlet(url, token, authorities=authorities, patience_s=patience_s)


async def _nothing() -> None:
    """What closes a stream that has nothing to close."""


async def follow(
    follower: Follower[Q, M, I],
    open_stream: Callable[[Q], AsyncIterator[M]],
    note: Note | None,
    patience_s: float = PATIENCE_S,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> AsyncIterator[I]:
    """What a follower's streams have for the reader, one stream after the other. An error that is not passing, or passes
    for too long, is raised."""
    retry = Retry(patience_s)
    while not follower.over:
        try:
            async with AsyncExitStack() as opened:
                stream = open_stream(follower.request())
                # A generator holds its connection until it is closed.
                opened.push_async_callback(getattr(stream, "aclose", _nothing))
                async for message in stream:
                    retry.succeeded()
                    item = follower.take(message)
                    if isinstance(item, Skipped):
                        if note:
                            note(item)
                    elif item is not None:
                        yield item
                    if follower.over:
                        return
                follower.ended()
        except GauntletError as error:
            pause = retry.failed(error, clock())
            if note:
                note(Interrupted(error))
            await sleep(pause)
