"""What is written behind the content of an unfinished download, so that a later run goes on.

The file is laid out for its whole life when it is made::

    content, `size` bytes │ a slot for each range │ the foot

A slot is filled when its range is there, with the checksum of the range. The foot is as long
always and stands at the very end, so that it is found without knowing anything about the file; it
says which content this is, as a fingerprint. All of it is checked: what a crash has torn reads as
not there. When the download is whole the file is cut behind its content.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from hashlib import blake2b
from typing import Final, Self

from attrs import frozen

from pdsclient._crc64 import crc64
from pdsclient.transfer.planning import PartPlan

__all__ = ["FOOT_BYTES", "Journal", "fingerprint"]

_MAGIC: Final = b"pdsclient.part.1"
# Magic, fingerprint, bytes of the content, bytes of a range; then the checksum of these.
_FOOT: Final = struct.Struct(">16s16sQQ")
_SUM: Final = struct.Struct(">Q")
FOOT_BYTES: Final = _FOOT.size + _SUM.size
# Checksum of the range, checksum of the slot.
_SLOT: Final = struct.Struct(">QQ")
_NUMBERED: Final = struct.Struct(">QQ")


def fingerprint(*parts: object) -> bytes:
    """What tells one content from another, and nothing else about either."""
    return blake2b(repr(parts).encode(errors="surrogatepass"), digest_size=16).digest()


@frozen
class Journal:
    """The layout of an unfinished download.

    Attributes:
        content: fingerprint of what is downloaded.
        plan: its ranges.
    """

    content: bytes
    plan: PartPlan

    @property
    def end(self) -> int:
        """Bytes of the file with all of this."""
        return self.plan.size + self.plan.count * _SLOT.size + FOOT_BYTES

    @property
    def slots(self) -> tuple[int, int]:
        """Where the slots are, and how many bytes they take."""
        return self.plan.size, self.plan.count * _SLOT.size

    def foot(self) -> tuple[int, bytes]:
        """Where the foot is, and what it says."""
        said = _FOOT.pack(_MAGIC, self.content, self.plan.size, self.plan.part_size)
        return self.end - FOOT_BYTES, said + _SUM.pack(crc64(said))

    @classmethod
    def of_foot(cls, foot: bytes, length: int) -> Self | None:
        """The layout of a file, None if it is no unfinished download.

        Args:
            foot: its last bytes.
            length: all of its bytes.
        """
        if len(foot) != FOOT_BYTES or foot[_FOOT.size :] != _SUM.pack(crc64(foot[: _FOOT.size])):
            return None
        magic, content, size, part_size = _FOOT.unpack_from(foot)
        if magic != _MAGIC or not part_size:
            return None
        found = cls(content, PartPlan(size, part_size))
        return found if found.end == length else None

    def slot(self, number: int, checksum: int) -> tuple[int, bytes]:
        """Where the slot of a range is, and what it says once the range is there."""
        place = self.plan.size + (number - 1) * _SLOT.size
        return place, _SLOT.pack(checksum, self._seal(number, checksum))

    def records(self, slots: bytes) -> dict[int, int]:
        """The checksums of the ranges that are there, by number."""
        return dict(self._filled(slots))

    def _filled(self, slots: bytes) -> Iterator[tuple[int, int]]:
        whole = len(slots) - len(slots) % _SLOT.size
        for number, (checksum, seal) in enumerate(_SLOT.iter_unpack(slots[:whole]), 1):
            if seal == self._seal(number, checksum):
                yield number, checksum

    def _seal(self, number: int, checksum: int) -> int:
        """Checksum of a slot: it holds for this content and this range alone."""
        return crc64(self.content + _NUMBERED.pack(number, checksum))
