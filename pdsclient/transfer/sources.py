"""What is uploaded: a path, bytes, a file object or a stream. All are read in the same way.

A ``Source`` is what the caller gave; opened it is a ``Content``. What fits into one part is read
into memory when it is opened, and is from then on what it was at that moment. Of the rest each
read looks whether the source is still the one that was opened.
"""

from __future__ import annotations

import asyncio
import io
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator
from typing import IO, TYPE_CHECKING, Any, Final, Self, TypeAlias

import msgspec

from pdsclient._checks import check_text
from pdsclient._crc64 import crc64
from pdsclient.errors import ContentChanged, InvalidRequest
from pdsclient.transfer.disk import FileStamp

if TYPE_CHECKING:
    from pdsclient.transfer.control import Control
    from pdsclient.transfer.disk import Disk, LocalFile

__all__ = ["Content", "Memory", "PathSource", "Source", "SourceMark", "source_of"]

AnySource: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | AsyncIterable[bytes]"
)

# Less than this is dealt with at once: going to a thread and back costs as much.
_AT_ONCE: Final = 1 << 16
# Of a file that only flows; a thread returns with what there is.
_CHUNK: Final = 1 << 20


class SourceMark(msgspec.Struct, frozen=True):
    """By what a source is known again in another run.

    Attributes:
        kind: ``path``, ``file`` or ``bytes``.
        path: where it is, if it is somewhere.
        stamp: numbers that differ when it was changed.
    """

    kind: str
    path: str | None
    stamp: tuple[int, ...]

    def is_same_thing(self, other: SourceMark) -> bool:
        """Whether it is the same source, though perhaps changed."""
        return (self.kind, self.path) == (other.kind, other.path)

    def __str__(self) -> str:
        return self.kind if self.path is None else f"{self.kind} {self.path}"


class Content(ABC):
    """A source that is open, for ``async with``.

    Attributes:
        size: bytes; None while unknown.
        again: every place of it can be read, as often as is needed.
        modified_ns: when it was changed, nanoseconds since 1970; None if unknown.
    """

    size: int | None = None
    again = True
    modified_ns: int | None = None

    @abstractmethod
    async def read(self, offset: int, size: int) -> bytes:
        """So many bytes from there; of a stream without a known size fewer at its end.

        Raises:
            ContentChanged: it is not what it was when it was opened.
        """

    @abstractmethod
    def mark(self) -> SourceMark:
        """By what it is known again."""

    async def settle(self) -> None:
        """All was read: is the source still what it was? Else ContentChanged."""

    async def close(self) -> None:
        """Leave the source."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Source(ABC):
    """What the caller gave to be uploaded.

    Attributes:
        name: the name that it suggests.
        flows: it certainly cannot be read twice.
    """

    name: str | None = None
    flows = False

    @abstractmethod
    async def open(self, control: Control, hold: int) -> Content:
        """Opened; read into memory at once if it has up to ``hold`` bytes."""


def source_of(source: Any, size: int | None = None) -> Source:
    """The source that the caller means.

    Args:
        source: a path, bytes, a binary file object, or an async iterable of bytes.
        size: bytes of an async iterable, if they are known.

    Raises:
        InvalidRequest: it is none of them, or ``size`` is given for another.
    """
    made = _source_of(source, size)
    if size is not None and not isinstance(made, _StreamSource):
        raise InvalidRequest("size is for async iterators; leave it out, other sources tell theirs")
    return made


def _source_of(source: Any, size: int | None) -> Source:
    if isinstance(source, (str, os.PathLike)):
        return PathSource(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _BytesSource(source)
    if isinstance(source, AsyncIterable):
        return _StreamSource(source, size)
    if isinstance(source, io.TextIOBase):
        raise InvalidRequest('source is a text file; open it as binary: open(path, "rb")')
    if callable(getattr(source, "read", None)):
        if asyncio.iscoroutinefunction(source.read):
            raise InvalidRequest(
                "source.read is async; give an async iterator of bytes, such as the object's own "
                "way to iterate over chunks"
            )
        return _FileSource(source)
    raise InvalidRequest(
        "source must be a path, bytes, a binary file object or an async iterator of bytes, "
        f"not {type(source).__name__}"
    )


# ------------------------------------------------------------------ in memory


class Memory(Content):
    """A content that is in memory.

    Args:
        data: the content.
        disk: its threads are used for copies.
        mark: of the source that it was read from, if it was.
        modified_ns: as in ``Content``.
    """

    def __init__(
        self,
        data: bytes | memoryview,
        disk: Disk,
        *,
        mark: SourceMark | None = None,
        modified_ns: int | None = None,
    ) -> None:
        self._data = data
        self._disk = disk
        self._mark = mark
        self.size = len(data)
        self.modified_ns = modified_ns

    async def read(self, offset: int, size: int) -> bytes:
        if size == len(self._data) and isinstance(self._data, bytes):
            return self._data
        part = memoryview(self._data)[offset : offset + size]
        return bytes(part) if size <= _AT_ONCE else await self._disk.run(bytes, part)

    def mark(self) -> SourceMark:
        if self._mark is None:
            # Its ends tell it apart from most others, and the checksum of the whole from all.
            ends = (self._data[:_AT_ONCE], self._data[-_AT_ONCE:])
            stamp = (len(self._data), *(crc64(bytes(one)) for one in ends))
            self._mark = SourceMark("bytes", None, stamp)
        return self._mark


class _BytesSource(Source):
    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        try:
            self._data = data if isinstance(data, bytes) else memoryview(data).cast("B")
        except TypeError:
            raise InvalidRequest("source is a memoryview with gaps; give bytes(source)") from None

    async def open(self, control: Control, hold: int) -> Content:
        return Memory(self._data, control.disk)


# ------------------------------------------------------------------ paths


class PathSource(Source):
    """A regular file.

    Args:
        path: where it is.
        follow: a symbolic link is read through, else OSError.
        stamp: what it has to be; else ContentChanged.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        follow: bool = True,
        stamp: FileStamp | None = None,
    ) -> None:
        try:
            self.path = os.path.expanduser(os.fsdecode(path))
        except TypeError:
            raise InvalidRequest(f"source must be a path, not {type(path).__name__}") from None
        if not self.path or "\0" in self.path:
            raise InvalidRequest("source must be a path; it is empty or holds a NUL")
        self.name = os.path.basename(self.path)
        self._follow = follow
        self._stamp = stamp

    async def open(self, control: Control, hold: int) -> Content:
        try:
            file = await control.disk.open(self.path, follow=self._follow)
        except IsADirectoryError:
            raise InvalidRequest(
                f"{self.path} is a directory; upload_tree uploads what is in it"
            ) from None
        try:
            content = await control.disk.run(self._read_if_small, control.disk, file, hold)
        except BaseException:
            await file.close()
            raise
        if isinstance(content, Memory):
            await file.close()
        return content

    def _read_if_small(self, disk: Disk, file: LocalFile, hold: int) -> Content:
        """Memory if it has up to ``hold`` bytes; in a thread."""
        stamp = file.blocking.stat()
        if stamp.size > hold:
            content: Content = _PathContent(disk, file, self.path, stamp, self._follow)
        else:
            data = file.blocking.read_at(0, stamp.size + 1)
            if len(data) != stamp.size or file.blocking.stat() != stamp:
                raise changed(self.path)
            mark = _mark_of("path", self.path, stamp)
            content = Memory(data, disk, mark=mark, modified_ns=stamp.modified_ns)
        if self._stamp not in (None, stamp):
            raise changed(self.path)
        return content


class _PathContent(Content):
    def __init__(
        self, disk: Disk, file: LocalFile, path: str, stamp: FileStamp, follow: bool
    ) -> None:
        self._disk = disk
        self._file = file
        self._path = path
        self._stamp = stamp
        self._follow = follow
        self.size = stamp.size
        self.modified_ns = stamp.modified_ns

    async def read(self, offset: int, size: int) -> bytes:
        return await self._disk.run(self._read, offset, size)

    def _read(self, offset: int, size: int) -> bytes:
        data = self._file.blocking.read_at(offset, size)
        if len(data) != size or self._file.blocking.stat() != self._stamp:
            raise changed(self._path)
        return data

    def mark(self) -> SourceMark:
        return _mark_of("path", self._path, self._stamp)

    async def settle(self) -> None:
        # What has the name now may be another file than the one that was read.
        try:
            found = await self._disk.stat(self._path, follow=self._follow)
        except FileNotFoundError:
            raise changed(self._path) from None
        if found != self._stamp:
            raise changed(self._path)

    async def close(self) -> None:
        await self._file.close()


def _mark_of(kind: str, path: str, stamp: FileStamp) -> SourceMark:
    # The number of a device may be another after the machine was started again.
    return SourceMark(kind, os.path.abspath(path), (stamp.size, stamp.modified_ns, stamp.inode))


def changed(what: str) -> ContentChanged:
    """The error for a source that is not what it was."""
    return ContentChanged(f"{what} was changed while it was uploaded; nothing of it was kept")


# ------------------------------------------------------------------ file objects


class _FileSource(Source):
    """From where it stands to its end; it is never closed."""

    def __init__(self, file: IO[bytes]) -> None:
        if getattr(file, "closed", False):
            raise InvalidRequest("source is a file that is closed")
        self._file = file
        name = getattr(file, "name", None)
        if isinstance(name, str) and not name.startswith("<"):
            self.name = os.path.basename(name) or None

    async def open(self, control: Control, hold: int) -> Content:
        content = await control.disk.run(self._open, control.disk)
        if content is None:
            return await _flowing(_Chunks(self._file, control), None, control, hold)
        if content.size is not None and content.size <= hold:
            data = await content.read(0, content.size)
            mark, modified_ns = content.mark(), content.modified_ns
            return Memory(data, control.disk, mark=mark, modified_ns=modified_ns)
        return content

    def _open(self, disk: Disk) -> _FileContent | None:
        """In a thread; None if it can only be read in order."""
        if isinstance(self._file.read(0), str):
            raise InvalidRequest("source is a text file; open it as binary")
        try:
            if not self._file.seekable():
                return None
            start = self._file.tell()
            size = self._file.seek(0, os.SEEK_END) - start
            self._file.seek(start)
        except (OSError, AttributeError):
            return None
        return _FileContent(disk, self._file, start, max(0, size), _stamp_of(disk, self._file))


class _FileContent(Content):
    def __init__(
        self, disk: Disk, file: IO[bytes], start: int, size: int, stamp: FileStamp | None
    ) -> None:
        self._disk = disk
        self._file = file
        self._start = start
        self._stamp = stamp
        self._place = threading.Lock()
        self.size: int = size
        self.modified_ns = None if stamp is None else stamp.modified_ns

    async def read(self, offset: int, size: int) -> bytes:
        return await self._disk.run(self._read, offset, size)

    def _read(self, offset: int, size: int) -> bytes:
        with self._place:
            self._file.seek(self._start + offset)
            data = _read_fully(self._file, size)
        if len(data) != size or _stamp_of(self._disk, self._file) != self._stamp:
            raise changed("the file")
        return data

    def mark(self) -> SourceMark:
        name = getattr(self._file, "name", None)
        path = os.path.abspath(name) if isinstance(name, str) else None
        stamp = self._stamp
        more = () if stamp is None else (stamp.size, stamp.modified_ns, stamp.inode)
        return SourceMark("file", path, (self._start, self.size, *more))


def _stamp_of(disk: Disk, file: IO[bytes]) -> FileStamp | None:
    """Of the file beneath a file object; None if there is none."""
    try:
        return FileStamp.of(disk.fs.fstat(file.fileno()))
    except (OSError, AttributeError):
        return None


def _read_fully(file: IO[bytes], size: int) -> bytes:
    pieces: list[bytes] = []
    while size > 0 and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Chunks:
    """What a file gives that only flows, such as a pipe.

    Whoever is cancelled does not wait for the thread: a pipe may be silent for ever.
    """

    def __init__(self, file: IO[bytes], control: Control) -> None:
        # What there is, if the file can give that.
        self._read = getattr(file, "read1", file.read)
        self._executor = control.context.executor

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(self._executor, self._read, _CHUNK)
        if not data:
            raise StopAsyncIteration
        return data


# ------------------------------------------------------------------ streams


class _StreamSource(Source):
    flows = True

    def __init__(self, chunks: AsyncIterable[bytes], size: int | None) -> None:
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
            raise InvalidRequest("size must be a number of bytes, zero or more")
        self._chunks = chunks
        self._size = size

    async def open(self, control: Control, hold: int) -> Content:
        return await _flowing(self._chunks, self._size, control, hold)


async def _flowing(
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
        self._left: bytes | memoryview = b""
        self._at = 0
        self.size = size

    async def begun(self, hold: int) -> Content:
        """Memory if it ends within so many bytes; else itself, with the first of them read."""
        first = await self._gather(hold)
        if len(first) < hold or self.size == len(first):
            self._check_end(len(first), more=self.size is not None and await self._has_more())
            await self.close()
            return Memory(first, self._disk)
        self._left = first
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
            chunk = self._left or await self._next()
            if not chunk:
                break
            self._left = memoryview(chunk)[size:] if len(chunk) > size else b""
            pieces.append(memoryview(chunk)[:size] if len(chunk) > size else chunk)
            size -= len(pieces[-1])
        if len(pieces) == 1 and isinstance(pieces[0], bytes):
            return pieces[0]
        total = sum(map(len, pieces))
        return b"".join(pieces) if total <= _AT_ONCE else await self._disk.run(b"".join, pieces)

    async def _next(self) -> bytes:
        """The next bytes; none at the end."""
        async for chunk in _once(self._chunks):
            if not isinstance(chunk, (bytes, bytearray, memoryview)):
                raise InvalidRequest(f"source gave {type(chunk).__name__} in place of bytes")
            if len(chunk):
                # Another kind may be filled anew by whoever gave it.
                return bytes(chunk)
        return b""

    async def _has_more(self) -> bool:
        return bool(self._left or await self._next())

    def _check_end(self, count: int, *, more: bool) -> None:
        if self.size is not None and (more or count != self.size):
            told = f"more than {count:,}" if more else f"{count:,}"
            raise ContentChanged(f"the source gave {told} bytes, not the {self.size:,} of size")


def _once(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The iterator itself: leaving a loop over it leaves it as it is."""
    return chunks


def name_for(source: Source, name: str | None) -> str:
    """The name that the file gets.

    Raises:
        InvalidRequest: the source suggests none.
    """
    if name is None:
        name = source.name
    if name is None:
        raise InvalidRequest("name is missing: the source has none that could be taken")
    return check_text("name", name)
