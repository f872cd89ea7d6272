"""The sink for a file, by its name."""

from __future__ import annotations

import inspect
import os
from typing import Any

from pdsclient._checks import shown
from pdsclient.errors import InvalidRequest
from pdsclient.export._csv import CsvSink
from pdsclient.export._files import FileSink
from pdsclient.export._jsonl import JsonlSink
from pdsclient.export._parquet import ParquetSink
from pdsclient.export._place import as_path, split_suffixes

_SINKS: dict[str, type[FileSink]] = {
    ".csv": CsvSink,
    ".jsonl": JsonlSink,
    ".ndjson": JsonlSink,
    ".parquet": ParquetSink,
}


def sink_for(path: str | os.PathLike[str], **options: Any) -> FileSink:
    """The sink that a file's suffix asks for.

    Args:
        path: ends in ``.jsonl``, ``.ndjson``, ``.csv`` or ``.parquet``; the first three also with
            ``.gz`` or ``.zst`` behind.
        options: those of ``JsonlSink``, ``CsvSink`` or ``ParquetSink``.

    Raises:
        InvalidRequest: another suffix, or an option that the sink does not have.
    """
    target = as_path("sink_for", path)
    form, _ = split_suffixes(target)
    if not form:
        raise InvalidRequest(
            f"{shown(str(target))} has no suffix that names a format: "
            ".jsonl, .csv (both also with .gz or .zst behind) or .parquet"
        )
    sink = _SINKS[form]
    known = list(inspect.signature(sink).parameters)[1:]
    for name in options:
        if name not in known:
            raise InvalidRequest(
                f"sink_for: {sink.__name__} has no option {name}; it has {', '.join(known)}"
            )
    return sink(path, **options)  # type: ignore[arg-type]  # its own signature says what it takes
