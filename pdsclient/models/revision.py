"""Versions of a file's content (pds-service.md 12)."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pdsclient.models._base import Model, Page
from pdsclient.models._request import Request, optional, request, required
from pdsclient.models._rules import (
    DESCRIPTION,
    FLAG,
    ID,
    Whole,
)
from pdsclient.models._shared import Fields, OfFile, Paged

__all__ = [
    "DeleteRevisionRequest",
    "GetRevisionRequest",
    "ListRevisionRequest",
    "RestoreRevisionRequest",
    "Revision",
    "RevisionPage",
    "UpdateRevisionRequest",
]


class Revision(Model, frozen=True, kw_only=True):
    """A version of a file's content."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"download_url", "thumbnail", "url"})

    content_hash: str | None = None
    """Hash of the content in upper-case hex."""
    content_hash_name: str | None = None
    """``sha1`` or ``sha256``."""
    crc64_hash: str | None = None
    """CRC-64/XZ of the content as decimal text, unsigned."""
    created_at: datetime | None = None
    """When it came to be."""
    creator_id: str | None = None
    """Who brought it; only when ``fields`` asks."""
    creator_name: str | None = None
    """Name of who brought it; only when ``fields`` asks."""
    domain_id: str | None = None
    """The domain."""
    download_url: str | None = None
    """Presigned URL of the content; not in listings."""
    drive_id: str | None = None
    """The drive."""
    file_extension: str | None = None
    """The part of the name after the last dot, without the dot."""
    file_id: str | None = None
    """The file."""
    is_latest_version: bool | None = None
    """It is the current content."""
    keep_forever: bool | None = None
    """It is never cleaned up; at most 50 of a file."""
    revision_description: str | None = None
    """Free text."""
    revision_id: str | None = None
    """Its identifier."""
    revision_name: str | None = None
    """Its name."""
    revision_version: int | None = None
    """Its number, from 1."""
    size: int | None = None
    """Bytes."""
    thumbnail: str | None = None
    """Presigned URL of a thumbnail."""
    updated_at: datetime | None = None
    """When its description was changed."""
    url: str | None = None
    """Presigned URL."""


class RevisionPage(Page[Revision], frozen=True, kw_only=True):
    """A page of versions."""


@request
class _OfRevision(OfFile):
    """A version of a file."""

    revision_id: str = required(ID, "The version.")


@request
class GetRevisionRequest(Fields, _OfRevision, Request):
    """A version of a file."""

    url_expire_sec: int | None = optional(
        Whole(10, 86_400), "Life of the URLs in the reply in seconds; 900 if left out."
    )


@request
class ListRevisionRequest(Fields, OfFile, Paged, Request):
    """The versions of a file."""


@request
class UpdateRevisionRequest(_OfRevision, Request):
    """Describes a version, or has it kept for ever; what is left out stays."""

    keep_forever: bool | None = optional(FLAG, "Never clean it up; at most 50 of a file.")
    revision_description: str | None = optional(DESCRIPTION, "Free text.")


@request
class RestoreRevisionRequest(_OfRevision, Request):
    """Makes a new version with the content of an older one; not of the current one."""


@request
class DeleteRevisionRequest(_OfRevision, Request):
    """Deletes an older version for good; the current one cannot be deleted."""
