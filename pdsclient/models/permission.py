"""Files shared with users and groups for good (pds-service.md 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeAlias

from pdsclient.models._base import Model, listed
from pdsclient.models._request import Part, PartOf, Request, optional, request, required
from pdsclient.models._rules import (
    FLAG,
    TEXT,
    USER_ID,
    Choice,
    ListOf,
    Text,
)
from pdsclient.models._service_rules import Millis
from pdsclient.models._shared import OfDriveFile, Paged

__all__ = [
    "AddPermissionRequest",
    "FilePermissionMember",
    "Identity",
    "IdentityPart",
    "InheritedPermission",
    "InheritedPermissions",
    "ListInheritPermissionRequest",
    "ListManagedSharesRequest",
    "ListOwnSharesRequest",
    "ListPermissionRequest",
    "ListReceivedFilesRequest",
    "ListUserPermissionRequest",
    "MemberRef",
    "PermissionMember",
    "RemovePermissionRequest",
    "UserPermission",
    "UserPermissions",
]

IdentityType: TypeAlias = Literal["IT_User", "IT_Group"]
FileRole: TypeAlias = Literal[
    "SystemFileOwner",
    "SystemFileDownloader",
    "SystemFileEditor",
    "SystemFileEditorWithoutDelete",
    "SystemFileEditorWithoutShareLink",
    "SystemFileMetaViewer",
    "SystemFileUploader",
    "SystemFileUploaderAndDownloader",
    "SystemFileDownloaderWithShareLink",
    "SystemFileUploaderAndDownloaderWithShareLink",
    "SystemFileUploaderAndViewer",
    "SystemFileUploaderWithShareLink",
    "SystemFileViewer",
]


class Identity(Model, frozen=True, kw_only=True):
    """A user or a group."""

    identity_id: str | None = None
    """Its identifier."""
    identity_name: str | None = None
    """Its name."""
    identity_type: str | None = None
    """``IT_User`` or ``IT_Group``."""


class FilePermissionMember(Model, frozen=True, kw_only=True):
    """Who may do what with a file."""

    action_list: list[str] = listed()
    """What is allowed, such as ``FILE.PREVIEW``, where no role says it."""
    disinherit_sub_group: bool | None = None
    """The groups below do not inherit it."""
    expire_time: datetime | None = None
    """When it expires; in the year 2121 for never."""
    identity: Identity | None = None
    """Who."""
    role_id: str | None = None
    """The role, such as ``SystemFileViewer``; wins over ``action_list``."""


class InheritedPermission(Model, frozen=True, kw_only=True):
    """A permission that a file has from a folder above."""

    file_id: str | None = None
    """The folder."""
    member: FilePermissionMember | None = None
    """Who may do what."""


class InheritedPermissions(Model, frozen=True, kw_only=True):
    """The permissions that a file has from the folders above."""

    items: list[InheritedPermission] = listed()
    """The permissions."""
    next_marker: str | None = None
    """Not of use: the operation takes no marker."""


class UserPermission(Model, frozen=True, kw_only=True):
    """A file that a user may do something with."""

    can_access: bool | None = None
    """The caller may open the file."""
    created_at: datetime | None = None
    """When it was shared."""
    creator: str | None = None
    """Who shared it."""
    disinherit_sub_group: bool | None = None
    """The groups below do not inherit it."""
    domain_id: str | None = None
    """The domain."""
    drive_id: str | None = None
    """The drive."""
    expire_time: datetime | None = None
    """When it expires; in the year 2121 for never."""
    file_full_path: str | None = None
    """Names of the folders on the way to the file."""
    file_id: str | None = None
    """The file."""
    identity: Identity | None = None
    """Who."""
    role_id: str | None = None
    """The role."""


class UserPermissions(Model, frozen=True, kw_only=True):
    """The files that were shared with a user."""

    items: list[UserPermission] = listed()
    """The files with the permissions."""
    next_marker: str | None = None
    """Not of use: the operation takes no marker."""


@request
class IdentityPart(Part):
    """A user or a group."""

    identity_id: str = required(USER_ID, "Its identifier.")
    identity_name: str | None = optional(Text(1024), "Its name.")
    identity_type: IdentityType = required(Choice(IdentityType), "What it is.")


@request
class MemberRef(Part):
    """Whose permission is meant."""

    identity: IdentityPart | Mapping[str, str] = required(PartOf(IdentityPart), "Who.")
    role_id: FileRole = required(Choice(FileRole), "The role.")


@request
class PermissionMember(Part):
    """Who is to be allowed what."""

    action_list: Sequence[str] | None = optional(
        ListOf(TEXT, most=1_000), "What is allowed, such as FILE.PREVIEW, in place of a role."
    )
    disinherit_sub_group: bool | None = optional(FLAG, "The groups below do not inherit it.")
    expire_time: datetime | str | int | None = optional(
        Millis(), "When it expires; 4775500800000 is never."
    )
    identity: IdentityPart | Mapping[str, str] | None = optional(PartOf(IdentityPart), "Who.")
    role_id: FileRole | None = optional(Choice(FileRole), "The role; wins over action_list.")


@request
class AddPermissionRequest(OfDriveFile, Request):
    """Shares a folder with users and groups; the root only of a team's drive."""

    member_list: Sequence[PermissionMember | Mapping[str, Any]] = required(
        ListOf(PartOf(PermissionMember), most=1_000), "Whom it is shared with."
    )


@request
class RemovePermissionRequest(OfDriveFile, Request):
    """Stops sharing a folder with users and groups."""

    member_list: Sequence[MemberRef | Mapping[str, Any]] = required(
        ListOf(PartOf(MemberRef), most=1_000), "Whom it was shared with, and as what."
    )


@request
class ListPermissionRequest(OfDriveFile, Request):
    """Whom a file is shared with."""


@request
class ListInheritPermissionRequest(OfDriveFile, Request):
    """The permissions that a file has from the folders above."""


PermissionKind: TypeAlias = Literal["self", "group"]


@request
class ListUserPermissionRequest(Request):
    """The files that were shared with a user."""

    type: PermissionKind | None = optional(
        Choice(PermissionKind), "Shared with the user, or with a group of the user's."
    )
    user_id: str = required(USER_ID, "The user.")


@request
class ListOwnSharesRequest(Paged, Request):
    """The files that the caller shares with others."""


@request
class ListReceivedFilesRequest(Paged, Request):
    """The files that others share with the caller."""


@request
class ListManagedSharesRequest(Paged, Request):
    """The shared files that the caller manages; the vendor may have withdrawn it."""
