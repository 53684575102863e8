"""What every client does: be refused, make a run, follow it to its end, read what came of it, and be a worker."""

import asyncio
import base64
import json
import time
import uuid
from dataclasses import dataclass

from client import PATIENCE, Client, Message, Refused, Session, some_name

PROJECT = "default"
NOBODY = "018f0000-0000-7000-8000-000000000000"


@dataclass
class Tally:
    calls: int = 0
    refusals: int = 0
    states: int = 0
    points: int = 0
    operations: int = 0
    exported: int = 0
    worker: str = "no worker"

    def __str__(self) -> str:
        return (
            f"{self.calls} calls, {self.refusals} refusals with details, {self.states} states of a run, "
            f"{self.points} points of {self.operations} operations, a file of {self.exported} bytes; {self.worker}"
        )


class Walk:
    def __init__(self, client: Client, template: str) -> None:
        self.client = client
        self.template = template
        self.name = some_name(client.name)
        self.tally = Tally()

    async def whole(self) -> Tally:
        await self.refusals()
        run = await self.start()
        await self.watch(run)
        await self.metrics(run)
        await self.file(run)
        session = self.client.attach()
        if session is not None:
            async with session as opened:
                self.tally.worker = await self.work(opened)
            await self.worker_is("WORKER_STATUS_GONE")
        return self.tally

    async def call(self, method: str, request: Message) -> Message:
        self.tally.calls += 1
        return await asyncio.wait_for(self.client.call(method, request), PATIENCE)

    async def refusals(self) -> None:
        bad = await self.refused(self.call("RunService/ListRuns", {"project": "Not A Project"}))
        expect(bad.code, "invalid_argument")
        violations = bad.details["google.rpc.BadRequest"]["fieldViolations"]
        expect([violation["field"] for violation in violations], ["project"])
        absent = await self.refused(self.call("RunService/GetRun", {"runId": NOBODY}))
        self.is_absent(absent)
        # A stream that ends before its first message.
        watch = self.client.stream("RunService/WatchRun", {"runId": NOBODY})
        self.is_absent(await self.refused(anext(watch)))

    def is_absent(self, refused: Refused) -> None:
        expect(refused.code, "not_found")
        resource = refused.details["google.rpc.ResourceInfo"]
        expect((resource["resourceType"], resource["resourceName"]), ("run", NOBODY))

    async def refused(self, call) -> Refused:
        try:
            answer = await asyncio.wait_for(call, PATIENCE)
        except Refused as refused:
            self.tally.refusals += 1
            return refused
        raise AssertionError(f"accepted with {answer}")

    async def start(self) -> str:
        """A target to have made one, and a run of the template that is there."""
        target = {"project": PROJECT, "name": self.name, "sqlite": {"path": "/nowhere/bench.db"}}
        made = await self.call("TargetService/CreateTarget", {"target": target})
        expect({key: made["target"][key] for key in target}, target)
        created = await self.call(
            "RunService/CreateRun",
            {"project": PROJECT, "template": self.template, "name": self.name, "labels": {"client": self.client.name}},
        )
        run = created["run"]["runId"]
        started = await self.call("RunService/StartRun", {"runId": run})
        expect(started["run"]["status"], "RUN_STATUS_STARTING")
        listed = await self.call("RunService/ListRuns", {"project": PROJECT, "page": {"pageSize": 1}})
        expect([listed["runs"][0]["runId"], listed["runs"][0]["labels"]], [run, {"client": self.client.name}])
        return run

    async def watch(self, run: str) -> None:
        """The states of the run, in order, to its end, which ends the stream."""
        states = []
        snapshots = 0
        async for message in self.messages("RunService/WatchRun", run):
            snapshots += "snapshotDone" in message
            if "run" in message:
                states.append(message["run"])
        expect(snapshots, 1)
        revisions = [int(state["revision"]) for state in states]
        expect(revisions, sorted(set(revisions)))
        expect((states[-1]["phase"], states[-1]["status"]), ("RUN_PHASE_DONE", "RUN_STATUS_COMPLETED"))
        self.tally.states = len(states)

    async def metrics(self, run: str) -> None:
        """The points of a run that is over add up to its report."""
        points = []
        async for message in self.messages("RunService/StreamMetrics", run):
            expect(message.get("skipped"), None)
            if "point" in message:
                points.append(message["point"])
        succeeded = sum(int(point["total"]["succeeded"]) for point in points)
        report = await self.call("RunService/GetReport", {"runId": run})
        expect(succeeded, int(report["report"]["total"]["succeeded"]))
        expect(len(points) > 0 and succeeded > 0, True)
        self.tally.points = len(points)
        self.tally.operations = succeeded

    async def file(self, run: str) -> None:
        """The run as a file: bytes in pieces after a header."""
        pieces = []
        async for message in self.messages("RunService/ExportRun", run, format="EXPORT_FORMAT_JSON"):
            if "header" in message:
                expect((len(pieces), message["header"]["contentType"]), (0, "application/json"))
            pieces.append(base64.b64decode(message.get("chunk", "")))
        content = b"".join(pieces)
        expect(json.loads(content)["run"]["id"], run)
        self.tally.exported = len(content)

    async def messages(self, method: str, run: str, **fields: str):
        stream = self.client.stream(method, {"runId": run, **fields})
        while True:
            try:
                yield await asyncio.wait_for(anext(stream), PATIENCE)
            except StopAsyncIteration:
                return

    async def work(self, session: Session) -> str:
        """Attaches as a worker, beats once, is sent home and leaves."""
        self.worker_id = str(uuid.uuid4())
        hello = {"protocolMin": 2, "protocolMax": 2, "workerId": self.worker_id, "name": self.name}
        await session.send({"hello": hello | {"capacity": 1, "processors": 1, "version": "0.0.0"}})
        first = await self.next(session)
        expect(first["welcome"]["protocol"], 2)
        beat = str(time.time_ns() // 1000)
        await session.send({"heartbeat": {"sentUs": beat}})
        reply = await self.next(session)
        expect(reply["heartbeatReply"]["sentUs"], beat)
        expect(reply["sessionGeneration"], first["sessionGeneration"])
        await self.worker_is("WORKER_STATUS_IDLE")
        why = "the walk is over"
        drained = await self.call("WorkerService/DrainWorker", {"workerId": self.worker_id, "message": why})
        expect(drained["worker"]["status"], "WORKER_STATUS_DRAINING")
        expect((await self.next(session))["drain"], {"message": why})
        await session.send_last({"goodbye": {"message": why}})
        expect(await self.next(session), None)
        return "a worker's welcome, heartbeat, drain and goodbye"

    async def next(self, session: Session) -> Message | None:
        return await asyncio.wait_for(session.receive(), PATIENCE)

    async def worker_is(self, status: str) -> None:
        listed = await self.call("WorkerService/ListWorkers", {"page": {"pageSize": 1000}})
        found = [worker["status"] for worker in listed["workers"] if worker["workerId"] == self.worker_id]
        expect(found, [status])


def expect(found: object, expected: object) -> None:
    # An assert would go with python -O.
    if found != expected:
        raise AssertionError(f"expected {expected!r}, found {found!r}")
