"""The WHERE clause: what SQLite can and cannot be given."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from pdsclient.emulator.sql import Column, compile_where
from pdsclient.errors import InvalidRequest
from pdsclient.query import Comparison, F, Op, Query, parse_query
from pdsclient.query.ast import MAX_DEPTH

COLUMNS = {
    "size": Column(value="size", absent="-9e999"),
    "name": Column(value="name", substring="folded"),
    "description": Column(value="description", substring="description_folded"),
    "hidden": Column(value="hidden"),
    "label": Column(value="labels", repeated=True),
}

_BELOW = "AND json_each.value < ?"
_LABELS = "SELECT 1 FROM json_each(labels) WHERE"


@pytest.fixture
def database() -> Any:
    """A table in which the plans of SQLite can be looked at."""
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE TABLE file(size, name, folded, description, description_folded, hidden, labels)"
    )
    connection.execute("CREATE INDEX by_size ON file(size)")
    connection.execute("CREATE INDEX by_name ON file(name)")
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("query", "clause", "values"),
    [
        (F.size > 1, "size > ?", [1]),
        (F.size < 1, "size > -9e999 AND size < ?", [1]),
        (~(F.size > 1), "(size > ?) IS NOT TRUE", [1]),
        (F.hidden & (F.size > 1), "(hidden = ? AND size > ?)", [True, 1]),
        (
            ~(F.hidden & (F.size > 1)),
            "((hidden = ?) IS NOT TRUE OR (size > ?) IS NOT TRUE)",
            [1, 1],
        ),
        (F.name.match("É"), "(instr(folded, ?) > 0)", ["é"]),
        (F.description.match(" "), "description_folded IS NOT NULL", []),
        (
            Comparison("label", Op.PREFIX, "a"),
            f"labels IS NOT NULL AND EXISTS ({_LABELS} json_each.value >= ? {_BELOW})",
            ["a", "b"],
        ),
        (Comparison("label", Op.PREFIX, "a\U0010ffff"), None, ["a\U0010ffff", "b"]),
        (Comparison("label", Op.PREFIX, "\ud7ff"), None, ["\ud7ff", "\ue000"]),
        (Comparison("label", Op.PREFIX, "\U0010ffff"), None, ["\U0010ffff"]),
    ],
)
def test_clauses(query: Query, clause: str | None, values: list[Any]) -> None:
    """Only a negated comparison is guarded against NULL; prefixes become ranges."""
    text, bound = compile_where(query, COLUMNS)
    assert bound == values
    assert clause is None or text == clause


@pytest.mark.parametrize(
    "query",
    [F.size > 1, F.size == 1, F.size.in_([1, 2]), (F.size >= 1) & (F.size < 9), F.name == "x"],
)
def test_positive_comparisons_use_an_index(query: Query, database: Any) -> None:
    """SQLite answers a plain comparison by searching the column's index."""
    clause, values = compile_where(query, COLUMNS)
    plan = database.execute(f"EXPLAIN QUERY PLAN SELECT * FROM file WHERE {clause}", values)
    assert "USING INDEX by_" in plan.fetchone()[3]


def test_a_field_without_a_column() -> None:
    """A field that the table does not hold is the emulator's unknown field."""
    with pytest.raises(InvalidRequest, match="there is no field 'revision'"):
        compile_where(parse_query("revision = 1", lenient=True), COLUMNS)
    with pytest.raises(InvalidRequest, match="cannot be asked with match"):
        compile_where(F.name.match("x"), COLUMNS, match_mode="tokens")


def test_nodes_of_a_wrong_type_are_refused() -> None:
    """SQLite would convert '1' to 1 where the evaluator would not; neither is asked."""
    with pytest.raises(InvalidRequest, match="size takes an int"):
        compile_where(Comparison("size", Op.EQ, "1"), COLUMNS)


def _widest() -> Query:
    texts = [f"size={number % 10}" for number in range(4_096 // len("size=1 or "))]
    return parse_query(" or ".join(texts))


def _deepest() -> Query:
    query: Query = F.size > 1
    for level in range(MAX_DEPTH):
        query = (F.hidden & ~query) if level % 2 else (F.name.match("x") | ~query)
    assert query.depth == MAX_DEPTH
    return query


def _most_terms() -> Query:
    return F.description.match("a " * 2_000)


@pytest.mark.parametrize("make", [_widest, _deepest, _most_terms])
def test_sqlite_takes_the_widest_and_the_deepest_query(make: Any, database: Any) -> None:
    """Neither SQLite's 1,000 levels of expression nor its parser's stack is exhausted."""
    for query in (make(), ~make()):
        clause, values = compile_where(query, COLUMNS)
        inner = f"SELECT rowid FROM file f WHERE hidden = 0 AND {clause} AND size > 0"
        assert (
            database.execute(f"SELECT * FROM file WHERE rowid IN ({inner})", values).fetchall()
            == []
        )


def test_more_values_than_sqlite_takes() -> None:
    """A query with more values than SQLite has variables is refused by us."""
    with pytest.raises(InvalidRequest, match="above 32,766"):
        compile_where(F.size.in_(range(40_000)), COLUMNS)
