"""What sinks that write lines have in common: JSON lines and CSV."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, BinaryIO, ClassVar, TypeAlias

from pdsclient.export._compress import Compress, compressor
from pdsclient.export._fields import Reader, Rows
from pdsclient.export._files import FileSink
from pdsclient.export._place import (
    ByteFile,
    PartFile,
    Stream,
    as_path,
    check_suffix,
    split_suffixes,
)
from pdsclient.export._sink import Batch, Position

Target: TypeAlias = str | os.PathLike[str] | BinaryIO


class TextSink(FileSink):
    """A sink whose position is a number of bytes."""

    form: ClassVar[str]

    def __init__(self, target: Target, reader: Reader, options: dict[str, Any]) -> None:
        self._file = self._as_place(target)
        super().__init__(self._file, options)
        self._reader = reader
        self._suffix = split_suffixes(self._file.name)[1]
        self._compress: Compress = bytes

    def _as_place(self, target: Target) -> ByteFile:
        if hasattr(target, "write"):
            return Stream(type(self).__name__, target)
        path = as_path(type(self).__name__, target)
        check_suffix(type(self).__name__, path, self.form, compressed=True)
        return PartFile(path)

    def _begin(self) -> None:
        self._compress = compressor(self._suffix)
        self._file.create()
        # Also when there is no head: a compressed file without a member is none.
        self._file.append(self._compress(self._head()))

    def _resume(self, position: Position) -> None:
        self._compress = compressor(self._suffix)
        self._file.resume(position)

    def _append(self, batches: Sequence[Batch]) -> Position:
        # Page by page: the rows of sixty pages at once are more than the processor's caches hold.
        lines = b"".join(self._lines(batch) for batch in batches if batch.files)
        if lines:
            self._file.append(self._compress(lines))
        return self._file.mark

    def _lines(self, batch: Batch) -> bytes:
        return self._encode(self._reader.read([batch]))

    def _publish(self) -> None:
        self._file.publish()

    @abstractmethod
    def _head(self) -> bytes:
        """What stands before the first row."""

    @abstractmethod
    def _encode(self, rows: Rows) -> bytes:
        """The lines of the rows."""
