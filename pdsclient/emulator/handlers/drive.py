"""The operations on drives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pdsclient.emulator.handlers.access import caller, check_admin, check_drive, missing_drive
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.pages import Paging
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import (
    Reply,
    conflict,
    empty_reply,
    invalid,
    not_found,
    raw_reply,
)
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import Drive
from pdsclient.query.values import LONG_MAX

OWNER_TYPES: Final = ("user", "group")
STATUSES: Final = ("enabled", "disabled")
LONGEST_NAME: Final = 128
LONGEST_DESCRIPTION: Final = 1024


# ---- one drive


async def create(call: Call) -> Reply:
    """``/drive/create``: for a user or a group. Without ``total_size`` it has no limit."""
    params = call.params
    params.required("drive_name", LONGEST_NAME)
    given = {
        "owner": params.required("owner"),
        "owner_type": params.choice("owner_type", OWNER_TYPES) or "user",
        "drive_type": params.choice("drive_type", ("normal", "large")) or "normal",
        "default": params.flag("default") or False,
        "creator": caller(call).user_id,
        **_changes(params),
    }
    is_closed = params.flag("disable_assign_group_default_permission") or False
    if given["default"] and given["owner_type"] == "group":
        raise invalid("default", "a group has no default drive")
    check_admin(call)
    return await call.service.write(_create, call, given, is_closed)


def _create(call: Call, given: dict[str, Any], is_closed: bool) -> Reply:
    owner, kind = given["owner"], given["owner_type"]
    with call.store.atomic():
        found = call.store.user(owner) if kind == "user" else call.store.group(owner)
        if found is None:
            raise not_found(kind, f"{kind}_id:{owner}")
        drive_id = call.store.new_drive(**given)
        if is_closed:
            call.store.close_drive(drive_id)
        return _shown(call, drive_id, 201)


async def get(call: Call) -> Reply:
    """``/drive/get``: one drive."""
    drive_id = call.params.required("drive_id")
    return await call.service.read(_get, call, drive_id)


def _get(call: Call, drive_id: str) -> Reply:
    check_drive(call, drive_id)
    return _shown(call, drive_id)


async def get_default_drive(call: Call) -> Reply:
    """``/drive/get_default_drive``: the caller's, or, for an administrator, anybody's."""
    own = caller(call).user_id
    wanted = call.params.text("user_id") or own
    check_admin(call, unless=wanted == own)
    return await call.service.read(_default_drive, call, wanted)


def _default_drive(call: Call, user_id: str) -> Reply:
    drive = call.store.default_drive(user_id)
    if drive is None:
        raise not_found("drive", f"user_id:{user_id}")
    return raw_reply(drive.json)


async def update(call: Call) -> Reply:
    """``/drive/update``; -1 as ``total_size`` takes the limit away."""
    drive_id = call.params.required("drive_id")
    changes = _changes(call.params)
    owner = call.params.text("owner")
    if owner is not None:
        changes["owner"] = owner
    check_admin(call)
    return await call.service.write(_update, call, drive_id, changes)


def _update(call: Call, drive_id: str, changes: dict[str, Any]) -> Reply:
    with call.store.atomic():
        kind = _existing(call, drive_id).wire["owner_type"]
        owner = changes.get("owner")
        if (
            owner
            and (call.store.user(owner) if kind == "user" else call.store.group(owner)) is None
        ):
            raise not_found(kind, f"{kind}_id:{owner}")
        call.store.change_drive(drive_id, changes)
        return _shown(call, drive_id)


async def delete(call: Call) -> Reply:
    """``/drive/delete``: one with files, also in its recycle bin, only with ``force``."""
    drive_id = call.params.required("drive_id")
    force = call.params.flag("force")
    check_admin(call)
    return await call.service.write(_delete, call, drive_id, force)


def _delete(call: Call, drive_id: str, force: bool | None) -> Reply:
    with call.store.atomic():
        _existing(call, drive_id)
        if not force and not call.store.is_empty_drive(drive_id):
            raise conflict("drive", "The drive is not empty.")
        call.store.delete_drive(drive_id)
    return empty_reply()


def _changes(params: Params) -> dict[str, Any]:
    """What create and update have in common."""
    changes: dict[str, Any] = {
        "drive_name": params.text("drive_name", LONGEST_NAME),
        "description": params.text("description", LONGEST_DESCRIPTION),
        "status": params.choice("status", STATUSES),
    }
    if params.gives("total_size"):
        changes["total_size"] = params.integer("total_size", -1, LONG_MAX, -1)
    return {name: value for name, value in changes.items() if value is not None}


def _existing(call: Call, drive_id: str) -> Drive:
    drive = call.store.drive(drive_id)
    if drive is None:
        raise missing_drive(drive_id)
    return drive


def _shown(call: Call, drive_id: str, status: int = 200) -> Reply:
    reply = raw_reply(_existing(call, drive_id).json)
    reply.status = status
    return reply


# ---- lists


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


async def list_(call: Call) -> Reply:
    """``/drive/list``: all drives of the domain, for administrators."""
    return await _listed(call, "drive_list", ("owner", "owner_type"))


async def search(call: Call) -> Reply:
    """``/drive/search``: as the list, and by a part of the name."""
    return await _listed(call, "drive_search", ("owner", "owner_type", "drive_name"))


async def _listed(call: Call, kind: str, names: tuple[str, ...]) -> Reply:
    paging = Paging.read(call, kind, low=0, default=100)
    call.params.choice("owner_type", OWNER_TYPES)
    wanted = {name: call.params.text(name) for name in names}
    check_admin(call)
    return await call.service.read(_select, call, paging, wanted)


def _select(call: Call, paging: Paging, wanted: dict[str, str | None]) -> Reply:
    drives, following = _page(call, paging, [wanted], _accepting(wanted))
    return paging.page(drives, following)


def _accepting(wanted: dict[str, str | None]) -> Callable[[Drive], bool]:
    part = (wanted.get("drive_name") or "").lower()
    exact = {name: wanted[name] for name in ("owner", "owner_type") if wanted.get(name)}

    def accept(drive: Drive) -> bool:
        wire = drive.wire
        return part in wire["drive_name"].lower() and exact.items() <= wire.items()

    return accept


async def list_my_group_drive(call: Call) -> Reply:
    """``/drive/list_my_group_drive``: the drives of the caller's groups, of all groups for an
    administrator; the drive of a root group comes beside the list as well."""
    paging = Paging.read(call, "group_drives", low=0, default=100)
    name = call.params.text("drive_name")
    return await call.service.read(_list_my_group_drive, call, paging, name)


def _list_my_group_drive(call: Call, paging: Paging, name: str | None) -> Reply:
    user = caller(call)
    own = None if user.is_admin else call.store.groups_of(user.user_id)

    def is_open(drive: Drive) -> bool:
        return drive.is_of_group and (own is None or drive.owner in own)

    named = _accepting({"drive_name": name})
    drives, following = _page(
        call, paging, [user.user_id, name], lambda drive: is_open(drive) and named(drive)
    )
    reply = paging.page(drives, following)
    root = next((one for one in _root_drives(call) if is_open(one)), None)
    if root is not None:
        reply.body = reply.body[:-1] + b',"root_group_drive":' + root.json + b"}"
    return reply


def _root_drives(call: Call) -> list[Drive]:
    roots, _ = call.store.groups(lambda one: one.get("is_root", False), after=None, limit=-1)
    return [drive for group in roots for drive in call.store.drives_of(group.key, limit=1)[0]]


def _page(
    call: Call, paging: Paging, spec: list[Any], accept: Callable[[Drive], bool]
) -> tuple[list[bytes], Any]:
    paging.bind(spec)
    if paging.is_pause:
        return [], paging.after
    drives, following = call.store.drives(accept, limit=paging.take, after=paging.after)
    return [drive.json for drive in drives], following


OPERATIONS = {
    "/drive/create": Operation(create),
    "/drive/delete": Operation(delete),
    "/drive/get": Operation(get),
    "/drive/get_default_drive": Operation(get_default_drive),
    "/drive/list": Operation(list_),
    "/drive/list_my_drives": Operation(list_my_drives),
    "/drive/list_my_group_drive": Operation(list_my_group_drive),
    "/drive/search": Operation(search),
    "/drive/update": Operation(update),
}
