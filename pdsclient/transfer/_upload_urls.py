"""Where the parts of an upload go: presigned URLs, asked for in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from math import inf
from typing import Final

from pdsclient.errors import SERVER_ERROR, DecodeError
from pdsclient.models.upload import HashContext, UploadPart, UploadPartInfo
from pdsclient.storage import FreshUrl, Link

__all__ = ["URLS_AT_ONCE", "PartUrls", "described"]

# A quarter of an hour has to do for them (pds-service.md 10.4), on slow lines too.
URLS_AT_ONCE: Final = 20
_URL_LIFE_S: Final = 900.0
# With less time left a URL is not used (Link renews it).
_LEAST_LIFE_S: Final = 30.0


def described(
    number: int, parallel: bool, hash_name: str, states: Mapping[int, HashContext]
) -> UploadPart | None:
    """A part as a request for its URL names it; None while the state in front is not known."""
    # Nothing stands in front of the first one.
    if not parallel or number == 1:
        return UploadPart(part_number=number)
    state = states.get(number)
    if state is None:
        return None
    if hash_name == "sha1":
        return UploadPart(part_number=number, parallel_sha1_ctx=state)
    return UploadPart(part_number=number, parallel_sha256_ctx=state)


class PartUrls:
    """URLs of parts, asked for in batches shortly before they are needed.

    Args:
        ask: gives URLs for these parts.
        describe: a part as the request names it; None if it cannot be asked for yet.
        last: number of the last part, None while unknown.
        now: seconds that never go back.
        known: those that came with the creation.
    """

    def __init__(
        self,
        ask: Callable[[list[UploadPart]], Awaitable[list[UploadPartInfo]]],
        describe: Callable[[int], UploadPart | None],
        last: int | None,
        now: Callable[[], float],
        known: Iterable[UploadPartInfo] = (),
    ) -> None:
        self._ask = ask
        self._describe = describe
        self._last = last
        self._now = now
        self._lock = asyncio.Lock()
        # The batches that came, counted from 1; up to this one they are over.
        self._batches = self._over = 0
        # URLs that nobody has taken yet, with their batch and the time they were asked for.
        self._kept: dict[int, tuple[int, float, FreshUrl]] = {}
        # The batch of the URL that each part was given.
        self._given: dict[int, int] = {}
        self._keep(known, now())

    def link(self, number: int) -> Link:
        """The URL of a part, which is renewed when its time is over."""

        async def ask() -> FreshUrl:
            return await self._fresh(number)

        return Link(ask, self._now, self._take(number))

    async def _fresh(self, number: int) -> FreshUrl:
        # What came together with one that is over is over as well.
        self._over = max(self._over, self._given.get(number, 0))
        # One question at a time: what is needed meanwhile goes into the next one.
        async with self._lock:
            fresh = self._take(number)
            if fresh is None:
                asked_s = self._now()
                self._keep(await self._ask(self._batch(number)), asked_s)
                # However long the answer took, it is the newest there is.
                fresh = self._take(number, least_s=-inf)
        if fresh is None:
            raise DecodeError("the service did not say where the content goes", code=SERVER_ERROR)
        return fresh

    def _batch(self, number: int) -> list[UploadPart]:
        """The part, and those behind it that come soon."""
        stop = number + URLS_AT_ONCE
        if self._last is not None:
            stop = min(stop, self._last + 1)
        wanted = [self._describe(one) for one in range(number, stop) if self._lacks(one)]
        return [part for part in wanted if part is not None]

    def _lacks(self, number: int) -> bool:
        """The part has no URL that may be good."""
        return self._given.get(number, 0) <= self._over

    def _keep(self, parts: Iterable[UploadPartInfo], asked_s: float) -> None:
        self._batches += 1
        for part in parts:
            if part.part_number is not None and part.upload_url is not None:
                fresh = FreshUrl(part.upload_url, part.content_type, _URL_LIFE_S)
                self._kept[part.part_number] = (self._batches, asked_s, fresh)

    def _take(self, number: int, *, least_s: float = _LEAST_LIFE_S) -> FreshUrl | None:
        batch, asked_s, fresh = self._kept.pop(number, (0, 0.0, None))
        lives_s = _URL_LIFE_S - (self._now() - asked_s)
        if fresh is None or batch <= self._over or lives_s < least_s:
            return None
        self._given[number] = batch
        return FreshUrl(fresh.url, fresh.content_type, lives_s)
