"""Operations under ``/v2/group``."""

from __future__ import annotations

from pdsclient.models.group import (
    AddGroupMemberRequest,
    CreateGroupRequest,
    DeleteGroupRequest,
    GetGroupRequest,
    Group,
    GroupPage,
    ListGroupMembersRequest,
    ListGroupsRequest,
    RemoveGroupMemberRequest,
    RenameGroupRequest,
    SearchGroupsRequest,
    UpdateGroupRequest,
)
from pdsclient.models.user import MemberPage
from pdsclient.operations import Op, PagedOp, Resource

__all__ = ["GroupResource"]


class GroupResource(Resource):
    """``client.group``: groups of users."""

    add_member = Op("/group/add_member", AddGroupMemberRequest, None)
    create = Op("/group/create", CreateGroupRequest, Group)
    delete = Op("/group/delete", DeleteGroupRequest, None)
    get = Op("/group/get", GetGroupRequest, Group)
    list = PagedOp("/group/list", ListGroupsRequest, GroupPage)
    list_member = PagedOp("/group/list_member", ListGroupMembersRequest, MemberPage)
    remove_member = Op("/group/remove_member", RemoveGroupMemberRequest, None)
    search = PagedOp("/group/search", SearchGroupsRequest, GroupPage)
    update = Op("/group/update", UpdateGroupRequest, Group)
    update_name = Op("/group/update_name", RenameGroupRequest, None)
