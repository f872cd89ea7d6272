"""Where a file is written: beside its place under another name, until it is whole."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from io import RawIOBase, TextIOBase
from typing import Any, BinaryIO, Protocol
from zlib import crc32

from pdsclient._checks import shown
from pdsclient._disk import sync_directory
from pdsclient.errors import InvalidRequest
from pdsclient.export._sink import Position

FORMATS = {
    ".csv": "CSV",
    ".jsonl": "JSON lines",
    ".ndjson": "JSON lines",
    ".parquet": "Parquet",
}
"""The suffixes that name a format."""
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
"""The suffixes that name a compression of a text format."""


def split_suffixes(path: str) -> tuple[str, str]:
    """The suffixes of a path that name its format and its compression; ``""`` for none."""
    stem, last = os.path.splitext(path.lower())
    compression = last if last in COMPRESSIONS else ""
    form = os.path.splitext(stem)[1] if compression else last
    return form if form in FORMATS else "", compression


def as_path(sink: str, value: object) -> str:
    """The absolute path of a file to be written; ``~`` is the home directory."""
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str) or not path or "\0" in path:
        raise InvalidRequest(
            f"{sink}: path must be the path of a file, as a non-empty str or PathLike, "
            f"not {shown(value)}"
        )
    path = os.path.expanduser(path)
    if not os.path.basename(path):
        raise InvalidRequest(f"{sink}: {shown(path)} is a directory; add the name of a file")
    return path if os.path.isabs(path) else os.path.abspath(path)


def check_suffix(sink: str, path: str, form: str, *, compressed: bool) -> None:
    """Refuse a name that promises another format than is written."""
    found, compression = split_suffixes(path)
    name = os.path.basename(path)
    if found and FORMATS[found] != form:
        raise InvalidRequest(f"{sink} writes {form}, but {shown(name)} ends in {found}")
    if compression and not compressed:
        raise InvalidRequest(
            f"{sink}: {form} is compressed inside; leave {compression} out of {shown(name)}"
        )


class Place(Protocol):
    """Where a sink writes; everything blocks."""

    name: str
    """For messages and positions."""

    @property
    def paths(self) -> tuple[str, ...]:
        """All files that are written for it."""
        ...

    @property
    def is_open(self) -> bool:
        """It is being written."""
        ...

    def check(self) -> None:
        """Raise InvalidRequest unless it can be written."""

    def close(self) -> None:
        """Let go of it."""

    def discard(self) -> None:
        """Delete what is unfinished."""


class ByteFile(Place, Protocol):
    """A place for bytes that have their final form."""

    @property
    def mark(self) -> Position:
        """The end of what was appended."""
        ...

    def create(self) -> None:
        """Begin anew."""

    def resume(self, mark: Position) -> None:
        """Go on behind a mark; what follows it is cut off."""

    def append(self, data: bytes) -> None:
        """Hand the bytes to the operating system."""

    def publish(self) -> None:
        """Say that it is whole, and close it."""


# Enough to tell a file from another one of the same rows, and read in no time.
_TAIL = 4096


class PartFile:
    """A file that grows at its end as ``NAME.part`` and takes its place in one step.

    Whoever looks, and whenever this process dies: under the final name there is the file of an
    earlier run or the whole new one.
    """

    def __init__(self, path: str) -> None:
        self.name = path
        self.part = f"{path}.part"
        # What takes time to make is made here, so that a process that dies leaves no half of it.
        self.spare = f"{self.part}.new"
        self._size = 0
        self._tail = b""
        self._file: BinaryIO | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The file, and those that become it."""
        return self.name, self.part, self.spare

    @property
    def is_open(self) -> bool:
        """It is being written."""
        return self._file is not None

    @property
    def mark(self) -> Position:
        """The end of what was appended: its size, and a checksum of the last bytes."""
        return {"bytes": self._size, "tail": crc32(self._tail), "tail_bytes": len(self._tail)}

    def check(self) -> None:
        """Raise InvalidRequest unless a file can be made there."""
        directory = os.path.dirname(self.name)
        if not os.path.isdir(directory):
            raise InvalidRequest(f"{self.name}: the directory {directory} does not exist; make it")
        if os.path.isdir(self.name):
            raise InvalidRequest(f"{self.name} is a directory; add the name of a file")
        if not os.access(directory, os.W_OK | os.X_OK):
            raise InvalidRequest(f"{self.name}: the directory {directory} cannot be written")

    def create(self) -> None:
        """Begin anew; what an earlier run left unfinished is lost."""
        self.discard()
        # "x" follows no link that somebody else may have put there.
        self._file = open(self.part, "xb", buffering=0)  # noqa: SIM115  # closed by close()
        self._size, self._tail = 0, b""

    def resume(self, mark: Position) -> None:
        """Go on behind a mark, in the unfinished file, else in a copy of the finished one.

        Raises:
            InvalidRequest: there is none, or it is not the one that the mark was taken from.
        """
        size, length = whole(mark, "bytes"), whole(mark, "tail_bytes")
        self.restore(shutil.copyfile)
        with open(self.part, "rb") as file:
            file.seek(max(0, size - length))
            tail = file.read(length)
        if crc32(tail) != mark.get("tail"):
            raise self.changed()
        self.reopen(size)
        self._tail = tail

    def restore(self, copy: Callable[[str, str], object]) -> None:
        """Have an unfinished file, if need be made from the finished one.

        Args:
            copy: makes the second of two paths from the first.

        Raises:
            InvalidRequest: there is neither.
        """
        remove(self.spare)
        if os.path.exists(self.part):
            return
        if not os.path.exists(self.name):
            raise InvalidRequest(f"neither {self.part} nor {self.name} exists any more; begin anew")
        copy(self.name, self.spare)
        os.replace(self.spare, self.part)

    def reopen(self, size: int) -> None:
        """Go on behind the first ``size`` bytes; what follows them is cut off."""
        self._file = open(self.part, "r+b", buffering=0)  # noqa: SIM115  # closed by close()
        self._file.truncate(size)
        self._size = self._file.seek(size)

    def changed(self) -> InvalidRequest:
        """The error for a file that is not what a position says."""
        return InvalidRequest(
            f"{self.part} is shorter than when its position was taken, or was changed since; "
            "begin anew"
        )

    def append(self, data: bytes) -> None:
        """Hand the bytes to the operating system: all of them, or none when it raises."""
        assert self._file is not None
        try:
            write_all(self._file, data)
        except OSError:
            # A half-written row must not stand before the rows of the next try.
            self._file.seek(self._size)
            self._file.truncate()
            raise
        self._size += len(data)
        self._tail = data[-_TAIL:]

    def publish(self) -> None:
        """Put the whole file in its place, durably."""
        assert self._file is not None
        os.fsync(self._file.fileno())
        self.close()
        replace(self.part, self.name)

    def close(self) -> None:
        """Let go of the unfinished file; it stays where it is."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def discard(self) -> None:
        """Delete the unfinished file, and what it was to become."""
        remove(self.part)
        remove(self.spare)


def whole(position: Position, name: str) -> int:
    """A number from a position."""
    number = position.get(name)
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise InvalidRequest(f"the position is damaged: {name} is {shown(number)}")
    return number


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write everything: a raw file may take less than it is given."""
    rest = data
    while rest:
        written = file.write(rest)
        if written is None and isinstance(file, RawIOBase):
            raise BlockingIOError(errno.EAGAIN, "the file takes no more; open it in blocking mode")
        # Objects that only look like files seldom count.
        rest = rest[len(rest) if written is None else written :]


class Stream:
    """A binary file that somebody else opened, and will close."""

    def __init__(self, sink: str, file: Any) -> None:
        if isinstance(file, TextIOBase):
            raise InvalidRequest(f"{sink}: the file takes text; open it in binary mode")
        self.name = f"<{type(file).__name__}>"
        self.is_open = False
        self._file: BinaryIO = file
        self._size = 0

    @property
    def paths(self) -> tuple[str, ...]:
        """None that is known."""
        return ()

    @property
    def mark(self) -> Position:
        """How much was written."""
        return {"bytes": self._size}

    def check(self) -> None:
        """Nothing is known of it before it is written."""

    def create(self) -> None:
        """Begin where the file stands."""
        self.is_open, self._size = True, 0

    def resume(self, mark: Position) -> None:
        """Refuse: what was written may be gone."""
        raise InvalidRequest("an open file cannot be resumed; give a path, or begin anew")

    def append(self, data: bytes) -> None:
        """Write the bytes through."""
        write_all(self._file, data)
        self._file.flush()
        self._size += len(data)

    def publish(self) -> None:
        """It is whole already."""
        self.close()

    def close(self) -> None:
        """Write no more; the file stays open."""
        self.is_open = False

    def discard(self) -> None:
        """What was written cannot be taken back."""


def remove(path: str) -> None:
    """Delete a file if there is one."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def replace(source: str, target: str) -> None:
    """Rename durably: after a power cut it is the old file or the new one."""
    os.replace(source, target)
    sync_directory(os.path.dirname(target))
