"""Every field of every reply model against what a server may send for it."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pdsclient.models
from pdsclient import _codec
from pdsclient.errors import DecodeError
from pdsclient.models import File, FilePage, Model, Page
from pdsclient.models import _kinds as kinds

EVERYTHING = [getattr(pdsclient.models, name) for name in pdsclient.models.__all__]
MODELS = [
    one
    for one in EVERYTHING
    if isinstance(one, type) and issubclass(one, Model) and one not in (Model, Page)
]
FIELDS = [(model, name) for model in MODELS for name in model.__struct_fields__]
# A loaded machine is no counterexample.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

OTHERS: list[Any] = [True, 7, 1.5, "text", [], ["a"], {}, {"a": 1}, [None], [{"b": [2]}]]


def declared(model: type[Model], name: str) -> str:
    """The declared type of a field."""
    kind: str = getattr(model, name).fget.__annotations__["return"]
    return kind


def read(model: type[Model], name: str, value: Any) -> Any:
    """What a field reads if the server sends a value for it."""
    sent_as = model.__struct_encode_fields__[model.__struct_fields__.index(name)]
    return getattr(_codec.decode(json.dumps({sent_as: value}).encode(), model), name)


def nothing(model: type[Model], name: str) -> Any:
    """What a field reads if there is nothing."""
    return [] if declared(model, name).startswith("list") else None


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_a_field_that_says_nothing_reads_none_or_an_empty_list(
    model: type[Model], name: str
) -> None:
    """Absent, null and the empty text are the same."""
    assert getattr(_codec.decode(b"{}", model), name) == nothing(model, name)
    assert read(model, name, None) == nothing(model, name)
    assert read(model, name, "") == nothing(model, name)
    assert getattr(model(), name) == nothing(model, name)


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_a_value_of_any_type_is_read_or_kept(
    model: type[Model], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong type never raises: it is converted without loss or kept, and logged once."""
    kinds._reported.clear()
    # What a page is iterated by has to be as it should.
    structural = issubclass(model, Page) and (name == "next_marker" or name.endswith("items"))
    for value in OTHERS:
        if structural:
            continue
        got = read(model, name, value)
        assert repr(got) == repr(read(model, name, value))
        if is_kept(got, value):
            continue
        assert fits(got, declared(model, name)), (value, got)
    assert len(caplog.records) <= 1


def is_kept(got: Any, sent: Any) -> bool:
    """The value is the one that was sent."""
    return type(got) is type(sent) and got == sent


def fits(value: Any, kind: str) -> bool:
    """The value has the declared type."""
    name = kind.removesuffix(" | None")
    if name.startswith("list["):
        return isinstance(value, list)
    plain = {"str": str, "int": int, "float": float, "bool": bool, "datetime": datetime}
    expected = plain.get(name) or (dict if name.startswith("dict") else Model)
    return isinstance(value, expected)


def test_a_wrong_type_is_logged_once_without_the_value(caplog: pytest.LogCaptureFixture) -> None:
    """The log names model, field and type; a hundred files make one line."""
    kinds._reported.clear()
    body = json.dumps({"items": [{"hidden": "s3cret"}] * 100}).encode()
    with caplog.at_level(logging.DEBUG, "pdsclient"):
        assert {file.hidden for file in _codec.decode(body, FilePage).items} == {"s3cret"}
    assert [record.getMessage() for record in caplog.records] == [
        "File.hidden: the server sent str that is not true or false; it is kept as it came"
    ]


@pytest.mark.parametrize(
    ("name", "sent", "expected"),
    [
        ("size", "1024", 1024),
        ("size", 1024.0, 1024),
        ("size", 2**63, 2**63),
        ("hidden", "true", True),
        ("hidden", "False", False),
        ("hidden", 1, True),
        ("hidden", False, False),
        ("drive_id", 1050, "1050"),
        ("crc64_hash", 2**64 - 1, "18446744073709551615"),
        ("name", "null", "null"),
        ("name", "true", "true"),
        ("labels", [None, "a", None], ["a"]),
        ("user_tags", {"a": "", "b": None, "c": 3}, {"a": "", "b": "", "c": "3"}),
        ("user_tags", {}, {}),
        ("image_media_metadata", {}, pdsclient.models.ImageMediaMetadata()),
    ],
)
def test_a_usual_oddity_reads_as_the_declared_type(name: str, sent: Any, expected: Any) -> None:
    """Numbers as text, text as numbers, flags as numbers and gaps in lists are understood."""
    got = read(File, name, sent)
    assert (got, type(got)) == (expected, type(expected))


@pytest.mark.parametrize(("sent", "expected"), [("0.5", 0.5), (1, 1.0), ("nan", "nan"), ([], [])])
def test_a_score_reads_as_a_finite_number(sent: Any, expected: Any) -> None:
    """Text is understood, what is no number is kept."""
    got = read(pdsclient.models.ImageQuality, "overall_score", sent)
    assert (got, type(got)) == (expected, type(expected))


def test_an_empty_text_among_objects_is_kept() -> None:
    """A list of objects never reads a None."""
    sent = [{"face_id": "f"}, None, "", 5]
    faces = read(pdsclient.models.ImageMediaMetadata, "faces_thumbnail", sent)
    assert faces == [pdsclient.models.FaceThumbnail(face_id="f"), "", 5]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2019-08-20T06:51:27.292Z", "2019-08-20T06:51:27.292000+00:00"),
        ("2019-08-20T06:51:27Z", "2019-08-20T06:51:27+00:00"),
        ("2019-08-20T14:51:27.123456789+08:00", "2019-08-20T06:51:27.123456+00:00"),
        ("2019-08-20T06:51:27", "2019-08-20T06:51:27+00:00"),
        (1639762579768, "2021-12-17T17:36:19.768000+00:00"),
        (0, "1970-01-01T00:00:00+00:00"),
    ],
)
def test_a_time_reads_as_an_aware_utc_datetime(sent: Any, expected: str) -> None:
    """All forms that the service is known to send are the same kind of value."""
    got = read(File, "created_at", sent)
    assert got.isoformat() == expected
    assert got.tzinfo is UTC


@pytest.mark.parametrize("sent", ["soon", "2019-13-01T00:00:00Z", 1e300, -(10**18), True, ["x"]])
def test_a_time_that_is_none_is_kept(sent: Any) -> None:
    """An impossible time neither raises nor becomes another time."""
    assert read(File, "created_at", sent) == sent


@unhurried
@given(
    moment=st.datetimes(timezones=st.timezones(), min_value=datetime(1902, 1, 1)),
    digits=st.integers(0, 9),
)
def test_any_time_with_any_offset_and_fraction_reads_as_its_moment(
    moment: datetime, digits: int
) -> None:
    """The offset changes the text, not the moment; digits beyond microseconds are dropped."""
    offset = moment.utcoffset() or timedelta()
    whole_minutes = timedelta(minutes=offset // timedelta(minutes=1))
    local = moment.astimezone(timezone(whole_minutes))
    fraction = f"{local.microsecond:06}987"[:digits]
    text = local.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    text += (f".{fraction}" if digits else "") + local.strftime("%z")
    kept = int(fraction[:6].ljust(6, "0"))
    assert read(File, "updated_at", text) == local.replace(microsecond=kept)


@unhurried
@given(st.integers(-(10**12), 10**13))
def test_any_number_of_milliseconds_reads_as_its_moment(milliseconds: int) -> None:
    """Epoch milliseconds lose nothing."""
    got = read(File, "created_at", milliseconds)
    assert (got - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1) == (milliseconds)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FILE_NAMES = st.sampled_from(File.__struct_fields__)


@unhurried
@given(st.dictionaries(FILE_NAMES, JSON, max_size=6))
def test_any_object_is_a_file(sent: dict[str, Any]) -> None:
    """Whatever the values: decoding, reading, showing, hashing and exporting never raise."""
    file = _codec.decode(json.dumps(sent).encode(), File)
    for name in File.__struct_fields__:
        getattr(file, name)
    assert file == _codec.decode(json.dumps(sent).encode(), File)
    assert hash(file) == hash(_codec.decode(json.dumps(sent).encode(), File))
    json.dumps(file.to_dict(include_urls=True))
    assert repr(file).isprintable()


@unhurried
@given(JSON)
def test_any_reply_is_a_page_or_a_decode_error(sent: Any) -> None:
    """A page is never made of something that iteration would stumble over."""
    for reply in (sent, {"items": sent}, {"items": [sent], "next_marker": sent}):
        try:
            page = _codec.decode(json.dumps(reply).encode(), FilePage)
        except DecodeError:
            continue
        assert all(isinstance(file, File) for file in page.items)
        assert page.next_marker is None or isinstance(page.next_marker, str)
        assert page.raw() == json.loads(json.dumps(reply))
