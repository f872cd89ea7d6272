"""Content review: replies and requests of ``client.csi``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pdsclient.models._base import Model
from pdsclient.models._request import PartOf, Request, optional, request, required
from pdsclient.models._rules import TEXT, ListOf
from pdsclient.models._shared import OfDriveFile, UrlExpiry
from pdsclient.models.file import InvestigationInfo

__all__ = [
    "CsiFileInfo",
    "CsiGetFileInfoRequest",
    "InvestigateFileRequest",
    "InvestigateFileRequestDriveFileIds",
    "PunishFileRequest",
]


class CsiFileInfo(Model, frozen=True, kw_only=True):
    """What the content review knows of a file."""

    __urls__: ClassVar[frozenset[str]] = frozenset({"url"})

    investigation_info: InvestigationInfo | None = None
    """Result of the review."""
    url: str | None = None
    """Presigned URL of the content."""


@request
class CsiGetFileInfoRequest(OfDriveFile, UrlExpiry, Request):
    """What the content review knows of a file."""


@request
class PunishFileRequest(OfDriveFile, Request):
    """Restricts what can be done with a file."""

    action_code: str = required(TEXT, "The restriction.")
    punish_reason: str | None = optional(TEXT, "Why.")


@request
class InvestigateFileRequestDriveFileIds(OfDriveFile):
    """A file to review."""


@request
class InvestigateFileRequest(Request):
    """Has files reviewed, which is charged for."""

    drive_file_ids: Sequence[InvestigateFileRequestDriveFileIds | Mapping[str, str]] = required(
        ListOf(PartOf(InvestigateFileRequestDriveFileIds), most=1000), "The files."
    )
