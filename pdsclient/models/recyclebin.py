"""The recycle bin: what lies in it, and emptying it (pds-service.md 5.11, 12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pdsclient.models._base import Model, listed
from pdsclient.models._request import Request, optional, request, required
from pdsclient.models._rules import (
    FLAG,
    ID,
    MARKER,
    TEXT,
    Whole,
)
from pdsclient.models._service_rules import SearchOrder, SearchQuery
from pdsclient.models._shared import Fields, Thumbnails, UrlExpiry, UrlProcess

if TYPE_CHECKING:
    from pdsclient.query import OrderBy, OrderTerm, Query

__all__ = [
    "ClearAllRecyclebinRequest",
    "ClearRecyclebinRequest",
    "ClearedBin",
    "ClearedBins",
    "ListRecyclebinRequest",
    "SearchAllRecyclebinRequest",
]

_LIMIT = Whole(1, 200)


class ClearedBin(Model, frozen=True, kw_only=True):
    """The task that empties the recycle bin of a drive."""

    async_task_id: str | None = None
    """The task."""
    domain_id: str | None = None
    """The domain."""
    drive_id: str | None = None
    """The drive."""
    task_id: str | None = None
    """The task again."""


class ClearedBins(Model, frozen=True, kw_only=True):
    """The tasks that empty the recycle bins."""

    items: list[ClearedBin] = listed()
    """One for each drive."""


@request
class ListRecyclebinRequest(Fields, Thumbnails, Request):
    """What lies in the recycle bin of a drive."""

    drive_id: str = required(ID, "The drive.")
    limit: int | None = optional(_LIMIT, "Most rows in a page; 50 if left out.")
    marker: str | None = optional(MARKER, "Where to go on, the page before says it.")


@request
class SearchAllRecyclebinRequest(Fields, Thumbnails, UrlExpiry, UrlProcess, Request):
    """What a condition holds for in the recycle bins; the index lags behind by seconds."""

    drive_id: str | None = optional(ID, "The drive; all that the caller sees if left out.")
    limit: int | None = optional(_LIMIT, "Most rows in a page; 50 if left out.")
    marker: str | None = optional(MARKER, "Where to go on, the page before says it.")
    order_by: OrderBy | OrderTerm | Sequence[OrderTerm] | str | None = optional(
        SearchOrder(), "What to sort by; updated_at if left out."
    )
    query: Query | str | None = optional(SearchQuery(empty=True), "The condition.")
    recursive: bool | None = optional(
        FLAG, "Search below the parent_file_id of the query too, at any depth."
    )
    referer: str | None = optional(TEXT, "Passed on to the signing of URLs.")
    return_total_count: bool | None = optional(FLAG, "Have total_count filled in.")


@request
class ClearRecyclebinRequest(Request):
    """Empties the recycle bin of a drive by a task: what lies in it is gone for good."""

    drive_id: str = required(ID, "The drive.")


@request
class ClearAllRecyclebinRequest(Request):
    """Empties the recycle bins of all of the caller's drives, each by a task."""
