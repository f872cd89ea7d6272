"""The bytes of a file: kept, made up on the fly, or read from a served directory."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Hashable, Iterator
from datetime import datetime
from types import TracebackType
from typing import Final, Protocol, Self

from pdsclient.emulator.crc64 import crc64

_BLOCK: Final = 64 * 1024
_CHUNK: Final = 1024 * 1024
# Above these a digest is not worth its time in an emulator; replies may lack both.
SHA1_BYTES: Final = 256 * 1024 * 1024
CRC64_BYTES: Final = 1024 * 1024


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


class Generated:
    """As many bytes as wanted, the same for the same revision, without storing any.

    Every block begins with its number, so that a part put in the wrong place is noticed.
    """

    def __init__(self, revision_id: str, size: int) -> None:
        self._seed = hashlib.shake_128(revision_id.encode())
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
    ) -> None:
        self.size = size
        self.content_type = content_type
        self.revision_id = revision_id
        self.modified_at = modified_at
        self._source = source
        self._digests = digests
        self._key = key

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from the offset on; fewer at the end."""
        return self._source.read(offset, length)

    def sha1(self) -> str | None:
        """Upper-case hex; None above 256 MiB."""
        return self._digests.get((self._key, "sha1"), self._sha1)

    def crc64(self) -> str | None:
        """Decimal text, as ``crc64_hash``; None above 1 MiB, since it is computed in Python."""
        return self._digests.get((self._key, "crc64"), self._crc64)

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
        if self.size > CRC64_BYTES:
            return None
        checksum = 0
        for chunk in self._chunks():
            checksum = crc64(chunk, checksum)
        return str(checksum)

    def _chunks(self) -> Iterator[bytes]:
        for offset in range(0, self.size, _CHUNK):
            yield self.read(offset, _CHUNK)
