"""Administrators of groups: replies and requests of ``client.role``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from pdsclient.models._base import Model, Page, listed
from pdsclient.models._request import PartOf, Request, optional, request, required
from pdsclient.models._rules import ID, Choice
from pdsclient.models._shared import Paged
from pdsclient.models.permission import Identity, IdentityPart

__all__ = [
    "AssignRoleRequest",
    "Assignment",
    "AssignmentPage",
    "CancelAssignRoleRequest",
    "ListAssignmentRequest",
    "ListIdentityRoleRequest",
    "RoleMember",
]

ManageResourceType: TypeAlias = Literal["RT_Group"]
RoleId: TypeAlias = Literal["SystemGroupAdmin"]


class Assignment(Model, frozen=True, kw_only=True):
    """A role that somebody has over something."""

    associated_role_tag_id: str | None = None
    """The tag that the role came with; only of ``list_identity_role``."""
    created_at: datetime | None = None
    """When it was given."""
    creator: str | None = None
    """Who gave it."""
    disinherit_sub_group: bool | None = None
    """Members of sub-groups do not have it; only of ``list_identity_role``."""
    domain_id: str | None = None
    """The domain."""
    identity: Identity | None = None
    """Who has it."""
    manage_resource_id: str | None = None
    """What it is over, such as a group."""
    manage_resource_type: str | None = None
    """``RT_Group`` for groups."""
    role_id: str | None = None
    """The role, such as ``SystemGroupAdmin``."""
    updated_at: datetime | None = None
    """When it was last changed; only of ``list_identity_role``."""


class AssignmentPage(Page[Assignment], frozen=True, kw_only=True):
    """A page of roles."""

    items: list[Assignment] = listed("assignment_list")
    """The roles."""


class RoleMember(Model, frozen=True, kw_only=True):
    """All roles of a user or a group."""

    assignment_list: list[Assignment] = listed()
    """The roles."""
    created_at: datetime | None = None
    """When it got its first one."""
    creator: str | None = None
    """Who gave it."""
    domain_id: str | None = None
    """The domain."""
    identity: Identity | None = None
    """Who has them."""
    identity_name: str | None = None
    """Name of the user or group."""
    is_admin: bool | None = None
    """It administers the domain."""
    subdomain_id: str | None = None
    """The subdomain."""


@request
class AssignRoleRequest(Request):
    """Makes a user administrator of a group."""

    identity: IdentityPart | Mapping[str, str] = required(PartOf(IdentityPart), "The user.")
    manage_resource_id: str = required(ID, "The group.")
    manage_resource_type: ManageResourceType | None = optional(
        Choice(ManageResourceType, default="RT_Group"), "What the role is over."
    )
    role_id: RoleId | None = optional(Choice(RoleId, default="SystemGroupAdmin"), "The role.")


@request
class CancelAssignRoleRequest(AssignRoleRequest):
    """Takes the administration of a group from a user."""


@request
class ListAssignmentRequest(Paged, Request):
    """The roles that anybody has over something."""

    manage_resource_id: str | None = optional(ID, "What they are over, such as a group.")
    manage_resource_type: ManageResourceType | None = optional(
        Choice(ManageResourceType, default="RT_Group"), "What kind of thing that is."
    )


@request
class ListIdentityRoleRequest(Request):
    """All roles of a user or a group."""

    identity: IdentityPart | Mapping[str, str] = required(PartOf(IdentityPart), "Whose.")
