"""What every call passes: it gets its token and a deadline, and its errors become those of this package."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any, Final, TypeVar

from connectrpc.errors import ConnectError
from connectrpc.request import RequestContext

from .errors import translated

Q = TypeVar("Q")
R = TypeVar("R")
Context = RequestContext[Any, Any]

# How long a call may take that does not say it. Streams have no such end.
CALL_MS: Final = 60_000


class Border:
    """An interceptor of connectrpc, for asynchronous and blocking calls."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._token = token

    def _enter(self, context: Context) -> None:
        if self._token:
            context.request_headers["authorization"] = f"Bearer {self._token}"

    def _enter_unary(self, context: Context) -> Context:
        self._enter(context)
        if context.timeout_ms is not None:
            return context
        # The control plane gives up, too.
        context.request_headers["connect-timeout-ms"] = str(CALL_MS)
        return RequestContext(
            method=context.method,
            http_method=context.http_method,
            request_headers=context.request_headers,
            timeout_ms=CALL_MS,
            server_address=context.server_address,
        )

    def _error(self, error: ConnectError, context: Context) -> BaseException:
        # connectrpc hides that the caller's own task was cancelled; whoever cancelled it waits for that.
        if isinstance(error.__cause__, asyncio.CancelledError):
            return error.__cause__
        return translated(error, self._url, f"{context.method.service_name}/{context.method.name}", self._token is not None)

    async def intercept_unary(self, call_next: Callable[[Q, Context], Awaitable[R]], request: Q, context: Context, /) -> R:
        context = self._enter_unary(context)
        try:
            return await call_next(request, context)
        except ConnectError as error:
            raise self._error(error, context) from error

    async def _stream(
        self, call_next: Callable[[Any, Context], AsyncIterator[R]], request: Any, context: Context, /
    ) -> AsyncIterator[R]:
        self._enter(context)
        try:
            # What connectrpc calls an iterator is a generator, which holds a connection until it is closed.
            async with aclosing(call_next(request, context)) as messages:  # type: ignore[type-var]
                async for message in messages:
                    yield message
        except ConnectError as error:
            raise self._error(error, context) from error

    intercept_server_stream = _stream
    intercept_bidi_stream = _stream

    def intercept_unary_sync(self, call_next: Callable[[Q, Context], R], request: Q, context: Context, /) -> R:
        context = self._enter_unary(context)
        try:
            return call_next(request, context)
        except ConnectError as error:
            raise self._error(error, context) from error

    def _stream_sync(
        self, call_next: Callable[[Any, Context], Iterator[R]], request: Any, context: Context, /
    ) -> Iterator[R]:
        self._enter(context)
        try:
            with closing(call_next(request, context)) as messages:  # type: ignore[type-var]
                yield from messages
        except ConnectError as error:
            raise self._error(error, context) from error

    intercept_server_stream_sync = _stream_sync
    intercept_bidi_stream_sync = _stream_sync
