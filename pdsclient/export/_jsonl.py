"""JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import starmap
from typing import Any

import msgspec

from pdsclient.export._fields import Field, Reader, Rows, check_job, choose, fields_of
from pdsclient.export._text import Target, TextSink
from pdsclient.models import File

_encoder = msgspec.json.Encoder()


class JsonlSink(TextSink):
    """Files as JSON lines: an object in UTF-8 and ``\\n`` for each, fields as they were sent.

    What a file does not have is left out of its object.

    Args:
        target: the path, or a binary file to append to, which stays open and cannot be resumed.
            A path that ends in ``.gz`` or ``.zst`` is compressed, a member for each ``write``.
        include_urls: also presigned URLs: whoever reads the file can then read the content.
        undeclared: also fields that ``File`` does not declare; texts in them go through the mask
            of logs. It doubles the time, since each page is parsed again.
        job_column: name of a first field with the key of the job; None for none.
        fields: only these fields of ``File``, in this order.

    Raises:
        InvalidRequest: an argument that cannot be, before anything is done.
    """

    kind = "jsonl"
    form = "JSON lines"

    def __init__(
        self,
        target: Target,
        *,
        include_urls: bool = False,
        undeclared: bool = False,
        job_column: str | None = None,
        fields: Iterable[str] | None = None,
    ) -> None:
        known = fields_of(File, include_urls=include_urls)
        chosen = choose("fields", fields, known, include_urls=include_urls)
        check_job("job_column", job_column)
        options = {
            "include_urls": include_urls,
            "undeclared": undeclared,
            "job_column": job_column,
            "fields": None if fields is None else [field.name for field in chosen],
        }
        super().__init__(target, Reader(chosen, include_urls, undeclared), options)
        self._names = [field.name for field in chosen]
        self._has_job = job_column is not None
        self._row = _row_type(job_column, chosen)

    def _head(self) -> bytes:
        return b""

    def _encode(self, rows: Rows) -> bytes:
        jobs = [rows.jobs] if self._has_job else []
        objects: Iterable[Any] = starmap(self._row, zip(*jobs, *rows.all(self._names), strict=True))
        if rows.undeclared is not None:
            objects = map(_joined, objects, rows.undeclared)
        lines = list(objects)
        try:
            return _encoder.encode_lines(lines)
        except UnicodeEncodeError:
            return b"".join(map(_escaped_line, lines))


def _row_type(job_column: str | None, fields: Sequence[Field]) -> type[msgspec.Struct]:
    """The type of a line: what a file does not have is left out when it is encoded."""
    job: list[Any] = [("job", Any, msgspec.field(name=job_column))] if job_column else []
    columns: list[Any] = [(field.name, Any, None) for field in fields]
    return msgspec.defstruct("Row", job + columns, omit_defaults=True, gc=False)


def _joined(row: msgspec.Struct, undeclared: dict[str, Any]) -> Any:
    if not undeclared:
        return row
    # The known fields first, and as they are, whatever a service may call its own.
    known = msgspec.to_builtins(row)
    return known | undeclared | known


def _escaped_line(row: Any) -> bytes:
    # Half a surrogate pair has no form in UTF-8, but one in JSON.
    return json.dumps(msgspec.to_builtins(row), separators=(",", ":")).encode() + b"\n"
