"""Hashes of contents: digests, running states of SHA-1 and SHA-256, joined CRC-64 values.

Parts that are uploaded side by side bring the state of the hash of all that stands in front of
them (pds-service.md 10.4), and hashlib does not show its state. OpenSSL's functions for one hash
do, as fast as hashlib: their context begins with it. They are called by ctypes where the library
is within reach and passes a test; otherwise Python computes states of small contents itself.

Everything here computes and takes its time: call it in threads. The GIL is released meanwhile.
"""

from __future__ import annotations

import hashlib
import struct
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, Final, Literal, Protocol, TypeAlias

from pdsclient import _crc64
from pdsclient._sha import BLOCK, COMPRESS, START, WORDS
from pdsclient.errors import InvalidRequest
from pdsclient.models.upload import HashContext

__all__ = ["MOST_SLOWLY", "Digests", "HashContexts", "combine_crc64", "contexts_are_fast"]

Data: TypeAlias = "bytes | bytearray | memoryview"

MOST_SLOWLY: Final = 1 << 20
"""Bytes whose hash states Python computes itself, in a few seconds."""

# SHA_CTX of OpenSSL has 96 bytes and SHA256_CTX 112; another library may need more.
_CONTEXT_WORDS: Final = 64
# Where Python does not tell where its own library is; each of these is tested before it is used.
_LIBRARIES: Final = {
    "win32": ("libcrypto-3.dll", "libcrypto-3-x64.dll", "libcrypto-1_1.dll"),
    "darwin": ("libcrypto.3.dylib",),
}
_OTHER_LIBRARIES: Final = ("libcrypto.so.3", "libcrypto.so.1.1")


class Digests:
    """Digests of a content that comes in order.

    Args:
        names: which ones.
    """

    def __init__(self, *names: Literal["sha1", "sha256"]) -> None:
        self._hashes = {name: _new(name) for name in names}

    def update(self, data: Data) -> None:
        """Takes in what comes next."""
        for one in self._hashes.values():
            one.update(data)

    def value(self, name: Literal["sha1", "sha256"]) -> str:
        """As the service writes it: hex in upper case."""
        return str(self._hashes[name].hexdigest()).upper()


def combine_crc64(pieces: Iterable[tuple[int, int]]) -> int:
    """The CRC-64 of pieces in a row, each given by its own CRC-64 and its length in bytes."""
    whole = 0
    for crc, length in pieces:
        whole = _crc64.combine(whole, crc, length)
    return whole


def contexts_are_fast() -> bool:
    """Whether hash states of large contents can be had, about as fast as their hashes."""
    return _library() is not None


class HashContexts:
    """The running hash of a content that comes in order, with its state between blocks.

    Args:
        name: which hash.
    """

    def __init__(self, name: Literal["sha1", "sha256"]) -> None:
        library = _library()
        self._is_fast = library is not None
        self._running: _Running = _Slow(name) if library is None else _Fast(library, name)
        self._count = 0

    def update(self, data: Data) -> None:
        """Takes in what comes next.

        Raises:
            InvalidRequest: it is more than this machine can compute in a reasonable time.
        """
        self._count += len(data)
        if self._count > MOST_SLOWLY and not self._is_fast:
            raise InvalidRequest(
                "parallel uploads need states of a hash that this Python shows only for "
                f"{MOST_SLOWLY:,} bytes, as it has no OpenSSL within reach; give parallel=False"
            )
        self._running.update(bytes(data))

    def state(self) -> HashContext:
        """The state in front of the next byte, whose offset has to be a multiple of 64."""
        if self._count % BLOCK:
            raise ValueError(f"a hash has no state after {self._count:,} bytes")
        return HashContext(h=self._running.words(), part_offset=self._count)

    def hexdigest(self) -> str:
        """The hash of all that came, in upper case."""
        return self._running.digest().hex().upper()


class _Running(Protocol):
    def update(self, data: bytes) -> None: ...
    def words(self) -> list[int]: ...
    def digest(self) -> bytes: ...


class _Fast:
    """By OpenSSL; its functions release the GIL."""

    def __init__(self, library: Any, name: str) -> None:
        import ctypes

        prefix = name.upper()
        self._make = ctypes.c_uint64 * _CONTEXT_WORDS
        self._digest = ctypes.c_ubyte * (4 * WORDS[name])
        self._take, self._finish = library[f"{prefix}_Update"], library[f"{prefix}_Final"]
        self._take.argtypes = (self._make, ctypes.c_char_p, ctypes.c_size_t)
        self._words = struct.Struct(f"={WORDS[name]}I")
        self._context = self._make()
        library[f"{prefix}_Init"](self._context)

    def update(self, data: bytes) -> None:
        self._take(self._context, data, len(data))

    def words(self) -> list[int]:
        return list(self._words.unpack_from(self._context))

    def digest(self) -> bytes:
        # The end is written into a copy, so that more may follow.
        copy = self._make.from_buffer_copy(self._context)
        made = self._digest()
        self._finish(made, copy)
        return bytes(made)


class _Slow:
    """In Python."""

    def __init__(self, name: str) -> None:
        self._compress = COMPRESS[name]
        self._words = list(START[name])
        self._rest = b""
        self._hash = _new(name)

    def update(self, data: bytes) -> None:
        self._hash.update(data)
        data = self._rest + data
        whole = len(data) - len(data) % BLOCK
        for block in struct.iter_unpack(">16I", data[:whole]):
            self._words = self._compress(self._words, block)
        self._rest = data[whole:]

    def words(self) -> list[int]:
        return list(self._words)

    def digest(self) -> bytes:
        return bytes(self._hash.digest())


def _new(name: str) -> Any:
    # They find contents again and protect nothing, so systems that forbid SHA-1 allow it here.
    return hashlib.new(name, usedforsecurity=False)


# ------------------------------------------------------------------ OpenSSL


@cache
def _library() -> Any:
    """A library with OpenSSL's functions that do what is expected; None if there is none."""
    # What is not there, or is not what it was, is passed over.
    with suppress(ImportError):
        import ctypes

        for name in _candidates():
            with suppress(OSError, AttributeError, TypeError):
                library = ctypes.CDLL(name)
                if all(_is_right(library, hash_name) for hash_name in WORDS):
                    return library
    return None


def _candidates() -> Iterator[str | None]:
    import _hashlib

    # Symbols of all that it is linked with are found through it; a Python that has it built in
    # is asked itself.
    yield getattr(_hashlib, "__file__", None)
    yield from _LIBRARIES.get(sys.platform, _OTHER_LIBRARIES)


def _is_right(library: Any, name: str) -> bool:
    """Whether the states and hashes of the library are those that Python computes."""
    # In its FIPS mode OpenSSL 1.1 ends the process when it is asked for a hash in this way.
    if hasattr(library, "FIPS_mode") and library.FIPS_mode():
        return False
    fast, slow = _Fast(library, name), _Slow(name)
    for length in (0, 1, BLOCK - 1, 3 * BLOCK):
        data = bytes(at * 37 & 0xFF for at in range(length))
        fast.update(data)
        slow.update(data)
        if fast.words() != slow.words() or fast.digest() != slow.digest():
            return False
    return True
