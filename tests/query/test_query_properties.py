"""The laws of the search language, on random queries, rows and texts."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pdsclient.errors import InvalidRequest, QuerySyntaxError
from pdsclient.query import (
    FILE_FIELDS,
    And,
    Comparison,
    Field,
    FieldSet,
    Kind,
    Not,
    Op,
    Or,
    Query,
    as_order_by,
    as_query,
    parse_order_by,
    parse_query,
)
from pdsclient.query.ast import MAX_DEPTH
from pdsclient.query.fields import Sortable

# A small alphabet, so that values meet each other, and the characters that could go wrong.
_ALPHABET = st.sampled_from("aAbB0 _-.\"'\\/%ßéKk中文😀\n\t\x01\u202e\ud7ff\ue000\U0010ffff")
TEXTS = st.text(_ALPHABET, max_size=4) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=8
)
STRINGS = TEXTS.map(lambda text: text.replace("\0", ""))
LONGS = st.sampled_from([-(2**63), -1, 0, 1, 2, 2**53 + 1, 2**63 - 1]) | st.integers(
    -(2**63), 2**63 - 1
)
DOUBLES = st.sampled_from([0.0, -0.0, 0.5, 1e22, 5e-324, 1.7976931348623157e308]) | st.floats(
    allow_nan=False, allow_infinity=False
)
_MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))
DATES = (
    st.sampled_from(
        [
            datetime(2019, 1, 14, tzinfo=UTC),
            datetime(2019, 1, 14, 0, 0, 1, tzinfo=UTC),
            datetime(1, 1, 1, tzinfo=UTC),
            datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
        ]
    )
    | _MOMENTS
)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    Kind.STRING: STRINGS,
    Kind.LONG: LONGS,
    Kind.DOUBLE: DOUBLES,
    Kind.BOOLEAN: st.booleans(),
    Kind.DATE: DATES,
}


def _values(field: Field, op: Op = Op.EQ) -> st.SearchStrategy[Any]:
    if field.choices and op is not Op.PREFIX:
        return st.sampled_from(field.choices)
    return VALUES[field.kind]


@st.composite
def comparisons(draw: st.DrawFn, fields: FieldSet) -> Comparison:
    """A comparison that the field table allows."""
    field = fields[draw(st.sampled_from(sorted(fields)))]
    op = draw(st.sampled_from(sorted(field.ops)))
    values = _values(field, op)
    if op is Op.IN:
        values = st.lists(values, min_size=1, max_size=4)
    return field.compare(op, draw(values))


def queries(fields: FieldSet = FILE_FIELDS) -> st.SearchStrategy[Query]:
    """A query of any form, made with the operators."""

    def combined(terms: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
        pairs = st.tuples(terms, terms)
        return (
            pairs.map(lambda pair: pair[0] & pair[1])
            | pairs.map(lambda pair: pair[0] | pair[1])
            | terms.map(lambda term: ~term)
        )

    return st.recursive(comparisons(fields), combined, max_leaves=8)


ON_FILES = FieldSet(field for field in FILE_FIELDS.values() if field.paths)
# As files have them: with or without milliseconds, which dates in a query cannot have.
_FILE_TIMES = st.tuples(DATES, st.sampled_from(["Z", ".001Z", ".999Z"])).map(
    lambda parts: parts[0].replace(tzinfo=None).isoformat() + parts[1]
)


MODES = st.sampled_from(["substring", "tokens"])


def _or_absent(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return values | st.sampled_from([None, ""])


def _media() -> st.SearchStrategy[Any]:
    names = st.fixed_dictionaries({}, optional={"name": _or_absent(STRINGS)})
    faces = st.fixed_dictionaries({}, optional={"face_group_id": _or_absent(STRINGS)})
    quality = st.fixed_dictionaries({}, optional={"overall_score": _or_absent(DOUBLES)})
    return st.fixed_dictionaries(
        {},
        optional={
            "time": _or_absent(_FILE_TIMES),
            "country": _or_absent(STRINGS),
            "city": _or_absent(STRINGS),
            "image_tags": st.none() | st.lists(st.none() | names, max_size=2),
            "faces_thumbnail": st.lists(faces, max_size=2),
            "image_quality": st.none() | quality,
        },
    )


def _wire(field: Field) -> st.SearchStrategy[Any]:
    return _or_absent(_FILE_TIMES if field.kind is Kind.DATE else _values(field))


ROWS = st.fixed_dictionaries(
    {},
    optional={
        **{name: _wire(field) for name, field in ON_FILES.items() if len(field.paths) == 1},
        "labels": st.none() | st.lists(STRINGS, max_size=3),
        "image_media_metadata": st.none() | _media(),
        "video_media_metadata": st.none() | _media(),
    },
)


@given(queries())
def test_parse_of_render_is_the_query(query: Query) -> None:
    """The text of a query means that query, and is its own canonical form."""
    text = str(query)
    assert parse_query(text) == parse_query(text, lenient=True) == query.node
    assert str(parse_query(text)) == text


@given(queries())
def test_queries_are_values(query: Query) -> None:
    """A query survives pickle and copy, equal and with the same hash."""
    for twin in (pickle.loads(pickle.dumps(query)), copy.copy(query), copy.deepcopy(query)):
        assert twin == query
        assert hash(twin) == hash(query)
        assert twin.depth == query.depth


@given(queries(), queries(), queries())
def test_laws_of_the_builder(a: Query, b: Query, c: Query) -> None:
    """Combining is associative, negation undoes itself, and trees stay in normal form."""
    assert (a & b) & c == a & (b & c)
    assert (a | b) | c == a | (b | c)
    assert ~~a == a
    for query in (a & b & c, a | b | c, ~(a & ~b) | c):
        _assert_normal(query)


def _assert_normal(query: Query) -> None:
    if isinstance(query, Not):
        assert not isinstance(query.term, Not)
        _assert_normal(query.term)
    elif isinstance(query, (And, Or)):
        assert len(query.terms) > 1
        assert not any(type(term) is type(query) for term in query.terms)
        for term in query.terms:
            _assert_normal(term)


@settings(max_examples=200)
@given(queries(ON_FILES), st.lists(ROWS, min_size=1, max_size=6), MODES)
def test_evaluate_is_sql(
    find_sql: Any, query: Query, rows: list[dict[str, Any]], mode: Any
) -> None:
    """SQLite finds exactly the rows that the evaluator accepts, in both modes of match."""
    expected = [query.matches(row, match_mode=mode) for row in rows]
    assert find_sql(query, rows, mode) == expected
    assert [parse_query(str(query)).matches(row, match_mode=mode) for row in rows] == expected


@given(queries(ON_FILES), queries(ON_FILES), ROWS)
def test_logic_has_two_values(a: Query, b: Query, row: dict[str, Any]) -> None:
    """Not, and, or of queries are those of their answers, whatever is absent."""
    assert (~a).matches(row) is not a.matches(row)
    assert (a & b).matches(row) == (a.matches(row) and b.matches(row))
    assert (a | b).matches(row) == (a.matches(row) or b.matches(row))
    assert (~(a & b)).matches(row) == (~a | ~b).matches(row)


_TOKENS = """( ) [ ] , = < > <= >= != == and or not in match prefix true false AND Not
    name size hidden created_at nmae 'x' "x" "2019-01-14T00:00:00" "2019 1 -1 1.5 1e5 \\ \xa0"""
SOUP = st.lists(st.sampled_from(_TOKENS.split(" ")), max_size=25).map(" ".join)


@settings(max_examples=300)
@given(SOUP | st.text(max_size=60), st.booleans())
def test_any_text_parses_or_raises_our_error(text: str, lenient: bool) -> None:
    """No text raises anything but QuerySyntaxError, and that with a place in the text."""
    for parse in (lambda: parse_query(text, lenient=lenient), lambda: parse_order_by(text)):
        try:
            assert str(parse())
        except QuerySyntaxError as error:
            _assert_points_into(error, text)


def _assert_points_into(error: QuerySyntaxError, text: str) -> None:
    assert 0 <= error.position <= len(text)
    assert error.reason


@settings(max_examples=20)
@given(st.integers(0, 3_000))
def test_nesting_is_read_to_the_bound_and_refused_beyond(levels: int) -> None:
    """And and or inside each other work up to 20 levels; after that it is a syntax error."""
    text = "size = 1 and (hidden = true or (" * levels + "size = 1" + "))" * levels
    if 2 * levels <= MAX_DEPTH:
        assert parse_query(text).depth == 2 * levels
        return
    with pytest.raises(QuerySyntaxError, match="levels deep"):
        parse_query(text)


@given(st.text(st.characters(), max_size=12))
def test_any_string_travels_or_is_refused(text: str) -> None:
    """A string value comes back from its text exactly, or was refused when it was given."""
    try:
        query = FILE_FIELDS["name"].compare(Op.EQ, text)
    except InvalidRequest:
        assert any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text)
    else:
        parsed = parse_query(as_query(query))
        assert isinstance(parsed, Comparison)
        assert parsed.value == text


_LOCAL_TIMES = st.datetimes(
    datetime(2, 1, 1),
    datetime(9998, 1, 1),
    timezones=st.timezones() | st.just(timezone(timedelta(hours=14))),
)


@given(_LOCAL_TIMES)
def test_moments_of_any_zone_travel(moment: datetime) -> None:
    """An aware moment in whole seconds comes back as the same moment in UTC."""
    in_utc = moment.astimezone(UTC).replace(microsecond=0)
    local = in_utc.astimezone(moment.tzinfo)
    parsed = parse_query(str(FILE_FIELDS["created_at"].compare(Op.GT, local)))
    assert isinstance(parsed, Comparison)
    assert parsed.value == in_utc


SORTABLE = [name for name, field in FILE_FIELDS.items() if isinstance(field, Sortable)]
_ORDERS = st.lists(
    st.tuples(
        st.sampled_from(
            [name for name, field in FILE_FIELDS.items() if isinstance(field, Sortable)]
        ),
        st.sampled_from(["ASC", "DESC"]),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda term: term[0],
)


@given(_ORDERS)
def test_orders_travel(terms: list[tuple[str, str]]) -> None:
    """An order reads back from its text, and text, list and terms are sent alike."""
    text = ",".join(f"{field} {direction}" for field, direction in terms)
    order = parse_order_by(text)
    assert str(order) == text == as_order_by(order) == as_order_by(text.lower())
    assert as_order_by(list(order.terms)) == as_order_by(text.split(",")) == text
    assert pickle.loads(pickle.dumps(order)) == order
