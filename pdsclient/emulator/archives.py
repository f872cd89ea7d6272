"""Packing files into a zip, as it is written to the folder of pieces."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from io import RawIOBase
from itertools import count
from posixpath import splitext
from typing import IO, Any, NamedTuple, cast
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from pdsclient._crc64 import crc64, is_fast
from pdsclient.emulator.blobs import HEAD_BYTES, Blobs, Incoming, head_of
from pdsclient.emulator.content import Content

_CHUNK = 1024 * 1024
# What a zip's clock begins with.
_FIRST_YEAR = 1980


class Member(NamedTuple):
    """A file that is to be packed, or a folder, by its path in the archive."""

    path: str
    file_id: str
    is_folder: bool
    size: int
    modified_at: datetime


class Packed(NamedTuple):
    """An archive that is complete: its piece, and what is true of its bytes."""

    piece: str
    size: int
    sha1: str
    crc64: str | None
    head: str


class Gone(LookupError):
    """A file that was to be packed has no bytes any more."""


def pack(
    blobs: Blobs, members: Iterable[Member], open_content: Callable[[str], Content | None]
) -> Packed:
    """Write a zip of the members; may take long.

    Raises:
        Gone: ``open_content`` has nothing for the id of a file.
    """
    sink = _Sink(Incoming(blobs))
    try:
        # Any raw stream will do; the types of the standard library do not say so.
        with ZipFile(cast(IO[bytes], sink), "w", ZIP_STORED) as archive:
            for member in members:
                _add(archive, member, open_content)
        return sink.end()
    except BaseException:
        with suppress(OSError):
            sink.incoming.discard()
        raise


def _add(archive: ZipFile, member: Member, open_content: Callable[[str], Content | None]) -> None:
    moment = member.modified_at
    date = (max(moment.year, _FIRST_YEAR), *moment.timetuple()[1:6])
    entry = ZipInfo(member.path + "/" * member.is_folder, date)
    if member.is_folder:
        archive.writestr(entry, b"")
        return
    content = open_content(member.file_id)
    if content is None:
        raise Gone(member.file_id)
    entry.file_size = content.size
    with content, archive.open(entry, "w") as target:
        for offset in range(0, content.size, _CHUNK):
            target.write(content.read(offset, _CHUNK))


class _Sink(RawIOBase):
    """What the zip is written to; it cannot be sought in, so sizes follow the data."""

    def __init__(self, incoming: Incoming) -> None:
        super().__init__()
        self.incoming = incoming
        self._size = 0
        self._sha1 = hashlib.sha1()
        self._crc64 = 0
        self._head = b""

    def write(self, data: Any) -> int:
        self.incoming.write(data)
        self._size += len(data)
        self._sha1.update(data)
        if is_fast():
            self._crc64 = crc64(data, self._crc64)
        if len(self._head) < HEAD_BYTES:
            self._head += data[:HEAD_BYTES]
        return len(data)

    def writable(self) -> bool:
        return True

    def end(self) -> Packed:
        self.incoming.keep()
        return Packed(
            self.incoming.name,
            self._size,
            self._sha1.hexdigest().upper(),
            str(self._crc64) if is_fast() else None,
            head_of(self._head),
        )


def distinct(entries: Iterable[tuple[str, str, str]]) -> list[str]:
    """The paths in an archive, of which none leads out of it and none is there twice.

    Args:
        entries: the ids of each and of the folder it lies in, empty at the top, and its name;
            folders stand before what lies in them.
    """
    paths: dict[str, str] = {}
    taken: set[str] = set()
    made = []
    for file_id, parent, name in entries:
        above = f"{paths[parent]}/" if parent else ""
        safe = "_" if name in (".", "..") else name.replace("/", "_")
        path = next(one for one in _candidates(above, safe) if one not in taken)
        paths[file_id] = path
        taken.add(path)
        made.append(path)
    return made


def _candidates(above: str, name: str) -> Iterator[str]:
    yield above + name
    stem, extension = splitext(name)
    for turn in count(2):
        yield f"{above}{stem} ({turn}){extension}"
