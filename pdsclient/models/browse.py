"""Finding files: the requests of searches, listings and single reads, and the change feed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias

from pdsclient.models._request import Request, optional, request, required
from pdsclient.models._rules import (
    FILE_ID,
    FLAG,
    ID,
    TEXT,
    Choice,
    ListOf,
    Text,
)
from pdsclient.models._service_rules import SearchOrder, SearchQuery
from pdsclient.models._shared import (
    Direction,
    Fields,
    FileType,
    InDrive,
    OfFile,
    Paged,
    Thumbnails,
    UrlExpiry,
    UrlProcess,
)

if TYPE_CHECKING:
    from pdsclient.query import OrderBy, OrderTerm, Query

__all__ = [
    "GetFileByPathRequest",
    "GetFileRequest",
    "ListByCustomIndexKeyRequest",
    "ListFileRequest",
    "ScanFileRequest",
    "SearchFileRequest",
]

Category: TypeAlias = Literal["app", "zip", "image", "doc", "video", "audio", "others"]
ListOrder: TypeAlias = Literal["created_at", "updated_at", "size", "name"]
FileStatus: TypeAlias = Literal["available", "uploading"]


@request
class SearchFileRequest(Fields, Paged, Thumbnails, UrlExpiry, UrlProcess, Request):
    """Files that a condition holds for, also in several drives; never trashed files.

    ``drive_id`` or ``drive_id_list`` is needed; with both, ``drive_id`` wins. With a marker the
    query is ignored. The index lags behind changes by seconds.
    Source: seed-file-search.txt, pds-service.md 5.
    """

    one_of: ClassVar[tuple[str, ...]] = ("drive_id", "drive_id_list")

    drive_id: str | None = optional(ID, "The drive to search.")
    drive_id_list: Sequence[str] | None = optional(ListOf(ID, most=10), "The drives to search.")
    order_by: OrderBy | OrderTerm | Sequence[OrderTerm] | str | None = optional(
        SearchOrder(default="created_at DESC,name ASC"), "What to sort by."
    )
    query: Query | str = required(SearchQuery(), "The condition.")
    recursive: bool | None = optional(
        FLAG, "Search below the parent_file_id of the query too, at any depth."
    )
    referer: str | None = optional(TEXT, "Passed on to the signing of URLs.")
    return_total_count: bool | None = optional(FLAG, "Have total_count filled in.")


@request
class ListFileRequest(Fields, InDrive, Paged, Thumbnails, UrlExpiry, UrlProcess, Request):
    """What lies directly in a folder. Source: pds-service.md 6.1."""

    all: bool | None = optional(FLAG, "Not described by the vendor.")
    category: Category | None = optional(Choice(Category), "Only this category.")
    order_by: ListOrder | None = optional(
        Choice(ListOrder), "Sort key; documented to be created_at if left out, best given."
    )
    order_direction: Direction | None = optional(
        Choice(Direction), "Its direction; documented to be ASC if left out, best given."
    )
    parent_file_id: str = required(FILE_ID, "The folder; root is the top.")
    starred: bool | None = optional(FLAG, "Only favourites, or only others.")
    status: FileStatus | None = optional(Choice(FileStatus), "State; available if left out.")
    type: FileType | None = optional(Choice(FileType), "Only files or only folders.")


@request
class GetFileRequest(Fields, OfFile, Thumbnails, UrlExpiry, UrlProcess, Request):
    """A file as it is now.

    ``dir_size`` and ``investigation_info`` have to be named in ``fields``, ``*`` has not got
    them. Source: pds-service.md 6.4.
    """


@request
class GetFileByPathRequest(Fields, UrlExpiry, UrlProcess, Request):
    """A file by the names on the way to it. Source: pds-service.md 6.4."""

    drive_id: str = required(ID, "The drive.")
    file_path: str = required(Text(65_536), "Such as /a/b.txt.")


@request
class ScanFileRequest(Fields, Paged, Request):
    """Every file of a drive, in no order; without ``fields`` even the name is missing.

    Source: pds-service.md 6.4.
    """

    drive_id: str = required(ID, "The drive.")


@request
class ListByCustomIndexKeyRequest(Fields, Paged, UrlProcess, Request):
    """The files that were given a key with ``client.file.update``; favourites have starred_yes.

    Source: pds-service.md 6.4.
    """

    custom_index_key: str = required(TEXT, "The key.")
    drive_id: str = required(ID, "The drive.")
    order_direction: Direction | None = optional(Choice(Direction), "The order of the rows.")
    referer: str | None = optional(TEXT, "Passed on to the signing of URLs.")
