"""The code against the vendor's catalogue and the reviewed overlay.

Operations are found through the resource classes, models through them: an operation or a model
that is added later is compared without a change here.
"""

from __future__ import annotations

import json
import pkgutil
import re
import typing
from importlib import import_module
from pathlib import Path
from typing import Any

import attrs
import pytest

import pdsclient.resources
from pdsclient._operations_table import KNOWN, REPEATABLE
from pdsclient.models import Model, Page
from pdsclient.models._request import (
    Choice,
    Flag,
    ListOf,
    MapOf,
    Part,
    Request,
    Rule,
    SearchOrder,
    SearchQuery,
    Text,
    Whole,
)
from pdsclient.operations import Resource
from pdsclient.query import FILE_FIELDS
from pdsclient.query.fields import Sortable

HERE = Path(__file__).parent
CATALOGUE = json.loads((HERE / "catalogue.json").read_text("utf-8"))
OVERLAY = json.loads((HERE / "catalogue-overrides.json").read_text("utf-8"))
TIMES = {line["field"]: line["kind"] for line in OVERLAY["times"]}


def all_operations() -> dict[str, Any]:
    """Every operation that the client offers, by path."""
    found = {}
    for module in pkgutil.iter_modules(pdsclient.resources.__path__):
        loaded = import_module(f"pdsclient.resources.{module.name}")
        for resource in vars(loaded).values():
            if isinstance(resource, type) and issubclass(resource, Resource):
                operations = (op for op in vars(resource).values() if hasattr(op, "reply"))
                found |= {op.path: op for op in operations}
    return found


OFFERED = all_operations()
LISTED = {operation["path"]: operation for operation in CATALOGUE["operations"]}


def parameters_of(path: str) -> dict[str, dict[str, Any]]:
    """The body parameters of an operation, the overlay's word counting last."""
    listed = {
        p["name"]: dict(p) for p in LISTED[path]["params"] if p.get("where", "body") == "body"
    }
    for line in OVERLAY["parameters"]:
        if line["path"] == path:
            listed.setdefault(line["name"], {}).update(line)
    return listed


def model_fields(model: str) -> dict[str, str]:
    """The fields of a model of the catalogue with their types, the overlay's included."""
    lines = [{"model": model, **field} for field in CATALOGUE["models"][model]]
    lines += [line for line in OVERLAY["fields"] if line["model"] == model]
    return {line["name"]: declared_as(line["type"], f"{model}.{line['name']}") for line in lines}


def declared_as(kind: str, where: str) -> str:
    """How our models declare a type of the catalogue."""
    if where in TIMES:
        return "datetime | None"
    if kind.startswith("list["):
        return kind.replace("any", "Any")
    plain = kind.replace("dict[str,str]", "dict[str, str]")
    return "Any" if plain == "any" else f"{plain} | None"


def declared(model: type[Model]) -> dict[str, str]:
    """The fields of a model of ours with their declared types."""
    item = item_of(model)
    return {
        name: getattr(model, name).fget.__annotations__["return"].replace("[T]", f"[{item}]")
        for name in model.__struct_fields__
    }


def item_of(model: type[Model]) -> str:
    """The name of what a page is made of."""
    bases = [base for base in getattr(model, "__orig_bases__", ()) if typing.get_args(base)]
    return typing.get_args(bases[0])[0].__name__ if bases else ""


def compared_models() -> dict[type[Model], set[str]]:
    """Our models with the names of those that they stand for in the catalogue."""
    pairs: dict[type[Model], set[str]] = {}
    pending = [(op.reply, LISTED[path]["reply"]) for path, op in OFFERED.items()]
    while pending:
        model, name = pending.pop()
        if name is None or name in pairs.setdefault(model, set()):
            continue
        pairs[model].add(name)
        module = import_module(model.__module__)
        for kind in model_fields(name).values():
            nested = re.sub(r"list\[|\]| \| None", "", kind)
            if nested in CATALOGUE["models"]:
                pending.append((getattr(module, nested), nested))
    return pairs


MODELS = compared_models()


def test_all_operations_of_the_issue_are_offered() -> None:
    """The ten operations that the first whole needs are there."""
    assert set(OFFERED) >= {
        "/file/search",
        "/file/list",
        "/file/get",
        "/file/scan",
        "/file/get_download_url",
        "/drive/list_my_drives",
        "/drive/get",
        "/drive/get_default_drive",
        "/share_link/get_share_token",
        "/share_link/get_by_anonymous",
    }


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_model_declares_the_fields_of_the_catalogue(model: type[Model]) -> None:
    """No field is missing, none is invented, and each has the catalogue's type."""
    expected: dict[str, str] = {}
    for name in MODELS[model]:
        expected |= model_fields(name)
    assert declared(model) == expected


@pytest.mark.parametrize("path", OFFERED)
def test_a_request_has_the_parameters_of_the_catalogue(path: str) -> None:
    """No parameter is missing or invented, and the same ones are required."""
    request, expected = OFFERED[path].request, parameters_of(path)
    assert {name for name, _ in request.rules} == set(expected)
    assert set(request.needed) == {name for name, one in expected.items() if one.get("required")}


PARAMETERS = [(path, name) for path in OFFERED for name in parameters_of(path)]


@pytest.mark.parametrize(("path", "name"), PARAMETERS)
def test_a_parameter_has_the_type_and_the_limits_of_the_catalogue(path: str, name: str) -> None:
    """Ranges, lengths, enumerations and types are the documented ones."""
    rule = dict(OFFERED[path].request.rules)[name]
    listed = parameters_of(path)[name]
    assert type_of(rule) == listed["type"]
    check_limits(rule, listed)


def type_of(rule: Rule) -> str:
    """The catalogue's name for what a rule lets pass."""
    if isinstance(rule, ListOf):
        return f"list[{type_of(rule.item)}]"
    if isinstance(rule, MapOf):
        return f"dict[str,{rule.part.__name__}]"
    names: dict[type[Rule], str] = {Whole: "int", Flag: "bool"}
    texts = (Text, Choice, SearchQuery, SearchOrder)
    return "str" if isinstance(rule, texts) else names[type(rule)]


def check_limits(rule: Rule, listed: dict[str, Any]) -> None:
    """Compare what a rule enforces with what is documented."""
    if isinstance(rule, Whole):
        assert (rule.least, rule.most) == (listed["min"], listed["max"])
    if isinstance(rule, Text) and "max_bytes" in listed:
        assert (rule.most, rule.in_bytes) == (listed["max_bytes"], True)
    elif isinstance(rule, Text) and "max_length" in listed:
        assert (rule.most, rule.in_bytes) == (listed["max_length"], False)
    if isinstance(rule, (ListOf, MapOf)):
        assert rule.most == listed["max_items"]
    assert (rule.values if isinstance(rule, Choice) else ()) == tuple(listed.get("enum", ()))


@pytest.mark.parametrize("path", OFFERED)
def test_a_request_field_is_annotated_as_its_rule_says(path: str) -> None:
    """What type checkers are told is what is checked when the call is made."""
    for field in attrs.fields(OFFERED[path].request):
        rule = dict(OFFERED[path].request.rules)[field.name]
        names = {"str": "str", "int": "int", "bool": "bool"}
        expected = names.get(type_of(rule), "Sequence" if isinstance(rule, ListOf) else "Mapping")
        assert ("Literal" if isinstance(rule, Choice) else expected) in str(field.type)


def test_parts_have_the_fields_of_the_catalogue() -> None:
    """A part of a request has the fields of the model it stands for."""
    for path in OFFERED:
        for _, rule in OFFERED[path].request.rules:
            if isinstance(rule, MapOf):
                listed = CATALOGUE["models"][rule.part.__name__]
                assert {name for name, _ in rule.part.rules} == {field["name"] for field in listed}


@pytest.mark.parametrize("path", OFFERED)
def test_paged_operations_are_those_with_markers(path: str) -> None:
    """An operation is paged here exactly if the catalogue says so, with its highest limit."""
    operation, paginated = OFFERED[path], LISTED[path]["paginated"]
    assert issubclass(operation.reply, Page) == bool(paginated)
    if paginated:
        assert operation.most == paginated["limit_max"]
        assert {"items", "next_marker"} <= set(operation.reply.__struct_fields__)


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


@pytest.mark.parametrize("table", ["parameters", "sort_keys", "fields", "times", "repeatable"])
def test_every_line_of_the_overlay_says_why(table: str) -> None:
    """Each reviewed line names its source or its reason."""
    assert all(line.get("source") or line.get("reason") for line in OVERLAY[table])


def test_every_time_of_a_model_has_a_kind() -> None:
    """All times of the models that are offered are listed with the form they are sent in."""
    for model, names in MODELS.items():
        times = {name for name, kind in declared(model).items() if "datetime" in kind}
        listed = {field.partition(".")[2] for field in TIMES if field.split(".")[0] in names}
        assert times == listed


def test_every_request_class_is_used_by_an_operation() -> None:
    """No request class is left over."""
    used = {op.request for op in OFFERED.values()}
    modules = {import_module(request.__module__) for request in used}
    classes = {one for module in modules for one in vars(module).values() if isinstance(one, type)}
    left = {one for one in classes if issubclass(one, Request) and one is not Request} - used
    assert not left
    assert all(issubclass(one, Part) for one in used)
