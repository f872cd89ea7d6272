"""Objects with ``write`` that a download goes to."""

from __future__ import annotations

import errno
from inspect import isawaitable, iscoroutinefunction
from io import IOBase, RawIOBase, TextIOBase
from typing import Any

from pdsclient._crc64 import crc64
from pdsclient.errors import InvalidRequest
from pdsclient.transfer._download_moving import Pieces
from pdsclient.transfer.disk import Disk

__all__ = ["Writer"]


class Writer:
    """An object with ``write`` that somebody else opened, and will close.

    Sync ones are called in threads, async ones in the loop, and so are those of asyncio.

    Args:
        disk: runs threads.
        target: the object.
        checked: what is written gets a checksum.

    Attributes:
        count: bytes that were written.
        checksum: their CRC-64.
    """

    def __init__(self, disk: Disk, target: Any, *, checked: bool) -> None:
        self.count = 0
        self.checksum = 0
        self._disk = disk
        self._target = target
        self._checked = checked
        self._drain = getattr(target, "drain", None)
        self._in_loop = iscoroutinefunction(target.write) or self._drain is not None

    @staticmethod
    def check(target: object) -> None:
        """Raise InvalidRequest unless it takes bytes."""
        if not callable(getattr(target, "write", None)):
            raise InvalidRequest(
                f"target must be a path or an object with write(), not {type(target).__name__}"
            )
        if isinstance(target, TextIOBase):
            raise InvalidRequest("target takes text; open it in binary mode")
        if isinstance(target, IOBase) and (target.closed or not target.writable()):
            raise InvalidRequest('target is not open for writing; open it so: open(path, "wb")')

    async def write(self, pieces: Pieces) -> None:
        """Write the pieces, all of them."""
        data = b"".join(pieces)
        if self._checked:
            self.checksum = await self._disk.run(crc64, data, self.checksum)
        self.count += len(data)
        while data:
            taken = await self._some(data)
            # What only looks like a file seldom counts.
            data = data[len(data) if not isinstance(taken, int) else taken :]

    async def _some(self, data: bytes) -> object:
        if self._in_loop:
            taken = self._target.write(data)
        else:
            taken = await self._disk.run(self._target.write, data)
            if taken is None and isinstance(self._target, RawIOBase):
                raise BlockingIOError(
                    errno.EAGAIN, "the target takes no more; open it in blocking mode"
                )
        if isawaitable(taken):
            taken = await taken
        if self._drain is not None:
            await self._drain()
        return taken
