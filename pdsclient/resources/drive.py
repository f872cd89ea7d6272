"""Operations under ``/v2/drive``."""

from __future__ import annotations

from pdsclient.models.drive import (
    Drive,
    DrivePage,
    GetDefaultDriveRequest,
    GetDriveRequest,
    ListMyDrivesRequest,
)
from pdsclient.operations import Op, PagedOp, Resource

__all__ = ["DriveResource"]


class DriveResource(Resource):
    """``client.drive``: the spaces that files live in."""

    get = Op("/drive/get", GetDriveRequest, Drive)
    get_default_drive = Op("/drive/get_default_drive", GetDefaultDriveRequest, Drive)
    list_my_drives = PagedOp("/drive/list_my_drives", ListMyDrivesRequest, DrivePage)
