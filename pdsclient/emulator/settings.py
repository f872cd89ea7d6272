"""The switches: one for each thing about the service that no source settles.

A client that is to survive the real service should pass under every setting of each. Numbers in
brackets are sections of the service reference that the project keeps.
"""

from __future__ import annotations

from math import inf
from typing import Any, Literal, get_args

from attrs import field, frozen, validators

from pdsclient.errors import InvalidRequest

__all__ = ["RateLimit", "Settings"]

ListOrder = Literal["created_at ASC", "created_at DESC", "updated_at DESC", "name ASC", "size ASC"]
_ORDERS = get_args(ListOrder)


def _one_of(*allowed: str) -> Any:
    def check(_: object, attribute: Any, value: object) -> None:
        if value not in allowed:
            raise InvalidRequest(f"{attribute.name} must be one of {', '.join(allowed)}")

    return check


def _choice(default: str, *others: str) -> Any:
    return field(default=default, validator=_one_of(default, *others))


def not_negative(_: object, attribute: Any, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < inf:
        raise InvalidRequest(f"{attribute.name} must be a finite number of seconds, zero or more")


def positive(_: object, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise InvalidRequest(f"{attribute.name} must be a number above zero")


@frozen(kw_only=True)
class Settings:
    """How the emulator behaves where the service's behaviour is unknown; defaults are the likely.

    Attributes:
        match_mode: ``match`` finds any part of a name, or whole words and their beginnings (5.5).
        index_delay_s: search sees changes this many seconds late, by the emulator's clock (5.9).
        keywords: search keywords in any case, or in lower case only (5.3).
        empty_query: a search without a query is an error, or finds everything.
        search_order: the order of a search that names none (5.7).
        list_order: the order of a list that names none (6.2).
        result_window: a search ends after this many items, None for never (5.8).
        pages: full, ``short`` ones with a marker, or ``empty`` ones with a marker in between (7).
        end_marker: the last page's ``next_marker`` is ``""``, absent or null (1.5).
        empty_items: a page without items has ``[]``, null or no ``items`` (1.5).
        total_count: exact, left out though asked for, ``estimated`` (rounded) or ``wrong`` (5.8).
        marker_life_s: a marker is refused when it is older, None for never.
        trashed_get: ``file/get`` of a trashed file gives it, or 403, or 404 (6.4).
        missing_parent: listing a folder that is not there is an error, or an empty page (6.2).
        not_found_status: the status of ``NotFound`` errors about files, 404 or 400 (3.4).
        ranges: data requests honour ``Range``, or answer 200 with everything (11.2).
        throttled: the form of a 429: ``empty``, ``json``, empty with ``retry-after`` (seconds),
            or JSON with ``x-retry-after`` (milliseconds) (4.1).
        expired_token: the code for an access token that is past its time (3.4).
        after_refresh: the old access token dies, survives, or is handed out again (2.5).
        token_expire_time: token replies have ``expire_time``, or it is missing (2.4).
        token_expires_in: as an int, or as text (2.4).
    """

    match_mode: Literal["substring", "tokens"] = _choice("substring", "tokens")
    index_delay_s: float = field(default=0.0, validator=not_negative)
    keywords: Literal["any-case", "lower-case"] = _choice("any-case", "lower-case")
    empty_query: Literal["error", "everything"] = _choice("error", "everything")
    search_order: ListOrder = field(default="created_at ASC", validator=_one_of(*_ORDERS))
    list_order: ListOrder = field(default="created_at ASC", validator=_one_of(*_ORDERS))
    result_window: int | None = field(default=None, validator=validators.optional(positive))
    pages: Literal["full", "short", "empty"] = _choice("full", "short", "empty")
    end_marker: Literal["empty", "missing", "null"] = _choice("empty", "missing", "null")
    empty_items: Literal["list", "null", "missing"] = _choice("list", "null", "missing")
    total_count: Literal["exact", "missing", "estimated", "wrong"] = _choice(
        "exact", "missing", "estimated", "wrong"
    )
    marker_life_s: float | None = field(default=None, validator=validators.optional(positive))
    trashed_get: Literal["file", "forbidden", "missing"] = _choice("file", "forbidden", "missing")
    missing_parent: Literal["error", "empty"] = _choice("error", "empty")
    not_found_status: Literal[404, 400] = field(default=404, validator=validators.in_((404, 400)))
    ranges: Literal["honoured", "ignored"] = _choice("honoured", "ignored")
    throttled: Literal["empty", "json", "retry-after", "x-retry-after"] = _choice(
        "empty", "json", "retry-after", "x-retry-after"
    )
    expired_token: Literal["AccessTokenInvalid", "AccessTokenExpired"] = _choice(
        "AccessTokenInvalid", "AccessTokenExpired"
    )
    after_refresh: Literal["dies", "survives", "same"] = _choice("dies", "survives", "same")
    token_expire_time: Literal["sent", "missing"] = _choice("sent", "missing")
    token_expires_in: Literal["int", "text"] = _choice("int", "text")


@frozen(kw_only=True)
class RateLimit:
    """How many requests are taken per second; more are answered 429.

    Attributes:
        per_second: the lasting rate.
        burst: how many may come at once after a pause; default is one second's worth.
        per: one bucket for the whole domain, or one for each operation.
    """

    per_second: float = field(validator=positive)
    burst: float | None = field(default=None, validator=validators.optional(positive))
    per: Literal["domain", "operation"] = _choice("domain", "operation")
