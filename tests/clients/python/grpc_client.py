"""The grpcio package: its blocking and its asyncio client, both with gRPC over HTTP/2."""

import asyncio
import importlib
import queue
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import grpc
from gauntlet.v1.worker_pb2 import WorkerMessage
from google.protobuf.json_format import MessageToDict, ParseDict
from google.rpc.error_details_pb2 import BadRequest, ResourceInfo
from google.rpc.status_pb2 import Status

from client import PATIENCE, Message, Refused, snake

DETAILS = {kind.DESCRIPTOR.full_name: kind for kind in (BadRequest, ResourceInfo)}
# Where gRPC puts the google.rpc.Status of a call that failed.
STATUS = "grpc-status-details-bin"


def every_client(url: str) -> list:
    address = url.removeprefix("http://")
    return [Blocking(address), Asyncio(address)]


def stub_method(channel, path: str):
    """The callable of a generated stub and its request type."""
    service, method = path.split("/")
    module = f"gauntlet.v1.{snake(service)}_pb2"
    stub = getattr(importlib.import_module(f"{module}_grpc"), f"{service}Stub")
    return getattr(stub(channel), method), getattr(importlib.import_module(module), f"{method}Request", None)


class Blocking:
    name = "grpcio blocking GRPC protobuf HTTP/2"

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address)

    async def call(self, path: str, request: Message) -> Message:
        method, kind = stub_method(self.channel, path)
        with refusals():
            return plain(method(ParseDict(request, kind()), timeout=PATIENCE))

    async def stream(self, path: str, request: Message) -> AsyncIterator[Message]:
        method, kind = stub_method(self.channel, path)
        with refusals():
            for message in method(ParseDict(request, kind()), timeout=PATIENCE):
                yield plain(message)

    @asynccontextmanager
    async def attach(self):
        method, _ = stub_method(self.channel, "WorkerService/Attach")
        up = queue.Queue(maxsize=8)
        down = method(iter(lambda: up.get(timeout=PATIENCE), None), timeout=PATIENCE)
        try:
            yield BlockingSession(up, down)
        finally:
            up.put(None, timeout=PATIENCE)


class BlockingSession:
    def __init__(self, up: queue.Queue, down) -> None:
        self.up, self.down = up, down

    async def send(self, message: Message) -> None:
        self.up.put(ParseDict(message, WorkerMessage()), timeout=PATIENCE)

    # Goodbye is enough: the server ends the stream, and only then does the client.
    send_last = send

    async def receive(self) -> Message | None:
        with refusals():
            message = next(self.down, None)
            return None if message is None else plain(message)


class Asyncio:
    name = "grpcio asyncio GRPC protobuf HTTP/2"

    def __init__(self, address: str) -> None:
        self.address = address

    async def call(self, path: str, request: Message) -> Message:
        async with grpc.aio.insecure_channel(self.address) as channel:
            method, kind = stub_method(channel, path)
            with refusals():
                return plain(await method(ParseDict(request, kind()), timeout=PATIENCE))

    async def stream(self, path: str, request: Message) -> AsyncIterator[Message]:
        async with grpc.aio.insecure_channel(self.address) as channel:
            method, kind = stub_method(channel, path)
            with refusals():
                async for message in method(ParseDict(request, kind()), timeout=PATIENCE):
                    yield plain(message)

    @asynccontextmanager
    async def attach(self):
        async with grpc.aio.insecure_channel(self.address) as channel:
            method, _ = stub_method(channel, "WorkerService/Attach")
            call = method(timeout=PATIENCE)
            yield AsyncioSession(call)
            await asyncio.wait_for(call.done_writing(), PATIENCE)


class AsyncioSession:
    def __init__(self, call) -> None:
        self.call = call

    async def send(self, message: Message) -> None:
        await self.call.write(ParseDict(message, WorkerMessage()))

    # Goodbye is enough: the server ends the stream, and only then does the client.
    send_last = send

    async def receive(self) -> Message | None:
        with refusals():
            message = await self.call.read()
            return None if message is grpc.aio.EOF else plain(message)


@contextmanager
def refusals() -> Iterator[None]:
    """Turns the package's errors into what the walk knows."""
    try:
        yield
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        status = Status.FromString(trailers.get(STATUS, b""))
        details = {}
        for detail in status.details:
            kind = DETAILS.get(detail.TypeName())
            if kind is not None:
                details[detail.TypeName()] = plain(kind.FromString(detail.value))
        raise Refused(error.code().name.lower(), error.details(), details) from error


def plain(message) -> Message:
    return MessageToDict(message)
