"""What type checkers infer of the query builder; checked by mypy and basedpyright, never run.

An ``ignore`` marks what must be an error: an unused one is an error itself.
"""

# ruff: noqa: B015, B018
from __future__ import annotations

from datetime import date, datetime
from typing import assert_type

from pdsclient.query import (
    Comparison,
    F,
    OrderBy,
    OrderTerm,
    Query,
    as_order_by,
    as_query,
    parse_order_by,
    parse_query,
)

assert_type(F.size > 1024, Comparison)
assert_type(F.size == 1, Comparison)
assert_type(F.size != 1, Query)
assert_type(F.size.in_([1, 2]), Comparison)
assert_type(F.image_overall_score >= 0.5, Comparison)
assert_type(F.image_overall_score >= 1, Comparison)
assert_type(F.name.match("x"), Comparison)
assert_type(F.description.prefix("x"), Comparison)
assert_type(F.created_at < datetime.now(), Comparison)
assert_type(F.created_at < date.today(), Comparison)
assert_type(F.created_at < "2019-01-14T00:00:00", Comparison)
assert_type(F.hidden == True, Comparison)
assert_type(F.hidden & F.starred, Query)
assert_type(F.hidden | (F.size > 1), Query)
assert_type((F.size > 1) & F.hidden, Query)
assert_type(~F.hidden, Query)
assert_type(F.size.desc(), OrderTerm)
assert_type(F.type.asc(), OrderTerm)
assert_type(F.field("custom", str).match("x"), Comparison)
assert_type(F.field("custom", int) > 1, Comparison)
assert_type(F.field("custom", float) > 1.5, Comparison)
assert_type(F.field("custom", bool) & F.hidden, Query)
assert_type(F.field("custom", datetime) > datetime.now(), Comparison)
assert_type(parse_query("size > 1"), Query)
assert_type(parse_order_by("size"), OrderBy)
assert_type(as_query(F.hidden), str)
assert_type(as_order_by([F.size.desc(), "name"]), str)
assert_type((F.size > 1).matches({}), bool)

query: Query = F.hidden

F.size.match("x")  # type: ignore[attr-defined]
F.name.prefix("x")  # type: ignore[attr-defined]
F.hidden.in_([True])  # type: ignore[attr-defined]
F.parent_file_id.desc()  # type: ignore[attr-defined]
F.naem  # type: ignore[attr-defined]
F.size > "1"  # type: ignore[operator]
F.name < "x"  # type: ignore[operator]
F.size.in_(["1"])  # type: ignore[list-item]
F.name & F.hidden  # type: ignore[operator]
F.hidden & "x"  # type: ignore[operator]
F.size > 5 & F.hidden  # type: ignore[operator]
F.field("custom", bytes)  # type: ignore[arg-type]
as_query(F.name)  # type: ignore[arg-type]
as_order_by(F.name)  # type: ignore[arg-type]
