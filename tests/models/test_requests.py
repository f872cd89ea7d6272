"""Requests: what is refused, with which words, and what goes on the wire."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import attrs
import pytest

import pdsclient.models
from pdsclient.errors import InvalidRequest
from pdsclient.models import (
    BatchItem,
    BatchRequest,
    GetDownloadUrlRequest,
    GetFileRequest,
    GetShareTokenRequest,
    ImageProcess,
    ListFileRequest,
    Request,
    SearchFileRequest,
)
from pdsclient.models import _rules as rules
from pdsclient.models import _service_rules as service_rules
from pdsclient.models._request import Part, PartOf
from pdsclient.models._rules import Rule
from pdsclient.query import F, OrderTerm, parse_query

P = TypeVar("P", bound=Part)

REQUESTS = [
    one
    for one in (getattr(pdsclient.models, name) for name in pdsclient.models.__all__)
    if isinstance(one, type) and issubclass(one, Request) and one is not Request
]


def good(rule: Rule) -> Any:
    """A value that a rule lets pass."""
    if isinstance(rule, rules.Whole):
        return rule.most
    if isinstance(rule, rules.Choice):
        return rule.values[0]
    if isinstance(rule, rules.ListOf):
        return [good(rule.item)]
    if isinstance(rule, rules.MapOf):
        return {"key": good(rule.item)}
    if isinstance(rule, PartOf):
        return filled(rule.part)
    if isinstance(rule, service_rules.SearchQuery):
        return parse_query(f'{"name" if "name" in rule.fields else "status"} = "enabled"')
    return EXAMPLES.get(type(rule), "x1")


EXAMPLES: Mapping[type[Rule], Any] = {
    rules.Flag: True,
    service_rules.SearchOrder: "name ASC",
    service_rules.Time: datetime(2025, 1, 31, 8, tzinfo=UTC),
    service_rules.Millis: 1_700_000_000_000,
    service_rules.Tags: [{"key": "k", "value": "v"}],
    rules.Anything: {"any": [1, None]},
}


def filled(part: type[P], **changed: Any) -> P:
    """A request or a part with a good value in every field but the changed ones."""
    return part(**{**{name: good(rule) for name, rule in part.rules}, **changed})


def wrong_types(rule: Rule) -> list[Any]:
    """Values of a type that a rule refuses."""
    values: list[Any] = [True, 1.5, b"bytes", object(), {"a"}, 5, "text", ["x"], {"k": "v"}]
    right: tuple[type, ...] = (str,)
    if isinstance(rule, rules.Anything):
        return []
    if isinstance(rule, (rules.Whole, service_rules.Millis)):
        right, values = (), [one for one in values if type(one) is not int]
    elif isinstance(rule, rules.Flag):
        right, values = (), [one for one in values if type(one) is not bool]
    elif isinstance(rule, rules.ListOf):
        right = (list,)
    elif isinstance(rule, rules.Names):
        right = (str, list)
    elif isinstance(rule, (rules.MapOf, service_rules.Tags, PartOf)):
        right, values = (), [one for one in values if not isinstance(one, dict)]
    return [one for one in values if not (right and isinstance(one, right))]


def refused(request: type[Request], name: str, value: Any) -> str:
    """The message with which a value for a field is refused."""
    with pytest.raises(InvalidRequest) as caught:
        filled(request, **{name: value}).check()
    return caught.value.message


@pytest.mark.parametrize("request_class", REQUESTS)
def test_a_good_request_passes_and_is_sent_whole(request_class: type[Request]) -> None:
    """With a good value in every field nothing is refused or dropped."""
    request = filled(request_class)
    request.check()
    assert set(request.to_wire()) == {name for name, _ in request_class.rules}
    assert request.to_wire(validate=False) == request.to_wire()


@pytest.mark.parametrize("request_class", REQUESTS)
def test_a_wrong_type_is_refused_by_name(request_class: type[Request]) -> None:
    """Neither a bool for an int nor a number for an identifier slips through."""
    for name, rule in request_class.rules:
        for value in wrong_types(rule):
            assert name in refused(request_class, name, value)


@pytest.mark.parametrize("request_class", REQUESTS)
def test_a_value_outside_the_limits_is_refused_by_name(request_class: type[Request]) -> None:
    """Ranges, enumerations and sizes are those of the service; what is refused is named."""
    for name, rule in request_class.rules:
        for value in misfits(rule):
            message = refused(request_class, name, value)
            assert name in message
            assert len(message) < 1_000


def misfits(rule: Rule) -> list[Any]:
    """Values of the right type that a rule refuses."""
    if isinstance(rule, rules.Text):
        bad = ["x" * (rule.most + 1), "a\x00", "a\x7f", "\ud800", "é" * (rule.most + 1)]
        bad += [] if rule.empty else [""]
        return bad + (["文件"] if rule.ascii else []) + ([rule.without] if rule.without else [])
    if isinstance(rule, rules.Whole):
        return [rule.least - 1, rule.most + 1, 2**64, 10**400]
    if isinstance(rule, rules.Choice):
        return ["", "other", rule.values[0].swapcase(), rule.values[0] + "\x00"]
    if isinstance(rule, rules.ListOf):
        return [[None], [good(rule.item)] * (rule.most + 1), *([[]] if rule.least else [])]
    if isinstance(rule, rules.MapOf):
        item = good(rule.item)
        return [{str(n): item for n in range(rule.most + 1)}, {"": item}, {5: item}]
    if isinstance(rule, PartOf):
        return [{"other": "x"}, {name: object() for name, _ in rule.part.rules}]
    return []


@pytest.mark.parametrize("request_class", REQUESTS)
def test_a_required_field_that_is_none_is_missing(request_class: type[Request]) -> None:
    """The message says which one is required."""
    for name in request_class.needed:
        assert refused(request_class, name, None) == f"{name} is required"


@pytest.mark.parametrize(
    ("request_class", "names"),
    [
        (SearchFileRequest, ("drive_id", "drive_id_list")),
        (ListFileRequest, ("drive_id", "share_id")),
        (GetFileRequest, ("drive_id", "share_id")),
        (GetDownloadUrlRequest, ("drive_id", "share_id")),
    ],
)
def test_one_of_two_fields_is_needed(request_class: type[Request], names: tuple[str, ...]) -> None:
    """Either will do, both will do, neither will not."""
    for name in names:
        filled(request_class, **{name: None}).check()
    with pytest.raises(InvalidRequest, match=f"one of {names[0]} or {names[1]} is required"):
        filled(request_class, **dict.fromkeys(names)).check()


def test_a_numeric_drive_id_is_refused_with_the_fix() -> None:
    """Identifiers are text; the message shows the text to write."""
    assert refused(GetFileRequest, "drive_id", 1050) == (
        "drive_id must be a string, not int: write '1050'"
    )


def test_a_secret_is_never_shown() -> None:
    """Neither a refused password nor the one in a request is printed."""
    for value in ("s3crét", "s3cret" * 20, "s3cret\n", 53237):
        message = refused(GetShareTokenRequest, "share_pwd", value)
        assert "s3cr" not in message
        assert "53237" not in message
    assert "s3cret" not in repr(GetShareTokenRequest(share_id="x", share_pwd="s3cret"))
    body = {"share_id": "x", "share_pwd": "s3cret"}
    item = BatchItem(id="0", url="/share_link/get_share_token", body=body)
    assert "s3cret" not in repr(BatchRequest(resource="file", requests=[item]))
    assert "'share_id': 'x'" in repr(item)


def test_a_token_in_the_wrong_place_is_not_shown() -> None:
    """A credential passed as an identifier does not end in the message."""
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl "
    assert "c2lnbmF0dXJl" not in refused(GetFileRequest, "share_id", token)


def test_bytes_and_characters_are_counted_as_documented() -> None:
    """A file name is limited in bytes of UTF-8."""
    filled(GetDownloadUrlRequest, file_name="文" * 341).check()
    message = refused(GetDownloadUrlRequest, "file_name", "文" * 342)
    assert message == "file_name must have at most 1,024 bytes, not 1,026"


def test_what_is_left_out_is_not_sent() -> None:
    """Only the fields that are set go on the wire, and a search always has an order."""
    request = SearchFileRequest(drive_id="1", query="size > 1")
    assert request.to_wire() == {
        "drive_id": "1",
        "query": "size > 1",
        "order_by": "created_at DESC,name ASC",
    }
    assert ListFileRequest(drive_id="1", parent_file_id="root").to_wire() == {
        "drive_id": "1",
        "parent_file_id": "root",
    }


@pytest.mark.parametrize(
    "order_by",
    [
        "size desc, name",
        [F.size.desc(), F.name.asc()],
        (F.size.desc(), OrderTerm("name")),
        ["size DESC", F.name.asc()],
    ],
)
def test_queries_and_orders_take_objects_and_text(order_by: Any) -> None:
    """Whatever form they were given in, the canonical text is sent."""
    request = SearchFileRequest(drive_id="1", query=F.size > 1024, order_by=order_by)
    wire = request.to_wire()
    assert (wire["query"], wire["order_by"]) == ("size > 1024", "size DESC,name ASC")


def test_a_wrong_query_or_order_is_refused() -> None:
    """Text is parsed and checked where the call is written."""
    for name, bad in [
        ("query", "sise > 1"),
        ("query", ""),
        ("query", "size > 1 or " * 400 + "size > 1"),
        ("order_by", "hidden DESC"),
        ("order_by", "no_such_field"),
        ("order_by", []),
        ("order_by", [None]),
    ]:
        assert name in refused(SearchFileRequest, name, bad)


def test_without_validation_values_are_sent_as_they_are() -> None:
    """Objects are rendered still; nothing is looked at."""
    request = SearchFileRequest(
        query="no such language",
        order_by=F.size.asc(),
        limit=5000,
        thumbnail_processes={"a": ImageProcess(image_thumbnail_process=""), "b": {"x": "y"}},
    )
    assert request.to_wire(validate=False) == {
        "query": "no such language",
        "order_by": "size ASC",
        "limit": 5000,
        "thumbnail_processes": {"a": {"image_thumbnail_process": ""}, "b": {"x": "y"}},
    }


def test_parts_may_be_given_as_mappings() -> None:
    """A mapping in a part's form is checked like the part itself."""
    request = filled(GetFileRequest, thumbnail_processes={"s": {"video_thumbnail_process": "v"}})
    assert request.to_wire()["thumbnail_processes"] == {"s": {"video_thumbnail_process": "v"}}
    assert refused(GetFileRequest, "thumbnail_processes", {"s": {"vid": "v"}}) == (
        "thumbnail_processes['s'] has no field 'vid'; there are image_thumbnail_process, "
        "office_thumbnail_process, video_thumbnail_process"
    )


@pytest.mark.parametrize("request_class", REQUESTS)
def test_requests_are_frozen_and_keyword_only(request_class: type[Request]) -> None:
    """They are values: equal by content, and nobody changes them on the way."""
    request = filled(request_class)
    assert request == filled(request_class)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        request.drive_id = None  # type: ignore[attr-defined]
    parameters = inspect.signature(request_class).parameters.values()
    assert all(one.kind is one.KEYWORD_ONLY for one in parameters)


def test_repr_shows_what_is_set() -> None:
    """A request with fifteen fields prints those that were given."""
    request = ListFileRequest(drive_id="1", parent_file_id="root")
    assert repr(request) == "ListFileRequest(drive_id='1', parent_file_id='root')"
