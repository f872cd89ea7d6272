"""The operations on drives: list_my_drives, get, get_default_drive."""

from __future__ import annotations

from pdsclient.emulator.handlers.access import check_drive
from pdsclient.emulator.handlers.pages import Paging
from pdsclient.emulator.identity import User
from pdsclient.emulator.replies import Reply, ServiceError, not_found, raw_reply
from pdsclient.emulator.service import Call


async def list_my_drives(call: Call) -> Reply:
    """``/drive/list_my_drives``: the drives that the caller owns."""
    paging = Paging.read(call, "drives", low=0, default=100)
    return await call.service.read(_list_my_drives, call, paging)


def _list_my_drives(call: Call, paging: Paging) -> Reply:
    owner = caller(call).user_id
    paging.bind([owner])
    if paging.is_pause:
        return paging.pause()
    drives, following = call.store.drives_of(owner, limit=paging.take, after=paging.after)
    return paging.page([drive.json for drive in drives], following)


async def get(call: Call) -> Reply:
    """``/drive/get``: one drive."""
    drive_id = call.params.required("drive_id")
    return await call.service.read(_get, call, drive_id)


def _get(call: Call, drive_id: str) -> Reply:
    check_drive(call, drive_id)
    drive = call.store.drive(drive_id)
    assert drive is not None, "the drive was there a moment ago"
    return raw_reply(drive.json)


async def get_default_drive(call: Call) -> Reply:
    """``/drive/get_default_drive``: the caller's, or, for an administrator, anybody's."""
    user = caller(call)
    wanted = call.params.text("user_id") or user.user_id
    if wanted != user.user_id and not user.is_admin:
        raise ServiceError(
            403, "Forbidden", "User not authorized to operate on the specified APIs."
        )
    return await call.service.read(_default_drive, call, wanted)


def _default_drive(call: Call, user_id: str) -> Reply:
    drive = call.store.default_drive(user_id)
    if drive is None:
        raise not_found("drive", f"user_id:{user_id}")
    return raw_reply(drive.json)


def caller(call: Call) -> User:
    """The user who calls; these operations take no share token."""
    assert call.caller.user is not None, "the operation is open to users only"
    return call.caller.user
