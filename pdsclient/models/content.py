"""Getting content: URLs, redirects and archives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from pdsclient.models._base import Model
from pdsclient.models._request import Part, PartOf, Request, optional, request, required
from pdsclient.models._rules import (
    FILE_ID,
    FILE_NAME,
    ID,
    TEXT,
    ListOf,
    Text,
    Whole,
)
from pdsclient.models._shared import InDrive, OfFile

__all__ = [
    "ArchiveFilesRequest",
    "ArchiveTask",
    "ArchivedFile",
    "DownloadFileRequest",
    "DownloadUrl",
    "GetDownloadUrlRequest",
    "Redirect",
]


class DownloadUrl(Model, frozen=True, kw_only=True):
    """Where a file's content can be had for a while, without a token (pds-service.md 11.1)."""

    __urls__: ClassVar[frozenset[str]] = frozenset({
        "cdn_url",
        "internal_url",
        "streams_url",
        "url",
    })  # fmt: skip

    cdn_url: str | None = None
    """Presigned URL through the content delivery network."""
    content_hash: str | None = None
    """Hash of the content in upper-case hex."""
    content_hash_name: str | None = None
    """``sha1`` or ``sha256``."""
    crc64_hash: str | None = None
    """CRC-64/XZ of the content as decimal text, unsigned."""
    expiration: datetime | None = None
    """When the URLs expire; a transfer under way is not cut."""
    internal_url: str | None = None
    """Presigned URL for inside the vendor's network."""
    method: str | None = None
    """HTTP method that the URLs are signed for."""
    size: int | None = None
    """Bytes."""
    streams_url: dict[str, str] | None = None
    """Presigned URLs of the streams of a live photo."""
    url: str | None = None
    """Presigned URL; use it as it is, its query is signed."""


class Redirect(Model, frozen=True, kw_only=True):
    """Where the content can be had, as the service redirects to it."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"location"})

    location: str | None = None
    """Presigned URL."""


class ArchiveTask(Model, frozen=True, kw_only=True):
    """The task that packs files into an archive (pds-service.md 11.4)."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"url"})

    async_task_id: str | None = None
    """The task."""
    consumed_process: int | None = None
    """How many files are done."""
    err_code: int | None = None
    """Number of the error, if there is one."""
    punished_file_count: int | None = None
    """How many files were left out after a review."""
    state: str | None = None
    """State of the task, such as ``running``."""
    total_process: int | None = None
    """How many files there are."""
    url: str | None = None
    """Presigned URL of the archive once it is done."""


@request
class GetDownloadUrlRequest(OfFile, Request):
    """Where a file's content can be had without a token. Source: pds-service.md 11.1."""

    expire_sec: int | None = optional(
        Whole(1, 115_200), "Life of the URLs in seconds, up to 32 hours; 900 if left out."
    )
    file_name: str | None = optional(
        Text(1024, in_bytes=True), "Name that a browser saves it under."
    )
    response_content_type: str | None = optional(
        Text(1024, ascii=True), "Content-Type that the download answers with."
    )
    revision_id: str | None = optional(ID, "A version; the current one if left out.")


@request
class DownloadFileRequest(InDrive, Request):
    """Where a redirect leads to a file's content, or to a thumbnail of it.

    The URL asked for is stable and may be given to browsers that have a token.
    Source: pds-service.md 11.1.
    """

    file_id: str = required(FILE_ID, "The file; folders have no content.")
    image_thumbnail_process: str | None = optional(TEXT, "Rule for a thumbnail of a picture.")
    office_thumbnail_process: str | None = optional(TEXT, "Rule for a thumbnail of a document.")
    video_thumbnail_process: str | None = optional(TEXT, "Rule for a thumbnail of a video.")


@request
class ArchivedFile(Part):
    """A file that goes into an archive."""

    file_id: str = required(FILE_ID, "The file or folder.")


@request
class ArchiveFilesRequest(InDrive, Request):
    """Packs files and folders into a zip file by a task, which tells its URL in the end.

    Source: pds-service.md 11.4: at most 500 of them with 10,000 files and 10 GB in all.
    """

    file_ids: Sequence[str] = required(ListOf(FILE_ID, most=500), "The files and folders.")
    files: Sequence[ArchivedFile | Mapping[str, str]] | None = optional(
        ListOf(PartOf(ArchivedFile), most=500), "The same as the JavaScript SDK sends them."
    )
    name: str = required(FILE_NAME, "Name of the archive.")
