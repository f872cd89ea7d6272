"""How the fields of replies are read: one table from the declared type to a reading.

A slot holds what the server sent, whatever it was; the attribute gives the declared type. So a
value that is usual but odd (``""`` for nothing, ``"7200"`` for a number, a time in milliseconds)
needs no second decoding, and a value that fits nowhere is still there to be looked at.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from pdsclient._times import as_utc, parse_time

_logger = logging.getLogger("pdsclient")
_reported: set[str] = set()

_MISFIT = (TypeError, ValueError, OverflowError)


class Kind:
    """One kind of field.

    Args:
        name: for messages.
        exact: the type of a value that needs no conversion.
        convert: the declared type from what was sent; raises when that cannot be.
        stored: the type that msgspec decodes the slot as; it takes any JSON value.
    """

    def __init__(
        self, name: str, exact: type, convert: Callable[[Any], Any], stored: Any = Any
    ) -> None:
        self.name = name
        self.exact = exact
        self.convert = convert
        self.stored = stored

    def read(self, raw: Any, where: str) -> Any:
        """The declared type; None for nothing; what was sent if it does not fit."""
        return None if raw is None or raw == "" else self.fit(raw, where)

    def fit(self, raw: Any, where: str) -> Any:
        """The declared type, or what was sent if it does not fit."""
        try:
            return self.convert(raw)
        except _MISFIT:
            _report(where, self.name, raw)
            return raw

    def reader(self, get: Callable[[Any], Any], where: str) -> Callable[[Any], Any]:
        """The getter of a property; ``get`` takes the raw value from the slot."""
        exact, read_odd = self.exact, self.read

        def read(model: Any) -> Any:
            raw = get(model)
            if raw is None or (type(raw) is exact and raw != ""):
                return raw
            return read_odd(raw, where)

        return read


class ListKind(Kind):
    """A list: it reads ``[]`` where there is none and leaves out ``null``.

    Each reading makes a new list, so that nobody can change the model through it.
    """

    def __init__(self, item: Kind) -> None:
        stored: Any = list[item.stored] | dict[str, Any] | str | int | float | bool | None  # type: ignore[name-defined]
        super().__init__("a list", list, _misfit, stored)
        self.item = item

    def reader(self, get: Callable[[Any], Any], where: str) -> Callable[[Any], Any]:
        item, exact = self.item, self.item.exact

        def read(model: Any) -> Any:
            raw = get(model)
            if type(raw) is not list:
                return [] if raw is None or raw == "" else self.fit(raw, where)
            return [
                one if type(one) is exact else item.fit(one, where)
                for one in raw
                if one is not None
            ]

        return read


class MapKind(Kind):
    """A map; its values are read one by one, and each reading makes a new map."""

    def __init__(self, item: Kind) -> None:
        stored: Any = dict[str, item.stored] | list[Any] | str | int | float | bool | None  # type: ignore[name-defined]
        super().__init__("a map", type(None), self._read_values, stored)
        self.item = item

    def _read_values(self, raw: Any) -> dict[str, Any]:
        if not isinstance(raw, Mapping):
            raise TypeError
        exact, convert = self.item.exact, self.item.convert
        return {
            key: one if one is None or type(one) is exact else convert(one)
            for key, one in raw.items()
        }


class PageItems(ListKind):
    """The items of a page; their model is a type variable, and the page has checked them."""

    def reader(self, get: Callable[[Any], Any], where: str) -> Callable[[Any], Any]:
        def read(page: Any) -> Any:
            return [one for one in get(page) or () if one is not None]

        return read


def _report(where: str, expected: str, raw: Any) -> None:
    # Once for each field: a page has a hundred files with the same oddity. Never the value.
    if where not in _reported:
        _reported.add(where)
        _logger.warning(
            "%s: the server sent %s that is not %s; it is kept as it came",
            where,
            type(raw).__name__,
            expected,
        )


def _text(raw: Any) -> str:
    # Identifiers are sometimes sent as numbers.
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    raise TypeError


def _whole(raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, str) or (isinstance(raw, float) and raw.is_integer()):
        return int(raw)
    raise TypeError


def _number(raw: Any) -> float:
    if isinstance(raw, bool) or not math.isfinite(number := float(raw)):
        raise ValueError
    return number


_FLAGS = {"true": True, "false": False, "1": True, "0": False}


def _flag(raw: Any) -> bool:
    try:
        return _FLAGS[str(raw).lower()]
    except KeyError:
        raise ValueError from None


def _time(raw: Any) -> datetime:
    if isinstance(raw, datetime):
        return as_utc(raw)
    if isinstance(raw, bool):
        raise TypeError
    moment = parse_time(raw)
    if moment is None:
        raise ValueError
    return moment


def _texts(raw: Any) -> dict[str, str]:
    if not isinstance(raw, Mapping):
        raise TypeError
    # In a map an empty text is a value: a tag may have none.
    return {key: one if isinstance(one, str) else _map_text(one) for key, one in raw.items()}


def _map_text(raw: Any) -> str:
    return "" if raw is None else _text(raw)


def _as_sent(raw: Any) -> Any:
    return raw


def _misfit(raw: Any) -> Any:
    raise TypeError


_NAMED = {
    "str": Kind("text", str, _text),
    "int": Kind("a whole number", int, _whole),
    "float": Kind("a number", float, _number),
    "bool": Kind("true or false", bool, _flag),
    "datetime": Kind("a time", datetime, _time),
    "dict[str, str]": Kind("a map of texts", type(None), _texts),
    "Any": Kind("anything", type(None), _as_sent),
}


def kind_of(annotation: str, namespace: Mapping[str, Any]) -> Kind:
    """The kind of a field from its declared type, as it is written in the class."""
    name = annotation.removesuffix(" | None")
    if name.startswith("list["):
        item = _single(name[5:-1], namespace)
        return PageItems(item) if isinstance(item.exact, TypeVar) else ListKind(item)
    return _single(name, namespace)


def _single(name: str, namespace: Mapping[str, Any]) -> Kind:
    if name in _NAMED:
        return _NAMED[name]
    if name.startswith("dict[str, "):
        return MapKind(_single(name[10:-1], namespace))
    model: Any = namespace[name]
    stored = model | list[Any] | str | int | float | bool | None
    return Kind("an object", model, _misfit, stored)
