"""Files and folders of the drive as the command line names them: by path, or as ``id:FILE_ID``."""

from __future__ import annotations

from pdsclient._shown import shown
from pdsclient.cli.place import Place
from pdsclient.errors import NotFound, PDSError
from pdsclient.files.changes import clash
from pdsclient.models import File

__all__ = ["ROOT", "find_file", "folder_of"]

ROOT = "root"
_BY_ID = "id:"


async def find_file(place: Place, name: str) -> File:
    """The file or folder that is meant; that at the top of the drive has no name.

    Args:
        place: the drive.
        name: such as ``/reports/2025.pdf``, ``/`` or ``id:FILE_ID``.

    Raises:
        PDSError: there is none, or it may not be looked at.
    """
    file, path = place.client.file, name.strip("/")
    if not path or path == f"{_BY_ID}{ROOT}":
        return File(drive_id=place.drive_id, file_id=ROOT, type="folder")
    try:
        if path.startswith(_BY_ID):
            return await file.get(drive_id=place.drive_id, file_id=path.removeprefix(_BY_ID))
        return await file.get_by_path(drive_id=place.drive_id, file_path=f"/{path}")
    except NotFound:
        where = f"drive {shown(place.drive_id)}"
        raise PDSError(f"{shown(name)}: there is no such file or folder in {where}") from None


async def folder_of(place: Place, to: str | None, *, make: bool) -> str | None:
    """The id of the folder that is meant; the top of the drive if none is named.

    Args:
        place: the drive.
        to: such as ``reports/2025`` or ``id:FILE_ID``.
        make: make it where it is missing; otherwise None says that it is.

    Raises:
        Conflict: it is a file.
    """
    path = (to or "").strip("/")
    if path.startswith(_BY_ID):
        return path.removeprefix(_BY_ID)
    if make:
        return await place.client.create_folders(path, drive_id=place.drive_id)
    if not path:
        return ROOT
    try:
        found = await place.client.file.get_by_path(drive_id=place.drive_id, file_path=f"/{path}")
    except NotFound:
        return None
    if found.type != "folder":
        raise clash(f"{shown(path)} is a file and no folder", found.file_id)
    return found.file_id
