"""A worker's session with the control plane: what docs/worker-stream.md says of greeting, heartbeats and clocks.

What a worker does with its assignments is its own affair: examples/worker.py shows one.
"""

from __future__ import annotations

import queue
import re
import resource
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Self

from connectrpc.protocol import ProtocolType
from protobuf import Oneof
from pyqwest import HTTPVersion, SyncClient, SyncHTTPTransport

from ._address import checked
from ._border import Border
from ._settle import settle_at_exit
from ._version import VERSION
from .errors import Lost, OtherVersion
from .gen.gauntlet.v1.worker_pb import (
    Assign,
    AttemptRef,
    Command,
    ControlMessage,
    Drain,
    Heartbeat,
    HeartbeatReply,
    Hello,
    IntervalsAck,
    Release,
    Welcome,
    WorkerMessage,
)
from .gen.gauntlet.v1.worker_service_connect import WorkerServiceClientSync

PROTOCOL: Final = 2
# Messages to the control plane that may wait. One that takes none for SILENCE_S is gone: the session ends.
QUEUE: Final = 256
# A control plane that says nothing for so long is gone: it answers every heartbeat.
SILENCE_S: Final = 5.0
# Heartbeats that follow each other at once, so that the clock is known before the first command.
QUICK_HEARTBEATS: Final = 4
SAMPLES: Final = 30
# A share of the processors over less says little.
LEAST_S: Final = 0.5
# How far two clocks may drift apart: an old sample loses to a fresh one with a slightly longer round trip.
DRIFT: Final = 1e-4

Gauges = Callable[[], tuple[int, int]]
Told = Assign | Command | IntervalsAck | Release | Drain


def hello(name: str, capacity: int, processors: int) -> Hello:
    """Who a worker is, made once in its life: its name, the host's when empty, how many connections it holds at most, and the
    processors that it may use."""
    return Hello(
        protocol_min=PROTOCOL,
        protocol_max=PROTOCOL,
        worker_id=str(uuid.uuid4()),
        name=name or socket.gethostname(),
        capacity=capacity,
        processors=processors,
        version=VERSION,
    )


def attempt_of(told: Told) -> AttemptRef:
    """The attempt that a message is for; an empty one for Drain."""
    match told:
        case Assign():
            return AttemptRef(run_id=told.run_id, shard=told.shard, attempt=told.attempt)
        case Drain():
            return AttemptRef()
    return told.attempt or AttemptRef()


class ServerClock:
    """What is known of the server's clock. Local times are seconds of the monotonic clock; the system's time is read once,
    so that no step of it shows in a measurement. Keep it from one session to the next."""

    def __init__(self) -> None:
        self._origin_us = (time.time() - time.monotonic()) * 1e6
        # Uncertainty and offset in microseconds, and when it was.
        self._samples: deque[tuple[float, float, float]] = deque(maxlen=SAMPLES)
        self._rough_us = 0.0

    def own_us(self, local: float) -> int:
        """By the worker's clock, microseconds since the Unix epoch, UTC."""
        return round(self._origin_us + local * 1e6)

    def corrected_us(self, local: float) -> int:
        """By the server's clock, microseconds since the Unix epoch, UTC."""
        return self.own_us(local) + round(self.offset_us(local)[0])

    def local(self, server_us: int) -> float:
        """When it is that time by the server's clock."""
        return (server_us - self._origin_us - self.offset_us(time.monotonic())[0]) / 1e6

    def offset_us(self, now: float) -> tuple[float, float]:
        """What to add to the worker's clock to get the server's, and how wrong that may be; 0 while nobody knows."""
        aged = [(uncertainty + (now - at) * DRIFT * 1e6, offset) for uncertainty, offset, at in self._samples]
        uncertainty, offset = min(aged, default=(0.0, self._rough_us))
        return offset, uncertainty

    def guess(self, server_us: int, now: float) -> None:
        """Takes the server's time from a message that took an unknown time; it serves until the first round trip."""
        self._rough_us = server_us - self.own_us(now)

    def sample(self, reply: HeartbeatReply, now: float) -> None:
        """Takes a round trip, as in NTP (RFC 5905, section 8); one that cannot be is passed over."""
        back_us, server_us = self.own_us(now), reply.replied_us - reply.received_us
        if reply.sent_us > back_us or server_us < 0:
            return
        offset = ((reply.received_us - reply.sent_us) + (reply.replied_us - back_us)) / 2
        # What is rounded off is uncertain, too.
        uncertainty = max(0, back_us - reply.sent_us - server_us) / 2 + 1
        self._samples.append((uncertainty, offset, now))


class Attachment:
    """One session: iterate what the control plane tells this worker, until it ends the stream; use it in a with statement.
    Heartbeats are sent by a thread of its own."""

    def __init__(
        self,
        url: str,
        hello: Hello,
        clock: ServerClock,
        gauges: Gauges,
        *,
        token: str | None = None,
        authorities: bytes | None = None,
    ) -> None:
        """`gauges` gives the operations in flight, and those due and not sent. A session that follows a broken one has the
        same hello, with the shards still held as its resumes. `token` and `authorities` are those of connect."""
        address = checked(url, token)
        self.clock, self._hello, self._gauges = clock, hello, gauges
        self.cpu = 0.0
        """The process's share of the hello's processors in the last second."""
        self._used = (time.monotonic(), time.process_time())
        self._up: queue.Queue[WorkerMessage | None] = queue.Queue(QUEUE)
        self._transport = SyncHTTPTransport(
            http_version=HTTPVersion.HTTP2,
            tls_ca_cert=authorities,
            tls_include_system_certs=authorities is None,
            connect_timeout=SILENCE_S,
            read_timeout=SILENCE_S,
        )
        http, border = SyncClient(self._transport), (Border(address, token),)
        self._client = WorkerServiceClientSync(
            address, protocol=ProtocolType.GRPC, send_compression=None, http_client=http, interceptors=border
        )
        self._generation, self._answered, self._period_s = 0, 0, 1.0
        self._ended, self._let_go = threading.Event(), threading.Event()
        settle_at_exit()

    def say(self, message: Any, attempt: AttemptRef | None = None) -> None:
        """Sends one of the messages of WorkerMessage, of an attempt where it is of one. Raises Lost when the control plane
        takes none."""
        if attempt is not None:
            message.attempt = attempt
        kind: Any = re.sub(r"(?<!^)(?=[A-Z])", "_", type(message).__name__).lower()
        try:
            self._up.put(WorkerMessage(message=Oneof(kind, message)), timeout=SILENCE_S)
        except queue.Full:
            raise Lost("the control plane takes no messages any more") from None

    def __iter__(self) -> Iterator[Told]:
        """What is told, in its order. Raises a GauntletError when the stream breaks."""
        self.say(self._hello)
        for control in self._client.attach(self._messages()):
            told = self._told(control, time.monotonic())
            if told is not None:
                yield told

    def _messages(self) -> Iterator[WorkerMessage]:
        try:
            while (message := self._up.get()) is not None:
                yield message
        finally:
            self._let_go.set()

    def _told(self, control: ControlMessage, now: float) -> Told | None:
        message = control.message.value if control.message else None
        match message:
            case Welcome():
                self._welcome(message, now)
            case _ if control.session_generation != self._generation:
                # Of an older session of this worker.
                pass
            case HeartbeatReply():
                self.clock.sample(message, now)
                self._answered += 1
                if self._answered < QUICK_HEARTBEATS:
                    self._beat(now)
            case Assign() | Command() | IntervalsAck() | Release() | Drain():
                return message
        return None

    def _welcome(self, welcome: Welcome, now: float) -> None:
        if welcome.protocol != PROTOCOL:
            raise OtherVersion(
                f"the control plane speaks protocol {welcome.protocol}, this worker {PROTOCOL}; use the same version of both"
            )
        self._generation, self._period_s = welcome.session_generation, welcome.heartbeat_period_us / 1e6
        self.clock.guess(welcome.server_time_us, now)
        self._beat(now)
        threading.Thread(target=self._heartbeats, daemon=True).start()

    def _heartbeats(self) -> None:
        while not self._ended.wait(self._period_s):
            try:
                self._beat(time.monotonic())
            except Lost:
                # Who says something next, or hears nothing, is told.
                return

    def _beat(self, now: float) -> None:
        (in_flight, backlog), (offset, uncertainty) = self._gauges(), self.clock.offset_us(now)
        since, used = now - self._used[0], time.process_time()
        if since > LEAST_S:
            self.cpu, self._used = (used - self._used[1]) / since / max(1, self._hello.processors), (now, used)
        beat = Heartbeat(
            sent_us=self.clock.own_us(now),
            clock_offset_us=round(offset),
            clock_uncertainty_us=round(uncertainty),
            cpu=self.cpu,
            # The largest so far: what it is now is not to be had everywhere.
            memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            in_flight=in_flight,
            backlog=backlog,
        )
        self.say(beat)

    def close(self) -> None:
        """Nothing more is said. May be called again."""
        if self._ended.is_set():
            return
        self._ended.set()
        # Who takes from the queue is let go, also when it is full.
        while True:
            try:
                self._up.put_nowait(None)
                break
            except queue.Full:
                self._up.get_nowait()
        if self._generation:
            # A thread of the transport iterates the messages: it must not outlive the interpreter.
            self._let_go.wait(SILENCE_S)
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
