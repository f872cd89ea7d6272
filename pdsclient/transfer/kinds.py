"""What arguments of transfers may be; the client's signatures and those behind them share it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Awaitable
from typing import Literal, Protocol, TypeAlias

__all__ = [
    "AnyPath",
    "AnySource",
    "AsyncReader",
    "Compare",
    "DownloadMode",
    "SupportsRead",
    "SupportsWrite",
    "TreeMode",
    "UploadMode",
]


class SupportsRead(Protocol):
    """Something that bytes can be read from, in order; also with an async ``read``."""

    def read(self, size: int, /) -> bytes | Awaitable[bytes]:
        """Up to so many bytes; none at the end."""
        ...


class AsyncReader(Protocol):
    """One of them with an async ``read``."""

    async def read(self, size: int, /) -> bytes: ...


class SupportsWrite(Protocol):
    """Something that bytes can be written to, in order; also with an async ``write``."""

    def write(self, data: bytes, /) -> object:
        """Takes the bytes; if it returns a number, so many of them."""
        ...


AnyPath: TypeAlias = "str | os.PathLike[str]"
AnySource: TypeAlias = (
    "AnyPath | bytes | bytearray | memoryview | SupportsRead | AsyncIterable[bytes]"
)
UploadMode: TypeAlias = Literal["refuse", "overwrite", "skip", "auto_rename", "ignore"]
DownloadMode: TypeAlias = Literal["refuse", "overwrite", "skip", "auto_rename"]
TreeMode: TypeAlias = Literal["update", "skip", "refuse", "auto_rename"]
Compare: TypeAlias = Literal["auto", "checksum", "size"]
