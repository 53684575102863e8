"""The load that worker.py puts on a SQLite file: one thread for each connection, in an open or a closed loop.

Which operation comes next and which values it has is a function of the template, the shard and the operation's number.
Values are drawn by Python's generator: they have the template's distributions, but are not those of gauntlet's own workers.
Times are seconds of the monotonic clock. What the threads share is guarded by `changed`.

Python takes some ten microseconds more for an operation than gauntlet's own workers. Where the target answers as quickly,
the report calls this worker a straggler, and is right.
"""

import itertools
import math
import random
import re
import sqlite3
import string
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from math import inf
from typing import Any

from gauntlet_client import v1
from gauntlet_client.histogram import Histogram
from gauntlet_client.v1 import OperationKind as Kind
from gauntlet_client.v1 import PoolOrder as Order
from gauntlet_client.v1 import RunPhase as Phase

# An error's class by SQLite's own name for it.
CLASSES = {
    "BUSY": "SERIALIZATION",
    "LOCKED": "SERIALIZATION",
    "CONSTRAINT": "CONSTRAINT",
    "INTERRUPT": "TIMEOUT",
    "ERROR": "STATEMENT",
    "CANTOPEN": "CONNECTION",
    "NOTADB": "CONNECTION",
}
# How long a thread sleeps at most before it looks again.
LOOK_S = 1.0
# It wakes up late by about so much, so it stays awake for the last moment before an operation is due.
AWAKE_S = 0.0002
# How long a connection may take to write after another one.
BUSY_S = 5.0
# After so many steps of its bytecode a statement is asked whether its time is over.
STEPS = 1_000

# A value from the operation's number and its source of chance.
Generator = Callable[[int, random.Random], Any]


class Series:
    """The latencies of one outcome."""

    def __init__(self) -> None:
        self.response, self.service, self.lag, self.rows = Histogram(), Histogram(), Histogram(), 0

    def message(self) -> v1.OutcomeHistograms:
        response, service, lag = (one.encode() for one in (self.response, self.service, self.lag))
        return v1.OutcomeHistograms(response=response, service=service, lag=lag, rows=self.rows)


class Part:
    """One operation in one phase."""

    def __init__(self) -> None:
        self.succeeded, self.failed, self.cut, self.dropped = Series(), Series(), 0, 0


class Load:
    """One shard's. A level is the shard's part: operations per second, or connections that send."""

    def __init__(self, assign: v1.Assign) -> None:
        """Opens the connections. Raises ValueError for what this worker does not know."""
        spec, target = assign.spec or v1.TemplateSpec(), assign.target or v1.Target()
        if target.address is None or target.address.field != "sqlite" or spec.search or not (spec.load and spec.load.mode):
            raise ValueError("this worker knows SQLite targets only, and no searches")
        self.path, load = target.address.value.path, spec.load.mode.value
        self.shard, self.equal = assign.shard, [1] * assign.shards
        self.texts = [statement(operation, spec) for operation in spec.operations]
        pools = {pool.name: [value.text for value in pool.values] for pool in assign.pools}
        self.generators = [[generator(one, pools) for one in operation.parameters] for operation in spec.operations]
        self.has_key = [operation.kind is Kind.INSERT for operation in spec.operations]
        weights = [round(operation.weight * 100) for operation in spec.operations]
        self.cycle = list(mix([weight // math.gcd(*weights) for weight in weights]))
        # One that takes another's place repeats none of its work.
        self.seed = f"{spec.seed}/{assign.shard}/{assign.attempt}"
        self.keys = iter(range(assign.keys.first, assign.keys.first + assign.keys.length) if assign.keys else ())
        self.timeout_s = seconds(spec.operation_timeout)
        self.is_open = isinstance(load, v1.RateLoad)
        self.planned = max(1, share(load.connections, self.equal, self.shard))
        self.before = sum(share(load.connections, self.equal, other) for other in range(self.shard))
        self.total = max(load.connections, self.before + self.planned)
        self.level: float = self.planned
        self.room, self.think_s = 0, 0.0
        if isinstance(load, v1.RateLoad):
            self.level, self.room = load.per_second / assign.shards, max(1, share(load.max_backlog, self.equal, self.shard))
        else:
            self.think_s = seconds(load.think_time)
        self.changed = threading.Condition()
        self.levels: list[tuple[float, float]] = []
        self.phases: list[tuple[float, Phase]] = []
        self.stop_at = self.cut_at = inf
        self.sent, self.in_flight, self.ended, self.opened, self.started, self.working = 0, 0, 0, 0, 0, 0
        self.first, self.failure = 0.0, ""
        self.version = f"SQLite {sqlite3.sqlite_version}"
        self.parts: dict[tuple[int, Phase], Part] = {}
        self.errors: dict[tuple[int, Phase, str, str], tuple[str, int]] = {}
        with self.changed:
            self._grow(self.planned)

    def _grow(self, connections: int) -> None:
        for number in range(self.started, connections):
            self.started, self.working = number + 1, self.working + 1
            threading.Thread(target=self._connection, args=(number,), daemon=True).start()

    def part(self, level: Any, weights: list[int]) -> float:
        """The shard's part of a level of the run."""
        if not self.is_open:
            return share(level.value, weights or self.equal, self.shard)
        exact = level.value / len(self.equal)
        return (share(level.value, weights, self.shard) if weights else exact) / 1000

    def is_prepared(self) -> bool:
        return self.opened >= self.planned

    def is_done(self) -> bool:
        return self.working == 0

    def backlog(self) -> int:
        with self.changed:
            now, waiting = min(time.monotonic(), self.stop_at), 0
            while waiting < self.room and self._arrival(self.sent + waiting) < now:
                waiting += 1
            return waiting

    def enter(self, at: float, phase: Phase) -> None:
        """What is due from an instant on belongs to a phase."""
        with self.changed:
            self.phases = [one for one in self.phases if one[0] < at] + [(at, phase)]

    def phases_begun(self, now: float) -> list[tuple[float, Phase]]:
        return [one for one in self.phases if one[0] <= now]

    def phase(self, at: float) -> Phase:
        begun = self.phases_begun(at)
        return begun[-1][1] if begun else Phase.PREPARING

    def set_level(self, at: float, level: float) -> None:
        """From an instant on; what was planned for later is void."""
        with self.changed:
            self.levels = [one for one in self.levels if one[0] < at] + [(at, level)]
            if not self.is_open:
                self._grow(round(level))
            self.changed.notify_all()

    def stop(self, at: float, cut_at: float) -> None:
        """Nothing is due from an instant on; what has not ended by another is cut."""
        with self.changed:
            self.stop_at, self.cut_at = min(self.stop_at, at), min(self.cut_at, cut_at)
            if all(phase is not Phase.COOLDOWN for _, phase in self.phases) and self.phases:
                self.phases.append((max(at, self.phases[-1][0]), Phase.COOLDOWN))
            self.changed.notify_all()

    def fail(self, message: str) -> None:
        """Gives up; only the first reason counts."""
        self.failure = self.failure or message
        self.stop(0, 0)

    def measured(self, sequence: int, start_us: int, end_us: int, first_us: int) -> v1.Interval:
        """What was measured since the last time."""
        with self.changed:
            parts, errors, self.parts, self.errors = self.parts, self.errors, {}, {}
        interval = v1.Interval(sequence=sequence, start_us=start_us, end_us=end_us, first_operation_us=first_us)
        interval.in_flight, interval.backlog = self.in_flight, self.backlog()
        for (operation, phase), part in parts.items():
            one = v1.OperationInterval(operation=operation, phase=phase, cut=part.cut, dropped=part.dropped)
            one.succeeded, one.failed = part.succeeded.message(), part.failed.message()
            interval.operations.append(one)
        for (operation, phase, kind, code), (message, count) in errors.items():
            failed = v1.IntervalErrors(operation=operation, phase=phase, class_=kind, code=code, message=message, count=count)
            interval.errors.append(failed)
        return interval

    def end(self, intervals: int, first_operation_us: int, peak_cpu: float) -> v1.ShardFinished | v1.ShardFailed:
        """How it ended."""
        if self.failure:
            return v1.ShardFailed(message=self.failure)
        totals = v1.ShardFinished(intervals=intervals, operations=self.ended, peak_cpu=peak_cpu)
        totals.first_operation_us = first_operation_us
        return totals

    def _pieces(self) -> Iterator[tuple[float, float, float]]:
        ends = [at for at, _ in self.levels][1:] + [inf]
        return ((at, end, level) for (at, level), end in zip(self.levels, ends, strict=False))

    def _arrival(self, number: int) -> float:
        """When the shard's arrival of a number is due. The shards take the run's arrivals in turn."""
        need = number + self.shard / len(self.equal)
        for at, end, level in self._pieces():
            if level > 0 and need < (end - at) * level:
                return at + need / level
            need -= (end - at) * level if level > 0 else 0.0
        return inf

    def _turn(self, connection: int, rested: float) -> float:
        """When a connection of a closed loop may send: those up to the level do."""
        return min((max(at, rested) for at, end, level in self._pieces() if level > connection and end > rested), default=inf)

    def _claim(self, connection: int, turn: int) -> tuple[int, int, int]:
        """What a connection sends next: its place among the shard's operations, its number in the run, the operation."""
        with self.changed:
            place, self.sent = self.sent, self.sent + 1
        number = self.shard + place * len(self.equal)
        # In a closed loop each connection walks the whole mix, from a place of its own: one that is slowed down by an
        # operation does not change the share of that operation.
        slot = number if self.is_open else turn + (self.before + connection) * len(self.cycle) // self.total
        return place, number, self.cycle[slot % len(self.cycle)]

    def _due(self, connection: int, place: int, rested: float) -> float | None:
        """Waits until what a connection has claimed is due, and says since when; None when it is not to be sent."""
        with self.changed:
            while True:
                now = time.monotonic()
                while self.is_open and self._arrival(self.sent + self.room) < min(now, self.stop_at):
                    self._leave_out(self.sent, "dropped")
                    self.sent += 1
                due = self._arrival(place) if self.is_open else self._turn(connection, max(rested, now))
                if self.stop_at < inf and due >= self.stop_at:
                    return None
                if now >= self.cut_at:
                    if self.is_open:
                        self._leave_out(place, "cut")
                    while self.is_open and self._arrival(self.sent) < self.stop_at:
                        self._leave_out(self.sent, "cut")
                        self.sent += 1
                    return None
                if due <= now:
                    self.in_flight, self.first = self.in_flight + 1, min(self.first or due, due)
                    return due
                if due - now > AWAKE_S:
                    self.changed.wait(min(due - now - AWAKE_S, LOOK_S))
                else:
                    self.changed.release()
                    time.sleep(0)
                    self.changed.acquire()

    def _leave_out(self, place: int, how: str) -> None:
        number = self.shard + place * len(self.equal)
        part = self._part(self.cycle[number % len(self.cycle)], self._arrival(place))
        setattr(part, how, getattr(part, how) + 1)

    def _part(self, operation: int, due: float) -> Part:
        return self.parts.setdefault((operation, self.phase(due)), Part())

    def _values(self, operation: int, number: int) -> list[Any]:
        chance = random.Random(f"{self.seed}/{number}")
        return [one(number, chance) for one in self.generators[operation]]

    def _connection(self, connection: int) -> None:
        try:
            # Python's own connection to SQLite is freed late: it would keep the file and its log open.
            with closing(sqlite3.connect(f"file:{self.path}?mode=rw", uri=True, timeout=BUSY_S, isolation_level=None)) as base:
                self._serve(base, connection)
        except sqlite3.Error as error:
            self.fail(f"{self.path} cannot be used: {error}")
        finally:
            with self.changed:
                self.working -= 1

    def _serve(self, base: sqlite3.Connection, connection: int) -> None:
        deadline = inf
        base.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        for operation, text in enumerate(self.texts):
            base.execute(f"EXPLAIN {text}", [0] * self.has_key[operation] + self._values(operation, 0))
        base.set_progress_handler(lambda: time.monotonic() > min(deadline, self.cut_at), STEPS)
        with self.changed:
            self.opened += 1
        turn, rested = 0, 0.0
        while True:
            place, number, operation = self._claim(connection, turn)
            # Drawn while there is time: this is no part of what the target takes.
            values = self._values(operation, number)
            if (due := self._due(connection, place, rested)) is None:
                return
            deadline = time.monotonic() + self.timeout_s
            rested = self._perform(base, operation, values, due) + self.think_s
            turn += 1

    def _perform(self, base: sqlite3.Connection, operation: int, values: list[Any], due: float) -> float:
        sent, rows, failure = time.monotonic(), 0, ("", "", "")
        try:
            key = [next(self.keys)] if self.has_key[operation] else []
            done = base.execute(self.texts[operation], key + values)
            rows = len(done.fetchall()) if done.description else max(done.rowcount, 0)
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "SQLITE_ERROR").split("_")[1]
            failure = (CLASSES.get(name, "OTHER"), f"SQLITE_{name}", str(error)[:500])
        except StopIteration:
            failure = ("OTHER", "KEYS_EXHAUSTED", "this shard has used up its block of unique keys")
        end = time.monotonic()
        with self.changed:
            self.in_flight -= 1
            part = self._part(operation, due)
            if failure[0] and end >= self.cut_at:
                part.cut += 1
                return end
            self.ended += 1
            series = part.failed if failure[0] else part.succeeded
            series.rows += rows
            for histogram, length in ((series.response, end - due), (series.service, end - sent), (series.lag, sent - due)):
                histogram.record(round(length * 1e9))
            if failure[0]:
                cause = (operation, self.phase(due), failure[0], failure[1])
                message, count = self.errors.get(cause, (failure[2], 0))
                self.errors[cause] = (message, count + 1)
        return end


def seconds(duration: Any) -> float:
    """Of a google.protobuf.Duration; 0 when absent."""
    return float(duration.seconds) + float(duration.nanos) / 1e9 if duration else 0.0


def share(whole: int, weights: list[int], shard: int) -> int:
    """A shard's whole part by its weight; what is left goes to the largest remainders, the first of equal ones."""
    total = sum(weights)
    if shard >= len(weights) or not total:
        return 0
    order = sorted(range(len(weights)), key=lambda other: (-(whole * weights[other] % total), other))
    left = whole - sum(whole * weight // total for weight in weights)
    return whole * weights[shard] // total + (shard in order[:left])


def mix(weights: list[int]) -> Iterator[int]:
    """A cycle in which each operation comes by its weight. All workers of a run have the same one, as each takes the slots
    of its own operations only: of those that may come by now, the next is the one that must come first."""
    total, taken = sum(weights), [0] * len(weights)

    def latest(one: int) -> tuple[int, int]:
        return -(-(taken[one] + 1) * total // weights[one]), one

    for slot in range(total):
        free = (one for one, weight in enumerate(weights) if taken[one] < weight and taken[one] * total < (slot + 1) * weight)
        turn = min(free, key=latest)
        taken[turn] += 1
        yield turn


def statement(operation: v1.Operation, spec: v1.TemplateSpec) -> str:
    table, key = path(operation.table or spec.table), quoted(operation.key_column or spec.key_column or "id")
    columns = [quoted(column) for column in operation.columns]
    read = f"SELECT {', '.join(columns) or '*'} FROM {table} WHERE {key}"
    match operation.kind:
        case Kind.POINT_LOOKUP:
            return f"{read} = ?1"
        case Kind.RANGE_SCAN:
            return f"{read} >= ?1 ORDER BY {key} LIMIT {operation.limit or 100}"
        case Kind.INSERT:
            return f"INSERT INTO {table} ({', '.join([key, *columns])}) VALUES (?{', ?' * len(columns)})"
        case Kind.UPDATE:
            return f"UPDATE {table} SET {', '.join(f'{column} = ?' for column in columns)} WHERE {key} = ?"
        case Kind.SQL:
            # $1 becomes ?1, but not within quotes.
            return re.sub(r"('(?:[^']|'')*')|\$(\d+)", lambda found: found[1] or f"?{found[2]}", operation.sql)
    raise ValueError(f"this worker does not know operations of kind {operation.kind.name}")


def path(table: str) -> str:
    return table if '"' in table else ".".join(quoted(part) for part in table.split("."))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def generator(parameter: v1.Parameter, pools: dict[str, list[Any]]) -> Generator:
    kind = parameter.generator.field if parameter.generator else ""
    given: Any = parameter.generator.value if parameter.generator else None
    match kind:
        case "literal":
            constant = None if given.value.field == "null" else given.value.value
            return lambda number, chance: constant
        case "text":
            return lambda number, chance: "".join(chance.choices(string.ascii_letters, k=given.length))
        case "pool":
            order = {Order.SEQUENTIAL: "sequential", Order.ZIPF: "zipf"}.get(given.order, "uniform")
            return drawn(order, pools[given.pool], given.exponent)
        case "uniform" | "sequential":
            return drawn(kind, range(given.min, given.max + 1), 0)
        case "zipf":
            return drawn(kind, range(given.min, given.max + 1), given.exponent)
    raise ValueError(f"this worker does not know parameters of kind {kind}")


def drawn(order: str, values: Any, exponent: float) -> Generator:
    if order == "sequential":
        return lambda number, chance: values[number % len(values)]
    if order == "uniform":
        return lambda number, chance: chance.choice(values)
    if len(values) > 1_000_000:
        raise ValueError(f"this worker knows no Zipf's law over {len(values)} values; use at most a million")
    sums = list(itertools.accumulate((rank + 1) ** -(exponent or 0.99) for rank in range(len(values))))
    return lambda number, chance: chance.choices(values, cum_weights=sums)[0]
