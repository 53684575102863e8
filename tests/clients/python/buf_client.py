"""buf curl: it asks the server's reflection for the messages."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from client import PATIENCE, Message, Refused
from curl_client import refused


def every_client(url: str) -> list:
    return [Buf(url, "connect", 1), Buf(url, "connect", 2), Buf(url, "grpc", 2), Buf(url, "grpcweb", 1)]


class Buf:
    def __init__(self, url: str, protocol: str, version: int) -> None:
        self.name = f"buf curl {protocol.upper()} protobuf HTTP/{version}"
        self.url, self.protocol, self.version = url, protocol, version

    async def start(self, path: str) -> asyncio.subprocess.Process:
        arguments = [os.environ["BUF"], "curl", "--protocol", self.protocol, "--data", "@-"]
        if self.version == 2:
            arguments.append("--http2-prior-knowledge")
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            *arguments, f"{self.url}/gauntlet.v1.{path}", stdin=pipe, stdout=pipe, stderr=pipe
        )

    async def call(self, path: str, request: Message) -> Message:
        (message,) = [message async for message in self.stream(path, request)]
        return message

    async def stream(self, path: str, request: Message) -> AsyncIterator[Message]:
        process = await self.start(path)
        process.stdin.write(json.dumps(request).encode())
        process.stdin.close()
        printed = Printed(process)
        while (message := await printed.next()) is not None:
            yield message

    def attach(self):
        return self.session() if self.version == 2 else None

    @asynccontextmanager
    async def session(self):
        process = await self.start("WorkerService/Attach")
        try:
            yield Session(process)
        finally:
            process.stdin.close()
            await asyncio.wait_for(process.wait(), PATIENCE)


class Session:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.printed = Printed(process)

    async def send(self, message: Message) -> None:
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        await self.process.stdin.drain()

    async def send_last(self, message: Message) -> None:
        await self.send(message)
        # buf curl waits for the end of its input when the stream is over.
        self.process.stdin.close()

    async def receive(self) -> Message | None:
        return await self.printed.next()


class Printed:
    """The messages that a buf curl prints, as it prints them."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""

    async def next(self) -> Message | None:
        while True:
            text = self.text.lstrip()
            try:
                message, end = json.JSONDecoder().raw_decode(text)
                self.text = text[end:]
                return message
            except json.JSONDecodeError:
                more = await self.process.stdout.read(65536)
            if not more:
                return await self.ended()
            self.text += more.decode()

    async def ended(self) -> None:
        said = (await self.process.stderr.read()).decode()
        if await self.process.wait() != 0:
            raise self.refusal(said)

    def refusal(self, said: str) -> Refused | AssertionError:
        try:
            return refused(json.loads(said))
        except json.JSONDecodeError:
            return AssertionError(f"buf curl failed: {said}")
