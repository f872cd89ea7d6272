"""What arguments of transfers may be; the client's signatures and those behind them share it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable
from typing import IO, Literal, Protocol, TypeAlias

__all__ = [
    "AnyPath",
    "AnySource",
    "AsyncReader",
    "Compare",
    "DownloadMode",
    "TreeMode",
    "UploadMode",
]


class AsyncReader(Protocol):
    """Something that bytes can be read from, in order."""

    async def read(self, size: int, /) -> bytes:
        """Up to so many bytes; none at the end."""
        ...


AnyPath: TypeAlias = "str | os.PathLike[str]"
AnySource: TypeAlias = (
    "AnyPath | bytes | bytearray | memoryview | IO[bytes] | AsyncReader | AsyncIterable[bytes]"
)
UploadMode: TypeAlias = Literal["refuse", "overwrite", "skip", "auto_rename", "ignore"]
DownloadMode: TypeAlias = Literal["refuse", "overwrite", "skip", "auto_rename"]
TreeMode: TypeAlias = Literal["update", "skip", "refuse", "auto_rename"]
Compare: TypeAlias = Literal["auto", "checksum", "size"]
