"""Reading what is uploaded: in order, one part ahead, with its checksums."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from attrs import field, frozen

from pdsclient._crc64 import combine, crc64, is_fast
from pdsclient.models.upload import HashContext
from pdsclient.transfer.hashing import HashContexts
from pdsclient.transfer.planning import GrowingParts, Part, PartPlan
from pdsclient.transfer.sources import AT_ONCE

if TYPE_CHECKING:
    from pdsclient.transfer.disk import Disk
    from pdsclient.transfer.sources import Content

__all__ = ["Examiner", "Piece", "Reader", "parts_of"]

P = TypeVar("P")

# Pure Python takes a tenth of a second for so many bytes.
_MOST_SLOWLY: Final = 1 << 20


@frozen
class Piece:
    """A part with its bytes.

    Attributes:
        part: which one.
        data: its bytes.
        crc64: their checksum; None where it would take seconds.
    """

    part: Part
    data: bytes = field(repr=False)
    crc64: int | None


class Reader(Generic[P]):
    """Reads parts in order, one ahead of whoever takes them.

    Args:
        content: what is read.
        parts: which parts.
        examine: makes of each what is wanted.
    """

    def __init__(
        self,
        content: Content,
        parts: Iterator[Part],
        examine: Callable[[Part, bytes], Awaitable[P]],
    ) -> None:
        self._content = content
        self._parts = parts
        self._examine = examine
        self._ahead: asyncio.Task[P | None] | None = None
        self._turn = asyncio.Lock()

    async def next(self) -> P | None:
        """The next part; None when there is no other."""
        async with self._turn:
            reading = self._ahead or asyncio.create_task(self._read())
            self._ahead = reading
            piece = await reading
            self._ahead = None if piece is None else asyncio.create_task(self._read())
            return piece

    async def start_again(self, parts: Iterator[Part]) -> None:
        """Go on with other parts."""
        async with self._turn:
            await self.close()
            self._parts = parts

    async def close(self) -> None:
        """Read no further."""
        reading, self._ahead = self._ahead, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self) -> P | None:
        part = next(self._parts, None)
        if part is None:
            return None
        data = await self._content.read(part.offset, part.length)
        if len(data) < part.length:
            # A stream has ended; it may have done so with the part before.
            self._parts = iter(())
            if not data:
                return None
        return await self._examine(part, data)


def parts_of(content: Content, part_size: int, first: int = 1) -> Iterator[Part]:
    """The parts that a content is sent in, from a number on."""
    if content.size is None:
        return _growing(part_size)
    plan = PartPlan(content.size, part_size)
    return map(plan.part, range(first, plan.count + 1))


def _growing(part_size: int) -> Iterator[Part]:
    lengths = GrowingParts(part_size)
    offset = 0
    for number in count(1):
        length = lengths.next_length()
        yield Part(number, offset, length)
        offset += length


class Examiner:
    """Takes the checksums of parts, and joins them, as they are read.

    Args:
        disk: its threads are used.
        size: bytes of the content, None while unknown.
        hash_name: keep states of this hash, None for none.

    Attributes:
        states: the state of the hash in front of each part, by number.
        last: number of the last part that was read.
        size: bytes up to its end.
    """

    def __init__(self, disk: Disk, size: int | None, hash_name: Any) -> None:
        self._disk = disk
        self._sums = is_fast() or (size is not None and size <= _MOST_SLOWLY)
        self._hash = None if hash_name is None else HashContexts(hash_name)
        self._whole = {0: 0}
        self.states: dict[int, HashContext] = {}
        self.last = self.size = 0

    async def __call__(self, part: Part, data: bytes) -> Piece:
        if len(data) <= AT_ONCE:
            return self._examine(part, data)
        return await self._disk.run(self._examine, part, data)

    def _examine(self, part: Part, data: bytes) -> Piece:
        self.last, self.size = part.number, part.offset + len(data)
        if self._hash is not None:
            self.states[part.number] = self._hash.state()
            self._hash.update(data)
        if not self._sums:
            return Piece(part, data, None)
        own = crc64(data)
        self._whole[part.number] = combine(self._whole[part.number - 1], own, len(data))
        return Piece(part, data, own)

    def checksum(self) -> str | None:
        """Of all that was read, as the service writes it; None where it would take seconds."""
        return str(self._whole[self.last]) if self._sums else None

    def content_hash(self) -> str | None:
        """The hash of all that was read, if it was kept."""
        return None if self._hash is None else self._hash.hexdigest()
