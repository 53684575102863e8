"""The connectrpc package: its blocking and its asyncio client, with all of its protocols."""

import asyncio
import importlib
import json
import queue
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pyqwest
from connectrpc.codec import proto_binary_codec, proto_json_codec
from connectrpc.errors import ConnectError
from connectrpc.protocol import ProtocolType
from gauntlet_client.gen.gauntlet.v1.worker_pb import WorkerMessage
from gauntlet_client.gen.google.rpc.error_details_pb import BadRequest, ResourceInfo

from client import PATIENCE, Message, Refused, snake

DETAILS = {kind.desc().type_name: kind for kind in (BadRequest, ResourceInfo)}
VERSIONS = {1: pyqwest.HTTPVersion.HTTP1, 2: pyqwest.HTTPVersion.HTTP2}


def every_client(url: str) -> list:
    connect, grpc, web = ProtocolType.CONNECT, ProtocolType.GRPC, ProtocolType.GRPC_WEB
    return [
        Blocking(url, connect, 1),
        Blocking(url, connect, 2, as_json=True),
        Blocking(url, grpc, 2),
        Blocking(url, web, 1),
        Asyncio(url, connect, 1, as_json=True),
        Asyncio(url, connect, 2),
        Asyncio(url, grpc, 2),
        Asyncio(url, web, 2),
    ]


class Stubs:
    """The generated clients of every service over one HTTP client."""

    def __init__(
        self, kind: str, suffix: str, http, url: str, protocol: ProtocolType, version: int, as_json: bool
    ) -> None:
        codec = "JSON" if as_json else "protobuf"
        self.name = f"connectrpc {kind} {protocol.name} {codec} HTTP/{version}".replace("_", "-")
        self.both_ways = version == 2 and protocol is not ProtocolType.GRPC_WEB
        self.suffix = suffix
        self.options = {
            "protocol": protocol,
            "codec": proto_json_codec() if as_json else proto_binary_codec(),
            "timeout_ms": PATIENCE * 1000,
            "http_client": http,
        }
        self.url = url

    def method(self, path: str):
        """The bound method of a generated client and its request type."""
        service, method = path.split("/")
        module = f"gauntlet_client.gen.gauntlet.v1.{snake(service)}"
        stub = getattr(importlib.import_module(f"{module}_connect"), f"{service}Client{self.suffix}")
        request = getattr(importlib.import_module(f"{module}_pb"), f"{method}Request", None)
        return getattr(stub(self.url, **self.options), snake(method)), request


class Blocking:
    def __init__(self, url: str, protocol: ProtocolType, version: int, as_json: bool = False) -> None:
        http = pyqwest.SyncClient(pyqwest.SyncHTTPTransport(http_version=VERSIONS[version]))
        self.stubs = Stubs("blocking", "Sync", http, url, protocol, version, as_json)
        self.name = self.stubs.name

    async def call(self, path: str, request: Message) -> Message:
        method, kind = self.stubs.method(path)
        with refusals():
            return plain(method(kind.from_json(json.dumps(request))))

    async def stream(self, path: str, request: Message) -> AsyncIterator[Message]:
        method, kind = self.stubs.method(path)
        with refusals():
            for message in method(kind.from_json(json.dumps(request))):
                yield plain(message)

    def attach(self):
        return self.session() if self.stubs.both_ways else None

    @asynccontextmanager
    async def session(self):
        method, _ = self.stubs.method("WorkerService/Attach")
        up = queue.Queue(maxsize=8)
        down = method(iter(lambda: up.get(timeout=PATIENCE), None))
        try:
            yield BlockingSession(up, down)
        finally:
            up.put(None, timeout=PATIENCE)


class BlockingSession:
    def __init__(self, up: queue.Queue, down) -> None:
        self.up, self.down = up, down

    async def send(self, message: Message) -> None:
        self.up.put(WorkerMessage.from_json(json.dumps(message)), timeout=PATIENCE)

    # Goodbye is enough: the server ends the stream, and only then does the client.
    send_last = send

    async def receive(self) -> Message | None:
        with refusals():
            message = next(self.down, None)
            return None if message is None else plain(message)


class Asyncio:
    def __init__(self, url: str, protocol: ProtocolType, version: int, as_json: bool = False) -> None:
        http = pyqwest.Client(pyqwest.HTTPTransport(http_version=VERSIONS[version]))
        self.stubs = Stubs("asyncio", "", http, url, protocol, version, as_json)
        self.name = self.stubs.name

    async def call(self, path: str, request: Message) -> Message:
        method, kind = self.stubs.method(path)
        with refusals():
            return plain(await method(kind.from_json(json.dumps(request))))

    async def stream(self, path: str, request: Message) -> AsyncIterator[Message]:
        method, kind = self.stubs.method(path)
        with refusals():
            async for message in method(kind.from_json(json.dumps(request))):
                yield plain(message)

    def attach(self):
        return self.session() if self.stubs.both_ways else None

    @asynccontextmanager
    async def session(self):
        method, _ = self.stubs.method("WorkerService/Attach")
        up = asyncio.Queue(maxsize=8)

        async def messages():
            while (message := await asyncio.wait_for(up.get(), PATIENCE)) is not None:
                yield message

        try:
            yield AsyncioSession(up, method(messages()))
        finally:
            await up.put(None)


class AsyncioSession:
    def __init__(self, up: asyncio.Queue, down) -> None:
        self.up, self.down = up, down

    async def send(self, message: Message) -> None:
        await self.up.put(WorkerMessage.from_json(json.dumps(message)))

    # Goodbye is enough: the server ends the stream, and only then does the client.
    send_last = send

    async def receive(self) -> Message | None:
        with refusals():
            message = await anext(self.down, None)
            return None if message is None else plain(message)


@contextmanager
def refusals() -> Iterator[None]:
    """Turns the package's errors into what the walk knows."""
    try:
        yield
    except ConnectError as error:
        known = [(detail, DETAILS.get(detail.type_name)) for detail in error.details]
        details = {detail.type_name: plain(detail.value(kind)) for detail, kind in known if kind is not None}
        raise Refused(error.code.value, error.message, details) from error


def plain(message) -> Message:
    return json.loads(message.to_json())
