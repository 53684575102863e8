"""A worker in Python for SQLite targets: python worker.py http://127.0.0.1:8090 [NAME]. See docs/worker-stream.md.

gauntlet_client.attach holds the session (greeting, heartbeats, clock), sqlite_load.py is the load. Left out: searches,
which it refuses with ShardFailed; resuming, so when the stream breaks the worker ends; samples and log lines.
"""

import signal
import sys
import threading
import time
from functools import partial
from typing import Any

from sqlite_load import Load

from gauntlet_client import GauntletError, v1
from gauntlet_client.attach import Attachment, ServerClock, attempt_of, hello

CAPACITY, TICK_S, LEAVE_WITHIN_S = 64, 0.01, 3.0
MOST_UNSTORED = 60  # With more intervals out the current one grows: counts stay exact.
JOINS_AFTER_S = 0.02  # The level that holds for the run comes right behind the START of a shard that joins.


class Shard:
    """From Assign to Release. Times are seconds of the monotonic clock."""

    def __init__(self, session: Attachment, ref: v1.AttemptRef, assign: v1.Assign) -> None:
        self.clock, self.session, self.load = session.clock, session, Load(assign)
        self.say = partial(session.say, attempt=ref)
        self.joins = ref.attempt > 1 or assign.spec is not None and ref.shard >= max(1, assign.spec.workers)
        self.waiting: dict[int, v1.Command] = {}
        self.level, self.last, self.sequence, self.stored, self.entered = self.load.level, 0, 0, 0, 0
        self.is_ready, self.is_paused, self.is_over, self.since, self.peak_cpu = False, False, False, 0.0, 0.0

    def command(self, command: v1.Command) -> None:
        """Commands are carried out in their order and each once; a repeat is acknowledged again."""
        if command.sequence <= self.last:
            return self.say(v1.Ack(sequence=command.sequence))
        self.waiting[command.sequence] = command
        # One that is stopped before it is ready does not become so.
        self.is_ready |= command.action is not None and command.action.field == "stop"
        self.carry_out_waiting()

    def carry_out_waiting(self) -> None:
        first = [number for number, one in self.waiting.items() if one.action and one.action.field in ("start", "stop")]
        if first and not self.last:  # The first of an attempt has any number.
            self.last = min(first) - 1
        while self.is_ready and (command := self.waiting.pop(self.last + 1, None)):
            at = self.clock.local(command.at_us)
            late, self.last = max(0.0, time.monotonic() - at), command.sequence
            if command.action and not (self.since and command.action.field == "start"):  # Then it is for one that joins.
                self.carry_out(command.action.field, command.action.value, at + late)
            self.say(v1.Ack(sequence=command.sequence, late_us=round(late * 1e6)))

    def carry_out(self, kind: str, what: Any, at: float) -> None:
        match kind:
            case "start":
                self.since = at = at + JOINS_AFTER_S if self.joins else at
                self.load.enter(at, what.phase)
            case "set_phase":
                return self.load.enter(at, what.phase)
            case "set_target":
                self.level = self.load.part(what.level, what.weights)
            case "pause" | "resume":
                self.is_paused = kind == "pause"
            case "stop":
                return self.load.stop(at, at + what.drain_us / 1e6)
            case _:
                return self.load.fail(f"this worker does not know the command {kind}")
        self.load.set_level(max(at, self.since), 0 if self.is_paused else self.level)

    def tick(self, now: float) -> None:
        """Tells what is due to be told."""
        load, corrected_us = self.load, self.clock.corrected_us
        if not self.is_ready and load.is_prepared():
            self.is_ready = True
            self.say(v1.Ready(target_version=load.version))
            self.carry_out_waiting()
        for at, phase in load.phases_begun(now)[self.entered :]:
            self.entered += 1
            self.say(v1.PhaseEntered(phase=phase, at_us=corrected_us(at)))
        self.peak_cpu = max(self.peak_cpu, self.session.cpu if load.phase(now) is v1.RunPhase.MEASUREMENT else 0.0)
        if self.is_over or self.sequence - self.stored >= MOST_UNSTORED:
            return
        self.is_over, first_us = load.is_done(), corrected_us(load.first) if load.first else 0
        if self.since and (now >= self.since + 1 or self.is_over):
            start, self.since, self.sequence = self.since, max(now, self.since), self.sequence + 1
            self.say(load.measured(self.sequence, corrected_us(start), corrected_us(self.since), first_us))
        if self.is_over:
            self.say(load.end(self.sequence, first_us, self.peak_cpu))


class Worker:
    def __init__(self, url: str, name: str = "") -> None:
        self.shards: dict[tuple[str, int, int], Shard] = {}
        self.lock, self.drained, self.leaves_at = threading.Lock(), "", 0.0
        # Threads of Python share one processor.
        self.session = Attachment(url, hello(name, CAPACITY, processors=1), ServerClock(), self.gauges)

    def gauges(self) -> tuple[int, int]:
        loads = [shard.load for shard in list(self.shards.values())]
        return sum(load.in_flight for load in loads), sum(load.backlog() for load in loads)

    def hear(self, told: Any) -> None:
        ref = attempt_of(told)
        key = (ref.run_id, ref.shard, ref.attempt)
        match told, self.shards.get(key):
            case v1.Assign(), None:
                try:
                    self.shards[key] = Shard(self.session, ref, told)
                except ValueError as error:
                    self.session.say(v1.ShardFailed(message=str(error)), ref)
            case v1.Command(), Shard() as shard:
                shard.command(told)
            case v1.IntervalsAck(), Shard() as shard:
                shard.stored = told.sequence
            case v1.Release(), Shard():
                self.shards.pop(key).load.stop(0, 0)
            case v1.Drain(), _:
                self.drained = f"the worker was drained: {told.message}"

    def tick(self) -> None:
        """Beside the stream, until it is time to go."""
        while True:
            time.sleep(TICK_S)
            with self.lock:
                for shard in self.shards.values():
                    if self.leaves_at:
                        shard.load.stop(0, 0)
                    shard.tick(time.monotonic())
                told = all(shard.is_over for shard in self.shards.values()) or time.monotonic() > self.leaves_at
                if self.leaves_at and told or self.drained and not self.shards:
                    return self.session.say(v1.Goodbye(message=self.drained or "the worker was stopped"))

    def leave(self, *_: object) -> None:
        self.leaves_at = time.monotonic() + LEAVE_WITHIN_S


if __name__ == "__main__":
    worker = Worker(*sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, worker.leave)
    threading.Thread(target=worker.tick, daemon=True).start()
    try:
        with worker.session:
            for message in worker.session:
                with worker.lock:
                    worker.hear(message)
    except GauntletError as error:
        sys.exit(str(error))
