"""CSV."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pdsclient._times import as_utc
from pdsclient.export._fields import (
    Column,
    Field,
    Reader,
    Rows,
    check_job,
    choose,
    json_text,
)
from pdsclient.export._text import Target, TextSink
from pdsclient.models import File

CSV_COLUMNS = (
    "file_id",
    "name",
    "type",
    "size",
    "created_at",
    "updated_at",
    "drive_id",
    "parent_file_id",
    "name_path",
    "file_extension",
    "category",
    "mime_type",
    "content_hash",
    "hidden",
    "starred",
    "content_hash_name",
    "crc64_hash",
    "revision_id",
    "status",
    "description",
    "labels",
    "user_tags",
    "local_created_at",
    "local_modified_at",
    "last_access_at",
    "trashed_at",
    "image_media_metadata",
    "video_media_metadata",
)
"""The columns of CSV unless told; they stay as they are, new ones are added at the end."""

# A spreadsheet takes a cell for a formula by its first character (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
_BOM = b"\xef\xbb\xbf"
_QUOTED = (",", '"', "\r", "\n")


class CsvSink(TextSink):
    """Files as CSV (RFC 4180): a header, ``\\r\\n``, and quotes where they are needed.

    Times are RFC 3339 in UTC, flags ``true`` and ``false``, numbers have all their digits, lists
    and objects are JSON text, and what a file does not have is empty.

    Args:
        target: the path, or a binary file to append to, which stays open and cannot be resumed.
            A path that ends in ``.gz`` or ``.zst`` is compressed, a member for each ``write``.
        columns: fields of ``File``, in this order; ``CSV_COLUMNS`` unless told.
        include_urls: allow columns of presigned URLs; those of ``File`` stand at the end of the
            columns unless told.
        formula_safe: put an apostrophe before texts that a spreadsheet would take for a formula:
            those that begin with ``=``, ``+``, ``-``, ``@``, a tab or a line break.
        job_column: name of a first column with the key of the job; None for none.
        bom: begin with a byte order mark, by which Excel recognises UTF-8.

    Raises:
        InvalidRequest: an argument that cannot be, before anything is done.
    """

    kind = "csv"
    form = "CSV"

    def __init__(
        self,
        target: Target,
        *,
        columns: Iterable[str] | None = None,
        include_urls: bool = False,
        formula_safe: bool = False,
        job_column: str | None = None,
        bom: bool = False,
    ) -> None:
        urls = sorted(File.__urls__) if include_urls else []
        chosen = choose("columns", columns, (*CSV_COLUMNS, *urls), include_urls=include_urls)
        check_job("job_column", job_column)
        names = [field.name for field in chosen]
        options = {
            "columns": names,
            "include_urls": include_urls,
            "formula_safe": formula_safe,
            "job_column": job_column,
            "bom": bom,
        }
        super().__init__(target, Reader(chosen, include_urls), options)
        self._job_column = job_column
        self._formula_safe = formula_safe
        self._bom = bom

    def _head(self) -> bytes:
        names = [] if self._job_column is None else [self._job_column]
        names += [field.name for field in self._reader.fields]
        return (_BOM if self._bom else b"") + _records([[name] for name in names])

    def _encode(self, rows: Rows) -> bytes:
        cells = [self._cells(field, rows) for field in self._reader.fields]
        jobs = [] if self._job_column is None else [self._safe(rows.jobs)]
        return _records(jobs + cells)

    def _cells(self, field: Field, rows: Rows) -> list[str]:
        column = rows.columns.get(field.name)
        if column is None:
            return [""] * rows.count
        return self._safe(_times(field, column) if field.kind.exact is datetime else column)

    def _safe(self, column: Column) -> list[str]:
        cells = list(map(_cell, column))
        if self._formula_safe:
            # A negative number is none.
            cells = [
                f"'{cell}" if isinstance(one, str) and cell.startswith(_FORMULA) else cell
                for one, cell in zip(column, cells, strict=True)
            ]
        return cells


def _cell(value: Any) -> str:
    if type(value) is str:
        return value
    if value is None:
        return ""
    # Numbers and flags are in JSON what they should be here.
    return json_text(value)


def _times(field: Field, column: Column) -> Column:
    return [one if type(one) is str and one.endswith("Z") else _time(field, one) for one in column]


def _time(field: Field, value: Any) -> Any:
    moment = field.kind.read(value, f"File.{field.name}")
    if not isinstance(moment, datetime):
        return moment
    return as_utc(moment).isoformat().replace("+00:00", "Z")


def _records(columns: list[list[str]]) -> bytes:
    """The lines of a table. The csv module takes five times as long: it looks at each character."""
    rows = zip(*map(_quoted, columns), strict=True)
    lines = map(",".join, rows) if len(columns) > 1 else (one or '""' for (one,) in rows)
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")


def _quoted(column: list[str]) -> list[str]:
    text = "".join(column)
    if not any(mark in text for mark in _QUOTED):
        return column
    return [
        '"' + cell.replace('"', '""') + '"' if any(mark in cell for mark in _QUOTED) else cell
        for cell in column
    ]
