"""Hashes of a content that arrives in parts, and the hash states that parallel parts bring along.

A client that uploads in parallel says with each part what state the hash of everything before it
is in. Python cannot be asked for that state, but padding is all that lies between the state and
the hash of those bytes: one block of the hash function, computed here, tells whether it is true.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import define, field, frozen

__all__ = ["HashState", "Running"]

_BLOCK: Final = 64
_WORD: Final = 0xFFFF_FFFF
WORDS: Final = {"sha1": 5, "sha256": 8}


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
        words = _COMPRESS[self.name](self.words, struct.unpack(">16I", end))
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
    def start(cls) -> Running:
        """Of nothing yet."""
        return cls({name: hashlib.new(name) for name in WORDS})

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

    def hexdigest(self, name: str) -> str:
        """Upper-case hex."""
        return str(self.hashes[name].hexdigest().upper())


def _rotated(word: int, left: int) -> int:
    return (word << left | word >> (32 - left)) & _WORD


def _sha1(state: Sequence[int], block: Sequence[int]) -> list[int]:
    """One block of SHA-1 (FIPS 180-4, 6.1.2)."""
    words = list(block)
    for at in range(16, 80):
        words.append(_rotated(words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16], 1))
    a, b, c, d, e = state
    for at, word in enumerate(words):
        mixed = _SHA1_MIX[at // 20](b, c, d)
        added = _rotated(a, 5) + mixed + e + _SHA1_ADDED[at // 20] + word
        a, b, c, d, e = added & _WORD, a, _rotated(b, 30), c, d
    return [(old + new) & _WORD for old, new in zip(state, (a, b, c, d, e), strict=True)]


def _choose(x: int, y: int, z: int) -> int:
    return x & y ^ ~x & z


def _parity(x: int, y: int, z: int) -> int:
    return x ^ y ^ z


def _majority(x: int, y: int, z: int) -> int:
    return x & y ^ x & z ^ y & z


_SHA1_MIX: Final = (_choose, _parity, _majority, _parity)
_SHA1_ADDED: Final = (0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6)


def _sha256(state: Sequence[int], block: Sequence[int]) -> list[int]:
    """One block of SHA-256 (FIPS 180-4, 6.2.2)."""
    words = list(block)
    for at in range(16, 64):
        near, far = words[at - 2], words[at - 15]
        low = _rotated(near, 15) ^ _rotated(near, 13) ^ near >> 10
        high = _rotated(far, 25) ^ _rotated(far, 14) ^ far >> 3
        words.append((low + words[at - 7] + high + words[at - 16]) & _WORD)
    a, b, c, d, e, f, g, h = state
    for word, added in zip(words, _SHA256_ADDED, strict=True):
        turned = _rotated(e, 26) ^ _rotated(e, 21) ^ _rotated(e, 7)
        first = h + turned + _choose(e, f, g) + added + word
        turned = _rotated(a, 30) ^ _rotated(a, 19) ^ _rotated(a, 10)
        second = turned + _majority(a, b, c)
        a, b, c, d, e, f, g, h = (first + second) & _WORD, a, b, c, (d + first) & _WORD, e, f, g
    found = (a, b, c, d, e, f, g, h)
    return [(old + new) & _WORD for old, new in zip(state, found, strict=True)]


def _cube_root_bits(number: int) -> int:
    """The first 32 bits of the fraction of a cube root."""
    wanted = number << 96
    low, high = 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= wanted else (low, middle)
    return low & _WORD


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


_SHA256_ADDED: Final = tuple(_cube_root_bits(prime) for prime in _primes(64))
_COMPRESS: Final[dict[str, Callable[[Sequence[int], Sequence[int]], list[int]]]] = {
    "sha1": _sha1,
    "sha256": _sha256,
}
