"""Which file is meant: an identifier, or whatever a reply told about a file."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from pdsclient.errors import InvalidRequest

__all__ = ["FileRef", "address"]


class _Told(Protocol):
    """A reply that tells of a file, such as ``File`` or ``FileTask``."""

    @property
    def file_id(self) -> str | None: ...
    @property
    def drive_id(self) -> str | None: ...


FileRef: TypeAlias = str | _Told


def address(file: FileRef, drive_id: str | None, share_id: str | None = None) -> dict[str, Any]:
    """The arguments that name a file; the drive or share is needed where a reply tells none."""
    if isinstance(file, str):
        return {"drive_id": drive_id, "share_id": share_id, "file_id": file}
    file_id = getattr(file, "file_id", None)
    if file_id is None:
        raise InvalidRequest(
            f"a {type(file).__name__} does not say which file is meant; give a file_id, or a reply "
            "that has one"
        )
    own_drive, own_share = file.drive_id, getattr(file, "share_id", None)
    if own_drive or own_share:
        drive_id, share_id = own_drive, None if own_drive else own_share
    return {"drive_id": drive_id, "share_id": share_id, "file_id": file_id}
