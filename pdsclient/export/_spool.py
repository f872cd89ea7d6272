"""A spool: Arrow batches one behind another in a file that grows at its end.

Each batch is a member: its size and number of rows, then an Arrow stream of its own, compressed.
So the file can be cut behind any batch, and its rows can be counted without reading them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from struct import Struct
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from zlib import crc32

from pdsclient.export._extra import pyarrow
from pdsclient.export._table import ROWS_AT_ONCE

if TYPE_CHECKING:
    import pyarrow as pa

NO_ROW = 0
"""The checksum of an empty spool."""

# A third of the time of the fastest zstd, and a spool does not live long.
_CODEC = "lz4"
# Before each batch: its bytes in the spool, those unpacked, and its rows.
_HEAD = Struct("<QQQ")


class Member(NamedTuple):
    """A batch in the spool."""

    start: int
    size: int
    unpacked: int
    rows: int


def packed(batch: pa.RecordBatch) -> bytes:
    """The batch as the bytes of a member.

    It has its own schema: most of the columns are those that no row has.
    """
    pa = pyarrow("Parquet")
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, batch.schema) as writer:
        writer.write_batch(batch)
    data = stream.getvalue()
    body: bytes = pa.compress(data, _CODEC, asbytes=True)
    return _HEAD.pack(len(body), data.size, batch.num_rows) + body


def unpacked(spool: BinaryIO, member: Member) -> pa.RecordBatch:
    """A batch as it was packed."""
    pa = pyarrow("Parquet")
    spool.seek(member.start)
    data = pa.decompress(spool.read(member.size), member.unpacked, _CODEC)
    return pa.ipc.open_stream(data).read_next_batch()


def members(spool: BinaryIO) -> Iterator[Member]:
    """The batches of a spool, without reading them; the last one may be torn."""
    start, end = 0, spool.seek(0, os.SEEK_END)
    while start + _HEAD.size <= end:
        spool.seek(start)
        size, *counts = _HEAD.unpack(spool.read(_HEAD.size))
        yield Member(start + _HEAD.size, size, *counts)
        start += _HEAD.size + size


def find(spool: BinaryIO, rows: int) -> tuple[int | None, Member | None]:
    """Where the first rows end, and the last of their batches; no end if there is none there."""
    if rows == 0:
        return 0, None
    seen = 0
    for member in members(spool):
        seen += member.rows
        if seen >= rows:
            return (member.start + member.size if seen == rows else None), member
    return None, None


def checksum_of(spool: BinaryIO, member: Member) -> int | None:
    """The checksum of a batch in the spool; None if it cannot be read."""
    try:
        return checksum(unpacked(spool, member))
    except (OSError, ValueError):  # which is how Arrow says that it cannot read this
        return None


def checksum(batch: pa.RecordBatch) -> int:
    """A number by which a spool can be told from another one with as many rows."""
    index = batch.schema.get_field_index("file_id")
    file_id = None if index < 0 else batch.column(index)[-1].as_py()
    return crc32((file_id or "").encode())


def merged(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows in larger batches: what is done for each array is done less often."""
    pa = pyarrow("Parquet")
    for _, same in groupby(batches, lambda batch: batch.schema.names):
        for group in groups(same, ROWS_AT_ONCE):
            yield from pa.Table.from_batches(group).combine_chunks().to_batches()


def groups(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[list[pa.RecordBatch]]:
    """The batches cut and gathered into groups of ``size`` rows; the last one may be smaller."""
    group: list[pa.RecordBatch] = []
    room = size
    for batch in batches:
        rest = batch
        while rest.num_rows >= room:
            yield [*group, rest.slice(0, room)]
            group, rest, room = [], rest.slice(room), size
        if rest.num_rows:
            group.append(rest)
            room -= rest.num_rows
    if group:
        yield group
