"""Is a local file what the drive has? By size, by time, and where these do not tell by CRC-64."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pdsclient._crc64 import crc64
from pdsclient.transfer.kinds import Compare

if TYPE_CHECKING:
    import os

    from pdsclient.models import File
    from pdsclient.transfer.disk import Disk, FileStamp, OpenFile

__all__ = ["modified_at", "same_content"]


# As much as a thread reads before it lets a cancellation through.
_HOP: Final = 4 << 20
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# The service keeps whole seconds of what an upload tells it. A file that is changed once more in
# that second cannot be told by its time; clocks may differ a little, too.
_SETTLED: Final = timedelta(seconds=10)


async def same_content(
    disk: Disk,
    path: str | os.PathLike[str],
    stamp: FileStamp,
    file: File,
    compare: Compare = "auto",
    *,
    follow: bool = False,
) -> bool:
    """Whether a local file has the content of a file in the drive.

    Args:
        disk: local files.
        path: the local file.
        stamp: how it was found.
        file: the file in the drive; what it does not tell counts as different.
        compare: ``auto`` trusts an equal time of change and computes the CRC-64 otherwise,
            ``checksum`` always computes it, ``size`` compares nothing but the sizes.
        follow: the path may be a symbolic link.

    Raises:
        OSError: the local file cannot be read.
    """
    if stamp.size != file.size:
        return False
    if stamp.size == 0 or compare == "size":
        return True
    if compare == "auto" and _same_time(stamp.modified_ns, file):
        return True
    if file.crc64_hash is None:
        return False
    return await _crc64_of(disk, path, follow) == file.crc64_hash


def modified_at(file: File) -> datetime | None:
    """When the content of a file in the drive was changed, as far as is known."""
    return file.local_modified_at or file.updated_at


def _same_time(modified_ns: int, file: File) -> bool:
    there = modified_at(file)
    if there is None:
        return False
    milliseconds = (there - _EPOCH) // timedelta(milliseconds=1)
    if modified_ns // 1_000_000 == milliseconds:
        return True
    if milliseconds % 1000 or modified_ns // 1_000_000_000 != milliseconds // 1000:
        return False
    return file.updated_at is not None and file.updated_at - there >= _SETTLED


async def _crc64_of(disk: Disk, path: str | os.PathLike[str], follow: bool) -> str:
    checksum, at = 0, 0
    async with await disk.open(path, follow=follow) as file:
        while True:
            length, checksum = await disk.run(_more, file.blocking, at, checksum)
            at += length
            if length < _HOP:
                return str(checksum)


def _more(file: OpenFile, at: int, before: int) -> tuple[int, int]:
    piece = file.read_at(at, _HOP)
    return len(piece), crc64(piece, before)
