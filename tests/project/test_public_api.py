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
        "pdsclient.emulator",
        "pdsclient.errors",
        "pdsclient.events",
        "pdsclient.limits",
        "pdsclient.models",
        "pdsclient.query",
        "pdsclient.token_store",
        "pdsclient.tokens",
    )
]
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)


def exported(module: ModuleType) -> dict[str, Any]:
    return {name: getattr(module, name) for name in module.__all__}


def public_objects() -> Iterator[tuple[str, Any]]:
    """Every exported class and function, and the public members that our classes define."""
    for module in MODULES:
        for name, value in exported(module).items():
            if inspect.isclass(value) or inspect.isroutine(value):
                yield f"{module.__name__}.{name}", value
            if inspect.isclass(value):
                yield from _members(f"{module.__name__}.{name}", value)


def _members(owner: str, kind: type) -> Iterator[tuple[str, Any]]:
    for name, value in vars(kind).items():
        inner = getattr(value, "__func__", value)
        if not name.startswith("_") and (inspect.isfunction(inner) or isinstance(inner, property)):
            yield f"{owner}.{name}", inner


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


@each_module
def test_all_has_every_public_name_that_the_module_defines(module: ModuleType) -> None:
    """A class without an underscore that is missing in ``__all__`` is public by accident."""
    defined = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__.startswith(module.__name__ if _is_package(module) else "pdsclient")
    }
    own = {name for name in defined if getattr(module, name).__module__ == module.__name__}
    expected = defined if _is_package(module) else own
    internal = INTERNAL.get(module.__name__, set())
    assert expected - internal <= set(module.__all__)


def _is_package(module: ModuleType) -> bool:
    return hasattr(module, "__path__")


# Used by other modules of the package; users reach them through the client.
INTERNAL = {
    "pdsclient.errors": {"caret", "record_stack", "reply_error_class"},
    "pdsclient.limits": {"RateLimiter", "RetryBudget"},
}


@pytest.mark.parametrize(
    ("name", "value"), [pytest.param(*item, id=item[0]) for item in public_objects()]
)
def test_everything_public_has_a_docstring(name: str, value: Any) -> None:
    """help() answers for each class, function, method and property."""
    assert (inspect.getdoc(value) or "").strip(), f"{name} has no docstring"


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
