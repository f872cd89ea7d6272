"""Replies and requests, one module for each resource.

The names are loaded when they are first asked for: a program that searches files does not pay
for the models of stories and benefit packages.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pdsclient.models._base import Model, Page
from pdsclient.models._request import Part, Request

if TYPE_CHECKING:
    from pdsclient.models.drive import (
        Drive,
        DrivePage,
        GetDefaultDriveRequest,
        GetDriveRequest,
        ListMyDrivesRequest,
    )
    from pdsclient.models.file import (
        DownloadUrl,
        FaceThumbnail,
        File,
        FileDirSizeInfo,
        FilePage,
        GetDownloadUrlRequest,
        GetFileRequest,
        ImageMediaMetadata,
        ImageProcess,
        ImageQuality,
        InvestigationInfo,
        InvestigationInfoVideoDetail,
        InvestigationInfoVideoDetailBlockFrames,
        ListFileRequest,
        ScanFileRequest,
        SearchFileRequest,
        SystemTag,
        VideoMediaAudioStream,
        VideoMediaMetadata,
        VideoMediaVideoStream,
    )
    from pdsclient.models.share_link import (
        AnonymousShareLink,
        GetShareLinkByAnonymousRequest,
        GetShareTokenRequest,
        ShareToken,
    )

_MODULES = {
    "drive": (
        "Drive",
        "DrivePage",
        "GetDefaultDriveRequest",
        "GetDriveRequest",
        "ListMyDrivesRequest",
    ),
    "file": (
        "DownloadUrl",
        "FaceThumbnail",
        "File",
        "FileDirSizeInfo",
        "FilePage",
        "GetDownloadUrlRequest",
        "GetFileRequest",
        "ImageMediaMetadata",
        "ImageProcess",
        "ImageQuality",
        "InvestigationInfo",
        "InvestigationInfoVideoDetail",
        "InvestigationInfoVideoDetailBlockFrames",
        "ListFileRequest",
        "ScanFileRequest",
        "SearchFileRequest",
        "SystemTag",
        "VideoMediaAudioStream",
        "VideoMediaMetadata",
        "VideoMediaVideoStream",
    ),
    "share_link": (
        "AnonymousShareLink",
        "GetShareLinkByAnonymousRequest",
        "GetShareTokenRequest",
        "ShareToken",
    ),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AnonymousShareLink",
    "DownloadUrl",
    "Drive",
    "DrivePage",
    "FaceThumbnail",
    "File",
    "FileDirSizeInfo",
    "FilePage",
    "GetDefaultDriveRequest",
    "GetDownloadUrlRequest",
    "GetDriveRequest",
    "GetFileRequest",
    "GetShareLinkByAnonymousRequest",
    "GetShareTokenRequest",
    "ImageMediaMetadata",
    "ImageProcess",
    "ImageQuality",
    "InvestigationInfo",
    "InvestigationInfoVideoDetail",
    "InvestigationInfoVideoDetailBlockFrames",
    "ListFileRequest",
    "ListMyDrivesRequest",
    "Model",
    "Page",
    "Part",
    "Request",
    "ScanFileRequest",
    "SearchFileRequest",
    "ShareToken",
    "SystemTag",
    "VideoMediaAudioStream",
    "VideoMediaMetadata",
    "VideoMediaVideoStream",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | set(__all__))
