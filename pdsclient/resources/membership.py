"""Operations under ``/v2/membership``."""

from __future__ import annotations

from pdsclient.models.membership import (
    CreateMembershipRequest,
    DeleteMembershipRequest,
    GetMembershipRequest,
    HasMember,
    HasMemberRequest,
    ListChildMembershipsRequest,
    ListParentMembershipsRequest,
    Membership,
    MembershipPage,
    UpdateMembershipRequest,
)
from pdsclient.operations import Op, PagedOp, Resource

__all__ = ["MembershipResource"]


class MembershipResource(Resource):
    """``client.membership``: who is in which group, the older way."""

    create = Op("/membership/create", CreateMembershipRequest, Membership)
    delete = Op("/membership/delete", DeleteMembershipRequest, None)
    get = Op("/membership/get", GetMembershipRequest, Membership)
    has_member = Op("/membership/has_member", HasMemberRequest, HasMember)
    list_direct_child_memberships = PagedOp(
        "/membership/list_direct_child_memberships", ListChildMembershipsRequest, MembershipPage
    )
    list_direct_parent_memberships = PagedOp(
        "/membership/list_direct_parent_memberships", ListParentMembershipsRequest, MembershipPage
    )
    update = Op("/membership/update", UpdateMembershipRequest, Membership)
