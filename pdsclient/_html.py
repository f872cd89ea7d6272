"""What notebooks show instead of a repr: small tables, safe whatever the names in them are.

No colours and no fonts, so the tables look like the notebook around them, dark or light.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from itertools import islice
from typing import Any

from pdsclient._secrets import mask_text
from pdsclient._shown import shown, shown_size
from pdsclient._times import as_utc

__all__ = ["cell", "results_html", "table"]

_MOST_ROWS = 10
_MOST_CHARACTERS = 100
# Notebooks set what stands between dollar signs as a formula, unless these classes forbid it.
_TABLE = '<table class="tex2jax_ignore mathjax_ignore">'
_CELL = 'style="text-align: left; white-space: pre-wrap"'


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, count: int, note: str = ""
) -> str:
    """An HTML table of the first rows.

    Args:
        columns: what the columns are called.
        rows: the cells; only as many rows are taken as are shown.
        count: how many rows there are.
        note: a line below the table.
    """
    head = "".join(f"<th {_CELL}>{_text(column)}</th>" for column in columns)
    lines = [
        "<tr>" + "".join(f"<td {_CELL}>{_text(cell)}</td>" for cell in row) + "</tr>"
        for row in islice(rows, _MOST_ROWS)
    ]
    more = f"… and {count - _MOST_ROWS:,} more" if count > _MOST_ROWS else ""
    below = "; ".join(filter(None, [more, note]))
    return f"{_TABLE}<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>" + (
        f"<p>{_text(below)}</p>" if below else ""
    )


def results_html(progress: object, failures: Sequence[Any]) -> str:
    """How far a bulk search is, and which jobs failed.

    Args:
        progress: a snapshot; its ``str()`` is shown.
        failures: the job, the window and the error of each.
    """
    summary = f"<p>{escape(shown(str(progress)))}</p>"
    if not failures:
        return summary
    rows = ([one.job.key, one.window, mask_text(str(one.error))] for one in failures)
    return summary + table(["job", "window", "error"], rows, count=len(failures))


def cell(name: str, value: object) -> str:
    """A field's value in words; integers in a field called ``size`` are bytes."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return f"{as_utc(value):%Y-%m-%d %H:%M:%S}Z"
    if name == "size" and isinstance(value, int):
        return shown_size(value)
    # What the models do not describe may hold a URL.
    return mask_text(repr(value))


def _text(text: str) -> str:
    if len(text) > _MOST_CHARACTERS:
        text = f"{text[: _MOST_CHARACTERS - 1]}…"
    return escape(shown(text))
