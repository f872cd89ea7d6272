"""What users import: complete, sorted, documented, and found where it says it lives."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

MODULES = [
    importlib.import_module(name)
    for name in (
        "pdsclient",
        "pdsclient.auth",
        "pdsclient.batching",
        "pdsclient.bulk",
        "pdsclient.emulator",
        "pdsclient.errors",
        "pdsclient.events",
        "pdsclient.export",
        "pdsclient.limits",
        "pdsclient.models",
        "pdsclient.polling",
        "pdsclient.query",
        "pdsclient.testing",
        "pdsclient.token_store",
        "pdsclient.tokens",
    )
]
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)


def exported(module: ModuleType) -> dict[str, Any]:
    return {name: getattr(module, name) for name in module.__all__}


def public_objects(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Every exported class and function, and the public members that our classes define."""
    for name, value in exported(module).items():
        if inspect.isclass(value) or inspect.isroutine(value):
            yield name, value
        if inspect.isclass(value):
            yield from _members(value)


def _members(kind: type) -> Iterator[tuple[str, Any]]:
    # Fields of reply models are described in the class; at run time they look like properties.
    fields = getattr(kind, "__struct_fields__", ())
    for name, value in vars(kind).items():
        inner = getattr(value, "__func__", value)
        described = inspect.isfunction(inner) or isinstance(inner, property)
        if described and not name.startswith("_") and name not in fields:
            yield f"{kind.__name__}.{name}", inner


def _isort_key(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest: the order that ruff keeps ``__all__`` in."""
    if len(name) > 1 and name.isupper():
        return 0, name
    return (1 if name[0].isupper() else 2), name


@each_module
def test_all_is_sorted_and_has_no_duplicates(module: ModuleType) -> None:
    """The list of names can be read and diffed."""
    names = list(module.__all__)
    assert names == sorted(set(names), key=_isort_key)


# Used by other modules of the package; users reach them through the client.
INTERNAL = {
    "pdsclient.errors": {"caret", "record_stack", "reply_error_class"},
    "pdsclient.limits": {"RateLimiter", "RetryBudget"},
}


@each_module
def test_all_has_every_public_name_of_the_module(module: ModuleType) -> None:
    """A class without an underscore that is missing in ``__all__`` is public by accident."""
    # A module offers what it defines, a package also what it imports from its own modules.
    home = f"{module.__name__}."
    offered = {
        name
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and f"{value.__module__}.".startswith(home)
        and not name.startswith("_")
    }
    assert offered - INTERNAL.get(module.__name__, set()) <= set(module.__all__)


@each_module
def test_everything_public_has_a_docstring(module: ModuleType) -> None:
    """help() answers for each class, function, method and property."""
    bare = [name for name, value in public_objects(module) if not inspect.getdoc(value)]
    assert bare == []


@each_module
def test_everything_exported_is_found_where_it_says_it_lives(module: ModuleType) -> None:
    """Otherwise pickle and documentation tools look in the wrong place."""
    for name, value in exported(module).items():
        if inspect.isclass(value) or inspect.isfunction(value):
            home = sys.modules[value.__module__]
            assert getattr(home, value.__qualname__) is value, name


def test_the_top_level_exports_every_error() -> None:
    """``except pdsclient.NotFound`` needs no second import."""
    import pdsclient
    from pdsclient import errors

    assert set(errors.__all__) <= set(pdsclient.__all__)
