"""Where hits go: JSON lines, CSV and Parquet files, and Arrow tables in memory.

Files are written as they come, in flat memory, as ``NAME.part``; under their own name they are
there when they are whole. A sink can go on in a later process where an earlier one was killed.
"""

from __future__ import annotations

from pdsclient.export._arrow import ArrowSink, to_pandas, to_polars
from pdsclient.export._choose import sink_for
from pdsclient.export._csv import CSV_COLUMNS, CsvSink
from pdsclient.export._jsonl import JsonlSink
from pdsclient.export._parquet import ParquetSink
from pdsclient.export._sink import Batch, Position, Sink

__all__ = [
    "CSV_COLUMNS",
    "ArrowSink",
    "Batch",
    "CsvSink",
    "JsonlSink",
    "ParquetSink",
    "Position",
    "Sink",
    "sink_for",
    "to_pandas",
    "to_polars",
]
