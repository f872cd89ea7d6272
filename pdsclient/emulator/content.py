"""The bytes of a file: kept, made up on the fly, or read from a served directory."""

from __future__ import annotations

import hashlib
import os
import threading
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from pdsclient._crc64 import crc64, is_fast

_BLOCK: Final = 64 * 1024
_CHUNK: Final = 1024 * 1024
# Above these a digest is not worth its time in an emulator; replies may lack both.
SHA1_BYTES: Final = 256 * 1024 * 1024
_SLOW_CRC64_BYTES: Final = 1024 * 1024
ORIGIN_OF_CONTENT: Final = "sha1:"
_ORIGIN_MADE: Final = "made:"


def crc64_bytes() -> int:
    """Up to which size a checksum is worth its time."""
    return SHA1_BYTES if is_fast() else _SLOW_CRC64_BYTES


def lasting_origin(origin: str | None, revision_id: str) -> str:
    """Where the bytes of a revision come from, whatever the file or revision is called later."""
    return f"{_ORIGIN_MADE}{revision_id}" if origin is None else origin


def made_seed(origin: str | None, revision_id: str) -> str:
    """What bytes that are made up follow from."""
    return (origin or revision_id).removeprefix(_ORIGIN_MADE)


class Source(Protocol):
    """Where bytes come from; ``read`` may be called from any one thread at a time."""

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from the offset on; fewer at the end."""
        ...

    def close(self) -> None:
        """Give back what the source holds."""


class Kept:
    """Bytes that somebody put into the store."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]

    def close(self) -> None:
        """Nothing is held."""


class Pieces:
    """Bytes that lie in several files one after the other.

    The first file is opened at once, so that what consists of one only survives its removal.
    """

    def __init__(self, pieces: Sequence[tuple[Path, int]]) -> None:
        self._paths = [path for path, _ in pieces]
        self._ends = list(accumulate(size for _, size in pieces))
        self._at = 0
        self._descriptor: int | None = self._open(0) if pieces else None

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self._ends[-1] if self._ends else 0)
        found = []
        while offset < end:
            data = self._some(offset, end - offset)
            if not data:
                break
            found.append(data)
            offset += len(data)
        return found[0] if len(found) == 1 else b"".join(found)

    def _some(self, offset: int, length: int) -> bytes:
        at = bisect_right(self._ends, offset)
        if at != self._at:
            self.close()
            self._descriptor, self._at = self._open(at), at
        if self._descriptor is None:
            raise ValueError("the content is closed")
        start = self._ends[at - 1] if at else 0
        return os.pread(self._descriptor, min(length, self._ends[at] - offset), offset - start)

    def _open(self, at: int) -> int:
        return os.open(self._paths[at], os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def close(self) -> None:
        """Close the file that is open; safe to repeat."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self.close()


class Generated:
    """As many bytes as wanted, the same for the same seed, without storing any.

    Every block begins with its number, so that a part put in the wrong place is noticed.
    """

    def __init__(self, seed: str, size: int) -> None:
        self._seed = hashlib.shake_128(seed.encode())
        self._size = size

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self._size)
        if offset >= end:
            return b""
        first, last = offset // _BLOCK, (end - 1) // _BLOCK
        # A short file needs the beginning of one block only.
        body = self._seed.digest(max(min(_BLOCK, end) - 8, 0) if last == 0 else _BLOCK - 8)
        blocks = b"".join(number.to_bytes(8, "big") + body for number in range(first, last + 1))
        start = first * _BLOCK
        return blocks[offset - start : end - start]

    def close(self) -> None:
        """Nothing is held."""


class Digests:
    """The digests computed so far, at most ``limit`` of them; the oldest is dropped."""

    def __init__(self, limit: int = 10_000) -> None:
        self._known: dict[Hashable, str | None] = {}
        self._lock = threading.Lock()
        self._limit = limit

    def get(self, key: Hashable, compute: Callable[[], str | None]) -> str | None:
        """The digest under this key; computed outside the lock, so rarely twice."""
        with self._lock:
            if key in self._known:
                return self._known[key]
        digest = compute()
        with self._lock:
            self._known[key] = digest
            if len(self._known) > self._limit:
                del self._known[next(iter(self._known))]
        return digest


class Content:
    """One revision of one file, open for reading until closed, or until nobody refers to it.

    Attributes:
        size: bytes.
        content_type: as the file says it.
        revision_id: the revision that the bytes belong to.
        modified_at: for ``Last-Modified``.
    """

    def __init__(
        self,
        source: Source,
        *,
        size: int,
        content_type: str,
        revision_id: str,
        modified_at: datetime,
        digests: Digests,
        key: Hashable,
        sha1: str | None = None,
        crc64: str | None = None,
    ) -> None:
        self.size = size
        self.content_type = content_type
        self.revision_id = revision_id
        self.modified_at = modified_at
        self._source = source
        self._digests = digests
        self._key = key
        self._known = sha1, crc64

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from the offset on; fewer at the end."""
        return self._source.read(offset, length)

    def sha1(self) -> str | None:
        """Upper-case hex; None above 256 MiB."""
        return self._known[0] or self._digests.get((self._key, "sha1"), self._sha1)

    def crc64(self) -> str | None:
        """Decimal text, as ``crc64_hash``; None if it would take long to compute."""
        return self._known[1] or self._digests.get((self._key, "crc64"), self._crc64)

    def close(self) -> None:
        """Close what is open; safe to repeat."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _sha1(self) -> str | None:
        if self.size > SHA1_BYTES:
            return None
        digest = hashlib.sha1()
        for chunk in self._chunks():
            digest.update(chunk)
        return digest.hexdigest().upper()

    def _crc64(self) -> str | None:
        if self.size > crc64_bytes():
            return None
        checksum = 0
        for chunk in self._chunks():
            checksum = crc64(chunk, checksum)
        return str(checksum)

    def _chunks(self) -> Iterator[bytes]:
        for offset in range(0, self.size, _CHUNK):
            yield self.read(offset, _CHUNK)
