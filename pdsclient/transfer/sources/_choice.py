"""Which kind of source the caller has given."""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import AsyncIterable
from typing import Any

from pdsclient._checks import check_text
from pdsclient.errors import InvalidRequest
from pdsclient.transfer.sources._base import BytesSource, Source
from pdsclient.transfer.sources._files import FileSource
from pdsclient.transfer.sources._paths import PathSource
from pdsclient.transfer.sources._streams import Readings, StreamSource

__all__ = ["name_for", "source_of"]


def source_of(source: Any, size: int | None = None) -> Source:
    """The source that the caller means.

    Args:
        source: a path, bytes, a binary file object, an object with an async ``read``, or an async
            iterable of bytes.
        size: bytes of one of the last two, if they are known.

    Raises:
        InvalidRequest: it is none of them, or ``size`` is given for another.
    """
    made = _source_of(source, size)
    if size is not None and not isinstance(made, StreamSource):
        raise InvalidRequest("size is for async sources; leave it out, others tell theirs")
    return made


def _source_of(source: Any, size: int | None) -> Source:
    if isinstance(source, (str, os.PathLike)):
        return PathSource(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return BytesSource(source)
    if _is_async_reader(source):
        return StreamSource(Readings(source), size)
    if isinstance(source, AsyncIterable):
        return StreamSource(source, size)
    if isinstance(source, io.TextIOBase):
        raise InvalidRequest('source is a text file; open it as binary: open(path, "rb")')
    if callable(getattr(source, "read", None)):
        if inspect.iscoroutinefunction(source.read):
            raise InvalidRequest(
                "source.read takes no number of bytes; give an async iterator of bytes, such as "
                "the object's own way to iterate over chunks"
            )
        return FileSource(source)
    raise InvalidRequest(
        "source must be a path, bytes, a binary file object, or an async reader or iterator of "
        f"bytes, not {type(source).__name__}"
    )


def _is_async_reader(source: Any) -> bool:
    """Whether it has an async ``read`` that takes a number of bytes."""
    read = getattr(source, "read", None)
    if not inspect.iscoroutinefunction(read):
        return False
    try:
        inspect.signature(read).bind(1)
    except TypeError:
        return False
    return True


def name_for(source: Source, name: str | None) -> str:
    """The name that the file gets.

    Raises:
        InvalidRequest: the source suggests none.
    """
    if name is None:
        name = source.name
    if name is None:
        raise InvalidRequest("name is missing: the source has none that could be taken")
    return check_text("name", name)
