"""Hits as one table in memory, and as data frames."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pdsclient.errors import InvalidRequest
from pdsclient.export._extra import missing, pyarrow
from pdsclient.export._sink import Batch, Position
from pdsclient.export._table import ROWS_AT_ONCE, TableMaker, check_table_job

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


class ArrowSink:
    """Files as one Arrow table in memory, for data frames.

    The columns are all fields of ``File``, whatever the files hold; those of ``ParquetSink``.

    Args:
        include_urls: also columns of presigned URLs.
        undeclared: also a column ``undeclared``: as JSON text, the fields that ``File`` does not
            declare, and values that do not fit their column.
        job_column: name of a first column with the key of the job; None for none.

    Raises:
        InvalidRequest: an argument that cannot be.
    """

    def __init__(
        self,
        *,
        include_urls: bool = False,
        undeclared: bool = False,
        job_column: str | None = None,
    ) -> None:
        check_table_job(job_column, undeclared=undeclared)
        self._options: dict[str, Any] = {
            "include_urls": include_urls,
            "undeclared": undeclared,
            "job_column": job_column,
        }
        self._made: TableMaker | None = None
        self._pages: list[Batch] = []
        self._waiting = 0
        self._count = 0
        self._batches: list[pa.RecordBatch] = []
        self._result: pa.Table | None = None

    @property
    def table(self) -> pa.Table:
        """The hits; once ``finish`` was called.

        Raises:
            InvalidRequest: the search is not finished.
        """
        if self._result is None:
            raise InvalidRequest("the table is there when the search is finished")
        return self._result

    async def start(self, position: Position | None) -> None:
        """Begin with an empty table.

        Raises:
            InvalidRequest: a position, since memory holds nothing of an earlier run; or pyarrow is
                not installed.
        """
        if position is not None:
            raise InvalidRequest("a table in memory cannot be resumed; write a file, or begin anew")
        self._made = await asyncio.to_thread(TableMaker, **self._options)
        self._pages, self._batches, self._waiting, self._count = [], [], 0, 0
        self._result = None

    async def write(self, batches: Sequence[Batch]) -> Position:
        """Take the hits; the position counts them.

        Raises:
            InvalidRequest: the sink was not started.
        """
        self._maker()
        self._pages += batches
        added = sum(len(batch.files) for batch in batches)
        self._waiting += added
        self._count += added
        if self._waiting >= ROWS_AT_ONCE:
            await asyncio.to_thread(self._convert)
        return {"sink": "arrow", "rows": self._count}

    def _maker(self) -> TableMaker:
        if self._made is None:
            raise InvalidRequest("the sink is not started: await start() first")
        return self._made

    def _convert(self) -> None:
        if self._waiting:
            self._batches.append(self._maker().batch(self._pages))
            self._pages, self._waiting = [], 0

    async def finish(self) -> None:
        """Make the table.

        Raises:
            InvalidRequest: the sink was not started.
        """
        self._result = await asyncio.to_thread(self._join)

    def _join(self) -> pa.Table:
        self._convert()
        return self._maker().join(self._batches)

    async def aclose(self, *, keep: bool) -> None:
        """Let go of what is not part of a finished table."""
        self._pages, self._batches, self._waiting, self._made = [], [], 0, None


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """The table as a pandas frame, which needs pandas.

    Whole numbers are ``Int64`` and flags ``boolean``, so that nothing is lost where some rows have
    none: pandas would make them floating-point numbers.

    Raises:
        InvalidRequest: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise missing("a data frame", "pandas") from error
    pa = pyarrow("a data frame")
    kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    return table.to_pandas(types_mapper=kinds.get)


def to_polars(table: pa.Table) -> pl.DataFrame:
    """The table as a polars frame, which needs polars.

    Raises:
        InvalidRequest: polars is not installed.
    """
    try:
        import polars as pl
    except ImportError as error:
        raise missing("a data frame", "polars") from error
    return pl.DataFrame(pl.from_arrow(table))
