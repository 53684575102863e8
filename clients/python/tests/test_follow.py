"""A stream that is cut at any message gives the reader what an unbroken one gives: everything once, in order."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from connectrpc.code import Code
from protobuf import Oneof

from gauntlet_client import Interrupted, Skipped, _follow, _sync, aio, v1
from gauntlet_client.errors import GauntletError, Lost, NotFound, Refused

Opened = Callable[[Any], Iterator[Any]]
Note = Callable[[Interrupted | Skipped], None]


class Clock:
    """Time passes only in pauses."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def blocking(follower: Any, opened: Opened, note: Note | None, clock: Clock) -> list[Any]:
    return list(_sync.follow(follower, opened, note, clock=clock.read, sleep=clock.sleep))


def asynchronous(follower: Any, opened: Opened, note: Note | None, clock: Clock) -> list[Any]:
    async def stream(request: Any) -> AsyncIterator[Any]:
        for message in opened(request):
            yield message

    async def sleep(seconds: float) -> None:
        clock.sleep(seconds)

    async def collect() -> list[Any]:
        return [item async for item in aio.follow(follower, stream, note, clock=clock.read, sleep=sleep)]

    return asyncio.run(collect())


both = pytest.mark.parametrize("follow", [blocking, asynchronous])

STATUSES = [v1.RunStatus.STARTING, v1.RunStatus.RUNNING, v1.RunStatus.RUNNING, v1.RunStatus.STOPPING, v1.RunStatus.COMPLETED]
RUNS = [v1.Run(run_id="r", status=status, revision=10 + n) for n, status in enumerate(STATUSES)]


def of(field: str, value: object) -> Oneof[Any, Any]:
    return Oneof(field, value)


HEARTBEAT = of("heartbeat", v1.StreamHeartbeat(server_time_us=1))


def states(request: v1.WatchRunRequest) -> Iterator[v1.WatchRunResponse]:
    """What a control plane says of a run whose states all lie before us."""
    seen = request.options.resume_from_revision if request.options else 0
    yield v1.WatchRunResponse(update=HEARTBEAT)
    for run in RUNS:
        if run.revision > seen:
            yield v1.WatchRunResponse(update=of("run", run))
            yield v1.WatchRunResponse(update=of("snapshot_done", v1.SnapshotDone(revision=run.revision)))


SECOND = 1_000_000
WARMUP, MEASUREMENT = v1.RunPhase.WARMUP, v1.RunPhase.MEASUREMENT
# The phase changes within the third second.
POINTS = [
    v1.MetricsPoint(time_us=second * SECOND, phase=phase)
    for second, phase in [(1, WARMUP), (2, WARMUP), (3, WARMUP), (3, MEASUREMENT), (4, MEASUREMENT)]
]


def seconds(request: v1.StreamMetricsRequest) -> Iterator[v1.StreamMetricsResponse]:
    for point in POINTS:
        if point.time_us > request.after_us:
            yield v1.StreamMetricsResponse(update=of("point", point))
            yield v1.StreamMetricsResponse(update=HEARTBEAT)
    yield v1.StreamMetricsResponse(update=of("snapshot_done", v1.SnapshotDone()))


def cut(stream: Opened, lengths: list[int]) -> Opened:
    """Streams of which the first ones break after so many messages."""
    left = list(lengths)

    def opened(request: Any) -> Iterator[Any]:
        length = left.pop(0) if left else None
        for number, message in enumerate(stream(request)):
            if number == length:
                raise Lost("cut")
            yield message
        if length is not None:
            raise Lost("cut at the end")

    return opened


@both
@pytest.mark.parametrize("lengths", [[n] for n in range(12)] + [[n, m] for n in range(6) for m in range(6)])
def test_states_come_once_and_in_order_wherever_the_stream_is_cut(follow: Any, lengths: list[int]) -> None:
    notes: list[Interrupted | Skipped] = []
    assert follow(_follow.RunFollower("r"), cut(states, lengths), notes.append, Clock()) == RUNS
    assert all(isinstance(note, Interrupted) for note in notes)


@both
@pytest.mark.parametrize("lengths", [[n] for n in range(12)] + [[n, m] for n in range(6) for m in range(6)])
def test_seconds_come_once_and_in_order_wherever_the_stream_is_cut(follow: Any, lengths: list[int]) -> None:
    assert follow(_follow.MetricsFollower("r", 0), cut(seconds, lengths), None, Clock()) == POINTS


@both
def test_seconds_begin_after_an_instant(follow: Any) -> None:
    assert follow(_follow.MetricsFollower("r", 2 * SECOND), cut(seconds, [3]), None, Clock()) == POINTS[2:]


@both
def test_a_slow_reader_is_told_what_it_missed(follow: Any) -> None:
    def slow(request: Any) -> Iterator[v1.StreamMetricsResponse]:
        yield v1.StreamMetricsResponse(update=of("skipped", 7))

    notes: list[Interrupted | Skipped] = []
    assert follow(_follow.MetricsFollower("r", 0), slow, notes.append, Clock()) == []
    assert notes == [Skipped(7)]


@both
def test_the_end_of_a_stream_is_not_the_end_of_a_run(follow: Any) -> None:
    streams = [iter(list(states(v1.WatchRunRequest()))[:3]), states(v1.WatchRunRequest())]
    notes: list[Interrupted | Skipped] = []
    assert [run.revision for run in follow(_follow.RunFollower("r"), lambda _: streams.pop(0), notes.append, Clock())][-1] == 14
    assert [str(note.error) for note in notes if isinstance(note, Interrupted)] == [
        "the control plane ended the stream before the run was over"
    ]


def never(error: GauntletError) -> Opened:
    def opened(request: Any) -> Iterator[Any]:
        raise error
        yield

    return opened


@both
def test_tries_go_on_with_growing_pauses_until_patience_ends(follow: Any) -> None:
    clock = Clock()
    with pytest.raises(Lost, match="cut"):
        follow(_follow.RunFollower("r"), never(Lost("cut")), None, clock)
    assert clock.pauses[:6] == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0]
    assert _follow.PATIENCE_S < clock.now <= _follow.PATIENCE_S + _follow.LONGEST_PAUSE_S


@both
def test_what_will_not_pass_is_not_tried_again(follow: Any) -> None:
    clock = Clock()
    with pytest.raises(NotFound, match="no run r"):
        follow(_follow.RunFollower("r"), never(NotFound(Code.NOT_FOUND, "no run r")), None, clock)
    assert clock.pauses == []


@both
def test_a_message_starts_the_count_anew(follow: Any) -> None:
    clock = Clock()
    assert follow(_follow.RunFollower("r"), cut(states, [0, 0, 0, 2, 0, 4]), None, clock) == RUNS
    assert clock.pauses == [0.1, 0.2, 0.4, 0.1, 0.2, 0.1]


@both
def test_a_control_plane_that_is_away_is_tried_again(follow: Any) -> None:
    away = [Refused(Code.UNAVAILABLE, "the store is away")]

    def opened(request: Any) -> Iterator[Any]:
        if away:
            raise away.pop()
        return states(request)

    assert follow(_follow.RunFollower("r"), opened, None, Clock()) == RUNS
