"""as_query and as_order_by: what is sent, and what is refused before it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from pdsclient.errors import InvalidRequest, QuerySyntaxError
from pdsclient.query import (
    Comparison,
    F,
    Op,
    OrderBy,
    OrderTerm,
    as_order_by,
    as_query,
    parse_order_by,
    parse_query,
)
from pdsclient.query.fields import FieldSet


def test_text_is_sent_in_canonical_form() -> None:
    """Keywords become lower case and quotes double: the forms that the service documents."""
    assert as_query("NOT name = 'a' AND size IN [1]") == 'not name = "a" and size = 1'


def test_validate_false_sends_text_as_it_is() -> None:
    """What we do not know can still be sent."""
    assert as_query("brand_new ~ 'x'", validate=False) == "brand_new ~ 'x'"
    assert as_order_by("brand_new UP", validate=False) == "brand_new UP"
    assert as_query(Comparison("type", Op.EQ, "link"), validate=False) == 'type = "link"'
    assert as_order_by(OrderTerm("hidden"), validate=False) == "hidden ASC"
    assert len(as_query(F.name == "x" * 5_000, validate=False)) > 4_096


@pytest.mark.parametrize("value", [None, 5, b"size > 1", ["size > 1"], F.name, {}])
def test_what_is_no_query(value: Any) -> None:
    """Neither a query nor text: the message says what a query is."""
    for validate in (True, False):
        with pytest.raises(InvalidRequest, match="query must be"):
            as_query(value, validate=validate)


@pytest.mark.parametrize(
    "comparison",
    [
        Comparison("size", Op.EQ, "x"),
        Comparison("type", Op.EQ, "link"),
        Comparison("name", Op.PREFIX, "x"),
        Comparison("category", Op.IN, ("doc", "music")),
    ],
)
def test_nodes_made_by_hand_are_checked(comparison: Comparison) -> None:
    """A node that bypassed the builder is held against the field table before it is sent."""
    for query in (comparison, ~comparison, (F.size > 1) & (F.hidden | comparison)):
        with pytest.raises(InvalidRequest, match=comparison.field):
            as_query(query)


def test_fields_of_another_search() -> None:
    """The field table is a value: another one makes another language."""
    fields = FieldSet([F.field("share_name_for_fuzzy", str)])
    text = 'share_name_for_fuzzy match "x"'
    assert as_query(text, fields=fields) == text
    assert str(parse_query(text, fields=fields)) == text
    with pytest.raises(QuerySyntaxError, match="no field 'size'"):
        as_query("size > 1", fields=fields)


def test_longest_query() -> None:
    """4,096 code points pass, one more is refused with both numbers."""
    filling = "😀" * (4_096 - len('name = ""'))
    assert len(as_query(F.name == filling)) == 4_096
    assert len(as_query(f"name = '{filling}'")) == 4_096
    for query in (F.name == filling + "x", f"name = '{filling}x'"):
        with pytest.raises(InvalidRequest, match="4,097 characters long"):
            as_query(query)


def test_orders_in_every_form() -> None:
    """One term, several, text, or a mixture."""
    both = "created_at DESC,name ASC"
    assert as_order_by(F.size.desc()) == "size DESC"
    assert as_order_by([F.created_at.desc(), F.name.asc()]) == both
    assert as_order_by((F.created_at.desc(), "name")) == both
    assert as_order_by("created_at desc, name") == both
    assert as_order_by(OrderBy((F.created_at.desc(), F.name.asc()))) == both
    assert as_order_by(F.field("custom", int).desc()) == "custom DESC"
    assert repr(F.size.desc()) == "OrderTerm(field='size', descending=True)"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "order_by takes"),
        (5, "order_by takes"),
        (b"name", "order_by takes"),
        ([], "at least one field"),
        ("", "expected a field"),
        ([None], "order_by takes"),
        ([["name"]], "order_by takes"),
        (F.size, "F.size.asc()"),
        ([F.size], "F.size.desc()"),
        (OrderTerm("hidden"), "cannot be sorted by hidden"),
        ([OrderTerm("size"), OrderTerm("size")], "twice"),
        ([F.size.asc(), "size DESC"], "twice"),
        ("name,size,type,created_at,updated_at,image_time", "6 keys"),
        ([OrderTerm("x" * 60), OrderTerm("y" * 60)], "129 characters"),
        ("name\0", "not part of the search language"),
        ("nàme", "not part of the search language"),
        ("name\ud800", "not part of the search language"),
    ],
)
def test_orders_that_are_refused(value: Any, message: str) -> None:
    """What cannot be an order raises InvalidRequest with the fix."""
    with pytest.raises(InvalidRequest) as caught:
        as_order_by(value)
    assert message in str(caught.value)


def test_longest_order() -> None:
    """128 code points pass."""
    assert len(as_order_by([OrderTerm("x" * 60), OrderTerm("y" * 59)])) == 128


@pytest.mark.parametrize("parse", [parse_query, parse_order_by])
@pytest.mark.parametrize("value", [None, 5, b"size > 1", F.size > 1])
def test_only_text_is_parsed(parse: Any, value: Any) -> None:
    """A parser given anything but a str says so."""
    with pytest.raises(InvalidRequest, match="must be a str"):
        parse(value)


def test_the_message_points_at_the_place() -> None:
    """The error shows the text with a caret under the place, and carries both as data."""
    with pytest.raises(QuerySyntaxError) as caught:
        as_query("size > 1 and nmae = 'x'")
    assert str(caught.value) == (
        "there is no field 'nmae' to search by; did you mean name?\n"
        "  size > 1 and nmae = 'x'\n"
        "               ^"
    )
    assert caught.value.position == 13
