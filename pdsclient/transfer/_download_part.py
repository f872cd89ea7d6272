"""The file that a download fills: ``NAME.part`` beside its place, until it is whole."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Collection
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal, TypeAlias

from attrs import frozen

from pdsclient._crc64 import crc64
from pdsclient.transfer._download_moving import Pieces, is_checked
from pdsclient.transfer.disk import (
    Disk,
    FileStamp,
    OpenFile,
    free_space,
    is_there,
    open_file,
    rename,
)
from pdsclient.transfer.hashing import combine_crc64
from pdsclient.transfer.journal import FOOT_BYTES, Journal
from pdsclient.transfer.names import safe_name
from pdsclient.transfer.planning import Part

__all__ = ["Claim", "Finish", "PartFile", "checksum_of", "claim", "free_name"]

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


def free_name(fs: Any, path: Path, busy: Collection[Path] = ()) -> Path:
    """The path, or else the first of ``name (1).ext``, ``name (2).ext``, … that is not taken.

    Args:
        fs: an object with the functions of ``os``.
        path: the wanted one.
        busy: those that somebody else is about to take.
    """
    for number in range(_MOST_NAMES):
        other = safe_name(f"{path.stem} ({number}){path.suffix}")
        one = path.with_name(other) if number else path
        if one not in busy and not is_there(fs, one):
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

    Attributes:
        checked: ranges get checksums, without which no later run can go on.
        owner: whose it is; it is written, and removed, only if it is ours.
        found: bytes that it had when it was opened.
        known: checksums of the ranges that an earlier run has left in it, by number; they are
            not to be trusted before they were read back.
        recorded: how many ranges a later run will find in it.
    """

    def __init__(self, fs: Any, file: OpenFile, path: Path, journal: Journal) -> None:
        self.checked = is_checked(journal.plan.size)
        self.path = path
        self.journal = journal
        self.owner: Owner = "others"
        self.found = 0
        self.known: dict[int, int] = {}
        self.recorded = 0
        self._is_cut = False
        self._fs = fs
        self._file = file

    # -------------------------------------------------------------------- beginning

    def take(self, resume: bool) -> None:
        """See whose it is; ours alone from now on, with what an earlier run has left, if it can be.

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
                self.owner = "nobody"  # It has got its name, or was removed, before it was locked.
            elif _is_of_this_user(self._fs.fstat(descriptor)) and self._recall(resume):
                self.owner = "us"

    def _recall(self, resume: bool) -> bool:
        """Whether it is an unfinished download, or nothing yet."""
        length = self.found = self._file.stat().size
        foot = self._file.read_at(max(0, length - FOOT_BYTES), FOOT_BYTES)
        found = Journal.of_foot(foot, length)
        if found is None:
            return not length and self._is_private()
        if resume and self.checked and found.content == self.journal.content:
            self.journal = found
            self.known = found.records(self._file.read_at(*found.slots))
            self.recorded = len(self.known)
        else:
            self._file.resize(0)
        return True

    def _is_private(self) -> bool:
        """Whether it was made as ours are, which others seldom do."""
        with self._file.in_use() as descriptor:
            mode = stat.S_IMODE(self._fs.fstat(descriptor).st_mode)
        return sys.platform == "win32" or not mode & 0o077

    def adopt(self) -> None:
        """Make it ours, with the ranges that are known; nobody else wrote it."""
        self.owner = "us"
        self.lay_out()
        for number, checksum in self.known.items():
            self._record(number, checksum)

    def lay_out(self) -> None:
        """Make room for all of it.

        Raises:
            OSError: there is too little.
        """
        end = self.journal.end
        _check_space(self._fs, self.path.parent, end - self._file.stat().size)
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
        if not self.checked:
            return 0
        for piece in pieces:
            before = crc64(piece, before)
        if at == part.end:
            self._record(part.number, before)
        return before

    def _record(self, number: int, checksum: int) -> None:
        offset, slot = self.journal.slot(number, checksum)
        self._file.write_at(offset, [slot])
        self.recorded += 1

    def checksum(self, offset: int, size: int, before: int) -> int:
        """The CRC-64 of bytes as they are on the disk, behind those of ``before``."""
        return crc64(self._file.read_at(offset, size), before)

    # -------------------------------------------------------------------- ending

    def publish(self, target: Path, finish: Finish) -> None:
        """Give it its name, in one step, and close it.

        Raises:
            FileExistsError: the name is taken, and not to be overwritten; it stays as it is.
        """
        if not self._is_cut:
            self._cut_off()
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

    def _cut_off(self) -> None:
        """Take away what is behind the content."""
        # The foot was written first: without it all that was written by then may be missing.
        if self._file.stat().size < self.journal.end:
            self.recorded = 0
            raise OSError(errno.EIO, "somebody cut it while it was written", str(self.path))
        self._file.resize(self.journal.plan.size)
        self._is_cut = True

    def leave(self, keep: bool) -> None:
        """Close it, if it is open; it stays for a later run, or goes."""
        with suppress(OSError):
            remove = self.owner == "us" and not keep and self._is_there()
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


# ---------------------------------------------------------------------------- claiming one


@frozen(kw_only=True)
class Claim:
    """What a part file is wanted for.

    Attributes:
        journal: how it is to be laid out.
        crc64: checksum of the content as decimal text, None if it is not known.
        resume: go on with what an earlier run has left.
    """

    journal: Journal
    crc64: str | None
    resume: bool


async def claim(disk: Disk, target: Path, wanted: Claim) -> PartFile:
    """The file that is to become the target, laid out and ours alone.

    Raises:
        BlockingIOError: another download is writing it.
        OSError: it cannot be made, or there is too little space.
    """
    for number in range(_MOST_PARTS):
        # Somebody may have a file of this name, which is not ours to overwrite.
        name = f"{target.name}.{number}.part" if number else f"{target.name}.part"
        part = await _take(disk, target.with_name(safe_name(name)), target, wanted)
        if part is not None:
            return part
    raise FileExistsError(errno.EEXIST, "too many files have its name and .part", str(target))


async def _take(disk: Disk, path: Path, target: Path, wanted: Claim) -> PartFile | None:
    """The part file at this path; None if something else is there."""
    while True:
        part = await disk.run(_open, disk.fs, path, target, wanted, undo=_leave)
        if part is None or part.owner == "us":
            return part
        try:
            if part.owner == "others" and await _is_whole(disk, part, wanted):
                await disk.run(part.adopt)
                return part
        except BaseException:
            await disk.end(_leave, part)
            raise
        await disk.end(_leave, part)
        if part.owner == "others":
            return None


async def _is_whole(disk: Disk, part: PartFile, wanted: Claim) -> bool:
    """Whether a process died just before it gave this file, all done, its name."""
    plan = wanted.journal.plan
    if not (wanted.resume and part.checked and wanted.crc64 and part.found == plan.size):
        return False
    for one in plan.parts():
        part.known[one.number] = await checksum_of(disk, part, one)
    pieces = [(part.known[one.number], one.length) for one in plan.parts()]
    return str(await disk.run(combine_crc64, pieces)) == wanted.crc64


async def checksum_of(disk: Disk, part: PartFile, one: Part) -> int:
    """The CRC-64 of a range as it is on the disk."""
    checksum = 0
    for at in range(one.offset, one.end, _BLOCK):
        checksum = await disk.run(part.checksum, at, min(_BLOCK, one.end - at), checksum)
    return checksum


# ---------------------------------------------------------------------------- in threads


def _open(fs: Any, path: Path, target: Path, wanted: Claim) -> PartFile | None:
    """The part file, laid out if it is ours; None if something is there that is no file of ours."""
    try:
        file = open_file(fs, path, write=True, create=True)
    except OSError as error:
        if error.errno == errno.EMLINK and _is_same(fs, path, target):
            # A process died when it had given it its name and not yet taken the old one.
            fs.remove(path)
            return _open(fs, path, target, wanted)
        if error.errno in _SOMETHING_ELSE:
            return None
        # Nobody has heard of the other name.
        error.filename = str(target)
        raise
    part = PartFile(fs, file, path, wanted.journal)
    try:
        part.take(wanted.resume)
        if part.owner == "us":
            part.lay_out()
    except BaseException:
        _leave(part)
        raise
    return part


def _leave(part: PartFile | None) -> None:
    if part is not None:
        part.leave(part.recorded > 0)


def _is_same(fs: Any, one: Path, other: Path) -> bool:
    """Whether two names lead to one file."""
    with suppress(FileNotFoundError):
        return os.path.samestat(fs.lstat(one), fs.lstat(other))
    return False


def _is_of_this_user(found: os.stat_result) -> bool:
    return sys.platform == "win32" or found.st_uid == os.geteuid()


def _check_space(fs: Any, folder: Path, needed: int) -> None:
    free = free_space(fs, folder)
    if free is not None and needed > free:
        raise OSError(
            errno.ENOSPC, f"{needed:,} bytes are needed and {free:,} are free", str(folder)
        )


def _lock(descriptor: int) -> bool:
    """Whether nobody else has it locked; it is ours then until it is closed."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, _LOCKED, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        # Some file systems of the net know no locks.
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise
    return True


_asking = Lock()


@cache
def _umask() -> int:
    """What a new file's permissions lack, as it was when this was first asked."""
    with _asking:
        # It is told only to who sets it. Another thread's new file may lack more, never less.
        mask = os.umask(0o077)
        os.umask(mask)
    return mask
