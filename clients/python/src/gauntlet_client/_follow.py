"""Following a run across broken connections, free of io: each stream is opened again where it was cut, so that nothing
comes twice and nothing is missed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from .errors import GauntletError, Lost
from .gen.gauntlet.v1.common_pb import WatchOptions
from .gen.gauntlet.v1.run_pb import MetricsPoint, Run, RunStatus
from .gen.gauntlet.v1.run_service_pb import (
    StreamMetricsRequest,
    StreamMetricsResponse,
    WatchRunRequest,
    WatchRunResponse,
)

# The control plane shows a sign of life every ten seconds; without one for so long the stream is dead, whatever the
# socket says.
SILENCE_S: Final = 25.0
# How long to go on trying without a single message.
PATIENCE_S: Final = 30.0
# The pause before the first new try; it doubles up to the longest.
SHORTEST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0

_FINAL: Final = frozenset({RunStatus.COMPLETED, RunStatus.STOPPED, RunStatus.CANCELLED, RunStatus.FAILED})


def is_over(run: Run) -> bool:
    """Whether a run's status is one that never changes again."""
    return run.status in _FINAL


@dataclass(frozen=True)
class Interrupted:
    """A stream was cut; it is being opened again."""

    error: GauntletError


@dataclass(frozen=True)
class Skipped:
    """The reader was slow: so many seconds of the metrics were left out."""

    seconds: int


Q = TypeVar("Q", covariant=True)
M = TypeVar("M", contravariant=True)
I = TypeVar("I", covariant=True)


class Follower(Protocol, Generic[Q, M, I]):
    """What a stream that may be cut is about."""

    over: bool
    """Whether nothing more will come."""

    def request(self) -> Q:
        """What opens the stream where it was cut."""

    def take(self, message: M) -> I | Skipped | None:
        """What a message has for the reader."""

    def ended(self) -> None:
        """The control plane ended the stream with OK. Raises when it is too early for that."""


class RunFollower:
    """The states of a run, from now to its end."""

    def __init__(self, run_id: str) -> None:
        self.over = False
        self._run_id = run_id
        self._revision = 0

    def request(self) -> WatchRunRequest:
        return WatchRunRequest(run_id=self._run_id, options=WatchOptions(resume_from_revision=self._revision))

    def take(self, message: WatchRunResponse) -> Run | None:
        if message.update is None or message.update.field != "run":
            return None
        run = message.update.value
        self._revision = run.revision
        self.over = is_over(run)
        return run

    def ended(self) -> None:
        # The end of the stream means nothing before the end of the run.
        if not self.over:
            raise Lost("the control plane ended the stream before the run was over")


class MetricsFollower:
    """The metrics of a run, one point for each second from its first to its last."""

    def __init__(self, run_id: str, after_us: int) -> None:
        self.over = False
        self._run_id = run_id
        self._after_us = after_us
        # The start of the newest second seen and its phase: a second in which the phase changes has two points.
        self._last: tuple[int, int] | None = None

    def request(self) -> StreamMetricsRequest:
        # The newest second is asked for once more: its other phase may be missing.
        after_us = self._after_us if self._last is None else self._last[0] - 1
        return StreamMetricsRequest(run_id=self._run_id, after_us=after_us)

    def take(self, message: StreamMetricsResponse) -> MetricsPoint | Skipped | None:
        if message.update is None:
            return None
        if message.update.field == "skipped":
            return Skipped(message.update.value)
        if message.update.field != "point":
            return None
        point = message.update.value
        this = (point.time_us, int(point.phase))
        if self._last is not None and this <= self._last:
            return None
        self._last = this
        return point

    def ended(self) -> None:
        self.over = True


class Retry:
    """When to try again and when to give up."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._failing_since: float | None = None
        self._failures = 0

    def succeeded(self) -> None:
        """A message came: the count starts anew."""
        self._failing_since, self._failures = None, 0

    def failed(self, error: GauntletError, now_s: float) -> float:
        """The seconds to wait before the next try. Raises an error that is not worth one."""
        if self._failing_since is None:
            self._failing_since = now_s
        if not error.passing or now_s - self._failing_since > self._patience_s:
            raise error
        pause = SHORTEST_PAUSE_S * 2.0 ** min(self._failures, 10)
        self._failures += 1
        return min(pause, LONGEST_PAUSE_S)
