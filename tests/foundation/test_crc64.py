"""CRC-64/XZ: the published check value, the same answer from every implementation, joining."""

from __future__ import annotations

import builtins
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient import _crc64
from pdsclient._crc64 import combine, crc64, is_fast

CHECK = 0x995DC9BBDF1939FA


@pytest.fixture
def unloaded():
    """Implementations are looked for anew, in the test and after it."""
    _crc64._fastest.cache_clear()
    yield
    _crc64._fastest.cache_clear()


def test_the_checksum_is_crc_64_xz():
    """The check value of the catalogue of CRCs, from every kind of bytes."""
    assert crc64(b"123456789") == CHECK
    assert crc64(bytearray(b"123456789")) == crc64(memoryview(b"123456789")) == CHECK
    assert crc64(b"") == 0


@settings(max_examples=50)
@given(st.binary(max_size=300), st.integers(0, 300))
def test_pieces_make_up_the_whole(data, cut):
    """Going on from the piece in front, and joining two checksums, both give that of the whole."""
    front, back = data[:cut], data[cut:]
    assert crc64(back, crc64(front)) == crc64(data)
    assert combine(crc64(front), crc64(back), len(back)) == crc64(data)
    assert _crc64._in_python(data, 0) == crc64(data)


def test_big_pieces_are_joined_without_reading_them():
    """A terabyte of zeros behind is joined at once."""
    size = 2**40
    step = crc64(bytes(2**20))
    whole = step
    for power in range(20):
        whole = combine(whole, whole, 2 ** (20 + power))
    assert combine(crc64(b"x"), whole, size) != combine(crc64(b"y"), whole, size)
    assert combine(0, whole, size) == whole


def test_without_a_library_python_does_it(unloaded, monkeypatch):
    """Slowly, with the same result; it says that it is slow."""
    real = builtins.__import__

    def missing(name, *rest):
        if name in ("_lzma", "fastcrc", "anycrc"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    for name in ("_lzma", "fastcrc", "anycrc"):
        monkeypatch.setitem(sys.modules, name, None)
    assert not is_fast()
    assert crc64(b"123456789") == CHECK


def test_a_library_that_is_wrong_is_not_used(unloaded, monkeypatch):
    """Whatever can be loaded has to pass the check value first."""
    monkeypatch.setattr(_crc64, "_of_lzma", lambda: lambda data, before: 1)
    assert crc64(b"123456789") == CHECK
