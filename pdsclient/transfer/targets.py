"""Where a download goes: beside its place as ``NAME.part`` until it is whole, or to a writer."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from functools import cache
from inspect import isawaitable, iscoroutinefunction
from io import RawIOBase, TextIOBase
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal, Protocol, TypeAlias

from attrs import frozen

from pdsclient._crc64 import crc64
from pdsclient.errors import InvalidRequest
from pdsclient.transfer._download_moving import Pieces
from pdsclient.transfer.disk import Disk, FileStamp, OpenFile, free_space, is_there, rename
from pdsclient.transfer.hashing import combine_crc64
from pdsclient.transfer.journal import FOOT_BYTES, Journal
from pdsclient.transfer.names import safe_name
from pdsclient.transfer.planning import Part

__all__ = ["AsyncWriter", "Finish", "PartFile", "Writer", "claim", "free_name"]

Owner: TypeAlias = Literal["us", "nobody", "others"]

# Read back in a thread at a time; more would keep a cancelled caller waiting.
_BLOCK: Final = 8 << 20
# Names that others may have taken, of files and of what is unfinished.
_MOST_NAMES: Final = 10_000
_MOST_PARTS: Final = 100
# Far behind any content: Windows lets nobody touch the bytes that are locked.
_LOCKED: Final = 1 << 62
# Symbolic link, a file with a second name, directory, no regular file.
_SOMETHING_ELSE: Final = frozenset({errno.ELOOP, errno.EMLINK, errno.EISDIR, errno.EINVAL})


def free_name(fs: Any, path: Path) -> Path:
    """The path, or else the first of ``name (1).ext``, ``name (2).ext``, … that is not taken."""
    for number in range(_MOST_NAMES):
        one = path.with_name(f"{path.stem} ({number}){path.suffix}") if number else path
        if not is_there(fs, one):
            return one
    raise FileExistsError(errno.EEXIST, "too many files have this name", str(path))


@frozen(kw_only=True)
class Finish:
    """What is done with a file that is whole.

    Attributes:
        overwrite: it takes the place of a file that has its name.
        modified_ns: when it was changed, nanoseconds since 1970; None is now.
        durable: a loss of power takes nothing back.
    """

    overwrite: bool
    modified_ns: int | None
    durable: bool


class PartFile:
    """The file that becomes the target when it is whole. Its methods block.

    Nobody else writes to it: it is locked while it is open, for other downloads of this process
    too.

    Args:
        fs: an object with the functions of ``os``.
        file: the open file.
        path: where it is.
        journal: how it is to be laid out.
        checked: ranges get checksums, without which no later run can go on.

    Attributes:
        known: checksums of the ranges that an earlier run has left in it, by number; they are
            not to be trusted before they were read back.
        recorded: how many ranges a later run will find in it.
    """

    def __init__(
        self, fs: Any, file: OpenFile, path: Path, journal: Journal, *, checked: bool
    ) -> None:
        self.path = path
        self.journal = journal
        self.known: dict[int, int] = {}
        self.recorded = 0
        self._fs = fs
        self._file = file
        self._checked = checked

    # -------------------------------------------------------------------- beginning

    def take(self, *, resume: bool) -> Owner:
        """Whose it is: ours alone, with what an earlier run has left, or that of somebody else.

        Args:
            resume: go on with the ranges of an earlier run, if it is the same content.

        Raises:
            BlockingIOError: another download is writing it.
        """
        with self._file.in_use() as descriptor:
            if not _lock(descriptor):
                raise BlockingIOError(
                    errno.EAGAIN, "another download is writing this file", str(self.path)
                )
            if not self._is_there():
                return "nobody"  # It has got its name, or was removed, before it was locked.
            if not _is_of_this_user(self._fs.fstat(descriptor)):
                return "others"
        return "us" if self._recall(resume) else "others"

    def _recall(self, resume: bool) -> bool:
        """Whether it is an unfinished download, or nothing yet."""
        length = self.length
        foot = self._file.read_at(max(0, length - FOOT_BYTES), FOOT_BYTES)
        found = Journal.of_foot(foot, length)
        if found is None:
            return not length
        if resume and found.content == self.journal.content:
            self.journal = found
            self.known = found.records(self._file.read_at(*found.slots))
            self.recorded = len(self.known)
        else:
            self._file.resize(0)
        return True

    @property
    def length(self) -> int:
        """Bytes it has now."""
        return self._file.stat().size

    def lay_out(self) -> None:
        """Make room for all of it.

        Raises:
            OSError: there is too little.
        """
        end = self.journal.end
        _check_space(self._fs, self.path.parent, end - self.length)
        offset, foot = self.journal.foot()
        # First of all: whenever this process dies, the file is empty or known as ours.
        self._file.write_at(offset, [foot])
        self._file.resize(end, reserve=self.journal.plan.count > 1)

    # -------------------------------------------------------------------- filling

    def write(self, part: Part, at: int, pieces: Pieces, before: int) -> int:
        """Write the next bytes of a range; their CRC-64 behind bytes that had that of ``before``.

        With the last ones it is noted that the range is there.
        """
        self._file.write_at(at, pieces)
        at += sum(map(len, pieces))
        if not self._checked:
            return 0
        for piece in pieces:
            before = crc64(piece, before)
        if at == part.end:
            offset, slot = self.journal.slot(part.number, before)
            self._file.write_at(offset, [slot])
            self.recorded += 1
        return before

    def checksum(self, offset: int, size: int, before: int) -> int:
        """The CRC-64 of bytes as they are on the disk, behind those of ``before``."""
        return crc64(self._file.read_at(offset, size), before)

    # -------------------------------------------------------------------- ending

    def publish(self, target: Path, finish: Finish) -> None:
        """Give it its name, in one step, and close it.

        Raises:
            FileExistsError: the name is taken, and not to be overwritten; it stays as it is.
        """
        self._file.resize(self.journal.plan.size)
        if not self._is_there():
            raise FileNotFoundError(
                errno.ENOENT, "somebody took it away while it was written", str(self.path)
            )
        self._fs.chmod(self.path, 0o666 & ~_umask())
        if finish.modified_ns is not None:
            self._fs.utime(self.path, ns=(finish.modified_ns, finish.modified_ns))
        if finish.durable:
            self._file.sync()
        if sys.platform == "win32":  # There an open file cannot be renamed.
            self._file.close()
        rename(self._fs, self.path, target, finish.overwrite, finish.durable)
        self._file.close()

    def leave(self, *, keep: bool) -> None:
        """Close it, if it is open; it stays for a later run, or goes."""
        with suppress(OSError):
            remove = not keep and self._is_there()
            if sys.platform == "win32":
                self._file.close()
            if remove:
                # While it is locked, so that no other download has begun to use it.
                self._fs.remove(self.path)
        self._file.close()

    def _is_there(self) -> bool:
        """Whether its name still leads to it."""
        try:
            found = FileStamp.of(self._fs.lstat(self.path))
        except FileNotFoundError:
            return False
        ours = self._file.stat()
        return (found.inode, found.device) == (ours.inode, ours.device)


async def claim(
    disk: Disk, target: Path, journal: Journal, *, crc64: str | None, resume: bool, checked: bool
) -> PartFile:
    """The file that is to become the target, laid out and ours alone.

    Args:
        disk: local files.
        target: the name it will have.
        journal: how it is to be laid out.
        crc64: of the content, None if it is not known.
        resume: go on with what an earlier run has left.
        checked: ranges get checksums.

    Raises:
        BlockingIOError: another download is writing it.
        OSError: it cannot be made, or there is too little space.
    """
    for number in range(_MOST_PARTS):
        # Others may have a file of this name, which is not ours to overwrite.
        name = f"{target.name}.{number}.part" if number else f"{target.name}.part"
        part = await _take(disk, target.with_name(safe_name(name)), target, journal, resume, checked)
        ...
