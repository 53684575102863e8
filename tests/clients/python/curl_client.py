"""curl: the Connect protocol by hand."""

import asyncio
import base64
import gzip
import json
import struct
from collections.abc import AsyncIterator
from urllib.parse import urlencode

from google.protobuf.json_format import MessageToDict

from client import PATIENCE, Message, Refused
from grpc_client import DETAILS

# The flags of an envelope.
COMPRESSED = 1
END_STREAM = 2
# The server compresses messages from this size on, bytes.
WORTH_COMPRESSING = 1024
# Methods that the API marks NO_SIDE_EFFECTS: those that GET reaches.
READS = ("Get", "List")
CURL = ["curl", "--silent", "--show-error", "--no-buffer", "--max-time", str(PATIENCE)]


def every_client(url: str) -> list:
    one = [Curl(url, 1), Curl(url, 1, by_get=True), Curl(url, 1, gzipped=True)]
    return [*one, Curl(url, 2), Curl(url, 2, gzipped=True)]


class Curl:
    def __init__(self, url: str, version: int, by_get: bool = False, gzipped: bool = False) -> None:
        how = " GET" if by_get else " gzip" if gzipped else ""
        self.name = f"curl CONNECT JSON{how} HTTP/{version}"
        self.url, self.version, self.by_get, self.gzipped = url, version, by_get, gzipped
        self.curl = [*CURL, "--http2-prior-knowledge" if version == 2 else "--http1.1"]

    async def call(self, path: str, request: Message) -> Message:
        body = json.dumps(request).encode()
        reads = path.split("/")[1].startswith(READS)
        if self.by_get and reads:
            query = urlencode({"connect": "v1", "encoding": "json", "message": body})
            status, headers, answer = await self.exchange(f"{path}?{query}", [])
        elif self.gzipped:
            sent = ["content-type: application/json", "content-encoding: gzip", "accept-encoding: gzip"]
            status, headers, answer = await self.exchange(path, sent, gzip.compress(body))
        else:
            status, headers, answer = await self.exchange(path, ["content-type: application/json"], body)
        message = json.loads(self.unpack(answer, headers.get("content-encoding") == "gzip"))
        if status != 200:
            raise refused(message)
        return message

    async def exchange(self, path: str, headers: list[str], body: bytes | None = None):
        """The status, the headers and the body of the answer."""
        arguments = [*self.curl, "--include", *with_headers(headers)]
        if body is not None:
            arguments += ["--data-binary", "@-"]
        process = await start([*arguments, self.address(path)])
        answer, errors = await process.communicate(body)
        if process.returncode != 0:
            raise AssertionError(f"curl {path} ended with {process.returncode}: {errors.decode()}")
        head, _, content = answer.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = (line.partition(": ") for line in lines[1:])
        return int(lines[0].split()[1]), {name.lower(): value for name, _, value in fields}, content

    def address(self, path: str) -> str:
        return f"{self.url}/gauntlet.v1.{path}"

    async def stream(self, path: str, request: Message) -> AsyncIterator[Message]:
        headers = ["content-type: application/connect+json"]
        body = json.dumps(request).encode()
        flags = 0
        if self.gzipped:
            headers += ["connect-content-encoding: gzip", "connect-accept-encoding: gzip"]
            flags, body = COMPRESSED, gzip.compress(body)
        process = await start([*self.curl, *with_headers(headers), "--data-binary", "@-", self.address(path)])
        process.stdin.write(envelope(body, flags))
        process.stdin.close()
        while (message := await self.receive(process)) is not None:
            yield message

    async def receive(self, process: asyncio.subprocess.Process) -> Message | None:
        """The message of the next envelope; None after one that ends the stream with OK."""
        try:
            flags, length = struct.unpack(">BI", await process.stdout.readexactly(5))
            body = await process.stdout.readexactly(length)
        except asyncio.IncompleteReadError as error:
            said = (await process.stderr.read()).decode()
            raise AssertionError(f"the stream broke off with {error.partial!r}: {said}") from error
        message = json.loads(self.unpack(body, bool(flags & COMPRESSED)))
        if not flags & END_STREAM:
            return message
        if "error" in message:
            raise refused(message["error"])
        return None

    def unpack(self, body: bytes, compressed: bool) -> bytes:
        """What was asked for compressed is, where that is worth it; what was not never is."""
        content = gzip.decompress(body) if compressed else body
        if compressed != self.gzipped and (compressed or len(content) >= WORTH_COMPRESSING):
            raise AssertionError(f"{len(content)} bytes came with compressed = {compressed}")
        return content

    def attach(self) -> None:
        """curl 7.88 sends and receives at once, but loses the end of an answer that ends before its input does."""


async def start(arguments: list[str]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*arguments, stdin=pipe, stdout=pipe, stderr=pipe)


def with_headers(headers: list[str]) -> list[str]:
    return [argument for header in headers for argument in ("--header", header)]


def envelope(body: bytes, flags: int) -> bytes:
    return struct.pack(">BI", flags, len(body)) + body


def refused(error: Message) -> Refused:
    """Details are read from their bytes; where the server wrote them in JSON too, that says the same."""
    details = {}
    for detail in error.get("details", []):
        kind = DETAILS.get(detail["type"])
        if kind is None:
            continue
        value = detail["value"]
        message = MessageToDict(kind.FromString(base64.b64decode(value + "=" * (-len(value) % 4))))
        if detail.get("debug", message) != message:
            raise AssertionError(f"{detail} is not {message}")
        details[detail["type"]] = message
    return Refused(error["code"], error.get("message", ""), details)
