"""Office documents on the web: a URL to look at one, a URL to edit one, renewing the latter.

There is no viewer behind the URLs: they give the document itself, signed for a time.
"""

from __future__ import annotations

from typing import Any

from pdsclient.emulator.handlers.access import (
    Place,
    charge_share,
    check_action,
    forbidden_by_share,
)
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.preview import Watched, find_previewed, is_one_of, read_watched
from pdsclient.emulator.handlers.rights import bounds
from pdsclient.emulator.replies import Reply, ServiceError, invalid, json_reply
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow

_LIFE_S = 1800
_REFRESH_LIFE_S = 7 * 24 * 3600
_ACCESS = "office access"
_REFRESH = "office refresh"


async def get_office_preview_url(call: Call) -> Reply:
    """``/file/get_office_preview_url``: for documents."""
    watched = read_watched(call)
    _read_options(call)
    row = await call.service.write(_viewed, call, watched)
    token = call.service.markers.seal(_ACCESS, [row.drive_id, row.file_id])
    return json_reply({"preview_url": _url(call, row, "view"), "access_token": token})


def _viewed(call: Call, watched: Watched) -> FileRow:
    place, row = _find_document(call, watched)
    charge_share(call, place, "preview")
    return row


async def get_office_edit_url(call: Call) -> Reply:
    """``/file/get_office_edit_url``: for documents that the caller may change."""
    watched = read_watched(call)
    _read_options(call)
    row = await call.service.read(_edited, call, watched)
    url = _url(call, row, "edit")
    return json_reply({"edit_url": url, **_tokens(call, [row.drive_id, row.file_id])})


def _edited(call: Call, watched: Watched) -> FileRow:
    place, row = _find_document(call, watched)
    _check_editable(call, place, row)
    return row


def _find_document(call: Call, watched: Watched) -> tuple[Place, FileRow]:
    place, row = find_previewed(call, watched)
    if not is_one_of(row, "doc"):
        raise ServiceError(
            400, "InvalidResource.FileCategory", "The resource file_category is not valid. "
        )
    return place, row


def _check_editable(call: Call, place: Place, row: FileRow) -> None:
    if place.share is None:
        check_action(call, place, row, "FILE.UPDATE")
    elif not place.share.wire.get("office_editable") or "FILE.UPDATE" not in bounds(place.share):
        raise forbidden_by_share("editing is disabled by the creator")


async def refresh_office_edit_token(call: Call) -> Reply:
    """``/file/refresh_office_edit_token``: the next pair for the same document."""
    access = call.params.required("office_access_token")
    refresh = call.params.required("office_refresh_token")
    document = _open(call, "office_refresh_token", _REFRESH, refresh, _REFRESH_LIFE_S)
    if _open(call, "office_access_token", _ACCESS, access, None) != document:
        raise invalid("office_access_token")
    return json_reply(_tokens(call, document))


def _open(call: Call, name: str, kind: str, token: str, life_s: float | None) -> Any:
    try:
        return call.service.markers.open(kind, token, life_s=life_s)
    except ServiceError:
        raise invalid(name) from None


def _tokens(call: Call, document: Any) -> dict[str, str]:
    return {
        "office_access_token": call.service.markers.seal(_ACCESS, document),
        "office_refresh_token": call.service.markers.seal(_REFRESH, document),
        "referer": call.params.text("referer") or "",
    }


def _read_options(call: Call) -> None:
    """What the viewer would be told; it has to be of the right form."""
    option = call.params.part("option")
    for name in ("copy", "print", "readonly"):
        option.flag(name)
    call.params.flag("allow_copy")


def _url(call: Call, row: FileRow, mode: str) -> str:
    return call.url_of(row, _LIFE_S, **{"x-pds-process": f"office/{mode}"})


OPERATIONS = {
    "/file/get_office_edit_url": Operation(get_office_edit_url, "share"),
    "/file/get_office_preview_url": Operation(get_office_preview_url, "share"),
    "/file/refresh_office_edit_token": Operation(refresh_office_edit_token, "share"),
}
