"""Paging markers: opaque to clients, and everything that is needed to go on.

A marker holds the whole search (drives, query, order) beside the position, so that a query that
is sent along with it is ignored, as on the service. It is signed: what was not issued here, or
for another kind of listing, is refused.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from hashlib import blake2b
from typing import Any
from zlib import compress, decompress

import msgspec

from pdsclient._clock import Clock
from pdsclient.emulator.replies import ServiceError, invalid

__all__ = ["Markers"]

_MAC_BYTES = 12


class Markers:
    """Seals and opens markers with a key of its own."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def seal(self, kind: str, content: Any) -> str:
        """An opaque text for JSON-like content."""
        body = compress(msgspec.msgpack.encode([kind, self._clock.time(), content]), 1)
        return b64encode(self._mac(body) + body).decode()

    def open(self, kind: str, text: str, *, life_s: float | None) -> Any:
        """The content again; ServiceError for one that is forged, foreign or too old."""
        try:
            sealed = b64decode(text, validate=True)
        except ValueError:
            raise refused_marker() from None
        mac, body = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        if mac != self._mac(body):
            raise refused_marker()
        found, issued, content = msgspec.msgpack.decode(decompress(body))
        if found != kind or (life_s is not None and self._clock.time() > issued + life_s):
            raise refused_marker()
        return content

    def _mac(self, body: bytes) -> bytes:
        return blake2b(body, key=self._key, digest_size=_MAC_BYTES).digest()


def refused_marker() -> ServiceError:
    """400: the marker was not issued for this listing, or has expired."""
    return invalid("marker")
