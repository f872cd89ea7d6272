"""The roles that a folder is shared under, and what each of them lets a member do.

The service documents the names alone (pds-service.md 12); the actions are what the names say.
"""

from __future__ import annotations

from typing import Final

__all__ = ["EVERYTHING", "ROLES"]


def _actions(*names: str) -> frozenset[str]:
    return frozenset(f"FILE.{name}" for name in names)


_META = _actions("LIST", "GET")
_VIEW = _META | _actions("PREVIEW")
_DOWNLOAD = _VIEW | _actions("DOWNLOAD", "COPY", "ARCHIVE")
_UPLOAD = _META | _actions("CREATE")
_CHANGE = _DOWNLOAD | _UPLOAD | _actions("UPDATE", "MOVE")
_REMOVE = _actions("TRASH", "DELETE")
_LINK = _actions("SHARE")

EVERYTHING: Final = _CHANGE | _REMOVE | _LINK | _actions("PERMISSION")
"""What the owner of a drive may do with its files."""

ROLES: Final[dict[str, frozenset[str]]] = {
    "SystemFileOwner": EVERYTHING,
    "SystemFileEditor": _CHANGE | _REMOVE | _LINK,
    "SystemFileEditorWithoutDelete": _CHANGE | _LINK,
    "SystemFileEditorWithoutShareLink": _CHANGE | _REMOVE,
    "SystemFileUploaderAndDownloaderWithShareLink": _UPLOAD | _DOWNLOAD | _LINK,
    "SystemFileUploaderAndDownloader": _UPLOAD | _DOWNLOAD,
    "SystemFileUploaderAndViewer": _UPLOAD | _VIEW,
    "SystemFileUploaderWithShareLink": _UPLOAD | _LINK,
    "SystemFileUploader": _UPLOAD,
    "SystemFileDownloaderWithShareLink": _DOWNLOAD | _LINK,
    "SystemFileDownloader": _DOWNLOAD,
    "SystemFileViewer": _VIEW,
    "SystemFileMetaViewer": _META,
}
"""What a member may do below a folder, by the role that they were given there."""
