"""Who is in which group, the older way: replies and requests of ``client.membership``."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from pdsclient.models._base import Model, Page
from pdsclient.models._request import Part, Request, optional, request, required
from pdsclient.models._rules import (
    DESCRIPTION,
    FLAG,
    ID,
    USER_ID,
    Choice,
)
from pdsclient.models._shared import Paged
from pdsclient.models.group import MemberType

__all__ = [
    "CreateMembershipRequest",
    "DeleteMembershipRequest",
    "GetMembershipRequest",
    "HasMember",
    "HasMemberRequest",
    "ListChildMembershipsRequest",
    "ListParentMembershipsRequest",
    "Membership",
    "MembershipPage",
    "UpdateMembershipRequest",
]

MemberRole: TypeAlias = Literal["member", "admin"]


class Membership(Model, frozen=True, kw_only=True):
    """A user or a group in a group."""

    created_at: datetime | None = None
    """When it began."""
    creator: str | None = None
    """Who brought it about."""
    description: str | None = None
    """Free text."""
    domain_id: str | None = None
    """The domain."""
    group_id: str | None = None
    """The group around."""
    member_role: str | None = None
    """``member`` or ``admin``."""
    member_type: str | None = None
    """``user`` or ``group``."""
    sub_group_id: str | None = None
    """The group inside, if the member is one."""
    updated_at: datetime | None = None
    """When it was last changed."""
    user_id: str | None = None
    """The user inside, if the member is one."""


class MembershipPage(Page[Membership], frozen=True, kw_only=True):
    """A page of memberships."""


class HasMember(Model, frozen=True, kw_only=True):
    """Whether somebody is in a group."""

    result: bool | None = None
    """It is so."""


@request
class _Member(Part):
    sub_group_id: str | None = optional(ID, "The group inside, if the member is one.")
    user_id: str | None = optional(USER_ID, "The user inside, if the member is one.")


@request
class _OfMember(_Member):
    description: str | None = optional(DESCRIPTION, "Free text.")
    group_id: str = required(ID, "The group around.")
    member_role: MemberRole | None = optional(Choice(MemberRole), "What the member may do there.")
    member_type: MemberType = required(Choice(MemberType), "What the member is.")


@request
class UpdateMembershipRequest(_OfMember, Request):
    """Changes the role or the description of a member."""


@request
class DeleteMembershipRequest(_OfMember, Request):
    """Takes a member out of a group."""


@request
class HasMemberRequest(_OfMember, Request):
    """Whether somebody is in a group."""


@request
class GetMembershipRequest(_OfMember, Request):
    """A member of a group."""

    is_root: bool | None = optional(FLAG, "The group around lies at the top.")


@request
class CreateMembershipRequest(GetMembershipRequest):
    """Puts a user, or a group that does not lie at the top, into a group."""


@request
class ListChildMembershipsRequest(Paged, Request):
    """The members that are directly in a group."""

    group_id: str = required(ID, "The group.")
    member_type: MemberType = required(Choice(MemberType), "Users, or groups.")


@request
class ListParentMembershipsRequest(Paged, _Member, Request):
    """The groups that a user or a group is directly in."""

    group_id: str | None = optional(ID, "Only in this group.")
    member_type: MemberType | None = optional(Choice(MemberType), "What the member is.")
