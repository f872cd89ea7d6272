"""Files as Arrow arrays: one schema, which the models declare and no data can change.

A value that does not fit its column is null there; with ``undeclared`` it is kept, as it was sent,
in the JSON column of what the models do not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from attrs import frozen

from pdsclient.errors import InvalidRequest
from pdsclient.export._extra import pyarrow
from pdsclient.export._fields import Column, Field, Reader, check_job, fields_of, json_text
from pdsclient.export._sink import Batch
from pdsclient.models import File
from pdsclient.models._kinds import Kind, ListKind

if TYPE_CHECKING:
    import pyarrow as pa

UNDECLARED = "undeclared"
"""The column of what the models do not know."""

# An array costs some hundred bytes however short it is, and a table has seventy columns.
ROWS_AT_ONCE = 8192
"""Rows that arrays are made of where nobody waits for them."""

_LEAST, _MOST = -(2**63), 2**63 - 1
_NOTHING = type(None)


class TableMaker:
    """What the tables of a sink are made of.

    Args:
        include_urls: also the columns of presigned URLs.
        undeclared: also a column with what the models do not know, as JSON text.
        job_column: name of a first column with the key of the job; None for none.

    Raises:
        InvalidRequest: pyarrow is not installed.
    """

    def __init__(self, *, include_urls: bool, undeclared: bool, job_column: str | None) -> None:
        fields = fields_of(File, include_urls=include_urls)
        self._reader = Reader(list(fields.values()), include_urls, undeclared)
        self._job_column = job_column
        self._pa = pyarrow("a table")
        self._cells = {name: _cells(field) for name, field in fields.items()}
        text = self._pa.string()
        columns = {job_column: text} if job_column else {}
        self._kinds = {name: cells.kind(self._pa) for name, cells in self._cells.items()}
        columns |= self._kinds
        columns |= {UNDECLARED: text} if undeclared else {}
        self.schema: pa.Schema = self._pa.schema(columns)
        self._nulls: dict[Any, Any] = {}

    def batch(self, pages: Sequence[Batch]) -> pa.RecordBatch:
        """The hits of the pages as Arrow arrays; columns that none of them has are left out."""
        rows = self._reader.read(pages)
        text = self._pa.string()
        arrays = {self._job_column: self._pa.array(rows.jobs, text)} if self._job_column else {}
        left_over: list[dict[str, Any]] = rows.undeclared or [{} for _ in range(rows.count)]
        for name, column in rows.columns.items():
            arrays[name] = self._array(name, column, left_over)
        if rows.undeclared is not None:
            texts = [json_text(one) if one else None for one in left_over]
            arrays[UNDECLARED] = self._pa.array(texts, text)
        # A batch without columns would have no rows.
        arrays = arrays or {"file_id": self._pa.nulls(rows.count, text)}
        return self._pa.RecordBatch.from_pydict(arrays)

    def _array(self, name: str, column: Column, left_over: list[dict[str, Any]]) -> Any:
        pa, cells, kind = self._pa, self._cells[name], self._kinds[name]
        fitting = cells.fitting(column)
        if fitting is not None:
            try:
                if not cells.from_text:
                    return pa.array(fitting, kind)
                return pa.array(fitting, pa.string()).cast(kind)
            except (OverflowError, UnicodeEncodeError, pa.ArrowInvalid):
                pass  # One value at a time, then.
        values = []
        for value, rest in zip(column, left_over, strict=True):
            read, fits = cells.read(value)
            values.append(read)
            if not fits:
                rest[name] = value
        return pa.array(values, kind)

    def join(self, batches: Sequence[pa.RecordBatch]) -> pa.Table:
        """The batches one after another, with all columns."""
        return self._pa.Table.from_batches(map(self._whole, batches), self.schema)

    def _whole(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        present = dict(zip(batch.schema.names, batch.columns, strict=True))
        arrays = [
            present[one.name] if one.name in present else self._null(one.type, batch.num_rows)
            for one in self.schema
        ]
        return self._pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _null(self, kind: Any, length: int) -> Any:
        """Nulls: a part of an array that all columns of the type share."""
        array = self._nulls.get(kind)
        if array is None or len(array) < length:
            array = self._nulls[kind] = self._pa.nulls(max(length, ROWS_AT_ONCE), kind)
        return array.slice(0, length)


def check_table_job(job_column: str | None, *, undeclared: bool) -> None:
    """Raise InvalidRequest unless the name can be that of the job's column."""
    check_job("job_column", job_column)
    if undeclared and job_column == UNDECLARED:
        raise InvalidRequest(f"job_column: {UNDECLARED} is the column of other fields")


class _Cells(Protocol):
    """How the values of a field become those of a column."""

    from_text: ClassVar[bool]
    """Arrow is given texts, and makes the column's type of them."""

    def kind(self, pa: Any) -> Any:
        """The type of the column."""

    def fitting(self, column: Column) -> Column | None:
        """What Arrow can take as a whole; None if the values have to be looked at."""

    def read(self, value: Any) -> tuple[Any, bool]:
        """A value as its column takes it, and whether that is all of it."""
        ...


def _cells(field: Field) -> _Cells:
    where = f"File.{field.name}"
    if isinstance(field.kind, ListKind) and field.kind.item.exact is str:
        return _Texts(field.kind.item, where)
    if field.kind.exact is datetime:
        return _Times(field.kind, where, str)
    if field.kind.exact in (str, int, float, bool):
        return _Scalars(field.kind, where, field.kind.exact)
    return _Json()


class _Json:
    """Objects and whatever has no type, as JSON text."""

    from_text: ClassVar = False

    def kind(self, pa: Any) -> Any:
        return pa.string()

    def fitting(self, column: Column) -> Column:
        return [None if one is None or one == "" else json_text(one) for one in column]

    def read(self, value: Any) -> tuple[Any, bool]:
        raise AssertionError("each value has a JSON text, which is ASCII if need be")


@frozen
class _Scalars:
    """Texts, whole numbers, numbers and flags."""

    reader: Kind
    where: str
    sent_as: type

    from_text: ClassVar = False

    def kind(self, pa: Any) -> Any:
        kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
        return kinds[self.reader.exact]

    def fitting(self, column: Column) -> Column | None:
        if not {self.sent_as, _NOTHING}.issuperset(map(type, column)):
            return None
        return [one or None for one in column] if "" in column else column

    def read(self, value: Any) -> tuple[Any, bool]:
        if value is None or value == "":
            return None, True
        exact = self.reader.exact
        read: Any = self.reader.read(value, self.where)
        fits = isinstance(read, exact) and isinstance(read, bool) == (exact is bool)
        if not fits or (exact is int and not _LEAST <= read <= _MOST):
            return None, False
        return _encodable(read) if exact is str else (read, True)


@frozen
class _Times(_Scalars):
    """Times; they are sent as texts."""

    from_text: ClassVar = True
    # Texts in between are times that Python has a form for, if they are times.
    EARLIEST: ClassVar = "0001-01-02"
    LATEST: ClassVar = "9999-12-31"

    def kind(self, pa: Any) -> Any:
        return pa.timestamp("us", "UTC")

    def fitting(self, column: Column) -> Column | None:
        texts = super().fitting(column)
        present = list(filter(None, texts or ()))
        in_range = not present or (min(present) >= self.EARLIEST and max(present) < self.LATEST)
        return texts if in_range else None


@frozen
class _Texts:
    """Lists of texts; one without any is null."""

    reader: Kind
    where: str

    from_text: ClassVar = False

    def kind(self, pa: Any) -> Any:
        return pa.list_(pa.string())

    def fitting(self, column: Column) -> Column | None:
        if not {list, _NOTHING}.issuperset(map(type, column)):
            return None
        items = chain.from_iterable(filter(None, column))
        return column if {str}.issuperset(map(type, items)) else None

    def read(self, value: Any) -> tuple[Any, bool]:
        if value is None or value == "":
            return None, True
        if not isinstance(value, list):
            return None, False
        items = [
            one if type(one) is str else self.reader.fit(one, self.where)
            for one in value
            if one is not None
        ]
        texts = [_encodable(one) for one in items if isinstance(one, str)]
        fits = len(texts) == len(items) and all(whole for _, whole in texts)
        return [text for text, _ in texts] or None, fits


def _encodable(text: str) -> tuple[str, bool]:
    """The text without halves of surrogate pairs, which UTF-8 has no form for."""
    clean = text.encode("utf-8", "replace").decode()
    return clean, clean == text
