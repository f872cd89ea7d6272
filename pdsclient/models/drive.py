"""Drives: replies and requests of ``client.drive``."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal, TypeAlias

from pdsclient.models._base import Model, Page, listed
from pdsclient.models._request import Request, optional, request, required
from pdsclient.models._rules import (
    DESCRIPTION,
    FLAG,
    ID,
    USER_ID,
    Choice,
    Text,
    Whole,
)
from pdsclient.models._shared import Paged
from pdsclient.models.rights import IDPermission

__all__ = [
    "CreateDriveRequest",
    "DeleteDriveRequest",
    "Drive",
    "DrivePage",
    "GetDefaultDriveRequest",
    "GetDriveRequest",
    "GroupDrivePage",
    "ListDrivesRequest",
    "ListMyDrivesRequest",
    "ListMyGroupDrivesRequest",
    "SearchDrivesRequest",
    "UpdateDriveRequest",
]

DriveStatus: TypeAlias = Literal["enabled", "disabled"]
DriveType: TypeAlias = Literal["normal", "large"]
OwnerType: TypeAlias = Literal["user", "group"]

# pds-service.md 4.2.
_NAME = Text(128)
# -1 is no limit.
_SIZE = Whole(-1, 2**63 - 1)


class Drive(Model, frozen=True, kw_only=True):
    """A storage space of a user or a group (pds-service.md 12).

    Which fields are set depends on the operation: ``action_list``, ``permission`` and others
    come with a user's ``default_drive`` only.
    """

    __columns__: ClassVar[tuple[str, ...]] = (
        "drive_id",
        "drive_name",
        "owner_type",
        "owner",
        "used_size",
        "total_size",
        "status",
    )

    action_list: list[str] = listed()
    """What the caller may do with it."""
    category: str | None = None
    """What it is used for."""
    created_at: datetime | None = None
    """When it was created."""
    creator: str | None = None
    """Who created it."""
    delta_enabled: bool | None = None
    """Its changes are recorded for ``client.file.list_delta``."""
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
    encrypt_data_access: bool | None = None
    """Its content is encrypted."""
    encrypt_mode: str | None = None
    """How its content is encrypted."""
    is_handover: bool | None = None
    """It was handed over by a user who left."""
    owner: str | None = None
    """The user or the group it belongs to."""
    owner_type: str | None = None
    """``user`` or ``group``."""
    path_status: str | None = None
    """State of the path it is stored under."""
    permission: dict[str, IDPermission] | None = None
    """Who may do what with it."""
    relative_path: str | None = None
    """The path it is stored under."""
    status: str | None = None
    """``enabled`` or ``disabled``."""
    store_id: str | None = None
    """The store that holds its content."""
    subdomain_id: str | None = None
    """The subdomain it belongs to."""
    total_size: int | None = None
    """Bytes that fit in; -1 is no limit."""
    updated_at: datetime | None = None
    """When it was last changed."""
    used_size: int | None = None
    """Bytes in use."""


class DrivePage(Page[Drive], frozen=True, kw_only=True):
    """A page of drives."""


class GroupDrivePage(DrivePage, frozen=True, kw_only=True):
    """A page of drives of groups."""

    root_group_drive: Drive | None = None
    """The drive of the group above all groups."""


@request
class ListMyDrivesRequest(Paged, Request):
    """The caller's own drives."""


@request
class ListMyGroupDrivesRequest(ListMyDrivesRequest):
    """The drives of the groups that the caller is in."""

    drive_name: str | None = optional(_NAME, "Only drives of this name.")


@request
class ListDrivesRequest(ListMyDrivesRequest):
    """The drives of the domain; for administrators."""

    owner: str | None = optional(USER_ID, "Only drives of this user or group.")
    owner_type: OwnerType | None = optional(
        Choice(OwnerType), "Only drives of users, or of groups."
    )


@request
class SearchDrivesRequest(ListDrivesRequest):
    """The drives of the domain with a name; for administrators."""

    drive_name: str | None = optional(_NAME, "Only drives of this name.")


@request
class GetDriveRequest(Request):
    """A drive."""

    drive_id: str = required(ID, "The drive.")


@request
class DeleteDriveRequest(GetDriveRequest):
    """Deletes a drive with everything in it."""


@request
class GetDefaultDriveRequest(Request):
    """The default drive of a user."""

    user_id: str | None = optional(USER_ID, "Whose; the caller's if left out.")


@request
class CreateDriveRequest(Request):
    """A new drive."""

    default: bool | None = optional(FLAG, "Make it the user's default drive.")
    description: str | None = optional(DESCRIPTION, "Free text.")
    disable_assign_group_default_permission: bool | None = optional(
        FLAG, "Give the members of the group that owns it no rights by themselves."
    )
    drive_name: str = required(_NAME, "Its name.")
    drive_type: DriveType | None = optional(Choice(DriveType), "Its kind.")
    owner: str = required(USER_ID, "The user or the group it is for.")
    owner_type: OwnerType = required(Choice(OwnerType), "What the owner is.")
    status: DriveStatus | None = optional(Choice(DriveStatus), "Enabled if left out.")
    total_size: int | None = optional(_SIZE, "Bytes that fit in; -1 or left out is no limit.")


@request
class UpdateDriveRequest(GetDriveRequest):
    """Changes what is given of a drive."""

    description: str | None = optional(DESCRIPTION, "Free text.")
    drive_name: str | None = optional(_NAME, "Its new name.")
    owner: str | None = optional(USER_ID, "The user or the group it goes to.")
    status: DriveStatus | None = optional(Choice(DriveStatus), "Whether it can be used.")
    total_size: int | None = optional(_SIZE, "Bytes that fit in; -1 is no limit.")
