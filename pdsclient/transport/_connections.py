"""Where connections live, when they end, and how a call goes over one.

- A slot is held while bytes move and at no other time, so queueing never eats an attempt's
  timeout and a refresh through the same client works with one connection.
- The session belongs to one event loop. It is made at the first call and closed with the client,
  or when its loop is shut down, whichever comes first.
"""

from __future__ import annotations

import asyncio
import math
import os
import weakref
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from ssl import SSLContext
from typing import Any, TypeAlias

import aiohttp

from pdsclient._protocol import Body, Reply, outcome_unknown, undecodable
from pdsclient._slots import Slots
from pdsclient._watchdog import Watchdog
from pdsclient.errors import ClientClosed, DecodeError, PDSError, WrongEventLoop
from pdsclient.transport._data import DataExchange, Outgoing
from pdsclient.transport._errors import translate
from pdsclient.transport._proxies import Proxies

__all__ = ["CONNECT_TIMEOUT_S", "Depart", "Transport"]

# Measured on a connection that is never reached within it; TCP's own retries take 3 s, 7 s, ….
CONNECT_TIMEOUT_S = 10.0
# Below the idle limit of usual gateways, so that they rarely close a connection that we take up.
_KEEP_ALIVE_S = 25.0
_CHUNK = 1 << 16

Depart: TypeAlias = Callable[[], Mapping[str, str] | None]

# In a forked child the parent's sockets must neither be used nor closed: its selector is shared
# with the parent, and closing would take the parent's sockets out of it.
_left_to_parent: list[object] = []
_alive: weakref.WeakSet[Transport] = weakref.WeakSet()


class Home:
    """A session and its slots, bound to the event loop they were made in."""

    __slots__ = ("get", "guard", "loop", "moving", "post", "session", "slots", "watchdog")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, session: aiohttp.ClientSession, slots: int
    ) -> None:
        self.loop = loop
        self.session = session
        self.post = session.post
        self.get = session.get
        self.slots = Slots(slots)
        self.watchdog = Watchdog(loop)
        # Contents that come in; closing a session leaves whoever reads one waiting.
        self.moving: set[DataExchange] = set()
        self.guard: AsyncGenerator[None, None] | None = None


class Transport:
    """Sends requests and hands back complete replies.

    Args:
        borrowed: a session of the caller's, used as it is and never closed.
        max_connections: requests on the wire at once.
        max_reply_bytes: longest reply after decompression.
        proxy: URL of a proxy for every host.
        trust_env: take proxies from the environment; netrc is never read.
        ssl: handed to aiohttp as it is.
    """

    def __init__(
        self,
        *,
        borrowed: aiohttp.ClientSession | None = None,
        trace_configs: Sequence[aiohttp.TraceConfig] = (),
        max_connections: int = 100,
        max_reply_bytes: int = 64 << 20,
        proxy: str | None = None,
        trust_env: bool = False,
        ssl: SSLContext | bool | None = None,
    ) -> None:
        self._borrowed = borrowed
        self._trace_configs = list(trace_configs)
        self._max_connections = max_connections
        self._max_reply_bytes = max_reply_bytes
        self._extra: dict[str, Any] = {} if ssl is None else {"ssl": ssl}
        self._proxies = Proxies(proxy, self._extra) if proxy or trust_env else None
        self._limits: dict[float | None, aiohttp.ClientTimeout] = {}
        self._home: Home | None = None
        self._closed = False
        _alive.add(self)

    async def send(
        self, url: str, depart: Depart, body: bytes | None, timeout_s: float | None
    ) -> Reply | None:
        """The reply to a POST; None if it may not leave yet and nothing was sent.

        Args:
            body: None sends a GET.
            depart: gives the headers when a slot is free; None from it holds the request back.
            timeout_s: for the whole exchange once a slot is free; None is no limit.

        Raises:
            NotSent: nothing reached the server.
            OutcomeUnknown: it was sent and the answer did not come, or broke off.
            DecodeError: the answer is not HTTP, or longer than allowed.
        """
        home = self._home
        if home is None or home.loop is not asyncio.get_running_loop():
            home = await self._move_in()
        limits = self._limits.get(timeout_s) or self.limits_for(timeout_s)
        slots = home.slots
        if slots.free:
            slots.free -= 1
        else:
            await self._queue(home)
        watched = None
        try:
            headers = depart()
            if headers is None:
                return None
            if timeout_s is not None:
                watched = home.watchdog.watch(timeout_s)
            response = await (home.get if body is None else home.post)(
                url,
                data=body,
                headers=headers,
                timeout=limits,
                allow_redirects=False,
                raise_for_status=False,
                auto_decompress=False,
                **(self._extra if self._proxies is None else self._proxies.extra(url)),
            )
            content = await self._read(response)
        except asyncio.CancelledError:
            interrupted = watched is not None and home.watchdog.forget(watched)
            watched = None
            if not interrupted:
                raise
            failure: PDSError = outcome_unknown(f"no complete answer within {timeout_s:g} s")
        except (DecodeError, aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            failure = translate(error)
        else:
            return Reply(response.status, response.headers, content)
        finally:
            slots.give()
            if watched is not None:
                home.watchdog.forget(watched)
        cause = failure.__cause__
        # Raised out here so that the foreign error does not hang on as __context__, and without
        # the values that whoever prints local variables must not see.
        del url, depart, body
        headers = None
        raise failure from cause

    def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterable[bytes | memoryview] = b"",
        length: int | None = None,
        timeout_s: float | None = None,
    ) -> DataExchange:
        """A request to a presigned URL, for ``async with``; see ``DataExchange``.

        Args:
            method: the one that the URL was signed for.
            url: sent to the letter: its signature covers how it is written.
            headers: all that is sent besides ``Host``, ``Accept`` and ``Content-Length``.
            body: what is sent, whole or piece by piece.
            length: bytes of the body, needed if it comes in pieces: the storage takes no other.
            timeout_s: for each piece that is sent, until the answer begins, and for each piece
                of it; None is no limit.
        """
        return DataExchange(self, method, url, headers or {}, Outgoing(body, length), timeout_s)

    async def enter(self) -> Home:
        """The home in the running loop, where a slot is taken."""
        home = self._home
        if home is None or home.loop is not asyncio.get_running_loop():
            home = await self._move_in()
        if home.slots.free:
            home.slots.free -= 1
        else:
            await self._queue(home)
        return home

    async def _queue(self, home: Home) -> None:
        await home.slots.wait()
        if home is not self._home:
            home.slots.give()
            raise _closed()

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        headers = response.headers
        try:
            if aiohttp.hdrs.CONTENT_ENCODING not in headers:
                length = headers.get(aiohttp.hdrs.CONTENT_LENGTH)
                if length is not None and int(length) <= self._max_reply_bytes:
                    return await response.read()
            return await self._read_by_parts(response)
        except BaseException:
            response.close()
            raise

    async def _read_by_parts(self, response: aiohttp.ClientResponse) -> bytes:
        """The content, counted as it comes: its length is unknown, or known to be too much."""
        headers = response.headers
        try:
            body = Body(headers.get(aiohttp.hdrs.CONTENT_ENCODING, ""), self._max_reply_bytes)
            async for part in response.content.iter_chunked(_CHUNK):
                body.feed(part)
            return body.whole()
        except DecodeError as bare:
            reason = bare.message
        raise undecodable(Reply(response.status, headers, b""), reason)

    def extra(self, url: str) -> dict[str, Any]:
        """Arguments of a request to this URL that depend on how the client was made."""
        return self._extra if self._proxies is None else self._proxies.extra(url)

    def limits_for(self, timeout_s: float | None) -> aiohttp.ClientTimeout:
        """aiohttp limits the connecting only, which tells "not sent" from "not answered"."""
        connect = (
            CONNECT_TIMEOUT_S if timeout_s is None else min(CONNECT_TIMEOUT_S, timeout_s * 0.9)
        )
        limits = aiohttp.ClientTimeout(total=None, connect=connect, ceil_threshold=math.inf)
        if len(self._limits) < 64:
            self._limits[timeout_s] = limits
        return limits

    # -------------------------------------------------------------------- life

    async def _move_in(self) -> Home:
        """A session in the running loop; the one of a closed loop is left behind."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise _closed()
        self.check_loop()
        self._home = home = Home(loop, self._borrowed or self._new_session(), self._max_connections)
        home.guard = self._until_loop_ends(home)
        await anext(home.guard)
        return home

    def _new_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            trace_configs=self._trace_configs,
        )

    async def _until_loop_ends(self, home: Home) -> AsyncGenerator[None, None]:
        """Closes the session in its own loop.

        A suspended async generator is closed by ``loop.shutdown_asyncgens()``, which
        ``asyncio.run`` calls at its end: so a client that outlives its loop leaves no sockets.
        """
        try:
            yield
        finally:
            if self._home is home:
                self._home = None
            home.watchdog.close()
            for exchange in home.moving:
                exchange.break_off()
            if home.session is not self._borrowed:
                await home.session.close()

    def check_loop(self) -> None:
        """Raise WrongEventLoop if the connections belong to another loop that is still alive."""
        home = self._home
        if home is None or home.loop.is_closed() or home.loop is asyncio.get_running_loop():
            return
        raise WrongEventLoop(
            "the client is bound to another event loop that is still alive; close it there "
            "with aclose(), or use one client per loop"
        )

    async def aclose(self) -> None:
        """Close all connections; a borrowed session stays open. Idempotent."""
        self.check_loop()
        self._closed = True
        home, self._home = self._home, None
        if home is not None and home.guard is not None and not home.loop.is_closed():
            await home.guard.aclose()

    @property
    def closed(self) -> bool:
        """Whether ``aclose`` was called."""
        return self._closed

    def _forget_parent(self) -> None:
        if self._home is not None:
            _left_to_parent.append(self._home)
            self._home = None


def _closed() -> ClientClosed:
    return ClientClosed("the client is closed; make a new one")


def _after_fork_in_child() -> None:
    for transport in list(_alive):
        transport._forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
