"""Rules for what is this service's own: moments in their two forms, tags, queries and orders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pdsclient._checks import shown
from pdsclient._times import as_utc, parse_time, render_time
from pdsclient.errors import InvalidRequest, QuerySyntaxError
from pdsclient.models._rules import Rule, Text, Whole, other_type
from pdsclient.query import FILE_FIELDS, FieldSet, as_order_by, as_query


class Time(Rule):
    """A moment: an aware datetime, or RFC 3339 text with a zone; sent in UTC.

    Args:
        whole: send whole seconds, as some fields want it; fractions are cut off.
        empty: the empty text is allowed; it stands for never.
    """

    def __init__(self, *, whole: bool = False, empty: bool = False) -> None:
        self.whole = whole
        self.empty = empty

    def __call__(self, field: str, value: Any) -> str:
        # A field is a condition too, and does not compare with a text.
        if self.empty and isinstance(value, str) and not value:
            return ""
        return self._render(moment(field, value))

    def unchecked(self, value: Any) -> Any:
        return self._render(value) if isinstance(value, datetime) else value

    def _render(self, when: datetime) -> str:
        whole = as_utc(when).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
        return whole if self.whole else render_time(when)

    def __str__(self) -> str:
        never = '; "" is never' if self.empty else ""
        return f"an aware datetime, or RFC 3339 text with a zone{never}"


class Millis(Rule):
    """A moment: an aware datetime, text as for ``Time``, or milliseconds since 1970, as sent."""

    def __call__(self, field: str, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            value = self.unchecked(moment(field, value))
        return _MILLIS(field, value)

    def unchecked(self, value: Any) -> Any:
        return round(as_utc(value).timestamp() * 1000) if isinstance(value, datetime) else value

    def __str__(self) -> str:
        return "an aware datetime, RFC 3339 text with a zone, or milliseconds since 1970"


_MILLIS = Whole(0, 2**53 - 1)


def moment(field: str, value: Any) -> datetime:
    """The moment that a caller gave; InvalidRequest if its zone is unknown or it is none."""
    found = value
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidRequest(
                f"{field} must be RFC 3339 text such as 2025-01-31T08:00:00Z, not {shown(value)}"
            ) from None
    if not isinstance(found, datetime):
        raise InvalidRequest(f"{field} must be a datetime or text, not {type(value).__name__}")
    if found.tzinfo is None:
        raise InvalidRequest(f"{field} is a time without a zone; add tzinfo=timezone.utc, or Z")
    try:
        exact = parse_time(found.isoformat())
    except ValueError:
        raise InvalidRequest(f"{field} is in UTC outside the years 1 to 9999") from None
    assert exact is not None  # only the empty text is none
    return exact


class Tags(Rule):
    """Tags of a file: a mapping, or a list of pairs or of ``{"key": …, "value": …}``.

    pds-service.md 4.2: 1-1,000 tags, key and value together up to 2,000 bytes, no ``#``, no
    empty key, no key twice. They are sent as a list, which replies turn into a map.
    """

    most = 1_000
    most_bytes = 2_000

    def __call__(self, field: str, value: Any) -> list[dict[str, str]]:
        pairs = [self._checked(field, key, text) for key, text in self._pairs(field, value)]
        if not 1 <= len(pairs) <= self.most:
            raise InvalidRequest(f"{field} must have from 1 to {self.most:,} tags")
        if len({pair["key"] for pair in pairs}) < len(pairs):
            raise InvalidRequest(f"{field} has a key twice")
        return pairs

    def _pairs(self, field: str, value: Any) -> Iterator[tuple[Any, Any]]:
        if isinstance(value, Mapping):
            yield from value.items()
        elif isinstance(value, (list, tuple)):
            for index, one in enumerate(value):
                yield self._pair(f"{field}[{index}]", one)
        else:
            raise InvalidRequest(f"{field} must be a mapping, {other_type(value)}")

    def _pair(self, field: str, one: Any) -> tuple[Any, Any]:
        if isinstance(one, Mapping) and one.keys() <= {"key", "value"}:
            return one.get("key", ""), one.get("value", "")
        if isinstance(one, (list, tuple)) and len(one) == 2:
            return one[0], one[1]
        raise InvalidRequest(f"{field} must be a pair, or a mapping of key and value")

    def _checked(self, field: str, key: Any, text: Any) -> dict[str, str]:
        pair = {"key": TAG_KEY(f"a key of {field}", key), "value": _TAG(f"{field}[{key!r}]", text)}
        if len(f"{key}{text}".encode()) > self.most_bytes:
            raise InvalidRequest(
                f"{field}[{key!r:.80}] must have at most {self.most_bytes:,} bytes with its key"
            )
        return pair

    def unchecked(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return [{"key": key, "value": text} for key, text in value.items()]

    def __str__(self) -> str:
        return (
            f"1-{self.most:,} of them, key and value without # and "
            f"up to {self.most_bytes:,} bytes together"
        )


TAG_KEY = Text(Tags.most_bytes, in_bytes=True, without="#")
_TAG = Text(Tags.most_bytes, in_bytes=True, without="#", empty=True)


class SearchQuery(Rule):
    """A query or its text.

    Args:
        fields: the dialect; None for files.
        empty: the empty text is allowed; it finds everything.
    """

    def __init__(self, *, fields: FieldSet = FILE_FIELDS, empty: bool = False) -> None:
        self.fields = fields
        self.empty = empty

    def __call__(self, field: str, value: Any) -> str:
        # A field is a condition too, and does not compare with a text.
        if self.empty and isinstance(value, str) and not value:
            return ""
        try:
            return as_query(value, fields=self.fields)
        except QuerySyntaxError as error:
            raise _naming(field, error) from None

    def unchecked(self, value: Any) -> str:
        return as_query(value, validate=False, fields=self.fields)

    def __str__(self) -> str:
        return (
            'up to 4,096 characters as text; "" finds everything'
            if self.empty
            else ("up to 4,096 characters as text")
        )


class SearchOrder(Rule):
    """An order or its text."""

    def __init__(self, *, default: str | None = None) -> None:
        self.default = default

    def __call__(self, field: str, value: Any) -> str:
        try:
            return as_order_by(value)
        except QuerySyntaxError as error:
            raise _naming(field, error) from None

    def unchecked(self, value: Any) -> str:
        return as_order_by(value, validate=False)

    def __str__(self) -> str:
        return "up to 5 sort keys, 128 characters as text"


def _naming(field: str, error: QuerySyntaxError) -> QuerySyntaxError:
    """The same error, which says in which field the text stands."""
    reason = f"{field}: {error.reason}"
    return QuerySyntaxError(reason, text=error.text, position=error.position)
