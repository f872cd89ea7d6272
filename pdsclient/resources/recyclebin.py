"""Operations under ``/v2/recyclebin``."""

from __future__ import annotations

from pdsclient.models import recyclebin
from pdsclient.models.change import FileTask, RestoreFileRequest, TrashFileRequest
from pdsclient.models.file import FilePage
from pdsclient.operations import Op, PagedOp, Resource

__all__ = ["RecyclebinResource"]


class RecyclebinResource(Resource):
    """``client.recyclebin``: what was deleted and can come back."""

    clear = Op("/recyclebin/clear", recyclebin.ClearRecyclebinRequest, FileTask)
    clear_all = Op(
        "/recyclebin/clear_all", recyclebin.ClearAllRecyclebinRequest, recyclebin.ClearedBins
    )
    list = PagedOp("/recyclebin/list", recyclebin.ListRecyclebinRequest, FilePage)
    restore = Op("/recyclebin/restore", RestoreFileRequest, FileTask)
    search_all = PagedOp("/recyclebin/search_all", recyclebin.SearchAllRecyclebinRequest, FilePage)
    trash = Op("/recyclebin/trash", TrashFileRequest, FileTask)
