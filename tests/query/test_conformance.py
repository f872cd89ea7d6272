"""The data files of tests/conformance/query hold for parser, builder, renderer, evaluator, SQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pdsclient._codec import decode
from pdsclient.errors import QuerySyntaxError
from pdsclient.models import File
from pdsclient.query import (
    FILE_FIELDS,
    And,
    Comparison,
    F,
    Not,
    Or,
    Query,
    as_order_by,
    as_query,
    parse_order_by,
    parse_query,
)

DATA = Path(__file__).parent.parent / "conformance" / "query"
ROWS: dict[str, dict[str, Any]] = json.loads((DATA / "rows.json").read_text("utf-8"))
FILES = {name: decode(json.dumps(row).encode(), File) for name, row in ROWS.items()}


def _cases(*files: str) -> list[Any]:
    return [
        pytest.param(case, id=f"{file}: {case['name']}")
        for file in files
        for case in json.loads((DATA / f"{file}.json").read_text("utf-8"))
    ]


ALL = _cases("seed", "vectors", "operators", "fields", "grammar", "errors")
VALID = [case for case in ALL if "error" not in case.values[0]]
ON_FILES = [case for case in VALID if not case.values[0].get("lenient")]
INVALID = [case for case in ALL if "error" in case.values[0]]
BUILT = [case for case in VALID if "build" in case.values[0]]
ORDERS = _cases("order_by")


def _parse(case: dict[str, Any]) -> Query:
    return parse_query(case["text"], lenient=case.get("lenient", False))


def _value(data: Any) -> Any:
    if isinstance(data, dict):
        return datetime.fromisoformat(data["date"]).replace(tzinfo=UTC)
    return tuple(map(_value, data)) if isinstance(data, list) else data


def _tree(data: dict[str, Any]) -> Query:
    if "not" in data:
        return Not(_tree(data["not"]))
    for name, kind in (("and", And), ("or", Or)):
        if name in data:
            return kind(tuple(map(_tree, data[name])))
    return Comparison(data["field"], data["op"], _value(data["value"]))


@pytest.mark.parametrize("case", VALID)
def test_text_parses_to_the_tree(case: dict[str, Any]) -> None:
    """A text gives the tree that the case names, with types as well as values."""
    assert _parse(case) == _tree(case["ast"])


@pytest.mark.parametrize("case", VALID)
def test_tree_renders_to_the_canonical_text(case: dict[str, Any]) -> None:
    """A tree gives the canonical text, and that text gives the tree again."""
    query = _tree(case["ast"])
    assert str(query) == case["render"]
    assert parse_query(case["render"], lenient=case.get("lenient", False)) == query


@pytest.mark.parametrize("case", BUILT)
def test_builder_makes_the_same_query(case: dict[str, Any]) -> None:
    """The Python expression of the case makes the query of its text."""
    assert as_query(eval(case["build"], {"F": F})) == case["render"] == as_query(case["text"])


@pytest.mark.parametrize("case", VALID)
def test_rows_match_or_miss(case: dict[str, Any]) -> None:
    """The evaluator accepts exactly the rows that the case names."""
    query = _tree(case["ast"])
    mode = case.get("match_mode", "substring")
    assert [name for name in ROWS if query.matches(ROWS[name], match_mode=mode)] == case["matches"]
    assert sorted(case["matches"] + case["misses"]) == sorted(ROWS)


@pytest.mark.parametrize("case", ON_FILES)
def test_files_match_or_miss(case: dict[str, Any]) -> None:
    """The evaluator accepts the same rows when they have been decoded as files."""
    query = _tree(case["ast"])
    mode = case.get("match_mode", "substring")
    found = [name for name in FILES if query.matches(FILES[name], match_mode=mode)]
    assert found == case["matches"]


@pytest.mark.parametrize("case", ON_FILES)
def test_sql_finds_the_same_rows(case: dict[str, Any], find_sql: Any) -> None:
    """SQLite finds exactly the rows that the case names."""
    mode = case.get("match_mode", "substring")
    found = find_sql(_tree(case["ast"]), ROWS.values(), mode)
    assert [name for name, hit in zip(ROWS, found, strict=True) if hit] == case["matches"]


@pytest.mark.parametrize("case", INVALID)
def test_wrong_text_is_refused_at_its_column(case: dict[str, Any]) -> None:
    """A text that is wrong raises QuerySyntaxError with the reason and the column."""
    with pytest.raises(QuerySyntaxError) as caught:
        _parse(case)
    assert case["error"] in caught.value.reason
    assert caught.value.column == case["column"]
    assert caught.value.text == case["text"]


@pytest.mark.parametrize("case", ORDERS)
def test_order_by(case: dict[str, Any]) -> None:
    """An order parses to its terms and renders canonically, or is refused at its column."""
    if "error" in case:
        with pytest.raises(QuerySyntaxError) as caught:
            parse_order_by(case["text"])
        assert case["error"] in caught.value.reason
        assert caught.value.column == case["column"]
        return
    order = parse_order_by(case["text"])
    terms = [[term.field, "DESC" if term.descending else "ASC"] for term in order.terms]
    assert terms == case["terms"]
    assert str(order) == as_order_by(case["text"]) == case["render"]
    if "build" in case:
        assert as_order_by(eval(case["build"], {"F": F})) == case["render"]


def test_every_field_and_operator_has_a_case() -> None:
    """No row of the field table and no operator of a type is left without a case."""
    asked = {
        (case.values[0]["ast"].get("field"), case.values[0]["ast"].get("op")) for case in VALID
    }
    fields = {field for field, _ in asked}
    assert set(FILE_FIELDS) - {"semantic_text"} <= fields | {"starred", "name"}
    kinds = {(FILE_FIELDS[field].kind, op) for field, op in asked if field in FILE_FIELDS}
    for field in FILE_FIELDS.values():
        assert {(field.kind, str(op)) for op in field.ops} <= kinds


def test_the_table_is_the_seed_s_and_the_additions_are_marked() -> None:
    """The 18 rows of the vendor's table, their types and sort marks; the rest is marked added."""
    table = """
        parent_file_id STRING, name STRING sort, type STRING sort, file_extension STRING,
        description STRING, mime_type STRING, starred BOOLEAN, created_at DATE sort,
        updated_at DATE sort, status STRING, hidden BOOLEAN, size LONG sort,
        image_time DATE sort, last_access_at DATE sort, category STRING, label STRING,
        face_group_id STRING, address STRING"""
    rows = [" ".join(row.split()) for row in table.split(",")]
    ours = [
        f"{field.name} {field.kind.value}" + (" sort" if hasattr(field, "asc") else "")
        for field in FILE_FIELDS.values()
        if not field.added
    ]
    assert ours == rows
