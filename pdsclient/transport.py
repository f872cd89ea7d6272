"""One request over aiohttp: the only module of the client that imports it.

There is no policy here: a request goes out once, a complete reply or one of our transport errors
comes back. What is settled here is where connections live and when they end:

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
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from multidict import CIMultiDict  # aiohttp's own type for headers, always there with it
from yarl import URL  # likewise, for URLs

from pdsclient._protocol import Body, Reply, not_sent, outcome_unknown, undecodable
from pdsclient._secrets import mask_headers, mask_text, without_frames
from pdsclient._slots import Slots
from pdsclient._watchdog import Watchdog
from pdsclient.errors import (
    SERVER_ERROR,
    ClientClosed,
    DecodeError,
    InvalidRequest,
    PDSError,
    WrongEventLoop,
)

# Measured on a connection that is never reached within it; TCP's own retries take 3 s, 7 s, ….
CONNECT_TIMEOUT_S = 10.0
# Below the idle limit of usual gateways, so that they rarely close a connection that we take up.
_KEEP_ALIVE_S = 25.0
_CHUNK = 1 << 16

Depart: TypeAlias = Callable[[], Mapping[str, str] | None]
T = TypeVar("T")

# In a forked child the parent's sockets must neither be used nor closed: its selector is shared
# with the parent, and closing would take the parent's sockets out of it.
_left_to_parent: list[object] = []
_alive: weakref.WeakSet[Transport] = weakref.WeakSet()


class _Home:
    """A session and its slots, bound to the event loop they were made in."""

    __slots__ = ("get", "guard", "loop", "post", "session", "slots", "watchdog")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, session: aiohttp.ClientSession, slots: int
    ) -> None:
        self.loop = loop
        self.session = session
        self.post = session.post
        self.get = session.get
        self.slots = Slots(slots)
        self.watchdog = Watchdog(loop)
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
        self._proxies = _Proxies(proxy, self._extra) if proxy or trust_env else None
        self._limits: dict[float | None, aiohttp.ClientTimeout] = {}
        self._home: _Home | None = None
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
        limits = self._limits.get(timeout_s) or self._limits_for(timeout_s)
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
            failure = _translate(error)
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
        body: bytes | AsyncIterable[bytes] = b"",
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
            timeout_s: until the answer begins, and then for each piece of it; None is no limit.
        """
        return DataExchange(self, method, url, headers or {}, _Outgoing(body, length), timeout_s)

    async def _enter(self) -> _Home:
        """The home in the running loop, where a slot is taken."""
        home = self._home
        if home is None or home.loop is not asyncio.get_running_loop():
            home = await self._move_in()
        if home.slots.free:
            home.slots.free -= 1
        else:
            await self._queue(home)
        return home

    async def _queue(self, home: _Home) -> None:
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

    def _limits_for(self, timeout_s: float | None) -> aiohttp.ClientTimeout:
        """aiohttp limits the connecting only, which tells "not sent" from "not answered"."""
        connect = (
            CONNECT_TIMEOUT_S if timeout_s is None else min(CONNECT_TIMEOUT_S, timeout_s * 0.9)
        )
        limits = aiohttp.ClientTimeout(total=None, connect=connect, ceil_threshold=math.inf)
        if len(self._limits) < 64:
            self._limits[timeout_s] = limits
        return limits

    # -------------------------------------------------------------------- life

    async def _move_in(self) -> _Home:
        """A session in the running loop; the one of a closed loop is left behind."""
        loop = asyncio.get_running_loop()
        if self._closed:
            raise _closed()
        self.check_loop()
        self._home = home = _Home(
            loop, self._borrowed or self._new_session(), self._max_connections
        )
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

    async def _until_loop_ends(self, home: _Home) -> AsyncGenerator[None, None]:
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


class _Outgoing:
    """A body that is sent piece by piece: aiohttp warns of a large one, and would block the loop.

    Args:
        body: the whole, or its pieces.
        length: its bytes; those of a whole are counted.
    """

    def __init__(self, body: bytes | AsyncIterable[bytes], length: int | None) -> None:
        self.length = len(body) if isinstance(body, bytes) else length or 0
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes | memoryview]:
        return _Slices(self._body) if isinstance(self._body, bytes) else aiter(self._body)


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
    _home: _Home

    def __init__(
        self,
        transport: Transport,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: _Outgoing,
        timeout_s: float | None,
    ) -> None:
        self._transport = transport
        self._method = method
        self._url = url
        self._sent = headers
        self._body = body
        self._timeout_s = timeout_s

    async def __aenter__(self) -> Self:
        self._home = await self._transport._enter()
        try:
            _check_lent(self._home.session)
            self._response = await self._limited(self._begin())
        except BaseException:
            self._home.slots.give()
            raise
        self.status, self.headers = self._response.status, self._response.headers
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
            timeout=transport._limits_for(self._timeout_s),
            allow_redirects=False,
            raise_for_status=False,
            auto_decompress=False,
            **(
                transport._extra
                if transport._proxies is None
                else transport._proxies.extra(self._url)
            ),
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

    async def _limited(self, step: Awaitable[T]) -> T:
        """What the step gives, within the time limit and with our errors for aiohttp's."""
        watchdog, watched = self._home.watchdog, None
        try:
            if self._timeout_s is not None:
                watched = watchdog.watch(self._timeout_s)
            return await step
        except asyncio.CancelledError:
            interrupted = watched is not None and watchdog.forget(watched)
            watched = None
            if not interrupted:
                raise
            failure: PDSError = outcome_unknown(f"nothing came for {self._timeout_s:g} s")
        except (aiohttp.ClientError, OSError, RuntimeError, ValueError) as error:
            failure = _translate(error)
        finally:
            if watched is not None:
                watchdog.forget(watched)
        raise failure from failure.__cause__

    def __repr__(self) -> str:
        return f"<DataExchange {self._method} {self.status or 'not begun'}>"


def _check_lent(session: aiohttp.ClientSession) -> None:
    if session.auth is not None or aiohttp.hdrs.AUTHORIZATION in session.headers:
        raise InvalidRequest(
            "context.session sends credentials of its own with every request; presigned URLs "
            "lead to another host, which must not get them: lend a session without"
        )


class SecretHeaders(CIMultiDict[str]):
    """Headers of a request; a repr shows the harmless ones only.

    In the form that aiohttp works with: converting a dict costs 2 % of a small call.
    """

    def __repr__(self) -> str:
        return repr(mask_headers(self))


def request_headers(headers: Mapping[str, str], more: Mapping[str, str | None]) -> SecretHeaders:
    """The headers with the caller's own in their place; None takes one away."""
    merged = SecretHeaders(headers)
    for name, text in more.items():
        merged.popall(name, None)
        if text is not None:
            merged[name] = text
    return merged


def _closed() -> ClientClosed:
    return ClientClosed("the client is closed; make a new one")


def _after_fork_in_child() -> None:
    for transport in list(_alive):
        transport._forget_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class _Proxies:
    """Which proxy a host is reached through; the environment is read once, when asked to."""

    def __init__(self, fixed: str | None, extra: Mapping[str, Any]) -> None:
        self._fixed = fixed
        self._environment = {} if fixed else getproxies()
        self._extra = extra
        self._by_origin: dict[tuple[str, str], dict[str, Any]] = {}

    def extra(self, url: str) -> dict[str, Any]:
        """Arguments of the request: the proxy, if there is one for this host, and the rest."""
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        if key not in self._by_origin:
            proxy = self._fixed or self._from_environment(*key)
            self._by_origin[key] = {**self._extra, **({"proxy": proxy} if proxy else {})}
        return self._by_origin[key]

    def _from_environment(self, scheme: str, netloc: str) -> str | None:
        if proxy_bypass(netloc):
            return None
        proxy = self._environment.get(scheme) or self._environment.get("all")
        # Written without a scheme, as curl takes it too.
        return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _translate(error: Exception) -> PDSError:
    """Our error for one of aiohttp's, with that one as its cause.

    What aiohttp raises before a connection stands was never sent; everything later is unknown.
    """
    if isinstance(error, DecodeError):
        return error  # The reply was too long; nothing of aiohttp's is in it.
    failure = _our_kind(error)
    failure.__cause__ = without_frames(error)
    return failure


_CERTIFICATE = (aiohttp.ClientConnectorCertificateError, aiohttp.ServerFingerprintMismatch)
_CONNECTION = (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError)


def _our_kind(error: Exception) -> PDSError:
    what = mask_text(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    if isinstance(error, _CERTIFICATE):
        return not_sent(f"the server's certificate was refused ({what})", may_pass=False)
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return not_sent("the connection did not come about in time")
    if isinstance(error, _CONNECTION):
        return not_sent(f"no connection ({what})")
    if isinstance(error, (RuntimeError, ValueError)):
        return not_sent(f"the request could not be made ({what})", may_pass=False)
    if isinstance(error, aiohttp.ClientResponseError):
        return DecodeError(
            f"the answer is not HTTP ({what})", code=SERVER_ERROR, may_have_happened=True
        )
    return outcome_unknown(f"the connection broke before the answer was complete ({what})")
