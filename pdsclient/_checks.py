"""Checks of arguments that more than one kind of setting needs; each names the field."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from pdsclient.errors import InvalidRequest

LONGEST_TIMEOUT_S = 3600.0

Validator: TypeAlias = Callable[[Any, Any, Any], None]


def check_header_value(name: str, value: object) -> str:
    """The value if it can stand in an HTTP header."""
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string, not {type(value).__name__}")
    if not value:
        raise InvalidRequest(f"{name} must not be empty")
    if not (value.isascii() and value.isprintable() and value == value.strip()):
        raise InvalidRequest(
            f"{name} holds a character that cannot stand in an HTTP header; "
            "expected visible ASCII without surrounding white space"
        )
    return value


def check_seconds(name: str, value: object, *, longest: float = math.inf) -> float | None:
    """A positive number of seconds, or None for no limit."""
    if value is None:
        return None
    number = check_number(name, value)
    if not number > 0 or math.isinf(number):
        raise InvalidRequest(f"{name} must be more than 0 seconds, not {number:g}; None is no limit")
    if number > longest:
        raise InvalidRequest(
            f"{name} is {number:g} seconds, above {longest:g}; durations are seconds here, "
            "not the milliseconds of axios; None is no limit"
        )
    return number


def check_number(name: str, value: object) -> float:
    """An int or a float as a float; bool is neither."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidRequest(f"{name} must be a number, not {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise InvalidRequest(f"{name} is too large") from None


def whole(least: int, most: int, *, prefix: str = "") -> Validator:
    """A validator for ints within bounds."""

    def check(_: object, attribute: Any, value: object) -> None:
        name = prefix + attribute.name
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidRequest(f"{name} must be an int, not {type(value).__name__}")
        if not least <= value <= most:
            raise InvalidRequest(f"{name} must be from {least:,} to {most:,}, not {value:,}")

    return check


def at_least_zero(*, prefix: str = "") -> Validator:
    """A validator for finite numbers of seconds that may be 0."""

    def check(_: object, attribute: Any, value: object) -> None:
        number = check_number(prefix + attribute.name, value)
        if not 0 <= number < math.inf:
            raise InvalidRequest(
                f"{prefix}{attribute.name} must be 0 seconds or more, not {number:g}"
            )

    return check


def seconds(*, prefix: str = "", longest: float = math.inf) -> Validator:
    """A validator for positive numbers of seconds; None is no limit."""

    def check(_: object, attribute: Any, value: object) -> None:
        check_seconds(prefix + attribute.name, value, longest=longest)

    return check


def flag(*, prefix: str = "") -> Validator:
    """A validator for bools."""

    def check(_: object, attribute: Any, value: object) -> None:
        if not isinstance(value, bool):
            raise InvalidRequest(
                f"{prefix}{attribute.name} must be True or False, not {type(value).__name__}"
            )

    return check
