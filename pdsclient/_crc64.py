"""CRC-64/XZ, the checksum that the service calls ``crc64_hash`` and OSS ``crc64ecma``.

Python's own lzma module is linked with a library that computes it at gigabytes a second. Where
that cannot be reached, the packages fastcrc and anycrc can, and pure Python at ten megabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any, Final

__all__ = ["combine", "crc64", "is_fast"]

_POLYNOMIAL: Final = 0xC96C5795D7870F42  # ECMA-182, bits reversed
_MASK: Final = 0xFFFF_FFFF_FFFF_FFFF
# 1 and x to the power of 8 as polynomials; the highest coefficient is the lowest bit.
_ONE: Final = 1 << 63
_X8: Final = 1 << 55
# The check value of the catalogue of CRCs, and the same in two steps.
_CHECK: Final = (b"123456789", 0x995DC9BBDF1939FA)

Update = Callable[[Any, int], int]


def crc64(data: bytes | bytearray | memoryview, before: int = 0) -> int:
    """The checksum of the data.

    Args:
        data: any number of bytes.
        before: the checksum of the bytes in front of them.
    """
    return _fastest()[0](data, before)


def is_fast() -> bool:
    """Whether a gigabyte takes about a second, and not minutes."""
    return _fastest()[1]


def combine(first: int, second: int, length: int) -> int:
    """The checksum of two pieces one after the other, from the checksum of each.

    Args:
        first: of the piece in front.
        second: of the piece behind it.
        length: how many bytes the piece behind has.
    """
    return _times(first, _shift(length)) ^ second


@cache
def _fastest() -> tuple[Update, bool]:
    for make in (_of_lzma, _of_fastcrc, _of_anycrc):
        # What is not there, or is not what it was, is passed over.
        with suppress(ImportError, OSError, AttributeError, TypeError, ValueError):
            update = make()
            if _is_right(update):
                return update, True
    return _in_python, False


def _is_right(update: Update) -> bool:
    data, wanted = _CHECK
    return update(data, 0) == wanted == update(memoryview(data)[4:], update(data[:4], 0))


def _of_lzma() -> Update:
    import _lzma
    import ctypes

    function = ctypes.CDLL(_lzma.__file__).lzma_crc64
    function.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64)
    function.restype = ctypes.c_uint64

    def update(data: Any, before: int) -> int:
        whole = data if isinstance(data, bytes) else bytes(data)
        result: int = function(whole, len(whole), before)
        return result

    return update


def _of_fastcrc() -> Update:
    function = import_module("fastcrc").crc64.xz
    return lambda data, before: function(bytes(data), before)


def _of_anycrc() -> Update:
    compute = import_module("anycrc").Model("CRC64-XZ").calc
    return lambda data, before: compute(bytes(data), before) if before else compute(bytes(data))


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


@cache
def _table() -> tuple[int, ...]:
    return tuple(_entry(byte) for byte in range(256))


def _in_python(data: Any, before: int) -> int:
    table = _table()
    state = before ^ _MASK
    for byte in data:
        state = table[(state ^ byte) & 0xFF] ^ state >> 8
    return state ^ _MASK


@cache
def _shift(length: int) -> int:
    """What so many bytes do to the checksum of what stands in front of them."""
    power, square = _ONE, _X8
    while length:
        if length & 1:
            power = _times(power, square)
        square = _times(square, square)
        length >>= 1
    return power


def _times(left: int, right: int) -> int:
    """The product of two polynomials, modulo the one of this checksum."""
    product = 0
    while left:
        if left & _ONE:
            product ^= right
        left = left << 1 & _MASK
        right = right >> 1 ^ (_POLYNOMIAL if right & 1 else 0)
    return product
