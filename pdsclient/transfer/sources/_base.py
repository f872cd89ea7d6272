"""What all sources have in common, and contents in memory."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Self

import msgspec

from pdsclient._crc64 import crc64
from pdsclient.errors import ContentChanged, InvalidRequest

if TYPE_CHECKING:
    from pdsclient.transfer.control import Control
    from pdsclient.transfer.disk import Disk

__all__ = [
    "AT_ONCE",
    "BytesSource",
    "Content",
    "Memory",
    "Source",
    "SourceMark",
    "as_text",
    "changed",
]

# Fewer bytes are dealt with at once: going to a thread and back costs as much.
AT_ONCE: Final = 1 << 16


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

    # What has nothing to look at and nothing to close takes these as they are.
    async def settle(self) -> None:  # noqa: B027
        """All was read: is the source still what it was? Else ContentChanged."""

    async def close(self) -> None:  # noqa: B027
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
        return bytes(part) if size <= AT_ONCE else await self._disk.run(bytes, part)

    def mark(self) -> SourceMark:
        if self._mark is None:
            # Its ends tell it apart from most others, and the checksum of the whole from all.
            ends = (self._data[:AT_ONCE], self._data[-AT_ONCE:])
            stamp = (len(self._data), *(crc64(bytes(one)) for one in ends))
            self._mark = SourceMark("bytes", None, stamp)
        return self._mark


class BytesSource(Source):
    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        try:
            self._data = data if isinstance(data, bytes) else memoryview(data).cast("B")
        except TypeError:
            raise InvalidRequest("source is a memoryview with gaps; give bytes(source)") from None

    async def open(self, control: Control, hold: int) -> Content:
        return Memory(self._data, control.disk)


def as_text(path: str) -> str:
    """The path as text that can be written; not every name of a file is UTF-8."""
    return os.fsencode(path).decode(errors="backslashreplace")


def changed(what: str) -> ContentChanged:
    """The error for a source that is not what it was."""
    return ContentChanged(f"{what} was changed while it was uploaded; nothing of it was kept")
