"""Drives: replies and requests of ``client.drive``."""

from __future__ import annotations

from datetime import datetime

from pdsclient.models._base import Model, Page
from pdsclient.models._request import Id, Request, Text, Whole, optional, request, required

__all__ = [
    "Drive",
    "DrivePage",
    "GetDefaultDriveRequest",
    "GetDriveRequest",
    "ListMyDrivesRequest",
]


class Drive(Model, frozen=True, kw_only=True):
    """A storage space of a user or a group (pds-service.md 12)."""

    created_at: datetime | None = None
    """When it was created."""
    creator: str | None = None
    """Who created it."""
    description: str | None = None
    """Free text."""
    domain_id: str | None = None
    """The domain it belongs to."""
    drive_id: str | None = None
    """Its identifier, decimal digits as text."""
    drive_name: str | None = None
    """Its name."""
    drive_type: str | None = None
    """``normal`` or ``large``."""
    owner: str | None = None
    """The user or the group it belongs to."""
    owner_type: str | None = None
    """``user`` or ``group``."""
    status: str | None = None
    """``enabled`` or ``disabled``."""
    subdomain_id: str | None = None
    """The subdomain it belongs to."""
    total_size: int | None = None
    """Bytes that fit in; -1 is no limit."""
    used_size: int | None = None
    """Bytes in use."""


class DrivePage(Page[Drive], frozen=True, kw_only=True):
    """A page of drives."""


@request
class ListMyDrivesRequest(Request):
    """The caller's own drives."""

    limit: int | None = optional(Whole(1, 100))
    """Drives in a page, 1-100; the service's default is 100."""
    marker: str | None = optional(Text.marker())
    """Where to go on."""


@request
class GetDriveRequest(Request):
    """A drive."""

    drive_id: str = required(Id(64))
    """The drive."""


@request
class GetDefaultDriveRequest(Request):
    """The default drive of a user."""

    user_id: str | None = optional(Text(64))
    """Whose; the caller's when left out."""
