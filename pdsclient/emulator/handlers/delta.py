"""What has changed in a drive: get_last_cursor, list_delta."""

from __future__ import annotations

from typing import Any

import msgspec

from pdsclient.emulator.deltas import Change
from pdsclient.emulator.handlers.access import find_drive
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.work import find_folder
from pdsclient.emulator.replies import Reply, ServiceError, forbidden, invalid, json_reply
from pdsclient.emulator.rows import ROOT
from pdsclient.emulator.service import Call

_KIND = "delta"


async def get_last_cursor(call: Call) -> Reply:
    """``/file/get_last_cursor``: where the log of changes ends now."""
    drive_id = call.params.required("drive_id")
    below = call.params.text("sync_root_id") or ROOT
    return await call.service.read(_last_cursor, call, drive_id, below)


def _last_cursor(call: Call, drive_id: str, below: str) -> Reply:
    _check(call, drive_id, below)
    return json_reply({"cursor": _seal(call, drive_id, below, call.store.last_change())})


async def list_delta(call: Call) -> Reply:
    """``/file/list_delta``: the changes after a cursor, or all that are kept."""
    drive_id = call.params.required("drive_id")
    below = call.params.text("sync_root_id") or ROOT
    limit = call.params.integer("limit", 0, 100, 100) or 100
    cursor = call.params.text("cursor")
    after = None if cursor is None else _open(call, cursor, drive_id, below)
    return await call.service.read(_list_delta, call, drive_id, below, after, limit)


def _list_delta(call: Call, drive_id: str, below: str, after: int | None, limit: int) -> Reply:
    _check(call, drive_id, below)
    first = call.store.first_change()
    if after is not None and after < first - 1:
        raise invalid("cursor", "what follows it is no longer kept")
    changes = call.store.changes(drive_id, below=below, after=after or 0, limit=limit + 1)
    shown = changes[:limit]
    end = shown[-1].seq if shown else after or 0
    reply: dict[str, Any] = {
        "items": [_shown(one) for one in shown],
        "has_more": len(changes) > limit,
        "cursor": _seal(call, drive_id, below, end),
    }
    return json_reply(reply)


def _shown(change: Change) -> dict[str, Any]:
    """The file as it was then; of what was deleted there is nothing but the id."""
    shown: dict[str, Any] = {"op": change.op, "file_id": change.file_id}
    return shown if change.json is None else {**shown, "file": msgspec.Raw(change.json)}


def _check(call: Call, drive_id: str, below: str) -> None:
    """ServiceError when the drive is not open as a whole, or has no such folder."""
    place = find_drive(call, drive_id)
    if place.rights is not None:
        raise forbidden("drive")
    find_folder(call, place, below, "sync_root_id")


def _seal(call: Call, drive_id: str, below: str, seq: int) -> str:
    return call.service.markers.seal(_KIND, [drive_id, below, seq])


def _open(call: Call, cursor: str, drive_id: str, below: str) -> int:
    """The place in the log that a cursor stands for; ServiceError for one of another listing."""
    try:
        content = call.service.markers.open(_KIND, cursor, life_s=call.settings.cursor_life_s)
    except ServiceError:
        raise invalid("cursor") from None
    if content[:2] != [drive_id, below]:
        raise invalid("cursor")
    return int(content[2])


OPERATIONS = {
    "/file/get_last_cursor": Operation(get_last_cursor),
    "/file/list_delta": Operation(list_delta),
}
