"""Operations under ``/v2/user``."""

from __future__ import annotations

from pdsclient.models.user import (
    CreateUserRequest,
    DeleteUserRequest,
    GeneralGetUserRequest,
    GeneralSearchUsersRequest,
    GetUserRequest,
    ImportUserRequest,
    ListGroupUsersRequest,
    ListUsersRequest,
    MemberPage,
    SearchUsersRequest,
    UpdateUserRequest,
    User,
    UserPage,
)
from pdsclient.operations import Op, PagedOp, Resource

__all__ = ["UserResource"]


class UserResource(Resource):
    """``client.user``: users of the domain."""

    create = Op("/user/create", CreateUserRequest, User)
    delete = Op("/user/delete", DeleteUserRequest, None)
    general_get = Op("/user/general_get", GeneralGetUserRequest, User)
    general_search = PagedOp("/user/general_search", GeneralSearchUsersRequest, UserPage)
    get = Op("/user/get", GetUserRequest, User)
    import_ = Op("/user/import", ImportUserRequest, User)
    list = PagedOp("/user/list", ListUsersRequest, UserPage)
    list_group_user = PagedOp("/user/list_group_user", ListGroupUsersRequest, MemberPage)
    search = PagedOp("/user/search", SearchUsersRequest, UserPage)
    update = Op("/user/update", UpdateUserRequest, User)
