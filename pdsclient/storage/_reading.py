"""A content, or a range of it, read from its presigned URL whatever breaks in between."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from pdsclient.errors import SERVER_ERROR, DecodeError, OutcomeUnknown, PDSError
from pdsclient.storage._links import FreshUrl, Link
from pdsclient.storage._requests import check, exchange, link_of, with_retries

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.transport import DataExchange

__all__ = ["Answer", "Reading"]

_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+|\*)")


class Answer(NamedTuple):
    """The beginning of an answer of the storage.

    Attributes:
        status: 206, or 200 if it sends the whole.
        start: offset of its first byte.
        total: bytes of the whole content, None if it does not say.
        crc64: checksum of the whole content as decimal text, None if it does not say.
    """

    status: int
    start: int
    total: int | None
    crc64: str | None


class Reading:
    """The bytes of a content from ``at`` on, for ``async with``.

    After a broken connection, or when the URL has expired, it goes on behind what was read.

    Args:
        engine: whose connections and retries are used.
        link: the URL, as the service gave it, or a link that renews it.
        start: offset of the first byte.
        stop: offset behind the last byte; None is the end of the content.
        check: is given the beginning of each answer, and may raise.

    Attributes:
        at: offset of the next byte.
        ranges_ignored: the storage sends the whole content whatever is asked for.
    """

    def __init__(
        self,
        engine: Engine,
        link: Link | str,
        *,
        start: int = 0,
        stop: int | None = None,
        check: Callable[[Answer], object] | None = None,
    ) -> None:
        link = link_of(engine, link)
        self.at = start
        self.ranges_ignored = False
        self._engine = engine
        self._link = link
        self._stop = stop
        self._check = check
        self._open: AsyncExitStack | None = None
        self._data: DataExchange
        self._skip = 0
        self._end: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def read(self) -> bytes:
        """The next piece, as long as it happens to be; empty at the end.

        Raises:
            PDSError: the storage refuses it, or the connection failed too often.
        """
        if self._stop is not None and self.at >= self._stop:
            await self._close()
            return b""
        failed = None
        try:
            piece = None if self._open is None else await self._go_on()
        except PDSError as error:
            piece, failed = None, error
        if piece is None:
            piece = await with_retries(self._engine, "GET", self._link, self._begin, failed=failed)
        self.at += len(piece)
        return piece

    async def _begin(self, fresh: FreshUrl) -> bytes:
        self._open = AsyncExitStack()
        try:
            await self._request(self._open, fresh)
        except BaseException:
            await self._close()
            raise
        return await self._go_on()

    async def _go_on(self) -> bytes:
        try:
            return await self._next()
        except BaseException:
            await self._close()
            raise

    async def _request(self, stack: AsyncExitStack, fresh: FreshUrl) -> None:
        request = exchange(self._engine, "GET", fresh.url, self._range())
        data = self._data = await stack.enter_async_context(request)
        await check(self._engine, fresh.url, data, 200, 206)
        answer = _answer(data)
        if self._check is not None:
            self._check(answer)
        if answer.start > self.at:
            raise DecodeError("the storage sent another range", code=SERVER_ERROR)
        self.ranges_ignored = data.status == 200 and bool(self._range())
        self._skip = self.at - answer.start
        self._end = _shorter(self._stop, answer.total)

    def _range(self) -> Mapping[str, str]:
        # An empty content has no range (pds-service.md 11.2), so the whole is asked for without.
        if self.at == 0 and self._stop is None:
            return {}
        last = "" if self._stop is None else self._stop - 1
        return {"Range": f"bytes={self.at}-{last}"}

    async def _next(self) -> bytes:
        while True:
            piece = await self._data.read()
            if not piece:
                return self._ended()
            if self._skip < len(piece):
                break
            self._skip -= len(piece)
        piece, self._skip = piece[self._skip :], 0
        return piece if self._stop is None else piece[: self._stop - self.at]

    def _ended(self) -> bytes:
        if self._end is not None and self.at < self._end:
            raise OutcomeUnknown(f"the content broke off {self._end - self.at:,} bytes early")
        return b""

    async def _close(self) -> None:
        stack, self._open = self._open, None
        if stack is not None:
            await stack.aclose()


def _answer(data: DataExchange) -> Answer:
    crc64 = data.headers.get("x-oss-hash-crc64ecma")
    if data.status == 200:
        length = data.headers.get("Content-Length", "")
        return Answer(200, 0, int(length) if length.isdecimal() else None, crc64)
    found = _CONTENT_RANGE.fullmatch(data.headers.get("Content-Range", ""))
    if found is None:
        raise DecodeError("the storage did not say which range it sent", code=SERVER_ERROR)
    first, _, total = found.groups()
    return Answer(206, int(first), None if total == "*" else int(total), crc64)


def _shorter(stop: int | None, total: int | None) -> int | None:
    return min((one for one in (stop, total) if one is not None), default=None)
