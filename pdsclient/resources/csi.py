"""Operations under ``/v2/csi``."""

from __future__ import annotations

from pdsclient.models.csi import (
    CsiFileInfo,
    CsiGetFileInfoRequest,
    InvestigateFileRequest,
    PunishFileRequest,
)
from pdsclient.operations import Nested, Op, Resource

__all__ = ["CsiBusinessResource", "CsiResource"]


class CsiBusinessResource(Resource):
    """``client.csi.business``: what follows from a review."""

    punish_file = Op("/csi/business/punish_file", PunishFileRequest, None)


class CsiResource(Resource):
    """``client.csi``: content review."""

    get_file_info = Op("/csi/get_file_info", CsiGetFileInfoRequest, CsiFileInfo)
    investigate_file = Op("/csi/investigate_file", InvestigateFileRequest, None)
    business = Nested(CsiBusinessResource)
