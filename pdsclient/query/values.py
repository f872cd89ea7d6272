"""The values of the search language: what each type accepts, and how it is written.

A value in a query is a plain ``str``, ``int``, ``float``, ``bool`` or aware UTC ``datetime`` with
whole seconds, so that queries compare, hash and pickle like any other data.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Final, SupportsIndex, TypeAlias

from pdsclient.errors import InvalidRequest

Scalar: TypeAlias = str | int | float | bool | datetime
Value: TypeAlias = Scalar | tuple[Scalar, ...]

# "LONG: stores signed 64-bit integers" (seed, SearchFiles).
LONG_MIN: Final = -(2**63)
LONG_MAX: Final = 2**63 - 1

DATE_FORM: Final = "yyyy-MM-ddTHH:mm:ss"
# Hours are spelled out because newer versions of datetime.fromisoformat accept 24:00:00.
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}")
# A surrogate cannot be sent as UTF-8, and no name of a file holds a NUL.
_UNSENDABLE = re.compile("[\ud800-\udfff\0]")


class Kind(Enum):
    """The types of the search language, without ARRAY: that is several values of one of these."""

    STRING = "STRING"
    LONG = "LONG"
    DOUBLE = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    DATE = "DATE"


def convert(kind: Kind, value: object, label: str) -> Scalar:
    """The value as the plain one of its kind; ``label`` names the field in the message."""
    return _CONVERTERS[kind](value, label)


def plain(value: object, label: str) -> Scalar:
    """The value as a plain one of whatever kind it is."""
    for types, kind in _KIND_OF:
        if isinstance(value, types):
            return convert(kind, value, label)
    raise InvalidRequest(
        f"{label} cannot be compared with {shown(value)}; a value is a str, int, float, bool "
        "or aware datetime"
    )


def kind_of(value: Value) -> Kind:
    """The kind of a plain value, or of those in a tuple."""
    first = value[0] if isinstance(value, tuple) else value
    exact = _EXACT.get(type(first))
    return exact or next(kind for types, kind in _KIND_OF if isinstance(first, types))


def unsendable(text: str) -> int | None:
    """Where the text holds a character that no query can hold, or None."""
    found = _UNSENDABLE.search(text)
    return found.start() if found else None


def literal(value: Scalar) -> str:
    """The value as the language writes it."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return f'"{value.replace(tzinfo=None).isoformat()}"'
    return str(value) if isinstance(value, int) else _decimal(value)


def quote(text: str) -> str:
    """The text as a string of the language.

    Double quotes with exactly two escapes, the backslash first: the vendor's own query builder
    does the same, and escapes in single quotes are not documented (pds-service.md 5.3).
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _decimal(number: float) -> str:
    """All digits without an exponent, and always a point: the text reads as the same float."""
    text = format(Decimal(repr(number)), "f")
    return text if "." in text else text + ".0"


def _string(value: object, label: str) -> str:
    if not isinstance(value, str):
        raise InvalidRequest(f"{label} takes a string, not {shown(value)}")
    at = unsendable(value)
    if at is not None:
        raise InvalidRequest(
            f"the string for {label} holds a NUL or an unpaired surrogate at index {at}; remove it"
        )
    return str.__str__(value)


def _long(value: object, label: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, SupportsIndex)):
        raise InvalidRequest(f"{label} takes an int, not {shown(value)}")
    number = operator.index(value)
    if not LONG_MIN <= number <= LONG_MAX:
        raise InvalidRequest(f"{label} takes a signed 64-bit integer; {shown(number)} is outside")
    return number


def _double(value: object, label: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidRequest(f"{label} takes a number, not {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidRequest(f"{label} takes a finite number, not {number}")
    return number + 0.0  # -0.0 equals 0.0, so it must not be written differently


def _boolean(value: object, label: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"{label} takes True or False, not {shown(value)}")
    return value


def _date(value: object, label: str) -> datetime:
    if isinstance(value, str):
        return _date_from_text(value, label)
    if isinstance(value, datetime):
        return _date_from_datetime(value, label)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise InvalidRequest(
        f"{label} takes an aware datetime, a date or a string {DATE_FORM} in UTC, "
        f"not {shown(value)}"
    )


def _date_from_datetime(value: datetime, label: str) -> datetime:
    if value.utcoffset() is None:
        raise InvalidRequest(
            f"{label} takes an aware datetime; this one has no time zone: "
            "write datetime(..., tzinfo=timezone.utc)"
        )
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise InvalidRequest(f"{label} takes a date from year 1 to 9999 in UTC") from None
    if moment.microsecond:
        raise InvalidRequest(
            f"{label} takes whole seconds; write value.replace(microsecond=0), "
            "or the next second for a lower bound"
        )
    # Built anew, since a subclass such as pandas.Timestamp is not a plain value.
    return datetime(*moment.timetuple()[:6], tzinfo=UTC)


def _date_from_text(text: str, label: str) -> datetime:
    if not _DATE.fullmatch(text):
        raise InvalidRequest(
            f"{label} takes a date {DATE_FORM} in UTC, such as 2006-01-02T00:00:00: "
            f"no Z, no offset, no fraction; not {shown(text)}"
        )
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidRequest(f"{label}: there is no date {text} ({error})") from None


def shown(value: object) -> str:
    """The value for a message; of one that is no value of the language, its type."""
    if value is None:
        return "None"
    if not isinstance(value, (str, int, float, date)):
        return f"a {type(value).__name__}"
    if isinstance(value, str):
        return repr(shortened(value))
    try:
        return repr(value)
    except ValueError:
        return "an int of very many digits"


def shortened(text: str) -> str:
    """The text, or its beginning."""
    return text if len(text) <= 60 else text[:59] + "…"


_CONVERTERS: Final[dict[Kind, Callable[[object, str], Scalar]]] = {
    Kind.STRING: _string,
    Kind.LONG: _long,
    Kind.DOUBLE: _double,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
}
# In this order, since a bool is an int.
_KIND_OF: Final[tuple[tuple[type, Kind], ...]] = (
    (str, Kind.STRING),
    (bool, Kind.BOOLEAN),
    (int, Kind.LONG),
    (float, Kind.DOUBLE),
    (datetime, Kind.DATE),
)
_EXACT: Final = dict(_KIND_OF)
