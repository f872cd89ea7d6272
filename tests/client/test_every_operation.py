"""Every operation of the API against a raw server: what is sent, and what is read.

Arguments are made from the rules of the requests, replies from the models of the catalogue; what
arrives on the other side is compared with the catalogue.
"""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from pdsclient import AsyncPDSClient, Pager, _codec
from pdsclient.models import Model
from pdsclient.models import _rules as rules
from pdsclient.models import _service_rules as service_rules
from pdsclient.models._request import Part, PartOf
from pdsclient.models._rules import Rule

DOCUMENTS = Path(__file__).parents[1] / "catalogue"
CATALOGUE = json.loads((DOCUMENTS / "catalogue.json").read_text("utf-8"))
OVERLAY = json.loads((DOCUMENTS / "catalogue-overrides.json").read_text("utf-8"))
TIMES = {line["field"]: line["kind"] for line in OVERLAY["times"]}
LISTED = {operation["path"]: operation for operation in CATALOGUE["operations"]}
MOMENT = datetime(2021, 12, 17, 17, 36, 19, 768_000, UTC)
MILLIS = 1_639_762_579_768
# A time of a request: milliseconds, RFC 3339, or the latter in whole seconds.
FORMS_OF_MOMENT = (MILLIS, "2021-12-17T17:36:19.768Z", "2021-12-17T17:36:19Z")
EAST = "2021-12-18T01:36:19.768000000+08:00"
# Models that hold their own kind end here.
DEEPEST = 6
SCALARS = {"int": 2**53, "float": 0.5, "bool": False, "any": {"deep": [1]}}
# Texts that have a form.
TEXTS = {"ListUploadedPartsResponseBody.next_part_number_marker": "7"}


def operation(client: AsyncPDSClient, path: str) -> Any:
    """The operation as users find it."""
    found: Any = client
    for segment in path.strip("/").split("/"):
        found = getattr(found, "import_" if segment == "import" else segment)
    return found


# ---------------------------------------------------------------------------- requests


def fields_of(kind: str) -> dict[str, str]:
    """The fields of a part of the catalogue with their types."""
    fields = {field["name"]: field["type"] for field in CATALOGUE["models"][kind]}
    lines = (line for line in OVERLAY["fields"] if line["model"] == kind)
    return fields | {line["name"]: line["type"] for line in lines}


def parameters_of(path: str) -> dict[str, str]:
    """The parameters of an operation with their types."""
    listed = {p["name"]: p["type"] for p in LISTED[path]["params"] if p.get("where") != "header"}
    lines = (line for line in OVERLAY["parameters"] if line["path"] == path and "type" in line)
    return listed | {line["name"]: line["type"] for line in lines}


def argument(name: str, rule: Rule) -> Any:
    """Something that a rule lets pass."""
    make = ARGUMENTS[next(kind for kind in type(rule).__mro__ if kind in ARGUMENTS)]
    return make(name, rule)


def arguments(part: type[Part]) -> dict[str, Any]:
    """An argument for every field of a part."""
    return {name: argument(name, rule) for name, rule in part.rules}


# What may get lost on the way is given: False, the lowest number, the empty text where allowed.
ARGUMENTS: dict[type[Rule], Callable[[str, Any], Any]] = {
    rules.Text: lambda name, rule: "" if rule.empty else name[: rule.most],
    rules.Names: lambda name, rule: [name, "b"],
    rules.Whole: lambda name, rule: rule.least,
    rules.Flag: lambda name, rule: False,
    rules.Choice: lambda name, rule: rule.values[-1],
    service_rules.Time: lambda name, rule: MOMENT,
    service_rules.Millis: lambda name, rule: MOMENT,
    rules.ListOf: lambda name, rule: [argument(name, rule.item)] * 2,
    rules.MapOf: lambda name, rule: MappingProxyType({"key": argument(name, rule.item)}),
    rules.Anything: lambda name, rule: {"deep": [1, None, 0.5]},
    service_rules.Tags: lambda name, rule: {"key": "value"},
    service_rules.SearchQuery: lambda name, rule: "" if rule.empty else 'name = "x"',
    service_rules.SearchOrder: lambda name, rule: "name ASC",
    PartOf: lambda name, rule: rule.part(**arguments(rule.part)),
}


def check_sent(kind: str, value: Any) -> None:
    """Assert that a value on the wire has the type of the catalogue, with nothing missing."""
    if kind.startswith("list["):
        assert isinstance(value, list)
        assert value
        for one in value:
            check_sent(kind[5:-1], one)
    elif kind.startswith("dict[str,"):
        assert isinstance(value, dict)
        assert value
        for one in value.values():
            check_sent(kind[9:-1], one)
    elif kind[0].isupper():
        assert set(value) >= set(fields_of(kind))
        for name, one in fields_of(kind).items():
            check_sent(one, value[name])
    elif kind != "any":
        assert type(value).__name__ == kind


def read_back(sent: Any, given: Any) -> Any:
    """What a value on the wire stands for, in the form in which it was given."""
    if isinstance(given, Part):
        fields = {name: read_back(one, getattr(given, name)) for name, one in sent.items()}
        return type(given)(**fields)
    if isinstance(given, datetime):
        return given if sent in FORMS_OF_MOMENT else sent
    if isinstance(given, list) and isinstance(sent, str):
        return sent.split(",")
    if isinstance(given, list):
        return [read_back(one, other) for one, other in zip(sent, given, strict=True)]
    if isinstance(given, Mapping):
        pairs = sent if isinstance(sent, dict) else {one["key"]: one["value"] for one in sent}
        return {key: read_back(one, given[key]) for key, one in pairs.items()}
    return sent


@pytest.mark.parametrize("path", [path for path in LISTED if LISTED[path]["http_method"] == "POST"])
async def test_every_argument_of_an_operation_arrives(
    path: str, server: Any, make_client: Any
) -> None:
    """Under its name, with the catalogue's type, and with the value that was given."""
    client = make_client(share_token="share-1")
    bound = operation(client, path)
    server.script((200, [] if LISTED[path]["content"] == "array" else {}))
    given = arguments(bound.op.request)
    await bound(**given)
    sent = read(server.seen[-1])
    assert server.seen[-1].path == "/v2" + path
    assert set(sent) == set(parameters_of(path))
    for name, kind in parameters_of(path).items():
        check_sent(kind, sent[name])
        assert read_back(sent[name], given[name]) == given[name]


def read(seen: Any) -> dict[str, Any]:
    """The parameters of a request that arrived, JSON or form."""
    if "json" in seen.headers["content-type"]:
        return typing.cast("dict[str, Any]", seen.json)
    pairs = parse_qs(seen.body.decode(), keep_blank_values=True, strict_parsing=True)
    return {name: values[0] for name, values in pairs.items() if len(values) == 1}


async def test_every_argument_of_a_download_arrives(server: Any, make_client: Any) -> None:
    """It is asked for with GET; the parameters stand in the query."""
    client = make_client(share_token="share-1")
    server.script((302, b"", {"Location": "https://example.com/content"}))
    given = arguments(client.file.download.op.request)
    await client.file.download(**given)
    seen = server.seen[-1]
    assert (seen.method, seen.body) == ("GET", b"")
    assert parse_qs(urlsplit(seen.target).query) == {name: [one] for name, one in given.items()}


async def test_every_argument_of_the_login_page_is_in_its_url(
    server: Any, make_client: Any
) -> None:
    """The URL is built and nothing is sent; scopes stand with commas between them."""
    client = make_client()
    given = arguments(client.oauth.authorize.op.request)
    url = urlsplit(client.oauth.authorize(**given))
    expected = {name: [str(one)] for name, one in given.items()}
    expected |= {"hide_consent": ["false"], "scope": ["scope,scope"]}
    assert url.path == "/v2/oauth/authorize"
    assert parse_qs(url.query) == expected
    assert server.seen == []


@pytest.mark.parametrize("path", LISTED)
def test_what_must_be_given_is_enough(path: str) -> None:
    """An operation can be called with the arguments that it needs, and these alone are sent."""
    client = AsyncPDSClient(api_endpoint="https://bj1.api.aliyunpds.com")
    request = operation(client, path).op.request
    wanted = {*request.needed, *request.one_of[:1]}
    given = {name: argument(name, rule) for name, rule in request.rules if name in wanted}
    defaults = {name for name, rule in request.rules if rule.default is not None}
    assert set(request(**given).to_wire()) == wanted | defaults


# ---------------------------------------------------------------------------- replies


def reply_of(model: str, deep: int = 0) -> dict[str, Any]:
    """A reply with every field of a model of the catalogue filled."""
    return {
        name: value_of(kind, f"{model}.{name}", deep) for name, kind in fields_of(model).items()
    }


def value_of(kind: str, where: str, deep: int) -> Any:
    """A value as the service sends it; times as the overlay says."""
    if where in TIMES:
        return MILLIS if TIMES[where] == "epoch_ms" else EAST
    if kind.startswith("list["):
        return [value_of(kind[5:-1], where, deep)] * 2 if deep < DEEPEST else []
    if kind.startswith("dict[str,"):
        return {"key": value_of(kind[9:-1], where, deep)}
    if kind[0].isupper():
        return reply_of(kind, deep + 1) if deep < DEEPEST else None
    return TEXTS.get(where, where) if kind == "str" else SCALARS[kind]


def check_read(model: Model, sent: dict[str, Any]) -> None:
    """Assert that every field reads what was sent, in the type that the model declares."""
    names = dict(zip(model.__struct_encode_fields__, model.__struct_fields__, strict=True))
    assert set(sent) <= set(names)
    for name, value in sent.items():
        reads = vars(owner(type(model), names[name]))[names[name]].fget
        check_value(reads(model), value, reads.__annotations__["return"])


def owner(model: type, name: str) -> type:
    """The class that declares a field: a page of two kinds of rows reads them together."""
    return next(
        base
        for base in model.__mro__
        if name in vars(base) and name in vars(base).get("__annotations__", {})
    )


def check_value(got: Any, sent: Any, declared: str) -> None:
    """Assert that a value is what was sent, and of the declared type."""
    declared = declared.removesuffix(" | None")
    if declared == "datetime":
        assert (got, got.tzinfo) == (MOMENT, UTC)
    elif isinstance(got, Model):
        assert declared in (type(got).__name__, "T")
        check_read(got, sent)
    elif declared.startswith("list["):
        for one, raw in zip(got, sent, strict=True):
            check_value(one, raw, declared[5:-1])
    elif declared.startswith("dict[str, "):
        assert got.keys() == sent.keys()
        for key, one in got.items():
            check_value(one, sent[key], declared[10:-1])
    else:
        assert got == sent
        assert declared == "Any" or got is None or type(got).__name__ == declared


ANSWERED = [path for path in LISTED if LISTED[path]["content"] in ("json", "array")]


@pytest.mark.parametrize("path", ANSWERED)
async def test_every_field_of_a_reply_is_read(path: str, server: Any, make_client: Any) -> None:
    """Each has the declared type, times are aware and UTC, and no reply is taken for broken."""
    bound = operation(make_client(share_token="share-1"), path)
    model = re.sub(r"list\[|\]", "", LISTED[path]["reply"])
    sent = reply_of(model)
    array = LISTED[path]["content"] == "array"
    server.script((200, [sent, sent] if array else sent))
    reply = await bound(**arguments(bound.op.request))
    for one in reply if array else [reply]:
        check_read(one, sent)
        # What is shown or written down is made of what was read.
        assert repr(one)
        json.dumps(one.to_dict(include_urls=True))


@pytest.mark.parametrize("path", [path for path in LISTED if LISTED[path]["content"] == "none"])
@pytest.mark.parametrize("answer", [(204, b""), (200, b""), (200, {"group_id": "g"})])
async def test_operations_without_a_reply_give_none(
    path: str, answer: Any, server: Any, make_client: Any
) -> None:
    """Whatever the service says: nothing, or a body that is not documented."""
    bound = operation(make_client(share_token="share-1"), path)
    server.script(answer)
    assert await bound(**arguments(bound.op.request)) is None


OBJECTS = [path for path in ANSWERED if LISTED[path]["content"] == "json"]


@pytest.mark.parametrize("path", OBJECTS)
async def test_an_empty_answer_gives_an_empty_reply(
    path: str, server: Any, make_client: Any
) -> None:
    """A 204 says that all is done: the reply is there, and nothing is set in it."""
    bound = operation(make_client(share_token="share-1"), path)
    server.script((204, b""))
    called = bound(**arguments(bound.op.request))
    reply = await called
    assert isinstance(called, Pager) or isinstance(reply, bound.op.reply)
    assert reply.to_dict() == {}


@pytest.mark.parametrize("path", OBJECTS)
@pytest.mark.parametrize("nothing", [None, ""])
def test_nothing_is_said_in_several_ways(path: str, nothing: str | None) -> None:
    """A field that is null or an empty text reads as one that is absent."""
    client = AsyncPDSClient(api_endpoint="https://bj1.api.aliyunpds.com")
    body = json.dumps(dict.fromkeys(fields_of(LISTED[path]["reply"]), nothing)).encode()
    reply = _codec.decode(body, operation(client, path).op.reply)
    assert reply.to_dict() == {}
    for name in reply.__struct_fields__:
        assert getattr(reply, name) in (None, [])
