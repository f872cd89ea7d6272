"""How hits are written: as a table for people, as JSON lines or CSV for programs.

Each form turns one page of hits into text, so that output begins with the first page and memory
holds no more than one.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from io import StringIO
from typing import Any, Literal, Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pdsclient._shown import escape_controls, shown, shown_size
from pdsclient.export import CSV_COLUMNS
from pdsclient.models import File

__all__ = ["Format", "Layout", "json_text", "layout"]

COLUMNS = CSV_COLUMNS[:15]
"""The columns of CSV; they stay as they are, new ones are added at the end."""

# Below this width a table has one column of times.
_WIDE = 100
_GAP = 2
_SIZE_WIDTH = 8
_SIZE_COLUMN = 1
_TIME_WIDTH = 16


class Format(StrEnum):
    """What ``--format`` takes."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


class Layout(Protocol):
    """A form of output."""

    def head(self) -> str:
        """What stands before the first hit."""
        ...

    def page(self, files: Sequence[File]) -> str:
        """The hits of one page."""
        ...


def layout(form: Format | None) -> Layout:
    """The form that was asked for; without one a table on a terminal, else JSON lines."""
    if form is None:
        form = Format.TABLE if sys.stdout.isatty() else Format.JSONL
    layouts: dict[Format, type[Layout]] = {
        Format.TABLE: TableLayout,
        Format.JSONL: JsonLines,
        Format.CSV: Csv,
    }
    return layouts[form]()


class JsonLines:
    """One JSON object for each hit, as ``File.to_dict()`` gives it: without presigned URLs."""

    def head(self) -> str:
        """Nothing."""
        return ""

    def page(self, files: Sequence[File]) -> str:
        """A line for each hit."""
        return "".join(f"{json_text(file.to_dict())}\n" for file in files)


def json_text(value: object, *, pretty: bool = False) -> str:
    """JSON on one line, or on many for people, that no terminal obeys."""
    form: dict[str, Any] = {"indent": 2} if pretty else {"separators": (",", ":")}
    lines = json.dumps(value, ensure_ascii=False, **form).split("\n")
    # Such characters stand in strings only, where an escape means the same to every reader.
    return "\n".join(escape_controls(line, lambda char: json.dumps(char)[1:-1]) for line in lines)


class Csv:
    """RFC 4180 with a header line; on a terminal names are escaped as in the table."""

    def __init__(self) -> None:
        self._safe = shown if sys.stdout.isatty() else str

    def head(self) -> str:
        """The names of the columns."""
        return _csv_lines([COLUMNS])

    def page(self, files: Sequence[File]) -> str:
        """A record for each hit; what is not set is empty."""
        return _csv_lines([self._record(file.to_dict()) for file in files])

    def _record(self, fields: dict[str, object]) -> list[str]:
        return [self._safe(_csv_value(fields.get(name))) for name in COLUMNS]


def _csv_lines(records: Sequence[Sequence[str]]) -> str:
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(records)
    return text.getvalue()


def _csv_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


class TableLayout:
    """A table as wide as the terminal; long names are cut."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._is_wide = self._console.width >= _WIDE
        times = 2 if self._is_wide else 1
        room = self._console.width - _SIZE_WIDTH - times * (_TIME_WIDTH + _GAP) - 2 * _GAP
        name_width = max(8, room * 3 // 5)
        # Fixed widths, so that the pages stand below each other as one table.
        self._widths = [name_width, _SIZE_WIDTH, *times * [_TIME_WIDTH], max(8, room - name_width)]

    def head(self) -> str:
        """The names of the columns."""
        created = ["CREATED (UTC)"] if self._is_wide else []
        return self._lines([["NAME", "SIZE", *created, "UPDATED (UTC)", "FOLDER"]], style="bold")

    def page(self, files: Sequence[File]) -> str:
        """A line for each hit."""
        return self._lines([self._cells(file) for file in files])

    def _cells(self, file: File) -> list[str]:
        name = shown(file.name or "") + ("/" if file.type == "folder" else "")
        created = [_time(file.created_at)] if self._is_wide else []
        return [name, _size(file.size), *created, _time(file.updated_at), shown(_folder(file))]

    def _lines(self, rows: Sequence[Sequence[str]], style: str = "") -> str:
        table = Table(box=None, show_header=False, padding=(0, _GAP, 0, 0), pad_edge=False)
        for index, width in enumerate(self._widths):
            side: Literal["left", "right"] = "right" if index == _SIZE_COLUMN else "left"
            table.add_column(width=width, no_wrap=True, overflow="ellipsis", justify=side)
        for row in rows:
            table.add_row(*[Text(cell, style=style) for cell in row])
        with self._console.capture() as captured:
            self._console.print(table)
        return captured.get()


def _folder(file: File) -> str:
    """Where the file lies, as far as the reply tells: names, else the folder's identifier."""
    if file.name_path is None:
        return file.parent_file_id or ""
    return file.name_path.removesuffix(file.name or "").removeprefix("root").strip("/")


def _size(size: int | None) -> str:
    return "-" if size is None else shown_size(size)


def _time(time: datetime | None) -> str:
    return "-" if time is None else f"{time:%Y-%m-%d %H:%M}"
