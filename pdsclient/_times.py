"""Reading and writing the service's points in time; always aware and UTC on our side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(value: str | float) -> datetime | None:
    """The moment that the service wrote, or None for ``""``; ValueError for anything else.

    RFC 3339 with any offset and 0-9 fraction digits (digits beyond six are dropped), or epoch
    milliseconds: the service uses both (users, groups and permissions have the latter).
    A time without an offset is UTC, as in the search language.
    """
    try:
        if not isinstance(value, str):
            return _EPOCH + timedelta(milliseconds=value)
        return as_utc(datetime.fromisoformat(value)) if value else None
    except OverflowError:
        raise ValueError(f"{value!r} is outside the years 1 to 9999") from None


def as_utc(moment: datetime) -> datetime:
    """The same moment in UTC; a naive one is taken to be UTC already."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def render_time(moment: datetime) -> str:
    """RFC 3339 with milliseconds and ``Z``, the form of the service's own replies."""
    text = as_utc(moment).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
