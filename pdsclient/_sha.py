"""SHA-1 and SHA-256 block by block, for states of a hash that Python's hashlib does not show.

In pure Python, at half a megabyte per second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

__all__ = ["BLOCK", "COMPRESS", "START", "WORDS"]

BLOCK: Final = 64
"""Bytes that go in at once."""
WORDS: Final = {"sha1": 5, "sha256": 8}
"""Words of 32 bits that a state has, by name of the hash."""

_WORD: Final = 0xFFFF_FFFF


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


def _root_bits(number: int, degree: int) -> int:
    """The first 32 bits of the fraction of a root."""
    wanted = number << 32 * degree
    low, high = 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**degree <= wanted else (low, middle)
    return low & _WORD


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


_SHA256_ADDED: Final = tuple(_root_bits(prime, 3) for prime in _primes(64))

START: Final[dict[str, tuple[int, ...]]] = {
    "sha1": (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0),
    "sha256": tuple(_root_bits(prime, 2) for prime in _primes(8)),
}
"""The state of each hash before the first byte."""

COMPRESS: Final[dict[str, Callable[[Sequence[int], Sequence[int]], list[int]]]] = {
    "sha1": _sha1,
    "sha256": _sha256,
}
"""The state after a block of 16 words, from the state before it."""
