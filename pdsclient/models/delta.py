"""The change feed of a drive (pds-service.md 7.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pdsclient.models._base import Model, Page, absent
from pdsclient.models._request import Request, optional, request, required
from pdsclient.models._rules import (
    FILE_ID,
    ID,
    MARKER,
    Whole,
)
from pdsclient.models.file import File

__all__ = [
    "DeltaCursor",
    "DeltaPage",
    "FileChange",
    "GetLastCursorRequest",
    "ListDeltaRequest",
]


class DeltaCursor(Model, frozen=True, kw_only=True):
    """The place in the change feed where nothing is new."""

    cursor: str | None = None
    """Where to go on later."""


class FileChange(Model, frozen=True, kw_only=True):
    """A change of a file."""

    file: File | None = None
    """The file after the change; may be missing or partial when it was deleted."""
    file_id: str | None = None
    """The file."""
    op: str | None = None
    """``create``, ``overwrite``, ``delete``, ``update``, ``move``, ``trash``, ``restore`` or
    ``rename``."""


class DeltaPage(Page[FileChange], frozen=True, kw_only=True):
    """A page of changes; also the last one has a cursor, where to go on later."""

    __asking__: ClassVar[tuple[str, Callable[[str], object]]] = ("cursor", str)

    next_marker: str | None = absent("cursor")
    """Where the next page starts, or later changes; the service calls it ``cursor``."""
    more: bool | None = absent("has_more")
    """More changes are there already, as the service says; it calls it ``has_more``."""

    @property
    def has_more(self) -> bool:
        """Another page follows."""
        return self.more is True

    @property
    def cursor(self) -> str | None:
        """What to keep, in order to go on from here later."""
        return self.next_marker


@request
class GetLastCursorRequest(Request):
    """The place in a drive's changes where nothing is new. Source: pds-service.md 7.1."""

    drive_id: str = required(ID, "The drive.")
    sync_root_id: str | None = optional(
        FILE_ID, "A folder registered as the root of a synchronisation; the drive if left out."
    )


@request
class ListDeltaRequest(GetLastCursorRequest, Request):
    """What has changed in a drive since a cursor; the iterator's ``marker`` is the next one.

    Source: pds-service.md 7.1.
    """

    cursor: str | None = optional(
        MARKER, "Where to begin; if left out, with the oldest changes that are kept."
    )
    limit: int | None = optional(Whole(0, 100), "Most changes in a page; 100 if left out.")
