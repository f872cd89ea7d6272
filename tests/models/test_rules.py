"""What the rules of request fields let pass, how it goes on the wire, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdsclient.errors import InvalidRequest
from pdsclient.models._request import Part, PartOf, Request, optional, request, required
from pdsclient.models._rules import (
    DESCRIPTION,
    FILE_NAME,
    ID,
    LABELS,
    USER_ID,
    Anything,
    Choice,
    Flag,
    ListOf,
    MapOf,
    Names,
    Rule,
    Text,
    Whole,
)
from pdsclient.models._service_rules import (
    Millis,
    SearchOrder,
    SearchQuery,
    Tags,
    Time,
)

EAST, WEST = timezone(timedelta(hours=8)), timezone(timedelta(hours=-5))


@request
class Inner(Part):
    """A part."""

    part_number: int = required(Whole(1, 9), "Its number.")
    secret: str | None = optional(Text(9, secret=True), "A secret.")


@request
class Numbered(Part):
    """A group of fields."""

    number: int = required(Whole(1, 9), "A number.")


@request
class Named(Part):
    """Another group of fields."""

    one_of = ("name", "nick")

    name: str | None = optional(ID, "A name.")
    nick: str | None = optional(ID, "Another name.")


@request
class Both(Numbered, Named, Request):
    """A request with two groups of fields."""

    kind: str | None = optional(Choice(Literal["a", "b"], default="a"), "A kind.")
    inner: Inner | Mapping[str, Any] | None = optional(PartOf(Inner), "A part.")


def refusal(rule: Rule, value: Any) -> str:
    """The message with which a rule refuses a value."""
    with pytest.raises(InvalidRequest) as caught:
        rule("field", value)
    return caught.value.message


@pytest.mark.parametrize(
    ("rule", "value", "wire"),
    [
        (Time(), datetime(2025, 1, 31, 8, 0, 0, 123456, UTC), "2025-01-31T08:00:00.123Z"),
        (Time(), datetime(2025, 1, 31, 16, tzinfo=EAST), "2025-01-31T08:00:00.000Z"),
        (Time(), "2025-01-31T16:00:00+08:00", "2025-01-31T08:00:00.000Z"),
        (Time(whole=True), "2025-01-31T08:00:00.999Z", "2025-01-31T08:00:00Z"),
        (Time(empty=True), "", ""),
        (Millis(), datetime(1970, 1, 1, 8, 0, 1, tzinfo=EAST), 1000),
        (Millis(), "1970-01-01T00:00:01.5Z", 1500),
        (Millis(), 4775500800000, 4775500800000),
        (Tags(), {"a": "1", "b": ""}, [{"key": "a", "value": "1"}, {"key": "b", "value": ""}]),
        (Tags(), [("a", "1"), {"key": "b"}],
         [{"key": "a", "value": "1"}, {"key": "b", "value": ""}]),
        (Names(), ["url", "dir_size"], "url,dir_size"),
        (Names(), "url,dir_size", "url,dir_size"),
        (DESCRIPTION, "two\nlines\tand a tab", "two\nlines\tand a tab"),
        (DESCRIPTION, "", ""),
        (LABELS, [], []),
        (MapOf(Anything(), most=5), {"a": [1, None]}, {"a": [1, None]}),
        (MapOf(Text(5), most=5), {"a": "b"}, {"a": "b"}),
        (ListOf(PartOf(Inner), most=5), [{"part_number": 1}, Inner(part_number=2)],
         [{"part_number": 1}, {"part_number": 2}]),
        (SearchQuery(empty=True), "", ""),
    ],
)  # fmt: skip
def test_a_value_goes_on_the_wire_in_the_services_form(rule: Rule, value: Any, wire: Any) -> None:
    """Times in UTC, tags as a list of pairs, names with commas, parts as objects."""
    assert rule("field", value) == wire


@pytest.mark.parametrize(
    ("rule", "value", "words"),
    [
        (Time(), datetime(2025, 1, 31), "field is a time without a zone"),
        (Time(), "2025-01-31T08:00:00", "field is a time without a zone"),
        (Time(), "yesterday", "field must be RFC 3339 text such as"),
        (Time(), "", "field must be RFC 3339 text such as"),
        (Time(), 1_700_000_000, "field must be a datetime or text, not int"),
        (Time(), "9999-12-31T23:59:59-05:00", "field is in UTC outside the years 1 to 9999"),
        (Time(), datetime.min.replace(tzinfo=EAST), "field is in UTC outside the years"),
        (Millis(), -1, "field must be from 0 to"),
        (Millis(), 2**53, "field must be from 0 to"),
        (Millis(), datetime(1969, 12, 31, tzinfo=UTC), "field must be from 0 to"),
        (Millis(), "1969-12-31T23:59:59Z", "field must be from 0 to"),
        (Millis(), datetime.max.replace(tzinfo=WEST), "field is in UTC outside the years"),
        (Millis(), True, "field must be a datetime or text, not bool"),
        (Tags(), {}, "field must have from 1 to 1,000 tags"),
        (Tags(), {str(n): "" for n in range(1001)}, "field must have from 1 to 1,000 tags"),
        (Tags(), {"": "x"}, "a key of field must not be empty"),
        (Tags(), {"a#": "x"}, "a key of field must not have '#'"),
        (Tags(), {"a": "#"}, "field['a'] must not have '#'"),
        (Tags(), {"文" * 300: "文" * 367}, "must have at most 2,000 bytes with its key"),
        (Tags(), [("a", "1"), ("a", "2")], "field has a key twice"),
        (Tags(), [("a", "1", "2")], "field[0] must be a pair"),
        (Tags(), {"a": 1}, "field['a'] must be a string"),
        (Names(), ["a,b"], "field[0] must not have ','"),
        (Names(), [], "field must not be empty"),
        (FILE_NAME, "a/b", "field must not have '/'"),
        (FILE_NAME, "文" * 342, "field must have at most 1,024 bytes"),
        (USER_ID, "a#b", "field must not have '#'"),
        (DESCRIPTION, "a\x00", "a control character"),
        (Text(5), "a\nb", "a control character"),
        (PartOf(Inner), {}, "field.part_number is required"),
        (PartOf(Inner), {"part_number": 10}, "field.part_number must be from 1 to 9"),
        (PartOf(Inner), 5, "field must be an Inner or a mapping, not int"),
        (ListOf(PartOf(Inner), most=5), [{"part_number": "1"}], "field[0].part_number must be an"),
        (MapOf(PartOf(Inner), most=5), {"k": {"x": 1}}, "field['k'] has no field 'x'"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(
    rule: Rule, value: Any, words: str
) -> None:
    """The message names the field, down to the element that is wrong."""
    assert words in refusal(rule, value)


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1)))
def test_a_time_and_its_milliseconds_are_the_same_moment(moment: datetime) -> None:
    """No time of day is lost to rounding, in either form."""
    assert abs(Millis()("field", moment) / 1000 - moment.timestamp()) <= 0.001
    assert Millis()("field", Time()("field", moment)) in (
        Millis()("field", moment),
        Millis()("field", moment) - 1,
    )


def test_groups_of_fields_are_inherited_whole() -> None:
    """Rules, required fields and alternatives follow, as do defaults and parts."""
    assert [name for name, _ in Both.rules] == ["name", "nick", "number", "kind", "inner"]
    assert Both.needed == ("number",)
    assert Both(number=1, nick="n").to_wire() == {"number": 1, "nick": "n", "kind": "a"}
    with pytest.raises(InvalidRequest, match="one of name or nick is required"):
        Both(number=1).check()
    with pytest.raises(TypeError, match="number"):
        Both(name="n")  # type: ignore[call-arg]


def test_parts_are_rendered_without_validation_too() -> None:
    """What is not checked still has the form of the wire."""
    unchecked = Both(number=99, inner=Inner(part_number=99)).to_wire(validate=False)
    assert unchecked == {"number": 99, "kind": "a", "inner": {"part_number": 99}}
    many = ListOf(PartOf(Inner), most=1)
    assert many.unchecked([Inner(part_number=99)] * 2) == [{"part_number": 99}] * 2
    assert Time().unchecked(datetime(2025, 1, 31, tzinfo=UTC)) == "2025-01-31T00:00:00.000Z"
    assert Millis().unchecked(datetime(1970, 1, 2, tzinfo=UTC)) == 86_400_000
    assert Names().unchecked(["a", "b"]) == "a,b"
    assert Tags().unchecked({"#": "x"}) == [{"key": "#", "value": "x"}]


def test_a_secret_inside_a_part_is_not_shown() -> None:
    """Neither by the part nor by the request that holds it."""
    assert "s3cret" not in repr(Both(number=1, inner=Inner(part_number=1, secret="s3cret")))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Text(1024), "up to 1,024 characters"),
        (FILE_NAME, "up to 1,024 bytes of UTF-8 without /"),
        (ID, "up to 64 ASCII characters"),
        (Whole(1, 100), "1-100"),
        (Whole(0, 2**53 - 1), "from 0"),
        (Flag(), ""),
        (Anything(), ""),
        (Choice(Literal["a", "b"]), "one of 'a', 'b'"),
        (Choice(Literal["a"]), "always 'a'"),
        (Time(empty=True), 'an aware datetime, or RFC 3339 text with a zone; "" is never'),
        (Millis(), "an aware datetime, RFC 3339 text with a zone, or milliseconds since 1970"),
        (ListOf(ID, most=10), "1-10 of them, each up to 64 ASCII characters"),
        (ListOf(Flag(), most=10), "1-10 of them"),
        (MapOf(Anything(), most=10), "up to 10 keys"),
        (MapOf(Text(5), most=5), "up to 5 keys, each value up to 5 characters"),
        (PartOf(Inner), "an Inner, or a mapping with part_number, secret"),
        (Names(), "a list, or text with commas"),
        (SearchQuery(), "up to 4,096 characters as text"),
        (SearchOrder(), "up to 5 sort keys, 128 characters as text"),
    ],
)
def test_a_rule_says_what_it_lets_pass(rule: Rule, words: str) -> None:
    """The words are those of ``help``; what the type says already is not repeated."""
    assert str(rule) == words
