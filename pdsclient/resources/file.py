"""Operations under ``/v2/file``."""

from __future__ import annotations

from pdsclient.models.file import (
    DownloadUrl,
    File,
    FilePage,
    GetDownloadUrlRequest,
    GetFileRequest,
    ListFileRequest,
    ScanFileRequest,
    SearchFileRequest,
)
from pdsclient.operations import Op, PagedOp, Resource

__all__ = ["FileResource"]


class FileResource(Resource):
    """``client.file``: files and folders."""

    get = Op("/file/get", GetFileRequest, File)
    get_download_url = Op("/file/get_download_url", GetDownloadUrlRequest, DownloadUrl)
    list = PagedOp("/file/list", ListFileRequest, FilePage)
    scan = PagedOp("/file/scan", ScanFileRequest, FilePage)
    search = PagedOp("/file/search", SearchFileRequest, FilePage)
