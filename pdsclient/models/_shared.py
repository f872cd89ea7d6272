"""Groups of fields that many requests have, to be inherited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, TypeAlias

from pdsclient.models._request import Part, PartOf, optional, request, required
from pdsclient.models._rules import (
    FILE_ID,
    ID,
    MARKER,
    PAGE_LIMIT,
    TEXT,
    MapOf,
    Names,
    Whole,
)

__all__ = ["ImageProcess"]

CheckNameMode: TypeAlias = Literal["ignore", "auto_rename", "refuse"]
Direction: TypeAlias = Literal["ASC", "DESC"]
FileType: TypeAlias = Literal["file", "folder"]


@request
class Paged(Part):
    """A listing in pages."""

    limit: int | None = optional(PAGE_LIMIT, "Most rows in a page; it may have fewer.")
    marker: str | None = optional(MARKER, "Where to go on, the page before says it.")


@request
class InDrive(Part):
    """In a drive, or in a share with the client's share token."""

    one_of: ClassVar[tuple[str, ...]] = ("drive_id", "share_id")

    drive_id: str | None = optional(ID, "The drive; or give share_id.")
    share_id: str | None = optional(ID, "The share link, instead of drive_id; needs a share token.")


@request
class OfFile(InDrive):
    """A file in a drive or a share."""

    file_id: str = required(FILE_ID, "The file or folder.")


@request
class OfDriveFile(Part):
    """A file in a drive."""

    drive_id: str = required(ID, "The drive.")
    file_id: str = required(FILE_ID, "The file or folder.")


@request
class ImageProcess(Part):
    """How thumbnails are made, in the rules of OSS image processing."""

    image_thumbnail_process: str | None = optional(
        TEXT, "Of pictures; image/resize,m_fill,h_128,w_128,limit_0 if left out."
    )
    office_thumbnail_process: str | None = optional(
        TEXT, "Of documents, made from a picture of the page; as of pictures if left out."
    )
    video_thumbnail_process: str | None = optional(
        TEXT, "Of videos; video/snapshot,t_1000,f_jpg,w_0,h_0,m_fast,ar_auto if left out."
    )


@request
class Thumbnails(Part):
    """Which thumbnails a reply has."""

    # pds-service.md 4.2: at most 5 keys.
    thumbnail_processes: Mapping[str, ImageProcess | Mapping[str, str]] | None = optional(
        MapOf(PartOf(ImageProcess), most=5),
        "Thumbnails, each under a key of one's own, which thumbnail_urls uses again.",
    )


@request
class UrlProcess(Part):
    """The older rules for one thumbnail."""

    image_thumbnail_process: str | None = optional(
        TEXT, "Rule for thumbnails of pictures; thumbnail_processes replaces it."
    )
    image_url_process: str | None = optional(TEXT, "Rule for the URL of pictures.")
    video_thumbnail_process: str | None = optional(
        TEXT, "Rule for thumbnails of videos; thumbnail_processes replaces it."
    )


@request
class Fields(Part):
    """Which fields a reply has."""

    fields: str | Sequence[str] | None = optional(
        Names(), "Further fields, such as url, dir_size, user_tags; * is nearly all."
    )


@request
class UrlExpiry(Part):
    """How long the URLs in a reply live."""

    url_expire_sec: int | None = optional(
        Whole(10, 14_400), "Life of the URLs in the reply in seconds; 900 if left out."
    )
