"""What parts a content is moved in, and what follows when one of them fails. Nothing is moved here.

The service takes at most 10,000 parts of 100 KiB to 5 GiB, the last of which may be smaller
(pds-service.md 4.2 and 10.4); parts that go side by side begin at multiples of 64.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

from attrs import frozen

from pdsclient.errors import InvalidRequest, PDSError
from pdsclient.transfer.hashing import combine_crc64

__all__ = [
    "MOST_PARTS",
    "PART_SIZE",
    "SMALLEST",
    "Action",
    "GrowingParts",
    "Part",
    "PartPlan",
    "Ranges",
    "after_error",
    "part_size_for",
]

MOST_PARTS: Final = 10_000
PART_SIZE: Final = 8 << 20
SMALLEST: Final = 100 << 10
LARGEST: Final = 5 << 30
# Blocks of SHA-1 and SHA-256: a running hash has a state to show only between two of them.
_BLOCK: Final = 64
# Parts of a stream whose length nobody knows: so many of one size, then of twice the size. Two of
# them are in memory, hence the bound; as it is, 10,000 of them hold 7 TB.
_BEFORE_GROWTH: Final = 500
_GROWN: Final = 1 << 30


def part_size_for(size: int | None, wanted: int | None = None) -> int:
    """Bytes of each part but the last, a multiple of 64.

    Args:
        size: bytes of the content; None if unknown.
        wanted: bytes of a part, 102,400 to 5 GiB; 8 MiB if left out, or as many as 10,000 parts
            of the content need.

    Raises:
        InvalidRequest: ``part_size`` is out of bounds or too small for the content, or no part
            size is large enough for it.
    """
    least = _rounded_up(-(-(size or 0) // MOST_PARTS))
    if least > LARGEST:
        raise InvalidRequest(
            f"a content of {size:,} bytes is too large: "
            f"{MOST_PARTS:,} parts of 5 GiB hold {MOST_PARTS * LARGEST:,}"
        )
    if wanted is None:
        return max(PART_SIZE, least)
    part_size = _rounded_up(_checked(wanted))
    if part_size < least:
        raise InvalidRequest(
            f"part_size is too small for {size:,} bytes in {MOST_PARTS:,} parts, which is all that "
            f"the service takes; the least that works is {least}"
        )
    return part_size


def _checked(part_size: object) -> int:
    if isinstance(part_size, bool) or not isinstance(part_size, int):
        raise InvalidRequest(f"part_size must be an int, not {type(part_size).__name__}")
    if not SMALLEST <= part_size <= LARGEST:
        raise InvalidRequest(f"part_size must be from {SMALLEST:,} to {LARGEST:,} bytes")
    return part_size


def _rounded_up(count: int) -> int:
    return -(-count // _BLOCK) * _BLOCK


@frozen
class Part:
    """A piece of a content.

    Attributes:
        number: its place among the parts, from 1.
        offset: bytes in front of it.
        length: its bytes.
    """

    number: int
    offset: int
    length: int

    @property
    def end(self) -> int:
        """Offset of the first byte behind it."""
        return self.offset + self.length


@frozen
class PartPlan:
    """The parts of a content: equal ones and a last one, which may be shorter.

    Attributes:
        size: bytes of the content.
        part_size: bytes of each part but the last.
    """

    size: int
    part_size: int

    @property
    def count(self) -> int:
        """How many parts there are; an empty content has an empty one."""
        return max(1, -(-self.size // self.part_size))

    def part(self, number: int) -> Part:
        """A part by its number, from 1 to ``count``."""
        offset = (number - 1) * self.part_size
        return Part(number, offset, min(self.part_size, self.size - offset))

    def parts(self) -> Iterator[Part]:
        """All of them in order."""
        return map(self.part, range(1, self.count + 1))


class GrowingParts:
    """The lengths of the parts of a stream whose end nobody knows.

    They grow now and then: 8 MiB at first keep little in memory, and 10,000 parts still hold
    terabytes. Only parts that are sent in order may differ in length.

    Args:
        part_size: bytes of the first.
    """

    def __init__(self, part_size: int) -> None:
        self._length = part_size
        self._count = 0

    def next_length(self) -> int:
        """Bytes of the next part.

        Raises:
            InvalidRequest: there can be no other part.
        """
        if self._count == MOST_PARTS:
            raise InvalidRequest(
                f"part_size is too small for this stream: it goes on after {MOST_PARTS:,} parts, "
                "which is all that the service takes; give a larger part_size, or its size"
            )
        if self._count and self._count % _BEFORE_GROWTH == 0:
            self._length = max(self._length, min(2 * self._length, _GROWN))
        self._count += 1
        return self._length


class Ranges:
    """What of a download is there, what is under way and what is not.

    Args:
        plan: the ranges.
        done: CRC-64 values of those that are there from the start, by number.
    """

    def __init__(self, plan: PartPlan, done: Mapping[int, int] | None = None) -> None:
        self._plan = plan
        self._done = dict(done or {})
        # In order of their numbers, which makes it a heap.
        self._left = [one.number for one in plan.parts() if one.number not in self._done]

    def take(self) -> Part | None:
        """The first range that nobody has; None if there is none, for now or for good."""
        return self._plan.part(heapq.heappop(self._left)) if self._left else None

    def give_back(self, part: Part) -> None:
        """Somebody else may take it."""
        heapq.heappush(self._left, part.number)

    def done(self, part: Part, crc: int) -> None:
        """It is there, with this CRC-64."""
        self._done[part.number] = crc

    def checksum(self) -> int:
        """The CRC-64 of the content when all is done; for a thread, if there are many ranges."""
        parts = self._plan.parts()
        return combine_crc64((self._done[one.number], one.length) for one in parts)


class Action(Enum):
    """What to do after a part was refused."""

    LIST_PARTS = "go on where the service is"
    LOOK_AT_FILE = "the upload is no more: see whether the file is whole"
    IN_ORDER = "send parts one after the other"
    FAIL = "raise the error"


# By code, from the storage and from the service (pds-service.md 3.6, 10.4 and 10.5).
_ACTIONS: Final = {
    "PartNotSequential": Action.LIST_PARTS,
    "NoSuchUpload": Action.LOOK_AT_FILE,
    "NotFound.UploadId": Action.LOOK_AT_FILE,
    "AlreadyExist.File": Action.LOOK_AT_FILE,
    "InvalidParameterNotSupported.ParallelUpload": Action.IN_ORDER,
}


def after_error(error: PDSError) -> Action:
    """What follows from the error of a part or of a request for its URL.

    What could be repeated was repeated before, so most of what is left is for the caller.
    """
    return _ACTIONS.get(error.code, Action.FAIL)
