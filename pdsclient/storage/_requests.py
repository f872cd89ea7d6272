"""A request to the storage: repeated by the client's policy, with a URL that is renewed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pdsclient import _protocol
from pdsclient._retrying import wait_before_retry
from pdsclient._secrets import mask_text, safe_cause
from pdsclient.errors import DeadlineExceeded, PDSError
from pdsclient.storage._links import FreshUrl, Link, PresignedUrl, is_expired

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.transport import DataExchange

__all__ = ["check", "exchange", "link_of", "with_retries"]

T = TypeVar("T")

_LONGEST_ERROR: Final = 1 << 16
# A URL that is refused as often, one just given after the other, will not be taken.
_MOST_RENEWALS: Final = 3


def link_of(engine: Engine, link: Link | str) -> Link:
    """The link; a bare URL is one that nobody renews."""
    return link if isinstance(link, Link) else Link(None, engine.shared.now, FreshUrl(link))


def exchange(
    engine: Engine,
    method: str,
    url: PresignedUrl,
    headers: Mapping[str, str],
    body: bytes | AsyncIterable[bytes | memoryview] = b"",
    length: int | None = None,
) -> DataExchange:
    """The request, not yet sent."""
    url.check()
    return engine.shared.transport.exchange(
        method,
        url,
        headers={"User-Agent": engine.shared.user_agent, **headers},
        body=body,
        length=length,
        timeout_s=engine.settings.timeout,
    )


async def check(engine: Engine, url: PresignedUrl, data: DataExchange, *good: int) -> None:
    """Raise the error that the answer stands for, if it does."""
    if data.status in good:
        return
    reply = _protocol.Reply(data.status, data.headers, await data.read_all(_LONGEST_ERROR))
    # Made elsewhere: this frame stays in the traceback, and its variables with it.
    raise _refusal(engine, url, reply)


def _refusal(engine: Engine, url: PresignedUrl, reply: _protocol.Reply) -> PDSError:
    known = _secrets(engine, url)
    error = _protocol.reply_error(reply, now=engine.shared.context.clock.time(), known=known)
    return error or _protocol.undecodable(reply, "the storage did not send the whole", known)


def _secrets(engine: Engine, url: PresignedUrl) -> tuple[str, ...]:
    """What must not be shown: credentials in use, and the values in the URL's query."""
    return (*engine.shared.secrets(), *url.secrets())


async def with_retries(
    engine: Engine,
    method: str,
    link: Link,
    attempt: Callable[[FreshUrl], Awaitable[T]],
    *,
    failed: PDSError | None = None,
) -> T:
    """What the attempt gives; it is one that may be repeated.

    Args:
        engine: whose connections and retries are used.
        method: of the request.
        link: where it goes.
        attempt: sends it to a URL.
        failed: how a first attempt, made before, has ended.
    """
    deadline_s = engine.settings.deadline
    request = _Request(engine, method, link)
    timer = asyncio.timeout(deadline_s)
    try:
        async with timer:
            return await request.repeat(attempt, failed)
    except TimeoutError:
        if not timer.expired():
            raise
    raise request.explained(
        DeadlineExceeded(
            f"the content was not through within the deadline of {deadline_s:g} s",
            may_have_happened=method == "PUT",
        )
    )


class _Request:
    """A request with all its attempts."""

    def __init__(self, engine: Engine, method: str, link: Link) -> None:
        self._engine = engine
        self._method = method
        self._link = link
        self._attempts = 0
        self._renewals = 0
        self._url = PresignedUrl()

    async def repeat(
        self, attempt: Callable[[FreshUrl], Awaitable[T]], error: PDSError | None
    ) -> T:
        self._attempts += error is not None
        while error is None or await self._may_go_on(error):
            # Errors of this call are those of the service, and told by it.
            fresh = await self._link.current()
            self._url = fresh.url
            self._attempts += 1
            try:
                return await attempt(fresh)
            except PDSError as failure:
                error = failure
            if is_expired(error) and not self._link.expired(fresh):
                break
        raise self.explained(error)

    async def _may_go_on(self, error: PDSError) -> bool:
        """Whether there is another attempt; returns when it is time for it."""
        if is_expired(error):
            self._renewals += 1
            return self._renewals <= _MOST_RENEWALS
        attempt = self._attempts - self._renewals
        wait = wait_before_retry(self._engine, error, attempt=attempt, repeatable=True)
        if wait is not None:
            await self._engine.shared.context.sleep(wait)
        return wait is not None

    def explained(self, error: PDSError) -> PDSError:
        """The error with what is known of the request, and without its secrets."""
        options: Any = self._engine.options
        error.attempts = self._attempts
        error.req_opt = options.filled(
            method=self._method, url=self._url, data=None, attempt=self._attempts
        )
        known = _secrets(self._engine, self._url)
        error.message = mask_text(error.message, known)
        error.args = (error.message,)
        if error.__cause__ is not None:
            error.__cause__ = safe_cause(error.__cause__, known)
        return error
