"""Operations under ``/v2/role``."""

from __future__ import annotations

from pdsclient.models.role import (
    AssignmentPage,
    AssignRoleRequest,
    CancelAssignRoleRequest,
    ListAssignmentRequest,
    ListIdentityRoleRequest,
    RoleMember,
)
from pdsclient.operations import Op, PagedOp, Resource

__all__ = ["RoleResource"]


class RoleResource(Resource):
    """``client.role``: administrators of groups."""

    assign = Op("/role/assign", AssignRoleRequest, None)
    cancel_assign = Op("/role/cancel_assign", CancelAssignRoleRequest, None)
    list_assignment = PagedOp("/role/list_assignment", ListAssignmentRequest, AssignmentPage)
    list_identity_role = Op("/role/list_identity_role", ListIdentityRoleRequest, RoleMember)
