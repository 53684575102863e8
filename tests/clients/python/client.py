"""What the walk needs of a client, whatever it speaks. Messages are canonical protobuf JSON."""

import re
import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

Message = dict[str, Any]

# No single call or message may take longer, seconds.
PATIENCE = 60


class Refused(Exception):
    """The server said no: a code like "not_found", and details by the name of their type."""

    def __init__(self, code: str, message: str, details: dict[str, Message]) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.details = details


class Session(Protocol):
    """An open Attach."""

    async def send(self, message: Message) -> None: ...

    async def send_last(self, message: Message) -> None: ...

    async def receive(self) -> Message | None:
        """The next message; None when the server ended the stream with OK."""


class Client(Protocol):
    """One client with one protocol. Methods are named like "RunService/GetRun"."""

    name: str

    async def call(self, method: str, request: Message) -> Message: ...

    def stream(self, method: str, request: Message) -> AsyncIterator[Message]: ...

    def attach(self) -> AbstractAsyncContextManager[Session] | None:
        """None where the client or the protocol has no streams in both directions."""


def some_name(client: str) -> str:
    """A DNS label that nobody else uses."""
    label = "".join(letter if letter.isalnum() else "-" for letter in client.lower())
    return f"{label[:40].strip('-')}-{uuid.uuid4().hex[:8]}"


def snake(name: str) -> str:
    """What generators for Python make of a name like "ListRuns"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
