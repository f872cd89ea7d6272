"""A real SQLite table of files, filled and asked the way the emulator does it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from pdsclient.emulator.sql import Column, compile_where, epoch_ms
from pdsclient.query import FILE_FIELDS, Field, Kind, MatchMode, Op, Query
from pdsclient.query.evaluate import searchable, values_in

Row = Mapping[str, Any]
FindSql = Callable[[Query, Iterable[Row], MatchMode], list[bool]]

# What the emulator writes in place of NULL where it sorts.
ABSENT = float("-inf")


def _has_column(field: Field) -> bool:
    return bool(field.paths)


COLUMNS: dict[str, Column] = {}
for _field in filter(_has_column, FILE_FIELDS.values()):
    _takes_match = Op.MATCH in _field.ops
    COLUMNS[_field.name] = Column(
        value=f"f.{_field.name}",
        substring=f"f.{_field.name}_folded" if _takes_match else None,
        tokens=f"f.{_field.name}_tokens" if _takes_match else None,
        repeated=_field.repeated,
        absent="-9e999" if _field.kind in (Kind.LONG, Kind.DATE) else None,
    )


def _stored(field: Field, row: Row) -> object:
    values = values_in(row, field)
    if field.repeated:
        return json.dumps(values)
    if not values:
        return ABSENT if COLUMNS[field.name].absent else None
    return epoch_ms(values[0]) if field.kind is Kind.DATE else values[0]  # type: ignore[arg-type]


def _record(row: Row) -> dict[str, object]:
    record: dict[str, object] = {}
    for name, column in COLUMNS.items():
        field = FILE_FIELDS[name]
        record[name] = _stored(field, row)
        if column.substring:
            text = next(iter(values_in(row, field)), None)
            record[f"{name}_folded"] = text and searchable(str(text), "substring")
            record[f"{name}_tokens"] = text and searchable(str(text), "tokens")
    return record


@pytest.fixture(scope="session")
def find_sql() -> FindSql:
    """Which of the rows SQLite finds, row by row."""
    database = sqlite3.connect(":memory:")
    names = list(_record({}))
    database.execute(f"CREATE TABLE file({', '.join(names)})")
    marks = ", ".join(f":{name}" for name in names)

    def find(query: Query, rows: Iterable[Row], match_mode: MatchMode) -> list[bool]:
        database.execute("DELETE FROM file")
        records = [_record(row) for row in rows]
        database.executemany(f"INSERT INTO file VALUES({marks})", records)
        clause, values = compile_where(query, COLUMNS, match_mode=match_mode)
        sql = f"SELECT rowid FROM file f WHERE 1 AND {clause}"
        found = {rowid for (rowid,) in database.execute(sql, values)}
        return [rowid + 1 in found for rowid in range(len(records))]

    return find
