"""Checks of arguments that more than one kind of setting needs; each names the field."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

from pdsclient._secrets import mask_text
from pdsclient.errors import InvalidRequest

LONGEST_TIMEOUT_S = 3600.0
# Servers refuse a header long before this; a token of the service has 1 to 2 kB.
_LONGEST_HEADER_VALUE = 65_536

Validator: TypeAlias = Callable[[Any, Any, Any], None]
T = TypeVar("T")


def shown(value: object) -> str:
    """A wrong value as a message can quote it: short and masked."""
    try:
        text = mask_text(repr(value))
    except ValueError:  # Python refuses to print an int of thousands of digits
        return f"a huge {type(value).__name__}"
    return text if len(text) <= 60 else text[:59] + "…"


def check_header_value(name: str, value: object) -> str:
    """The value if it can stand in an HTTP header."""
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string, not {type(value).__name__}")
    if not value:
        raise InvalidRequest(f"{name} must not be empty")
    if len(value) > _LONGEST_HEADER_VALUE:
        raise InvalidRequest(f"{name} is longer than {_LONGEST_HEADER_VALUE:,} characters")
    if not (value.isascii() and value.isprintable() and value == value.strip()):
        raise InvalidRequest(
            f"{name} holds a character that cannot stand in an HTTP header; "
            "expected visible ASCII without surrounding white space"
        )
    return value


def check_token(name: str, value: object) -> str:
    """The value if it can be a credential in a header: one word."""
    token = check_header_value(name, value)
    if " " in token:
        raise InvalidRequest(f"{name} must not hold white space: was more than the token copied?")
    return token


def check_text(name: str, value: object) -> str:
    """The value if it is a text that can be encoded."""
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{name} holds half of a surrogate pair") from None
    return value


def check_list(name: str, values: Iterable[T]) -> list[T]:
    """The values as a list; a text is one value and not the list of its characters."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise InvalidRequest(
            f"{name} must be a list or another iterable, not {type(values).__name__}; "
            "for a single one write [one]"
        )
    return list(values)


def check_seconds(name: str, value: object, *, longest: float = math.inf) -> float | None:
    """A positive number of seconds, or None for no limit."""
    if value is None:
        return None
    number = check_number(name, value)
    if not number > 0 or math.isinf(number):
        raise InvalidRequest(
            f"{name} must be a finite number of seconds above 0, not {number:g}; None is no limit"
        )
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
            # The value is left out: Python refuses to print an int of thousands of digits.
            raise InvalidRequest(f"{name} must be from {least:,} to {most:,}")

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
