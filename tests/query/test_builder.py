"""F: what builds a query, and what is refused with the right form in the message."""

from __future__ import annotations

import copy
import enum
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from pdsclient.errors import InvalidRequest
from pdsclient.query import (
    FILE_FIELDS,
    And,
    Comparison,
    F,
    Field,
    Not,
    Op,
    Or,
    OrderTerm,
    Query,
    as_query,
    parse_query,
)
from pdsclient.query.ast import MAX_DEPTH

NAN = float("nan")
f: Any = F  # misuse is the point here, and type checkers see through F


class Colour(enum.StrEnum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


class Index:
    """An integer of another library, such as numpy's."""

    def __index__(self) -> int:
        return 7


def test_the_readme_s_query() -> None:
    """The query of the design's first example has the text one expects."""
    query = (
        F.name.match("Report") & (F.size > 1024) & ~F.hidden & ~F.file_extension.in_(["tmp", "bak"])
    )
    assert str(query) == (
        'name match "Report" and size > 1024 and not hidden = true '
        'and not file_extension in ["tmp", "bak"]'
    )
    assert repr(query).startswith("Query('name match")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        (F.size == 1, "size = 1"),
        (F.size != 1, "not size = 1"),
        (F.size < 1, "size < 1"),
        (F.size <= 1, "size <= 1"),
        (F.size > 1, "size > 1"),
        (F.size >= 1, "size >= 1"),
        (f.size > Number.ONE, "size > 1"),
        (f.size > Index(), "size > 7"),
        (F.image_overall_score >= 0.5, "image_overall_score >= 0.5"),
        (F.name == Colour.RED, 'name = "red"'),
        (F.hidden, "hidden = true"),
        (~F.hidden, "not hidden = true"),
        (F.hidden == True, "hidden = true"),
        (F.hidden != True, "not hidden = true"),
        (F.hidden == False, "hidden = false"),
        (F.hidden & F.starred, "hidden = true and starred = true"),
        (F.hidden | (F.size > 1), "hidden = true or size > 1"),
        (F.size.in_(range(3)), "size in [0, 1, 2]"),
        (F.name.in_({"b", "a", "c"}), 'name in ["a", "b", "c"]'),
        (F.name.in_(name for name in "ab"), 'name in ["a", "b"]'),
        (F.mime_type.prefix("image/"), 'mime_type prefix "image/"'),
        (F.created_at < date(2019, 1, 14), 'created_at < "2019-01-14T00:00:00"'),
        (
            F.created_at < datetime(2019, 1, 14, 8, tzinfo=timezone(timedelta(hours=8))),
            'created_at < "2019-01-14T00:00:00"',
        ),
        (F.field("custom", str).match("x"), 'custom match "x"'),
        (F.field("custom", int) > 3, "custom > 3"),
        (F.field("custom", float) > 3, "custom > 3.0"),
        (F.field("custom", bool), "custom = true"),
        (F.field("custom", datetime) > "2019-01-14T00:00:00", 'custom > "2019-01-14T00:00:00"'),
    ],
)
def test_expressions(query: Query, text: str) -> None:
    """Each form of the builder has its text, and is accepted for sending."""
    assert str(query) == as_query(query) == text


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (lambda: bool(F.size > 1), "no truth value"),
        (lambda: (F.size > 1) and (F.size < 5), "a & b"),
        (lambda: not F.hidden, "no truth value"),
        (lambda: 1 < F.size < 5, "instead of 1 < F.size < 5"),
        (lambda: bool(F.name), "no truth value"),
        (lambda: f.name == None, "None"),
        (lambda: f.hidden == None, "None"),
        (lambda: f.size > None, "None"),
        (lambda: "x" in f.name, ".in_([...])"),
        (lambda: f.name in ["a", "b"], "F.name.in_([...])"),
        (lambda: f.name == F.description, "not with the field description"),
        (lambda: f.size > F.size, "not with the field size"),
        (lambda: F.name.in_([]), "at least one value"),
        (lambda: F.name.in_("abc"), "in_(['a', 'b'])"),
        (lambda: f.name.in_(b"abc"), "several values"),
        (lambda: f.size.in_(5), "several values"),
        (lambda: f.name.in_([None]), "None"),
        (lambda: f.name.in_(["a", 1]), "name takes a string, not 1"),
        (lambda: f.name.in_({"a", 1}), "name takes a string, not 1"),
        (lambda: f.hidden.compare(Op.IN, [True]), "cannot be asked with in"),
        (lambda: f.name == 1, "name takes a string, not 1"),
        (lambda: f.name == b"a", "not a bytes"),
        (lambda: f.name.match(["a"]), "not a list"),
        (lambda: f.size > "1", "size takes an int, not '1'"),
        (lambda: f.size > 1.0, "size takes an int, not 1.0"),
        (lambda: F.size > True, "size takes an int, not True"),
        (lambda: F.size > 2**63, "signed 64-bit"),
        (lambda: F.size < -(2**63) - 1, "signed 64-bit"),
        (lambda: F.size < 10**5000, "very many digits"),
        (lambda: F.image_overall_score > True, "takes a number, not True"),
        (lambda: f.image_overall_score > "1", "takes a number"),
        (lambda: F.image_overall_score > NAN, "finite"),
        (lambda: F.image_overall_score > float("-inf"), "finite"),
        (lambda: F.image_overall_score > 10**400, "finite"),
        (lambda: f.hidden == 1, "True or False"),
        (lambda: f.hidden == "true", "True or False"),
        (lambda: F.type == "dir", "file, folder"),
        (lambda: F.category.in_(["doc", "music"]), "zip"),
        (lambda: F.created_at > datetime(2019, 1, 14), "no time zone"),
        (lambda: F.created_at > datetime(2019, 1, 14, microsecond=1, tzinfo=UTC), "whole seconds"),
        (
            lambda: (
                F.created_at
                > datetime.max.replace(microsecond=0, tzinfo=timezone(-timedelta(hours=1)))
            ),
            "year",
        ),
        (lambda: F.created_at > "2019-01-14T00:00:00Z", "no Z"),
        (lambda: f.created_at > 1547424000, "aware datetime"),
        (lambda: F.name == "a\0", "index 1"),
        (lambda: F.name == "\ud800", "index 0"),
        (lambda: f.name < "x", "cannot be asked with <"),
        (lambda: f.name >= "x", "cannot be asked with >="),
        (lambda: f.hidden > False, "cannot be asked with >"),
        (lambda: f.hidden <= False, "cannot be asked with <="),
        (lambda: f.size > 5 & F.hidden, "in brackets"),
        (lambda: f.name & F.hidden, "in brackets"),
        (lambda: f.hidden & "x", "in brackets"),
        (lambda: f.hidden | None, "in brackets"),
        (lambda: f.field("a b", str), "ASCII letter"),
        (lambda: f.field("", str), "ASCII letter"),
        (lambda: f.field(5, str), "not 5"),
        (lambda: f.field("größe", str), "ASCII letter"),
        (lambda: f.field("Not", str), "word of the search language"),
        (lambda: f.field("custom", bytes), "one of str, int"),
        (lambda: Comparison("size", "~", 1), "there is no operator '~'"),
        (lambda: Comparison("size", Op.MATCH, 1), "takes a string"),
        (lambda: Comparison("x", Op.LT, "a"), "takes a number or a datetime"),
        (lambda: Comparison("x", Op.LT, True), "takes a number or a datetime"),
        (lambda: Comparison("x", Op.EQ, None), "cannot be compared with None"),  # type: ignore[arg-type]
        (lambda: Comparison("x", Op.EQ, ("a",)), "cannot be compared with a tuple"),
        (lambda: Comparison("x", Op.IN, "abc"), "in a list"),
        (lambda: Comparison("x", Op.IN, (True, False)), "write x = true"),
        (lambda: Comparison("x", Op.IN, (1, 1.0)), "of one type"),
        (lambda: And((F.hidden,)), "two or more"),
        (lambda: Or(()), "two or more"),
        (lambda: And((F.hidden, "x")), "in brackets"),  # type: ignore[arg-type]
        (lambda: Not(~F.hidden), "write ~query"),
        (lambda: Not("x"), "in brackets"),  # type: ignore[arg-type]
        (lambda: OrderTerm("a b"), "ASCII letter"),
        (lambda: OrderTerm("size", descending="DESC"), "True or False"),  # type: ignore[arg-type]
    ],
)
def test_misuse_shows_the_right_form(expression: Any, message: str) -> None:
    """What cannot become a query raises InvalidRequest with the fix."""
    with pytest.raises(InvalidRequest) as caught:
        expression()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (lambda: f.naem, "did you mean name?"),
        (lambda: f.drive_id, "F.field('drive_id', str)"),
        (lambda: f._repr_html_, "_repr_html_"),
        (lambda: f.size.match, "match"),
        (lambda: f.name.prefix, "prefix"),
        (lambda: f.hidden.in_, "in_"),
        (lambda: f.parent_file_id.desc, "desc"),
    ],
)
def test_an_attribute_that_is_not_there(expression: Any, message: str) -> None:
    """An unknown field, or a method that its type lacks, is an AttributeError as usual."""
    with pytest.raises(AttributeError) as caught:
        expression()
    assert message in str(caught.value)


def test_f_cannot_be_assigned_to() -> None:
    """``F.size = 5``, a slip for ==, does not change the field for everybody."""
    with pytest.raises(AttributeError):
        f.size = 5


def test_fields_are_interned_keys() -> None:
    """There is one object per field: copies and pickles are it, and it serves as a key."""
    for field in FILE_FIELDS.values():
        assert (
            copy.copy(field) is copy.deepcopy(field) is pickle.loads(pickle.dumps(field)) is field
        )
    table = {field: field.name for field in FILE_FIELDS.values()}
    assert table[F.name] == "name"
    assert pickle.loads(pickle.dumps(F)) is F
    assert repr([F, F.name, F.hidden]) == "[F, F.name, F.hidden]"
    custom = pickle.loads(pickle.dumps(F.field("custom", int)))
    assert str(custom > 1) == "custom > 1"


def test_operators_live_on_fields_only() -> None:
    """Queries themselves compare as values: == of two queries is True or False."""
    assert (F.size > 1) == (F.size > 1)
    assert (F.size > 1) != (F.size > 2)
    assert {F.size > 1: 1}[parse_query("size > 1")] == 1
    assert (F.size > 1) != "size > 1"


def test_values_of_different_types_are_different() -> None:
    """1, 1.0 and True are equal in Python, and different values in the language."""
    queries = [Comparison("x", Op.EQ, value) for value in (1, 1.0, True)]
    lists = [Comparison("x", Op.IN, values) for values in ((1, 2), (1.0, 2.0))]
    assert len({*queries, *lists}) == 5


def test_normal_form() -> None:
    """Equal conditions are equal trees, however they were put together."""
    a, b, c = F.size > 1, F.size > 2, F.size > 3
    assert (a & b) & c == a & (b & c) == And((a, b, c)) == And((And((a, b)), c))
    assert (a | b) | c == a | (b | c) == Or((a, b, c))
    assert ~~a == a
    assert ~~(a & b) == a & b
    assert And((F.hidden, a)).terms == (Comparison("hidden", Op.EQ, True), a)
    assert Comparison("x", Op.IN, ("a",)) == Comparison("x", Op.EQ, "a")
    assert Comparison("x", Op.IN, ("a", "b", "a")) == Comparison("x", Op.IN, ("a", "b"))
    assert Comparison("x", "<", 1).op is Op.LT


def test_nodes_hold_plain_values() -> None:
    """Enumeration members, numpy-like integers and other time zones become plain values."""
    tokyo = timezone(timedelta(hours=9))
    assert type(Comparison("x", Op.EQ, Colour.RED).value) is str
    assert type(Comparison("x", Op.EQ, Number.ONE).value) is int
    moment = Comparison("x", Op.EQ, datetime(2019, 1, 1, 9, tzinfo=tokyo)).value
    assert repr(moment) == repr(datetime(2019, 1, 1, tzinfo=UTC))


def test_depth_is_bounded_by_our_own_error() -> None:
    """One level too many is refused when it is built, so no reader ever meets it."""
    query: Query = F.size > 1
    for level in range(MAX_DEPTH):
        query = (query & F.hidden) if level % 2 else (query | F.starred)
    assert query.depth == MAX_DEPTH
    assert pickle.loads(pickle.dumps(query)) == copy.deepcopy(query) == parse_query(str(query))
    assert hash(query) == hash(copy.copy(query))
    assert query.matches({"size": 1}) in (True, False)
    with pytest.raises(InvalidRequest, match="levels deep"):
        (query & F.hidden) | (query | F.hidden) & F.starred


def test_a_long_chain_is_not_deep() -> None:
    """Thousands of conditions side by side are one level, and readable as such."""
    query: Query = F.size > 0
    for size in range(1, 2000):
        query |= F.size == size
    assert query.depth == 1
    assert parse_query(str(query)) == query
    assert query.matches({"size": 1999})


def test_queries_are_frozen() -> None:
    """A node cannot be changed once it is made."""
    query: Any = F.size > 1
    with pytest.raises(AttributeError):
        query.value = 2


def test_field_set_reads_like_a_mapping() -> None:
    """FILE_FIELDS is a value: names, fields, and a message for a name that it lacks."""
    assert FILE_FIELDS["size"] is F.size
    assert len(FILE_FIELDS) == 23
    assert repr(FILE_FIELDS).startswith("FieldSet(parent_file_id, name")
    assert all(isinstance(field, Field) for field in FILE_FIELDS.values())
    with pytest.raises(InvalidRequest, match="did you mean hidden"):
        FILE_FIELDS.find("hiden")


def test_repr_escapes_what_does_not_print() -> None:
    """Control and bidi characters of a query do not reach a terminal through repr."""
    text = repr(F.name == "a\x1b[31m\u202eb")
    assert text.isprintable()
