"""Bytes from the storage to where they go: the next ones come while those before are written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeAlias

from pdsclient._crc64 import is_fast
from pdsclient.transfer.control import Control, Lane

__all__ = ["Cut", "Pieces", "Write", "is_checked", "receive"]

Pieces: TypeAlias = "list[bytes | memoryview]"
Write: TypeAlias = Callable[[Pieces], Coroutine[Any, Any, None]]

# So much is handed to a thread at a time: the way there and back costs a tenth of a millisecond.
# Of more the first bytes have left the processor's caches when they are written: with 1 MiB all
# of it took 1.5 times as long (benchmarks/transfers.py).
_BATCH: Final = 1 << 18
# Pure Python computes ten megabytes of CRC-64 a second.
_MOST_SLOWLY: Final = 1 << 20


def is_checked(size: int | None) -> bool:
    """Whether a content gets a checksum: it is short, or this Python computes fast.

    Call it in a thread: the first time it looks for libraries.
    """
    return is_fast() or (size is not None and size <= _MOST_SLOWLY)


class _Readable(Protocol):
    def read(self) -> Awaitable[bytes]: ...


class Cut:
    """What a reading gives, in pieces no longer than wanted.

    Args:
        reading: gives pieces as long as they happen to be, and an empty one at the end.
    """

    def __init__(self, reading: _Readable) -> None:
        self._reading = reading
        self._rest: bytes | memoryview = b""

    async def take(self, most: int | None = None) -> bytes | memoryview:
        """The next piece; empty at the end."""
        piece = self._rest or await self._reading.read()
        if most is None or len(piece) <= most:
            self._rest = b""
            return piece
        view = memoryview(piece)
        self._rest = view[most:]
        return view[:most]

    def give_back(self, data: bytes) -> None:
        """They are the next ones again, as they were before they were taken."""
        self._rest = b"".join((data, self._rest))


class _Behind:
    """One write that is under way, for ``async with``; it has ended when that is left."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def put(self, batch: Pieces) -> None:
        """Begin to write, once what was put before is written."""
        await self.settle()
        self._task = asyncio.create_task(self._write(batch))

    async def settle(self) -> None:
        """Wait until all is written; raises what went wrong."""
        if self._task is not None:
            await self._task
            self._task = None

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            # Raised already, or of no interest beside what is on its way out.
            _ = task.cancelled() or task.exception()


async def receive(control: Control, lane: Lane, pieces: Cut, length: int, write: Write) -> int:
    """Moves the next bytes to where they go; how many came, fewer only at the end.

    Args:
        control: of the transfer; counts, and slows down.
        lane: of this part.
        pieces: gives them.
        length: how many to take at most.
        write: takes them in order.
    """
    came = waiting = 0
    batch: Pieces = []
    async with _Behind(write) as behind:
        while came < length and (piece := await pieces.take(length - came)):
            came += len(piece)
            lane.moved += len(piece)
            waiting += len(piece)
            batch.append(piece)
            if waiting >= _BATCH:
                await behind.put(batch)
                batch, waiting = [], 0
            await control.passed(len(piece))
        await behind.settle()
        if batch:
            # Nothing comes meanwhile, and most files are so small that this is all.
            await write(batch)
    return came
