"""Compression in members, one for each write: the file may end, or be cut, behind any of them."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from pdsclient.export._extra import pyarrow

Compress: TypeAlias = Callable[[bytes], bytes]

# A third of the time of level 6 for files 12 % longer.
_GZIP_LEVEL = 3
_ZSTD_LEVEL = 3


def compressor(suffix: str) -> Compress:
    """The compression that a suffix asks for; each call gives a complete member.

    Args:
        suffix: ``.gz``, ``.zst`` or ``""`` for none.

    Raises:
        InvalidRequest: zstd on a Python before 3.14 without pyarrow.
    """
    if suffix == ".zst":
        return _zstd()
    return _gzip if suffix == ".gz" else bytes


def _gzip(data: bytes) -> bytes:
    # Without the time of writing, equal rows give equal files.
    return gzip.compress(data, _GZIP_LEVEL, mtime=0)


def _zstd() -> Compress:
    if sys.version_info >= (3, 14):
        from compression import zstd

        return partial(zstd.compress, level=_ZSTD_LEVEL)
    codec: Any = pyarrow("zstd").Codec("zstd", compression_level=_ZSTD_LEVEL)
    return partial(codec.compress, asbytes=True)
