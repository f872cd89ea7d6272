"""Contents on their way to and from the storage behind PDS, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import aiohttp
from yarl import URL  # aiohttp's own type for URLs, always there with it

from pdsclient._protocol import outcome_unknown
from pdsclient.errors import SERVER_ERROR, DecodeError, InvalidRequest, PDSError
from pdsclient.transport._errors import translate

if TYPE_CHECKING:
    from pdsclient.transport._connections import Home, Transport

__all__ = ["DataExchange", "Outgoing"]

T = TypeVar("T")

_CHUNK = 1 << 18
# As good as no limit.
_AGES_S = 1e9


class Outgoing:
    """A body that is sent piece by piece: aiohttp warns of a large one, and would block the loop.

    Args:
        body: the whole, or its pieces.
        length: its bytes; those of a whole are counted.
    """

    def __init__(self, body: bytes | AsyncIterable[bytes | memoryview], length: int | None) -> None:
        self.length = len(body) if isinstance(body, bytes) else length or 0
        self._body = body
        self._pieces: AsyncIterator[bytes | memoryview]
        self._taken: Callable[[bool], object]

    def tell(self, taken: Callable[[bool], object]) -> None:
        """Call this before a piece is waited for, with False, and when it is there, with True."""
        self._taken = taken

    def __aiter__(self) -> Self:
        self._pieces = _Slices(self._body) if isinstance(self._body, bytes) else aiter(self._body)
        return self

    async def __anext__(self) -> bytes | memoryview:
        self._taken(False)
        try:
            return await anext(self._pieces)
        finally:
            self._taken(True)


class _Slices:
    """Parts of a text of bytes; no generator, as nobody would close one that is left behind."""

    def __init__(self, whole: bytes) -> None:
        self._left = memoryview(whole)

    def __aiter__(self) -> _Slices:
        return self

    async def __anext__(self) -> memoryview:
        if not self._left:
            raise StopAsyncIteration
        part, self._left = self._left[:_CHUNK], self._left[_CHUNK:]
        return part


class DataExchange:
    """A request to the storage behind PDS and its answer, read piece by piece.

    Whoever has a presigned URL needs no credential, and none is sent: no token, no cookie, no
    ``Content-Type`` that was not asked for (pds-service.md 10.4). No redirect is followed. The
    URL is in no error and no repr.

    It holds one of the client's connections from ``async with`` to its end.

    Attributes:
        status: HTTP status, whatever it is.
        headers: those of the answer; names are looked up in any case.
    """

    status = 0
    headers: Mapping[str, str]
    _response: aiohttp.ClientResponse
    _home: Home

    def __init__(
        self,
        transport: Transport,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Outgoing,
        timeout_s: float | None,
    ) -> None:
        self._watched: asyncio.Task[object] | None = None
        self._transport = transport
        self._method = method
        self._url = url
        self._sent = headers
        self._body = body
        self._timeout_s = timeout_s
        body.tell(self._renew)

    async def __aenter__(self) -> Self:
        self._home = await self._transport.enter()
        try:
            _check_lent(self._home.session)
            self._response = await self._limited(self._begin())
        except BaseException:
            self._home.slots.give()
            raise
        finally:
            # It knows us: without the circle a part's memory is free when the part is sent.
            del self._body
        self.status, self.headers = self._response.status, self._response.headers
        self._home.moving.add(self)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._home.moving.discard(self)
        # A connection serves again only after a whole exchange. A refusal may have come while
        # the body was still on its way.
        if self.status < 300 and self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()
        self._home.slots.give()

    async def _begin(self) -> aiohttp.ClientResponse:
        transport = self._transport
        sends = self._method in ("PUT", "POST")
        framed = {"Content-Length": str(self._body.length)} if sends else {}
        return await self._home.session.request(
            self._method,
            URL(self._url, encoded=True),
            data=self._body if sends and self._body.length else None,
            headers={"Accept-Encoding": "identity", **self._sent, **framed},
            skip_auto_headers=("Content-Type", "User-Agent"),
            timeout=transport.limits_for(self._timeout_s),
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=False,
            **transport.extra(self._url),
        )

    async def read(self) -> bytes:
        """The next piece of the answer, as long as it happens to be; empty at the end."""
        return await self._limited(self._response.content.readany())

    async def read_all(self, most: int) -> bytes:
        """What is left of the answer.

        Raises:
            DecodeError: it is longer than ``most`` bytes.
        """
        parts: list[bytes] = []
        length = 0
        while part := await self.read():
            parts.append(part)
            length += len(part)
            if length > most:
                raise DecodeError(f"the content is longer than {most:,} bytes", code=SERVER_ERROR)
        return b"".join(parts)

    def break_off(self) -> None:
        """The connections are closed: nothing comes any more, and whoever waits for it is told."""
        self._response.content.set_exception(aiohttp.ClientConnectionError("it was closed"))

    async def _limited(self, step: Awaitable[T]) -> T:
        """What the step gives, within the time limit and with our errors for aiohttp's."""
        watchdog = self._home.watchdog
        try:
            if self._timeout_s is not None:
                self._watched = watchdog.watch(self._timeout_s)
            return await step
        except asyncio.CancelledError:
            if not self._forget():
                raise
            failure: PDSError = outcome_unknown(f"nothing came for {self._timeout_s:g} s")
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            failure = translate(error)
        finally:
            self._forget()
        raise failure from failure.__cause__

    def _forget(self) -> bool:
        """End the limit; whether the step was interrupted for being too slow."""
        watched, self._watched = self._watched, None
        return watched is not None and self._home.watchdog.forget(watched)

    def _renew(self, is_taken: bool) -> None:
        """A piece of the body goes out; no time counts while the next one is not there yet."""
        if self._watched is not None and self._timeout_s is not None:
            limit_s = self._timeout_s if is_taken else _AGES_S
            self._home.watchdog.renew(self._watched, limit_s)

    def __repr__(self) -> str:
        return f"<DataExchange {self._method} {self.status or 'not begun'}>"


def _check_lent(session: aiohttp.ClientSession) -> None:
    if session.auth is not None or aiohttp.hdrs.AUTHORIZATION in session.headers:
        raise InvalidRequest(
            "context.session sends credentials of its own with every request; presigned URLs "
            "lead to another host, which must not get them: lend a session without"
        )
