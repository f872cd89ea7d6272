"""Bytes to objects and back."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, Protocol, TypedDict

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdsclient import _codec
from pdsclient.errors import DecodeError, InvalidRequest
from pdsclient.models import Drive, DrivePage, File, FilePage, GetFileRequest
from pdsclient.query import F

# A loaded machine is no counterexample.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

BROKEN = [
    (b"", "is empty"),
    (b" \n", "is empty"),
    (b"<html>504</html>", "not valid JSON"),
    (b'{"items": [', "not valid JSON"),
    (b'{"a": 1} x', "not valid JSON"),
    (b'{"a": NaN}', "not valid JSON"),
    (b"[" * 100_000, "another form"),
    (b'{"items": ' * 100_000, "too deeply"),
    (b'{"unknown": ' + b"[" * 100_000, "too deeply"),
]
NO_PAGES = [
    b"[]",
    b"null",
    b'"text"',
    b"5",
    b'{"items": "text"}',
    b'{"items": {"a": 1}}',
    b'{"items": [1]}',
    b'{"items": [[]]}',
    b'{"next_marker": [1]}',
    b'{"next_marker": true}',
]


@pytest.mark.parametrize(("body", "message"), BROKEN)
def test_a_reply_that_is_no_json_is_a_decode_error(body: bytes, message: str) -> None:
    """Whatever is asked for, a broken reply raises one kind of error and never another."""
    for kind in (None, FilePage, Drive, dict[str, Any]):
        with pytest.raises(DecodeError):
            _codec.decode(body, kind)
    with pytest.raises(DecodeError, match=message):
        _codec.decode(body, FilePage)


def test_a_text_that_is_not_utf_8_is_a_decode_error() -> None:
    """Broken text is refused where it would be read."""
    with pytest.raises(DecodeError, match="not UTF-8"):
        _codec.decode(b'{"next_marker": "\xff"}', FilePage)


@pytest.mark.parametrize("body", NO_PAGES)
def test_a_reply_in_another_form_is_a_decode_error(body: bytes) -> None:
    """Where the form is needed to go on, another one is refused."""
    with pytest.raises(DecodeError):
        _codec.decode(body, FilePage)


def test_null_items_and_null_among_items_are_no_items() -> None:
    """Gaps in a page are passed over."""
    assert _codec.decode(b'{"items": null}', FilePage).items == []
    page = _codec.decode(b'{"items": [null, {"name": "a"}, null]}', FilePage)
    assert page.items == [File(name="a")]


def test_a_numeric_marker_is_a_text() -> None:
    """A marker goes back to the server as text, however it came."""
    assert _codec.decode(b'{"next_marker": 5}', DrivePage).next_marker == "5"


def test_without_a_type_the_data_is_plain() -> None:
    """What was sent is what is given: empty texts stay, arrays may stand at the top."""
    assert _codec.decode(b'[{"a": ""}, 1, null]') == [{"a": ""}, 1, None]


def test_types_of_the_caller_are_strict() -> None:
    """A type of the caller's own is decoded into, and a reply that does not fit is refused."""

    class Quota(TypedDict):
        size: int

    @attrs.frozen
    class Owner:
        name: str

    assert _codec.decode(b'{"size": 3}', Quota) == {"size": 3}
    assert _codec.decode(b'{"name": ""}', Owner) == Owner("")
    assert _codec.decode(b'[{"name": "a"}]', list[File]) == [File(name="a")]
    with pytest.raises(DecodeError, match="another form"):
        _codec.decode(b'{"size": "3"}', Quota)


def test_a_type_that_cannot_be_decoded_into_is_refused() -> None:
    """The message names the argument."""

    class Shape(Protocol):
        def draw(self) -> None: ...

    with pytest.raises(InvalidRequest, match="reply_type"):
        _codec.decoder(complex(1).__class__ | Shape)


def test_no_data_is_an_empty_object() -> None:
    """Every operation gets an object, also one without parameters."""
    assert _codec.encode(None) == _codec.encode({}) == b"{}"


def test_values_that_have_a_form_are_rendered() -> None:
    """Queries, orders, times, tuples and other mappings can stand anywhere."""
    moment = datetime(2020, 1, 2, 3, 4, 5, 678_999, tzinfo=timezone(timedelta(hours=8)))
    data = MappingProxyType(
        {
            "query": (F.size > 1024) & ~F.hidden,
            "order_by": [F.created_at.desc(), F.name.asc()],
            "one": F.size.asc(),
            "deep": [{"time": moment}],
            "pair": (1, 2.5),
            "none": None,
        }
    )
    assert json.loads(_codec.encode(data)) == {
        "query": "size > 1024 and not hidden = true",
        "order_by": "created_at DESC,name ASC",
        "one": "size ASC",
        "deep": [{"time": "2020-01-01T19:04:05.678Z"}],
        "pair": [1, 2.5],
        "none": None,
    }


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "data must be a mapping, not list"),
        ("text", "data must be a mapping, not str"),
        ({"a": [{"b": float("nan")}]}, r"data\.a\[0\]\.b is nan"),
        ({"a": float("-inf")}, r"data\.a is -inf"),
        ({"a": b"x"}, r"data\.a is bytes"),
        ({"a": {1}}, r"data\.a is a set; send a list"),
        ({"a": object()}, r"data\.a is a object"),
        ({"a": date(2020, 1, 1)}, r"data\.a is a date"),
        ({"a": datetime(2020, 1, 1)}, r"data\.a is a time without a zone"),
        ({"a": "x\ud800"}, r"data\.a has half of a surrogate pair at 1"),
        ({"\udfff": 1}, "a key of data has half of a surrogate pair"),
        ({1: 2}, "data has a key that is not a string: 1"),
        ({"a": {None: 2}}, r"data\.a has a key that is not a string: None"),
        ({"a": 10**5000}, r"data\.a is too long for a number"),
        ({"a": File()}, r"data\.a is a File; send what its to_dict\(\) gives"),
        ({"a": GetFileRequest(file_id="x")}, r"data\.a is a GetFileRequest; send what its to_w"),
    ],
)
def test_a_value_without_a_form_is_refused_with_its_path(data: Any, message: str) -> None:
    """The caller learns where it stands and what to send instead."""
    with pytest.raises(InvalidRequest, match=message):
        _codec.encode(data)


def test_data_that_contains_itself_is_refused() -> None:
    """Cycles and bottomless nesting end in our own error."""
    cycle: dict[str, Any] = {}
    cycle["again"] = [cycle]
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    for data in (cycle, {"deep": deep}):
        with pytest.raises(InvalidRequest, match="nested too deeply or contains itself"):
            _codec.encode(data)


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | TEXT
VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@unhurried
@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_encoding_and_decoding_give_the_data_back(data: dict[str, Any]) -> None:
    """No text or number is changed on the way, and the standard library reads the same."""
    body = _codec.encode(data)
    assert _codec.decode(body) == data
    assert json.loads(body) == data


@unhurried
@given(st.binary(max_size=60))
def test_any_bytes_decode_or_raise_a_decode_error(body: bytes) -> None:
    """A server can send what it likes."""
    for kind in (None, FilePage):
        try:
            _codec.decode(body, kind)
        except DecodeError:
            continue
