"""File objects of the caller's: those that can seek are read as files, the others flow."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from typing import IO, TYPE_CHECKING, Any, Final, Self

from pdsclient.errors import InvalidRequest
from pdsclient.transfer.disk import FileStamp
from pdsclient.transfer.sources._base import (
    Content,
    Memory,
    Source,
    SourceMark,
    as_text,
    changed,
)
from pdsclient.transfer.sources._streams import flowing

if TYPE_CHECKING:
    from pdsclient.transfer.control import Control
    from pdsclient.transfer.disk import Disk

__all__ = ["FileSource"]

# Of a file that only flows; a thread returns with what there is.
_CHUNK: Final = 1 << 20


class FileSource(Source):
    """From where it stands to its end; it is never closed."""

    def __init__(self, file: IO[bytes]) -> None:
        if getattr(file, "closed", False):
            raise InvalidRequest("source is a file that is closed")
        if isinstance(file, io.IOBase) and not file.readable():
            raise InvalidRequest('source is not open for reading; open it so: open(path, "rb")')
        self._file = file
        self.name = os.path.basename(_path_of(file) or "") or None

    async def open(self, control: Control, hold: int) -> Content:
        content = await control.disk.run(self._open, control.disk)
        if content is None:
            return await flowing(_Chunks(self._file, control), None, control, hold)
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
        path = _path_of(file)
        more = () if stamp is None else (stamp.size, stamp.modified_ns, stamp.inode)
        self._mark = SourceMark(
            "file", path and as_text(os.path.abspath(path)), (start, size, *more)
        )
        self.size = size
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
        return self._mark


def _path_of(file: IO[bytes]) -> str | None:
    """Where a file object is from; the name of another one is a number, or in angle brackets."""
    name: Any = getattr(file, "name", None)
    if not isinstance(name, (str, os.PathLike)):
        return None
    path = os.fsdecode(name)
    return None if path.startswith("<") else path


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
        data: bytes = await loop.run_in_executor(self._executor, self._read, _CHUNK)
        if not data:
            raise StopAsyncIteration
        return data
