"""Parquet files.

A Parquet file cannot be appended to, and its row groups should be large, while hits come a
hundred at a time and each position must be exact. So the unfinished file is a spool of Arrow
batches, one for each ``write``; ``finish`` reads it once and writes the row groups.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, BinaryIO

from pdsclient._checks import shown
from pdsclient.errors import InvalidRequest
from pdsclient.export._files import FileSink
from pdsclient.export._place import PartFile, as_path, check_suffix, remove, replace, whole
from pdsclient.export._sink import Batch, Position
from pdsclient.export._spool import (
    NO_ROW,
    checksum,
    checksum_of,
    find,
    groups,
    members,
    merged,
    packed,
    unpacked,
)
from pdsclient.export._table import TableMaker, check_table_job

COMPRESSIONS = frozenset({"brotli", "gzip", "lz4", "none", "snappy", "zstd"})

_MOST_ROWS = 1 << 24


class ParquetSink(FileSink):
    """Files as Parquet, which needs pyarrow (``pip install 'pdsclient[arrow]'``).

    The columns are all fields of ``File``, whatever the files hold: texts, ``int64``, flags, times
    in microseconds (UTC), lists of texts, and JSON text for objects and other lists. What a file
    does not have, or what does not fit, is null.

    Args:
        path: the file. Until the end there is ``NAME.part``; with a normal reply's fields it takes
            a fifth of the bytes that the service sent.
        include_urls: also columns of presigned URLs: whoever reads the file can then read the
            content.
        undeclared: also a column ``undeclared``: as JSON text, the fields that ``File`` does not
            declare, and values that do not fit their column. Texts in them go through the mask
            of logs.
        job_column: name of a first column with the key of the job; None for none.
        row_group_rows: rows in a row group, 1 to 16,777,216; that many are held in memory at the
            end.
        compression: ``zstd``, ``snappy``, ``gzip``, ``lz4``, ``brotli`` or ``none``.

    Raises:
        InvalidRequest: an argument that cannot be, before anything is done.
    """

    kind = "parquet"

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        include_urls: bool = False,
        undeclared: bool = False,
        job_column: str | None = None,
        row_group_rows: int = 65_536,
        compression: str = "zstd",
    ) -> None:
        place = as_path("ParquetSink", path)
        check_suffix("ParquetSink", place, "Parquet", compressed=False)
        check_table_job(job_column, undeclared=undeclared)
        _check_layout(row_group_rows, compression)
        self._options: dict[str, Any] = {
            "include_urls": include_urls,
            "undeclared": undeclared,
            "job_column": job_column,
        }
        self._part = PartFile(place)
        super().__init__(self._part, self._options)
        self._row_group_rows = row_group_rows
        self._compression = compression

    def _begin(self) -> None:
        self._table = TableMaker(**self._options)
        self._part.create()
        self._rows, self._tail = 0, NO_ROW

    def _resume(self, position: Position) -> None:
        self._table = TableMaker(**self._options)
        self._rows, self._tail = whole(position, "rows"), whole(position, "tail")
        self._part.restore(self._unpublish)
        with open(self._part.part, "rb") as file:
            end, last = find(file, self._rows)
            if end is None or self._tail != (checksum_of(file, last) if last else NO_ROW):
                raise self._part.changed()
        self._part.reopen(end)

    def _append(self, batches: Sequence[Batch]) -> Position:
        rows = sum(len(batch.files) for batch in batches)
        if rows:
            batch = self._table.batch(batches)
            self._part.append(packed(batch))
            self._rows, self._tail = self._rows + rows, checksum(batch)
        return {"rows": self._rows, "tail": self._tail}

    def _publish(self) -> None:
        target = self._part.spare
        try:
            with open(self._part.part, "rb") as spool, open(target, "xb") as file:
                self._write_groups(spool, file)
                file.flush()
                os.fsync(file.fileno())
            replace(target, self._part.name)
        except BaseException:
            remove(target)
            raise
        self._part.close()
        self._part.discard()

    def _write_groups(self, spool: BinaryIO, file: BinaryIO) -> None:
        from pyarrow.parquet import ParquetWriter

        batches = merged(unpacked(spool, member) for member in members(spool))
        with ParquetWriter(file, self._table.schema, compression=self._compression) as writer:
            for group in groups(batches, self._row_group_rows):
                writer.write_table(self._table.join(group), self._row_group_rows)

    def _unpublish(self, source: str, target: str) -> None:
        """Make a spool of the first rows of the finished file: as many as the position says."""
        from pyarrow.parquet import ParquetFile

        left = self._rows
        with open(target, "xb") as spool, ParquetFile(source) as finished:
            rows, schema = finished.metadata.num_rows, finished.schema_arrow
            if rows < left or schema != self._table.schema:
                raise self._part.changed()
            for batch in finished.iter_batches():
                kept = batch.slice(0, left)
                left -= kept.num_rows
                if kept.num_rows:
                    spool.write(packed(kept))


def _check_layout(row_group_rows: object, compression: object) -> None:
    if isinstance(row_group_rows, bool) or not isinstance(row_group_rows, int):
        raise InvalidRequest(f"row_group_rows must be an int, not {type(row_group_rows).__name__}")
    if not 1 <= row_group_rows <= _MOST_ROWS:
        raise InvalidRequest(f"row_group_rows must be from 1 to {_MOST_ROWS:,}")
    if not isinstance(compression, str) or compression not in COMPRESSIONS:
        raise InvalidRequest(
            f"compression must be one of {', '.join(sorted(COMPRESSIONS))}, "
            f"not {shown(compression)}"
        )
