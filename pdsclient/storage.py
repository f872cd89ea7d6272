"""Content to and from the storage behind PDS, through presigned URLs (pds-service.md 10.4, 11.2).

Requests go through the client's own connections and are repeated by its policy, but they are no
calls: they carry no credential, have no part in the rate limit of the service and emit no events.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import unquote

from pdsclient import _protocol
from pdsclient._retrying import wait_before_retry
from pdsclient._secrets import mask_text, safe_cause
from pdsclient.errors import SERVER_ERROR, DeadlineExceeded, DecodeError, PDSError

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.transport import DataExchange

__all__ = ["get_content", "put_content"]

T = TypeVar("T")

# Below this rate a connection is given up.
_LEAST_RATE: Final = 65_536  # bytes per second
_LONGEST_ERROR: Final = 1 << 16


# Visible ASCII: the signature covers how it is written, so nothing is escaped or left out.
_PRESIGNED: Final = re.compile("https?://[!-~]+", re.IGNORECASE)


class _Url(str):
    """A presigned URL; whoever prints local variables must not see it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<presigned URL>"


def _check_url(url: _Url) -> None:
    # Out of the service's reply; what is wrong with it must not be shown either.
    if not _PRESIGNED.fullmatch(url):
        raise DecodeError("the service gave no URL of the storage", code=SERVER_ERROR)


async def put_content(
    engine: Engine, url: str, content: bytes, *, content_type: str | None = None
) -> None:
    """Put a whole part or file at a presigned URL.

    Args:
        engine: whose connections and retries are used.
        url: as the service gave it.
        content: what to put there.
        content_type: exactly what the URL was signed for; None or "" sends none.

    Raises:
        PDSError: the storage refuses it, or the connection failed too often.
    """
    url = _Url(url)
    _check_url(url)
    headers = {"Content-Type": content_type} if content_type else {}

    async def put() -> None:
        async with _exchange(engine, "PUT", url, headers, content) as data:
            await _check(engine, url, data)

    try:
        await _with_retries(engine, "PUT", url, put)
    except PDSError as error:
        # The part is there: an earlier attempt arrived and its answer was lost (10.4).
        if error.code != "PartAlreadyExist":
            raise


async def get_content(engine: Engine, url: str, *, most: int) -> tuple[bytes, Mapping[str, str]]:
    """What is at a presigned URL, and the headers that came with it.

    Args:
        engine: whose connections and retries are used.
        url: as the service gave it.
        most: bytes at most.

    Raises:
        DecodeError: there is more.
        PDSError: the storage refuses it, or the connection failed too often.
    """
    url = _Url(url)
    _check_url(url)

    async def get() -> tuple[bytes, Mapping[str, str]]:
        async with _exchange(engine, "GET", url, {}, b"") as data:
            await _check(engine, url, data)
            return await data.read_all(most), data.headers

    return await _with_retries(engine, "GET", url, get)


def _exchange(
    engine: Engine, method: str, url: str, headers: Mapping[str, str], body: bytes
) -> DataExchange:
    timeout = engine.settings.timeout
    return engine.shared.transport.exchange(
        method,
        url,
        headers={"User-Agent": engine.shared.user_agent, **headers},
        body=body,
        timeout_s=None if timeout is None else timeout + len(body) / _LEAST_RATE,
    )


async def _check(engine: Engine, url: str, data: DataExchange) -> None:
    """Raise the error that the answer stands for, if it does."""
    if data.status == 200:
        return
    reply = _protocol.Reply(data.status, data.headers, await data.read_all(_LONGEST_ERROR))
    # Made elsewhere: this frame stays in the traceback, and its variables with it.
    raise _refusal(engine, url, reply)


def _refusal(engine: Engine, url: str, reply: _protocol.Reply) -> PDSError:
    known = _secrets(engine, url)
    error = _protocol.reply_error(reply, now=engine.shared.context.clock.time(), known=known)
    return error or _protocol.undecodable(reply, "the storage did not send the whole", known)


def _secrets(engine: Engine, url: str) -> tuple[str, ...]:
    """What must not be shown: credentials in use, and the values in the URL's query."""
    values = [pair.partition("=")[2] for pair in url.partition("?")[2].split("&")]
    signed = {form for value in values for form in (value, unquote(value)) if len(form) >= 8}
    return (*engine.shared.secrets(), *signed)


async def _with_retries(
    engine: Engine, method: str, url: str, attempt: Callable[[], Awaitable[T]]
) -> T:
    """What the attempt gives; it is one that may be repeated."""
    sleep, deadline_s = engine.shared.context.sleep, engine.settings.deadline
    attempts = 0
    timer = asyncio.timeout(deadline_s)
    try:
        async with timer:
            while True:
                attempts += 1
                try:
                    return await attempt()
                except PDSError as failure:
                    error = failure
                wait = wait_before_retry(engine, error, attempt=attempts, repeatable=True)
                if wait is None:
                    break
                await sleep(wait)
    except TimeoutError:
        if not timer.expired():
            raise
        error = DeadlineExceeded(
            f"the content was not through within the deadline of {deadline_s:g} s",
            may_have_happened=method == "PUT",
        )
    error.attempts = attempts
    error.req_opt = engine.options.filled(method=method, url=url, data=None, attempt=attempts)
    _hide(error, _secrets(engine, url))
    raise error


def _hide(error: PDSError, known: tuple[str, ...]) -> None:
    error.message = mask_text(error.message, known)
    error.args = (error.message,)
    if error.__cause__ is not None:
        error.__cause__ = safe_cause(error.__cause__, known)
