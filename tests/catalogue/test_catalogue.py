"""The code against the vendor's catalogue and the reviewed overlay.

Operations are found through the resource classes, models and parts through them: whatever is
added later is compared without a change here. One class of ours may stand for several of the
catalogue; it then has the fields of all of them.
"""

from __future__ import annotations

import contextlib
import json
import pkgutil
import re
import sys
import typing
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import pytest

import pdsclient.resources
from pdsclient import AsyncPDSClient
from pdsclient._operations_table import KNOWN, REPEATABLE
from pdsclient.models import Model, Page
from pdsclient.models import _rules as rules
from pdsclient.models import _service_rules as service_rules
from pdsclient.models._request import Part, PartOf, Request
from pdsclient.models._rules import Rule
from pdsclient.operations import PagedOp, Resource, UrlOp
from pdsclient.query import FILE_FIELDS
from pdsclient.query.fields import Sortable

HERE = Path(__file__).parent
CATALOGUE = json.loads((HERE / "catalogue.json").read_text("utf-8"))
OVERLAY = json.loads((HERE / "catalogue-overrides.json").read_text("utf-8"))
TIMES = {line["field"]: line["kind"] for line in OVERLAY["times"]}
# What has no limit in any source is bounded by us, far beyond what anybody sends.
UNLIMITED = 1_000


def all_operations() -> dict[str, Any]:
    """Every operation that the client offers, by path."""
    found = {}
    for module in pkgutil.iter_modules(pdsclient.resources.__path__):
        loaded = import_module(f"pdsclient.resources.{module.name}")
        for resource in vars(loaded).values():
            if isinstance(resource, type) and issubclass(resource, Resource):
                operations = (op for op in vars(resource).values() if hasattr(op, "reply"))
                found |= {op.path: op for op in operations}
    return dict(sorted(found.items()))


OFFERED = all_operations()
LISTED = {operation["path"]: operation for operation in CATALOGUE["operations"]}


def test_every_operation_is_offered() -> None:
    """Nothing is missing, nothing is invented."""
    assert set(OFFERED) == set(LISTED)
    assert len(OFFERED) == 139


async def test_the_path_of_an_operation_is_its_attribute_path() -> None:
    """``/user/import`` is ``client.user.import_``."""
    client = AsyncPDSClient(api_endpoint="https://bj1.api.aliyunpds.com")
    for path in OFFERED:
        found: Any = client
        for segment in path.strip("/").split("/"):
            found = getattr(found, "import_" if segment == "import" else segment)
        assert found.op.path == path


# ---------------------------------------------------------------------------- requests


def parameters_of(path: str) -> dict[str, dict[str, Any]]:
    """The parameters of an operation, the overlay's word counting last."""
    listed = {p["name"]: dict(p) for p in LISTED[path]["params"] if p.get("where") != "header"}
    for line in OVERLAY["parameters"]:
        if line["path"] == path:
            listed.setdefault(line["name"], {}).update(line)
    return listed


def parts_fields(model: str) -> dict[str, dict[str, Any]]:
    """The fields of a part of the catalogue, the overlay's word counting last."""
    fields = {field["name"]: dict(field) for field in CATALOGUE["models"][model]}
    for line in OVERLAY["fields"]:
        if line["model"] == model:
            field = fields.setdefault(line["name"], {})
            enum = field.get("enum", []) + line.get("enum_more", [])
            field.update(line, enum=line.get("enum", enum))
    return fields


def compared_parts() -> dict[type[Part], dict[str, dict[str, Any]]]:
    """Our requests and parts with the fields that they have in the catalogue."""
    pairs: dict[type[Part], dict[str, dict[str, Any]]] = {}
    pending = [(op.request, parameters_of(path)) for path, op in OFFERED.items()]
    while pending:
        part, listed = pending.pop()
        known = pairs.setdefault(part, {})
        for name, rule in part.rules:
            if name in listed and name not in known:
                nested = nested_part(rule, listed[name]["type"])
                pending += [(nested[0], parts_fields(nested[1]))] if nested else []
        for name, field in listed.items():
            known[name] = field | known.get(name, {})
    return pairs


def nested_part(rule: Rule, kind: str) -> tuple[type[Part], str] | None:
    """Our part inside a rule, and the one of the catalogue at the same place."""
    while isinstance(rule, (rules.ListOf, rules.MapOf)):
        rule, kind = rule.item, kind[kind.index("[") + 1 : -1].removeprefix("str,")
    return (rule.part, kind) if isinstance(rule, PartOf) else None


PARTS = compared_parts()
FIELDS = [(part, name) for part, fields in PARTS.items() for name in fields]


def field_id(value: object) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


@pytest.mark.parametrize("path", OFFERED)
def test_a_request_has_the_parameters_of_the_catalogue(path: str) -> None:
    """No parameter is missing or invented, and those that are required must be given."""
    request, expected = OFFERED[path].request, parameters_of(path)
    assert {name for name, _ in request.rules} == set(expected)
    required = {name for name, one in expected.items() if one.get("required")}
    given_by_us = {name for name, rule in request.rules if rule.default is not None}
    assert set(request.needed) == required - given_by_us


@pytest.mark.parametrize("part", PARTS, ids=field_id)
def test_a_part_has_the_fields_of_the_catalogue(part: type[Part]) -> None:
    """No field is missing or invented, and those that are required must be given."""
    assert {name for name, _ in part.rules} == set(PARTS[part])
    given_by_us = {name for name, rule in part.rules if rule.default is not None}
    required = {name for name, one in PARTS[part].items() if one.get("required")}
    assert required - given_by_us == set(part.needed)


@pytest.mark.parametrize(("part", "name"), FIELDS, ids=field_id)
def test_a_field_has_the_type_and_the_limits_of_the_catalogue(part: type[Part], name: str) -> None:
    """Ranges, lengths, enumerations and types are the documented ones."""
    rule, listed = dict(part.rules)[name], PARTS[part][name]
    nested = nested_part(rule, listed["type"])
    kind = listed["type"].replace(nested[1], "part") if nested else listed["type"]
    assert type_of(rule) == re.sub(r"list\[\w*UserTags?\]", "tags", kind)
    check_limits(rule, listed)


TYPES: dict[type[Rule], str] = {
    rules.Whole: "int",
    service_rules.Millis: "int",
    rules.Flag: "bool",
    rules.Anything: "any",
    service_rules.Tags: "tags",
    PartOf: "part",
}


def type_of(rule: Rule) -> str:
    """The catalogue's name for what a rule lets pass; all that it does not list are texts."""
    if isinstance(rule, rules.ListOf):
        return f"list[{type_of(rule.item)}]"
    if isinstance(rule, rules.MapOf):
        return f"dict[str,{type_of(rule.item)}]"
    return TYPES.get(type(rule), "str")


def check_limits(rule: Rule, listed: dict[str, Any]) -> None:
    """Compare what a rule enforces with what is documented."""
    if isinstance(rule, rules.Whole):
        assert rule.least == listed.get("min", rule.least if -1 <= rule.least <= 1 else 0)
        assert rule.most == listed.get("max", max(rule.most, 2**31))
    if isinstance(rule, rules.Text) and "max_bytes" in listed:
        assert (rule.most, rule.in_bytes) == (listed["max_bytes"], True)
    elif isinstance(rule, rules.Text) and "max_length" in listed:
        assert (rule.most, rule.in_bytes) == (listed["max_length"], False)
    choice = rule.item if isinstance(rule, rules.ListOf) else rule
    values = choice.values if isinstance(choice, rules.Choice) else ()
    assert set(values) == set(listed.get("enum") or ())
    if isinstance(rule, (rules.ListOf, rules.MapOf, service_rules.Tags)):
        most = len(values) or listed.get("max_items", max(rule.most, UNLIMITED))
        assert rule.most == most


@pytest.mark.parametrize("part", PARTS, ids=field_id)
def test_a_field_is_annotated_as_its_rule_says(part: type[Part]) -> None:
    """What type checkers are told is what is checked when the call is made."""
    for field in attrs.fields(part):
        rule, kind = dict(part.rules)[field.name], str(field.type)
        if isinstance(rule, rules.Choice):
            assert typing.get_args(alias(part, kind.removesuffix(" | None"))) == rule.values
        names = {"str": "str", "int": "int", "bool": "bool", "any": "Any", "tags": "Mapping"}
        if isinstance(rule, (rules.MapOf, PartOf)):
            expected = "Mapping"
        else:
            expected = "Sequence" if isinstance(rule, rules.ListOf) else names[type_of(rule)]
        assert isinstance(rule, rules.Choice) or expected in kind
        assert kind.endswith(" | None") == (field.name not in part.needed)


def alias(part: type[Part], name: str) -> Any:
    """What a type stands for in the module of a class, or of one that it inherits from."""
    for base in part.__mro__:
        with contextlib.suppress(NameError):
            return eval(name, vars(sys.modules[base.__module__]))
    raise AssertionError(name)


@pytest.mark.parametrize("part", PARTS, ids=field_id)
def test_every_field_says_what_it_is(part: type[Part]) -> None:
    """The text of a field is a sentence in plain words; the limits are the rule's matter."""
    for argument in part.arguments():
        assert re.fullmatch(r"[A-Z\"'][^`\n]+\.", argument.text), argument
    assert part.__doc__
    assert "attrs" not in part.__doc__


def test_every_request_class_is_used_by_an_operation() -> None:
    """No request class is left over."""
    used = {op.request for op in OFFERED.values()}
    modules = {import_module(request.__module__) for request in used}
    classes = {one for module in modules for one in vars(module).values() if isinstance(one, type)}
    left = {one for one in classes if issubclass(one, Request) and one is not Request} - used
    assert not {one for one in left if not one.__name__.startswith("_")}


# ---------------------------------------------------------------------------- replies


def model_fields(model: str) -> dict[str, str]:
    """The fields of a model of the catalogue with their types, the overlay's word counting last."""
    lines = [{"model": model, **field} for field in CATALOGUE["models"][model]]
    lines += [line for line in OVERLAY["fields"] if line["model"] == model]
    return {line["name"]: declared_as(line["type"], f"{model}.{line['name']}") for line in lines}


def declared_as(kind: str, where: str) -> str:
    """How our models declare a type of the catalogue."""
    if where in TIMES:
        return "datetime | None"
    plain = kind.replace("any", "Any").replace("dict[str,", "dict[str, ")
    return plain if plain == "Any" or plain.startswith("list[") else f"{plain} | None"


def declared(model: type[Model]) -> dict[str, str]:
    """The fields of a model of ours, under their names in replies, with their declared types."""
    item = item_of(model)
    names = zip(model.__struct_fields__, model.__struct_encode_fields__, strict=True)
    kinds = {
        sent: vars(owner(model, name))[name].fget.__annotations__["return"] for name, sent in names
    }
    return {name: kind.replace("[T]", f"[{item}]") for name, kind in kinds.items()}


def owner(model: type[Model], name: str) -> type[Model]:
    """The class that declares a field; a page may read it otherwise."""
    return next(
        base
        for base in model.__mro__
        if name in vars(base)
        and "return" in (vars(base)[name].fget.__annotations__)
        and name in getattr(base, "__annotations__", {})
    )


def item_of(model: type[Model]) -> str:
    """The name of what a page is made of."""
    bases = [base for base in getattr(model, "__orig_bases__", ()) if typing.get_args(base)]
    return getattr(typing.get_args(bases[0])[0], "__name__", "") if bases else ""


def model_in(kind: str) -> str:
    """The name of the model in a declared type, if there is one."""
    name = re.sub(r"list\[|dict\[str, |\]| \| None", "", kind)
    return name if name[0].isupper() and name != "Any" else ""


def compared_models() -> dict[type[Model], set[str]]:
    """Our models with the names of those that they stand for in the catalogue."""
    pairs: dict[type[Model], set[str]] = {}
    pending = list(replies())
    while pending:
        model, name = pending.pop()
        if name in pairs.setdefault(model, set()):
            continue
        pairs[model].add(name)
        ours = declared(model)
        for field, kind in model_fields(name).items():
            nested = model_in(ours.get(field, "Any"))
            if nested and model_in(kind):
                pending.append((named(model, nested), model_in(kind)))
    return pairs


def replies() -> Iterator[tuple[type[Model], str]]:
    """The reply models of the operations with those of the catalogue."""
    for path, op in OFFERED.items():
        reply = LISTED[path]["reply"]
        if reply is not None:
            inner = reply.removeprefix("list[").removesuffix("]")
            yield (typing.get_args(op.reply)[0] if inner != reply else op.reply), inner


def named(model: type[Model], name: str) -> type[Model]:
    """The class of a name in the modules of a model and of those it inherits from."""
    modules = [vars(sys.modules[base.__module__]) for base in model.__mro__]
    found: type[Model] = next(module[name] for module in modules if name in module)
    return found


MODELS = compared_models()


@pytest.mark.parametrize("model", MODELS, ids=field_id)
def test_a_model_declares_the_fields_of_the_catalogue(model: type[Model]) -> None:
    """No field is missing, none is invented, and each has the catalogue's type."""
    expected: dict[str, str] = {}
    for name in MODELS[model]:
        expected |= model_fields(name)
    ours = declared(model)
    for field, kind in expected.items():
        nested = model_in(ours.get(field, "Any"))
        theirs = model_in(kind)
        # Which class of ours it is was found by the walk through the replies.
        expected[field] = kind.replace(theirs, nested) if nested and theirs else kind
    if issubclass(model, Page) and "items" not in expected:
        # Rows of several kinds are read together as ``items``, which is not on the wire.
        ours.pop("items", None)
    assert ours == expected


@pytest.mark.parametrize("path", OFFERED)
def test_the_reply_has_the_form_of_the_catalogue(path: str) -> None:
    """Nothing, an object, an array, a redirect or a URL for a browser."""
    op, listed = OFFERED[path], LISTED[path]
    assert op.method == listed["http_method"]
    if listed["content"] == "none":
        assert op.reply is None
    elif listed["content"] == "array":
        assert typing.get_origin(op.reply) is list
    elif listed["content"] == "binary":
        assert isinstance(op, UrlOp) or op.redirect
    else:
        assert issubclass(op.reply, Model)


def test_credentials_and_endpoints_are_those_of_the_overlay() -> None:
    """Few operations are anonymous, or belong to the auth endpoint."""
    # The URL for a browser carries no credential in any case.
    anonymous = {path for path, op in OFFERED.items() if op.anonymous or isinstance(op, UrlOp)}
    at_auth = {path for path, op in OFFERED.items() if op.auth}
    assert anonymous == {line["path"] for line in OVERLAY["callers"] if line["anonymous"]}
    assert at_auth == {line["path"] for line in OVERLAY["callers"] if line["auth_endpoint"]}
    assert [path for path, op in OFFERED.items() if op.form] == ["/oauth/token"]


@pytest.mark.parametrize("path", OFFERED)
def test_paged_operations_are_those_with_markers(path: str) -> None:
    """An operation is paged exactly if the catalogue says so, with its names and its limit."""
    operation, paginated = OFFERED[path], LISTED[path]["paginated"]
    assert isinstance(operation, PagedOp) == bool(paginated)
    if paginated:
        limit = parameters_of(path)["limit"]
        assert operation.most == limit["max"] == (paginated["limit_max"] or limit["max"])
        sent = set(operation.reply.__struct_encode_fields__)
        extra = paginated.get("extra_items", [])
        assert {paginated["items"], paginated["marker_response"], *extra} <= sent
        assert operation.reply.__asking__[0] == paginated["marker_request"]


def test_every_time_of_a_model_has_a_kind() -> None:
    """All times of the models that are offered are listed with the form they are sent in."""
    for model, names in MODELS.items():
        times = {name for name, kind in declared(model).items() if "datetime" in kind}
        listed = {field.partition(".")[2] for field in TIMES if field.split(".")[0] in names}
        assert times == listed


# ---------------------------------------------------------------------------- the overlay


def test_sort_keys_are_those_of_the_overlay() -> None:
    """The query language sorts by the seed's columns and the documented additions."""
    expected = {name for line in OVERLAY["sort_keys"] for name in line["fields"]}
    assert {name for name, field in FILE_FIELDS.items() if isinstance(field, Sortable)} == expected


def test_repeatable_is_decided_for_every_path() -> None:
    """The overlay decides for each path of the catalogue, and the code follows it."""
    decided = {line["path"]: line["repeatable"] for line in OVERLAY["repeatable"]}
    assert set(decided) == set(LISTED) == KNOWN
    assert {path for path, repeatable in decided.items() if repeatable} == REPEATABLE
    assert len(KNOWN) == 139


@pytest.mark.parametrize("table", sorted(OVERLAY))
def test_every_line_of_the_overlay_says_why(table: str) -> None:
    """Each reviewed line names its source or its reason."""
    assert all(line.get("source") or line.get("reason") for line in OVERLAY[table])


def test_every_line_of_the_overlay_is_about_something() -> None:
    """No line is left over from an operation or a model that is not there."""
    assert {line["path"] for line in OVERLAY["parameters"]} <= set(LISTED)
    assert {line["model"] for line in OVERLAY["fields"]} <= set(CATALOGUE["models"])
    assert {field.split(".")[0] for field in TIMES} <= set(CATALOGUE["models"])
