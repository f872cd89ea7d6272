"""Hashes of a content that arrives in parts, and the hash states that parallel parts bring along.

A client that uploads in parallel says with each part what state the hash of everything before it
is in. Python cannot be asked for that state, but padding is all that lies between the state and
the hash of those bytes: one block of the hash function tells whether it is true.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from typing import Any

from attrs import define, field, frozen

from pdsclient._sha import COMPRESS

__all__ = ["HashState", "Running"]


@frozen
class HashState:
    """The state of a hash after a number of bytes, as ``parallel_sha1_ctx`` has it.

    Attributes:
        name: ``sha1`` or ``sha256``.
        words: the words of the state.
        offset: how many bytes it stands for, a multiple of 64.
    """

    name: str
    words: tuple[int, ...]
    offset: int

    def encode(self) -> str:
        """As text that needs no quoting in a URL."""
        words = "".join(f"{word:08x}" for word in self.words)
        return f"{self.name}x{self.offset}x{words}"

    @classmethod
    def decode(cls, text: str) -> HashState:
        """The state that ``encode`` wrote."""
        name, offset, words = text.split("x")
        ends = range(0, len(words), 8)
        return cls(name, tuple(int(words[at : at + 8], 16) for at in ends), int(offset))

    def digest(self) -> bytes:
        """The hash of the bytes that the state stands for."""
        end = struct.pack(">B55xQ", 0x80, self.offset * 8)
        words = COMPRESS[self.name](self.words, struct.unpack(">16I", end))
        return struct.pack(f">{len(words)}I", *words)


@define
class Running:
    """The hashes of a content's beginning, as far as it has arrived.

    Attributes:
        hashes: by name.
        etags: of the parts that went in.
        marks: the digests before each of those parts.
        size: how many bytes went in.
    """

    hashes: dict[str, Any]
    etags: list[str] = field(factory=list)
    marks: list[dict[str, bytes]] = field(factory=list)
    size: int = 0

    @classmethod
    def start(cls, names: Iterable[str]) -> Running:
        """Of nothing yet."""
        return cls({name: hashlib.new(name) for name in names})

    def copy(self) -> Running:
        """One that goes its own way."""
        hashes = {name: one.copy() for name, one in self.hashes.items()}
        return Running(hashes, [*self.etags], [*self.marks], self.size)

    def begin_part(self) -> None:
        """What follows is the next part."""
        self.marks.append({name: one.digest() for name, one in self.hashes.items()})

    def update(self, data: bytes) -> None:
        """Take in more of the part."""
        for one in self.hashes.values():
            one.update(data)
        self.size += len(data)

    def end_part(self, etag: str) -> None:
        """The part is whole."""
        self.etags.append(etag)

    def hexdigest(self, name: str) -> str | None:
        """Upper-case hex; None if this hash is not computed."""
        computed = self.hashes.get(name)
        return None if computed is None else computed.hexdigest().upper()
