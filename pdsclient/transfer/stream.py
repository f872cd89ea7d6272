"""The content of a file as a stream: piece by piece, whatever breaks in between."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from pdsclient._checks import shown
from pdsclient._crc64 import crc64
from pdsclient.errors import InvalidRequest, PDSError
from pdsclient.storage import Reading
from pdsclient.transfer._download_moving import Cut, is_checked
from pdsclient.transfer._download_origin import Origin, check_address, in_drive

if TYPE_CHECKING:
    from pdsclient._core import Engine
    from pdsclient.files._address import FileRef

__all__ = ["ContentStream", "open_content"]

# The checksum is computed in a thread for so many bytes at a time.
_BATCH: Final = 1 << 20


def open_content(
    engine: Engine,
    file: FileRef,
    *,
    drive_id: str | None,
    share_id: str | None,
    revision_id: str | None,
    start: int,
    stop: int | None,
) -> ContentStream:
    """See ``AsyncPDSClient.open``."""
    place = check_address(engine, file, drive_id, share_id, revision_id)
    _check_span(start, stop)
    engine = engine.with_options({"deadline": None})
    return ContentStream(engine, file, in_drive(engine, place, revision_id), start, stop)


def _check_span(start: object, stop: object) -> None:
    for name, value in (("start", start), ("stop", stop)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise InvalidRequest(f"{name} must be a number of bytes, not {shown(value)}")
    if start is None:
        raise InvalidRequest("start must be a number of bytes; 0 is the beginning")
    if isinstance(stop, int) and stop < 0:
        raise InvalidRequest("stop must be 0 or more; leave it out to read to the end")


class ContentStream:
    """The bytes of a file, or some of them, for ``async with``; made by ``AsyncPDSClient.open``.

    ``async for chunk in stream`` gives them as they come, ``await stream.read(n)`` as many as
    wanted. It goes on after a broken connection, after its URL has expired, and after a read that
    was cancelled. When the last byte of a whole content has come its CRC-64 is compared, before
    that byte is given away.

    Attributes:
        file: as it was given to ``open``.

    Raises:
        ContentChanged: the file changed while it was read.
        ContentMismatch: what came is not what the service has.
    """

    def __init__(
        self, engine: Engine, file: FileRef, origin: Origin, start: int, stop: int | None
    ) -> None:
        self.file = file
        self._engine = engine
        self._origin = origin
        self._start = start
        self._stop = stop
        self._at = 0
        self._reading: Reading | None = None
        self._pieces: Cut | None = None

    @property
    def size(self) -> int | None:
        """Bytes of the whole content; None if the service has not told yet."""
        return self._origin.size

    @property
    def at(self) -> int:
        """Offset in the content of the next byte."""
        return self._at

    async def __aenter__(self) -> Self:
        if self._reading is not None:
            raise InvalidRequest("a stream is read once; open another one")
        await self._origin.look()
        await self._find_span()
        reading = self._reading = Reading(
            self._engine,
            self._origin.link,
            start=self._at,
            stop=self._stop,
            check=self._origin.check,
        )
        whole = self._start == 0 and self._stop is None
        self._pieces = Cut(_Verified(self._engine, reading, self._origin) if whole else reading)
        return self

    async def _find_span(self) -> None:
        """Where it begins and ends, now that the size is known."""
        if self._start < 0 and self.size is None:
            await self._origin.measure(self._engine)
        size = self.size
        self._at = self._start
        if size is None:
            return
        if self._start < 0:
            self._at = max(0, size + self._start)
        if not size or self._at >= size:
            self._stop = self._at = min(self._at, size)  # There is nothing to ask for.
        elif self._stop is not None and self._stop >= size:
            self._stop = None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pieces = None
        if self._reading is not None:
            await self._reading.__aexit__(kind, error, trace)

    async def read(self, n: int = -1) -> bytes:
        """So many bytes, fewer only at the end; all that are left for -1.

        Raises:
            ContentChanged: the file changed while it was read.
            ContentMismatch: what came is not what the service has.
            PDSError: the storage refuses it, or the connection failed too often.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < -1:
            raise InvalidRequest(f"n must be a number of bytes, or -1 for all, not {shown(n)}")
        pieces = self._opened()
        parts: list[bytes | memoryview] = []
        left = n
        try:
            while left and (part := await self._take(pieces, None if n < 0 else left)):
                parts.append(part)
                left -= len(part)
        except BaseException:
            # A later read gives them.
            pieces.give_back(b"".join(parts))
            raise
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._at += len(data)
        return bytes(data)

    def __aiter__(self) -> Self:
        self._opened()
        return self

    async def __anext__(self) -> bytes:
        piece = await self._take(self._opened(), None)
        if not piece:
            raise StopAsyncIteration
        self._at += len(piece)
        return bytes(piece)

    async def _take(self, pieces: Cut, most: int | None) -> bytes | memoryview:
        try:
            return await pieces.take(most)
        except PDSError as error:
            await self._origin.look_into(error)
            raise

    def _opened(self) -> Cut:
        if self._pieces is None:
            raise InvalidRequest("read the stream inside async with")
        return self._pieces

    def __repr__(self) -> str:
        size = "?" if self.size is None else f"{self.size:,}"
        return f"<ContentStream at {self._at:,} of {size} bytes>"


class _Verified:
    """A whole content; its last piece is given away when all of it is known to be right."""

    def __init__(self, engine: Engine, reading: Reading, origin: Origin) -> None:
        self._reading = reading
        self._origin = origin
        self._checksum = _Checksum(engine, origin)
        # Taken, and not yet given: what waits here is waited for with cancellations in mind.
        self._held: bytes | None = None

    async def read(self) -> bytes:
        """The next piece; empty at the end."""
        if self._held is None:
            await self._checksum.keep_up()
            self._held = await self._reading.read()
            self._checksum.add(self._held)
        if not self._held or self._reading.at == self._origin.size:
            self._origin.compare(self._reading.at, await self._checksum.value())
        piece, self._held = self._held, None
        return piece


class _Checksum:
    """The CRC-64 of pieces, computed in threads; whoever waits for it may be cancelled."""

    def __init__(self, engine: Engine, origin: Origin) -> None:
        self._origin = origin
        self._executor = engine.shared.context.executor
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._value: int | None = 0
        self._under_way: asyncio.Future[int | None] | None = None

    def add(self, piece: bytes) -> None:
        """These come next."""
        self._pieces.append(piece)
        self._waiting += len(piece)

    async def keep_up(self) -> None:
        """Returns when not too much waits."""
        if self._waiting >= _BATCH:
            await self._begin()

    async def value(self) -> int | None:
        """That of all pieces; None if it would take too long."""
        await self._begin()
        await self._settle()
        return self._value

    async def _begin(self) -> None:
        await self._settle()
        loop = asyncio.get_running_loop()
        pieces, self._pieces, self._waiting = self._pieces, [], 0
        self._under_way = loop.run_in_executor(
            self._executor, _over, pieces, self._value, self._origin.size
        )

    async def _settle(self) -> None:
        if self._under_way is not None:
            self._value = await asyncio.shield(self._under_way)
            self._under_way = None


def _over(pieces: list[bytes], before: int | None, size: int | None) -> int | None:
    if before is None or not is_checked(size):
        return None
    for piece in pieces:
        before = crc64(piece, before)
    return before
