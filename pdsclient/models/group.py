"""Groups of users: replies and requests of ``client.group``."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

from pdsclient.models._base import Model, Page
from pdsclient.models._request import Request, optional, request, required
from pdsclient.models._rules import (
    DESCRIPTION,
    FLAG,
    ID,
    USER_ID,
    Choice,
    Text,
)
from pdsclient.models._shared import Paged

__all__ = [
    "AddGroupMemberRequest",
    "CreateGroupRequest",
    "DeleteGroupRequest",
    "GetGroupRequest",
    "Group",
    "GroupPage",
    "ListGroupMembersRequest",
    "ListGroupsRequest",
    "RemoveGroupMemberRequest",
    "RenameGroupRequest",
    "SearchGroupsRequest",
    "UpdateGroupRequest",
]

MemberType: TypeAlias = Literal["user", "group"]

# pds-service.md 4.2.
_NAME = Text(128)


class Group(Model, frozen=True, kw_only=True):
    """A group of users; it may lie in another group (pds-service.md 12)."""

    created_at: datetime | None = None
    """When it was created."""
    creator: str | None = None
    """Who created it."""
    description: str | None = None
    """Free text."""
    domain_id: str | None = None
    """The domain it belongs to."""
    group_id: str | None = None
    """Its identifier."""
    group_name: str | None = None
    """Its name."""
    permission: Any = None
    """What the caller may do with it."""
    updated_at: datetime | None = None
    """When it was last changed."""


class GroupPage(Page[Group], frozen=True, kw_only=True):
    """A page of groups."""


@request
class ListGroupsRequest(Paged, Request):
    """The groups of the domain."""


@request
class SearchGroupsRequest(Paged, Request):
    """The groups whose name begins with a text (pds-service.md 13, 44)."""

    group_name: str = required(_NAME, "What the name begins with.")


@request
class GetGroupRequest(Request):
    """A group."""

    group_id: str = required(ID, "The group.")


@request
class ListGroupMembersRequest(Paged, GetGroupRequest):
    """The users and groups that are directly in a group."""

    member_type: MemberType | None = optional(Choice(MemberType), "Only users, or only groups.")


@request
class DeleteGroupRequest(GetGroupRequest):
    """Deletes a group, which must have none inside (pds-service.md 13, 44)."""


@request
class AddGroupMemberRequest(GetGroupRequest):
    """Puts a user into a group; a group gets into another one when it is created."""

    member_id: str = required(USER_ID, "The user.")
    member_type: Literal["user"] | None = optional(
        Choice(Literal["user"], default="user"), "What the member is."
    )


@request
class RemoveGroupMemberRequest(AddGroupMemberRequest):
    """Takes a user out of a group."""


@request
class CreateGroupRequest(Request):
    """A new group."""

    description: str | None = optional(DESCRIPTION, "Free text.")
    group_name: str = required(_NAME, "Its name.")
    is_root: bool | None = optional(FLAG, "It lies at the top and cannot get into another group.")
    parent_group_id: str | None = optional(ID, "The group it gets into.")


@request
class UpdateGroupRequest(GetGroupRequest):
    """Changes what is given of a group."""

    description: str | None = optional(DESCRIPTION, "Free text.")
    group_name: str | None = optional(_NAME, "Its new name.")


@request
class RenameGroupRequest(GetGroupRequest):
    """Renames a group; group.update does the same."""

    name: str = required(_NAME, "Its new name.")
