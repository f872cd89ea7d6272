"""Async readers and iterators of bytes, which can be read once only."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Final, Self

from pdsclient.errors import ContentChanged, InvalidRequest
from pdsclient.transfer.sources._base import AT_ONCE, Content, Memory, Source, SourceMark

if TYPE_CHECKING:
    from pdsclient.transfer.control import Control
    from pdsclient.transfer.disk import Disk
    from pdsclient.transfer.kinds import AsyncReader

__all__ = ["Readings", "StreamSource", "flowing"]

# Asked for at once; a reader gives what there is.
_CHUNK: Final = 1 << 18


class StreamSource(Source):
    flows = True

    def __init__(self, chunks: AsyncIterable[bytes], size: int | None) -> None:
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
            raise InvalidRequest("size must be a number of bytes, zero or more")
        self._chunks = chunks
        self._size = size

    async def open(self, control: Control, hold: int) -> Content:
        return await flowing(self._chunks, self._size, control, hold)


class Readings:
    """What an object gives that is read from, one reading after the other.

    Most of them can be iterated over as well, but line by line, and lines have limits.
    """

    def __init__(self, reader: AsyncReader) -> None:
        self._reader = reader

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        data = await self._reader.read(_CHUNK)
        if not data:
            raise StopAsyncIteration
        return data


async def flowing(
    chunks: AsyncIterable[bytes], size: int | None, control: Control, hold: int
) -> Content:
    """Memory if it ends within ``hold`` bytes."""
    stream = _Stream(chunks, size, control.disk)
    try:
        return await stream.begun(hold)
    except BaseException:
        await stream.close()
        raise


class _Stream(Content):
    again = False

    def __init__(self, chunks: AsyncIterable[bytes], size: int | None, disk: Disk) -> None:
        self._source = chunks
        self._chunks = aiter(chunks)
        self._disk = disk
        # What came and was not asked for yet.
        self._left: deque[bytes | memoryview] = deque()
        self._at = 0
        self._ended = False
        self.size = size

    async def begun(self, hold: int) -> Content:
        """Memory if it ends within so many bytes; else itself, with the first of them read."""
        first = await self._gather(hold)
        if len(first) < hold or self.size == len(first):
            self._check_end(len(first), more=self.size is not None and await self._has_more())
            await self.close()
            return Memory(first, self._disk)
        self._left.appendleft(first)
        return self

    async def read(self, offset: int, size: int) -> bytes:
        if offset != self._at:
            raise ContentChanged("the source can be read once only, and a part of it got lost")
        data = await self._gather(size)
        self._at += len(data)
        if self.size is not None and (len(data) < size or self._at == self.size):
            self._check_end(self._at, more=await self._has_more())
        return data

    def mark(self) -> SourceMark:
        raise InvalidRequest(
            "the source can be read once only, so an upload of it cannot be gone on with: leave "
            "checkpoint out, or give a path, bytes or a file that can seek"
        )

    async def close(self) -> None:
        # An iterator of the caller's own is left as it is.
        finish = getattr(self._chunks, "aclose", None)
        if finish is not None and self._chunks is not self._source:
            await finish()

    async def _gather(self, size: int) -> bytes:
        """So many bytes, fewer at the end."""
        pieces: list[bytes | memoryview] = []
        while size > 0:
            chunk = self._left.popleft() if self._left else await self._next()
            if not chunk:
                break
            if len(chunk) > size:
                chunk, rest = memoryview(chunk)[:size], memoryview(chunk)[size:]
                self._left.appendleft(rest)
            pieces.append(chunk)
            size -= len(chunk)
        if len(pieces) == 1 and isinstance(pieces[0], bytes):
            return pieces[0]
        total = sum(map(len, pieces))
        return b"".join(pieces) if total <= AT_ONCE else await self._disk.run(b"".join, pieces)

    async def _next(self) -> bytes:
        """The next bytes; none at the end."""
        while not self._ended:
            try:
                chunk = await anext(self._chunks)
            except StopAsyncIteration:
                self._ended = True
                break
            if not isinstance(chunk, (bytes, bytearray, memoryview)):
                raise InvalidRequest(f"source gave {type(chunk).__name__} in place of bytes")
            if len(chunk):
                # Another kind may be filled anew by whoever gave it.
                return bytes(chunk)
        return b""

    async def _has_more(self) -> bool:
        if not self._left and (chunk := await self._next()):
            self._left.append(chunk)
        return bool(self._left)

    def _check_end(self, count: int, *, more: bool) -> None:
        if self.size is not None and (more or count != self.size):
            told = f"more than {count:,}" if more else f"{count:,}"
            raise ContentChanged(f"the source gave {told} bytes, not the {self.size:,} of size")
