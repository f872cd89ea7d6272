"""Query.matches: on models, on wire data, and on what is neither."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from pdsclient.errors import InvalidRequest
from pdsclient.query import FILE_FIELDS, F, Query, evaluate
from pdsclient.query.evaluate import searchable, values_in


class Media(msgspec.Struct):
    city: Any = None
    time: Any = None


class Row(msgspec.Struct):
    """A row that looks like a reply model."""

    name: Any = None
    size: Any = None
    created_at: Any = None
    image_media_metadata: Media | None = None


def test_models_are_read_by_attribute() -> None:
    """A model's attributes, and what lies below them, are compared as they are."""
    moment = datetime(2019, 1, 14, 8, tzinfo=timezone(timedelta(hours=8)))
    row = Row(name="Report", size=5, created_at=moment, image_media_metadata=Media(city="Köln"))
    assert (F.name.match("report") & (F.size > 1)).matches(row)
    assert (F.created_at == "2019-01-14T00:00:00").matches(row)
    assert (F.address == "Köln").matches(row)
    assert not (F.image_time > "2019-01-14T00:00:00").matches(row)


@pytest.mark.parametrize(
    ("query", "row"),
    [
        (F.semantic_text == "a dog", {}),
        (F.starred, Row()),
        (F.field("custom", int) > 1, Row()),
        (F.name == "x", 5),
        (F.name == "x", None),
        (F.name == "x", [{"name": "x"}]),
    ],
)
def test_what_a_row_cannot_hold_is_not_guessed(query: Query, row: Any) -> None:
    """A question that the row can never answer raises instead of answering no."""
    with pytest.raises(InvalidRequest, match="hold"):
        query.matches(row)


def test_fields_of_no_table_are_read_from_wire_data() -> None:
    """A custom field is looked up by its own name."""
    assert (F.field("revision_version", int) > 1).matches({"revision_version": 2})
    assert not (F.field("revision_version", int) > 1).matches({})


@pytest.mark.parametrize(
    ("field", "raw", "values"),
    [
        ("size", 5, [5]),
        ("size", "5", [5]),
        ("size", "five", []),
        ("size", True, []),
        ("size", None, []),
        ("size", {}, []),
        ("image_overall_score", 1, []),
        ("name", "x", ["x"]),
        ("name", "", []),
        ("name", 5, []),
        ("hidden", True, [True]),
        ("hidden", 1, []),
        ("hidden", "true", []),
        ("created_at", "2019-01-14T08:00:00+08:00", [datetime(2019, 1, 14, tzinfo=UTC)]),
        ("created_at", 1547424000000, [datetime(2019, 1, 14, tzinfo=UTC)]),
        ("created_at", "soon", []),
        ("created_at", 1e300, []),
        ("created_at", True, []),
        ("created_at", [], []),
        ("label", "sea", []),
    ],
)
def test_what_a_row_holds(field: str, raw: Any, values: list[Any]) -> None:
    """A value of the wrong type is as good as absent; text for a number is a number."""
    assert values_in({field: raw}, FILE_FIELDS[field]) == values


def test_odd_shapes_are_absent() -> None:
    """Where an object is expected anything else holds nothing."""
    for media in (5, "x", [], [5, None], {"city": {"a": 1}}, {"city": ["Köln"]}):
        expected = media == {"city": ["Köln"]}
        assert (F.address == "Köln").matches({"image_media_metadata": media}) is expected
    assert values_in({"image_media_metadata": {"image_quality": {"overall_score": "0.5"}}},
                     FILE_FIELDS["image_overall_score"]) == [0.5]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Report_2019.PPT", " report 2019 ppt"),
        ("k中文.txt", " k 中 文 txt"),
        ("Straße", " strasse"),
        ("été", " é t é"),
        ("---", ""),
        ("", ""),
    ],
)
def test_words(text: str, tokens: str) -> None:
    """Runs of ASCII letters and digits are words, and so is every other letter by itself."""
    assert searchable(text, "tokens") == tokens


@pytest.mark.parametrize(
    ("name", "needle", "substring", "tokens"),
    [
        ("jk", "k", True, False),
        ("k中", "k", True, True),
        ("Reports 2019", "report", True, True),
        ("Reports 2019", "2019 rep", False, True),
        ("Reports 2019", "ports", True, False),
        ("報告書", "告", True, True),
        ("a-b", "-", True, True),
    ],
)
def test_both_modes_of_match(name: str, needle: str, substring: bool, tokens: bool) -> None:
    """By default any part matches; in the other mode words and their beginnings do."""
    query = F.name.match(needle)
    assert query.matches({"name": name}) is substring
    assert evaluate(query, {"name": name}, match_mode="tokens") is tokens
