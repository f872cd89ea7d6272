"""Presigned URLs, which live for minutes and are renewed for hours."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import unquote

from pdsclient.errors import SERVER_ERROR, DecodeError, PDSError

__all__ = ["FreshUrl", "Link", "PresignedUrl", "is_expired"]

# Visible ASCII: the signature covers how it is written, so nothing is escaped or left out.
_PRESIGNED: Final = re.compile("https?://[!-~]+", re.IGNORECASE)
# A request that begins so shortly before the end may come too late.
_MARGIN_S: Final = 30.0


class PresignedUrl(str):
    """A presigned URL; whoever prints local variables must not see it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<presigned URL>"

    def check(self) -> None:
        """Raise DecodeError if it is no URL; what is wrong with it must not be shown either."""
        if not _PRESIGNED.fullmatch(self):
            raise DecodeError("the service gave no URL of the storage", code=SERVER_ERROR)

    def secrets(self) -> tuple[str, ...]:
        """The values in its query, as they may appear elsewhere."""
        values = [pair.partition("=")[2] for pair in self.partition("?")[2].split("&")]
        return tuple(form for one in values for form in (one, unquote(one)) if len(form) >= 8)


class FreshUrl:
    """A presigned URL as the service gave it.

    Args:
        url: where the content is, or goes.
        content_type: exactly what it was signed for; None or "" sends none.
        lives_s: seconds until it expires, None if that is not known.

    """

    __slots__ = ("content_type", "lives_s", "url")

    def __init__(
        self, url: str | None, content_type: str | None = None, lives_s: float | None = None
    ) -> None:
        self.url = PresignedUrl(url)
        self.content_type = content_type
        self.lives_s = lives_s


class Link:
    """A presigned URL that is renewed when its time is over.

    Args:
        ask: asks the service for a new one; None for a URL that nobody can renew.
        now: seconds that never go back.
        known: one that was given a moment ago.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[FreshUrl]] | None,
        now: Callable[[], float],
        known: FreshUrl | None = None,
    ) -> None:
        self._ask = ask
        self._now = now
        self._fresh: FreshUrl | None = None
        self._until_s = 0.0
        self._lock = asyncio.Lock()
        if known is not None:
            self._take(known, now())

    async def current(self) -> FreshUrl:
        """The URL; a new one if it is about to expire, asked for once for all who wait."""
        async with self._lock:
            fresh = self._fresh
            if self._ask is not None and (fresh is None or self._now() >= self._until_s):
                asked_s = self._now()
                fresh = await self._ask()
                self._take(fresh, asked_s)
            assert fresh is not None, "a link that nobody renews has its URL"
            return fresh

    def expired(self, refused: FreshUrl) -> bool:
        """The storage refused it: whether there is, or may be had, a newer one."""
        if self._fresh is refused and self._ask is not None:
            self._fresh = None
        return self._ask is not None

    def _take(self, fresh: FreshUrl, asked_s: float) -> None:
        lives_s = fresh.lives_s
        # One that lives for less than the margin is good for one request at least.
        self._fresh = fresh
        self._until_s = asked_s + (float("inf") if lives_s is None else lives_s - _MARGIN_S)


def is_expired(error: PDSError) -> bool:
    """Whether the storage refused a URL because its time is over (pds-service.md 3.6)."""
    said = f"{error.message} {error.body or ''}"
    return error.status == 403 and error.code == "AccessDenied" and "expired" in said
