"""Files by their paths."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from pdsclient.transfer.control import Control
    from pdsclient.transfer.disk import Disk, LocalFile

__all__ = ["PathSource"]


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
        mark = _mark_of("path", self.path, stamp)
        if stamp.size > hold:
            content: Content = _PathContent(disk, file, self.path, stamp, mark, self._follow)
        else:
            data = file.blocking.read_at(0, stamp.size + 1)
            if len(data) != stamp.size or file.blocking.stat() != stamp:
                raise changed(self.path)
            content = Memory(data, disk, mark=mark, modified_ns=stamp.modified_ns)
        if self._stamp not in (None, stamp):
            raise changed(self.path)
        return content


class _PathContent(Content):
    def __init__(
        self,
        disk: Disk,
        file: LocalFile,
        path: str,
        stamp: FileStamp,
        mark: SourceMark,
        follow: bool,
    ) -> None:
        self._disk = disk
        self._file = file
        self._path = path
        self._stamp = stamp
        self._mark = mark
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
        return self._mark

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
    """In a thread: it looks where this process stands."""
    # The number of a device may be another after the machine was started again.
    return SourceMark(
        kind, as_text(os.path.abspath(path)), (stamp.size, stamp.modified_ns, stamp.inode)
    )
