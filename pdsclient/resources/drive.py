"""Operations under ``/v2/drive``."""

from __future__ import annotations

from pdsclient.models.drive import (
    CreateDriveRequest,
    DeleteDriveRequest,
    Drive,
    DrivePage,
    GetDefaultDriveRequest,
    GetDriveRequest,
    GroupDrivePage,
    ListDrivesRequest,
    ListMyDrivesRequest,
    ListMyGroupDrivesRequest,
    SearchDrivesRequest,
    UpdateDriveRequest,
)
from pdsclient.operations import Op, PagedOp, Resource

__all__ = ["DriveResource"]


class DriveResource(Resource):
    """``client.drive``: the spaces that files live in."""

    create = Op("/drive/create", CreateDriveRequest, Drive)
    delete = Op("/drive/delete", DeleteDriveRequest, None)
    get = Op("/drive/get", GetDriveRequest, Drive)
    get_default_drive = Op("/drive/get_default_drive", GetDefaultDriveRequest, Drive)
    list = PagedOp("/drive/list", ListDrivesRequest, DrivePage)
    list_my_drives = PagedOp("/drive/list_my_drives", ListMyDrivesRequest, DrivePage)
    list_my_group_drive = PagedOp(
        "/drive/list_my_group_drive", ListMyGroupDrivesRequest, GroupDrivePage
    )
    search = PagedOp("/drive/search", SearchDrivesRequest, DrivePage)
    update = Op("/drive/update", UpdateDriveRequest, Drive)
