"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from pyqwest import SyncClient, SyncHTTPTransport, SyncTransport

from . import _steps
from ._address import checked
from ._border import Border
from ._follow import PATIENCE_S, SILENCE_S, Follower, Interrupted, MetricsFollower, Retry, RunFollower, Skipped
from ._steps import Call, Ended, Start, Steps
from .errors import GauntletError
from .gen.gauntlet.v1.run_pb import MetricsPoint, Run
from .gen.gauntlet.v1.run_service_connect import RunServiceClientSync
from .gen.gauntlet.v1.server_service_connect import ServerServiceClientSync
from .gen.gauntlet.v1.server_service_pb import Server
from .gen.gauntlet.v1.target_service_connect import TargetServiceClientSync
from .gen.gauntlet.v1.template_pb import Template
from .gen.gauntlet.v1.template_service_connect import TemplateServiceClientSync
from .gen.gauntlet.v1.worker_service_connect import WorkerServiceClientSync

Q = TypeVar("Q")
M = TypeVar("M")
I = TypeVar("I")
T = TypeVar("T")
Note = Callable[[Interrupted | Skipped], None]

CONNECT_S = 5.0


class Gauntlet:
    """A control plane. The generated clients of its services are attributes; close it, or use it in a with statement.
    May be used by several threads."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        authorities: bytes | None = None,
        patience_s: float = PATIENCE_S,
        transport: SyncTransport | None = None,
    ) -> None:
        """At an address like "http://127.0.0.1:8090". A token goes with every call. With https the certificate must come
        from one of `authorities` (PEM), or of those that the system trusts. Watches give up after `patience_s` without a
        message, math.inf for never. `transport` is for tests."""
        self.url = checked(url, token)
        self._patience_s = patience_s
        self._open = ExitStack()

        def http(read_s: float | None) -> SyncClient:
            if transport is not None:
                return SyncClient(transport)
            made = SyncHTTPTransport(
                tls_ca_cert=authorities,
                tls_include_system_certs=authorities is None,
                connect_timeout=CONNECT_S,
                read_timeout=read_s,
                follow_redirects=False,
            )
            return SyncClient(self._open.enter_context(made))

        # A call has a deadline of its own; a stream is never silent for long.
        calls, streams = http(None), http(SILENCE_S)
        border = (Border(self.url, token),)
        self.runs = RunServiceClientSync(self.url, http_client=calls, interceptors=border)
        self.templates = TemplateServiceClientSync(self.url, http_client=calls, interceptors=border)
        self.targets = TargetServiceClientSync(self.url, http_client=calls, interceptors=border)
        self.workers = WorkerServiceClientSync(self.url, http_client=calls, interceptors=border)
        self.server = ServerServiceClientSync(self.url, http_client=calls, interceptors=border)
        self._streams = RunServiceClientSync(self.url, http_client=streams, interceptors=border)

    def check(self) -> Server:
        """Who serves. Raises OtherVersion when it is of another minor version than this package."""
        return self._walk(_steps.check())

    def apply_template(self, text: str, *, project: str | None = None) -> Template:
        """Creates the template of a file's text, or makes its next version. Raises FaultyTemplate."""
        return self._walk(_steps.apply(text, project))

    def start_run(
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
        return self._walk(_steps.start(Start(source, project, name, labels or {}, acknowledge)))

    def watch_run(self, run_id: str, *, note: Note | None = None) -> Iterator[Run]:
        """The states of a run, from now to its end, across broken connections; `note` is told of those."""
        return follow(RunFollower(run_id), self._streams.watch_run, note, self._patience_s)

    def metrics(self, run_id: str, *, after_us: int = 0, note: Note | None = None) -> Iterator[MetricsPoint]:
        """The seconds of a run, from its first, or the first after an instant (microseconds since the Unix epoch, UTC), to
        its last, each once, across broken connections. A second in which the phase changes has a point for each phase."""
        return follow(MetricsFollower(run_id, after_us), self._streams.stream_metrics, note, self._patience_s)

    def wait_for_report(self, run_id: str) -> Ended:
        """The run as it ended and its report. Raises NoReport when it ended without one."""
        *_, last = self.watch_run(run_id)
        return self._walk(_steps.report(last))

    def close(self) -> None:
        """Closes all connections. May be called again."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _call(self, call: Call) -> Any:
        return getattr(getattr(self, call.service), call.method)(call.request)

    def _walk(self, steps: Steps[T]) -> T:
        try:
            call = next(steps)
            while True:
                try:
                    answer = self._call(call)
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


def follow(
    follower: Follower[Q, M, I],
    open_stream: Callable[[Q], Iterator[M]],
    note: Note | None,
    patience_s: float = PATIENCE_S,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[I]:
    """What a follower's streams have for the reader, one stream after the other. An error that is not passing, or passes
    for too long, is raised."""
    retry = Retry(patience_s)
    while not follower.over:
        try:
            with ExitStack() as opened:
                stream = open_stream(follower.request())
                # A generator holds its connection until it is closed.
                opened.callback(getattr(stream, "close", lambda: None))
                for message in stream:
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
            sleep(pause)
