"""Sharing folders with users and groups: add, remove and list permissions.

``list_manage_sharing_file`` is not emulated: the vendor's own tests call it withdrawn
(pds-service.md 13.40).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from pdsclient.emulator.handlers.access import (
    Place,
    caller,
    check_action,
    check_admin,
    find_drive,
    find_file,
)
from pdsclient.emulator.handlers.looks import Look
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.pages import Paging
from pdsclient.emulator.handlers.work import find_living
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import (
    Reply,
    ServiceError,
    invalid,
    json_reply,
    missing,
    not_found,
)
from pdsclient.emulator.roles import ROLES
from pdsclient.emulator.rows import ROOT
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import NEVER_MS, FileRow, Permission

_IDENTITIES = ("IT_User", "IT_Group")


# ---- giving and taking


async def add_permission(call: Call) -> Reply:
    """``/file/add_permission``: what each member may do below a folder, under a role or a list."""
    drive_id = call.params.required("drive_id")
    file_id = call.params.required("file_id")
    members = [_new_member(member) for member in _members(call.params)]
    await call.service.write(_add, call, drive_id, file_id, members)
    return Reply(204)


def _new_member(member: Params) -> dict[str, Any]:
    """One member as it is to be kept, without where."""
    role_id = member.choice("role_id", ROLES)
    actions = () if role_id else tuple(dict.fromkeys(member.texts("action_list")))
    if role_id is None and not actions:
        raise missing("role_id")
    kind, identity_id = _identity(member)
    return {
        "identity_type": kind,
        "identity_id": identity_id,
        "role_id": role_id or uuid4().hex,
        "actions": actions,
        "expire_time": member.integer("expire_time", 0, 2**53, NEVER_MS) or NEVER_MS,
        "disinherit_sub_group": member.flag("disinherit_sub_group") or False,
    }


def _add(call: Call, drive_id: str, file_id: str, members: list[dict[str, Any]]) -> None:
    _shareable(call, drive_id, file_id)
    if call.settings.unknown_members == "refused":
        for member in members:
            _check_identity(call, member)
    given: dict[str, Any] = {
        "drive_id": drive_id,
        "file_id": file_id,
        "creator": caller(call).user_id,
        "created_at": int(call.service.clock.time() * 1000),
    }
    call.store.add_permissions(Permission(**given, **member) for member in members)


def _check_identity(call: Call, member: dict[str, Any]) -> None:
    identity = member["identity_id"]
    if member["identity_type"] == "IT_User" and call.store.user(identity) is None:
        raise not_found("user", f"user_id:{identity}")
    if member["identity_type"] == "IT_Group" and call.store.group(identity) is None:
        raise not_found("group", f"group_id:{identity}")


async def remove_permission(call: Call) -> Reply:
    """``/file/remove_permission``: also what was never given."""
    drive_id = call.params.required("drive_id")
    file_id = call.params.required("file_id")
    members = [(*_identity(member), member.required("role_id")) for member in _members(call.params)]
    await call.service.write(_remove, call, drive_id, file_id, members)
    return Reply(204)


def _remove(
    call: Call, drive_id: str, file_id: str, members: Iterable[tuple[str, str, str]]
) -> None:
    _shareable(call, drive_id, file_id)
    call.store.remove_permissions(drive_id, file_id, members)


def _members(params: Params) -> list[Params]:
    members = params.objects("member_list")
    if not members:
        raise missing("member_list")
    return members


def _identity(member: Params) -> tuple[str, str]:
    identity = member.part("identity")
    kind = identity.choice("identity_type", _IDENTITIES)
    if kind is None:
        raise missing("identity_type")
    return kind, identity.required("identity_id")


def _shareable(call: Call, drive_id: str, file_id: str) -> None:
    """ServiceError unless the caller may say who is let into the folder."""
    place = find_drive(call, drive_id)
    row = _folder(call, place, file_id)
    check_action(call, place, row, "FILE.PERMISSION")


def _folder(call: Call, place: Place, file_id: str) -> FileRow | None:
    """The folder, None for the top; only team drives may be shared as a whole."""
    if file_id == ROOT:
        drive = call.store.drive(place.drive_id)
        if drive is None or not drive.is_of_group:
            raise invalid("file_id", "root can be shared in team drives only")
        return None
    row = find_living(call, place, file_id)
    if row.type != "folder":
        raise ServiceError(
            400, "InvalidResource.FileTypeFile", "The resource file_type file is not valid. "
        )
    return row


# ---- listing


async def list_permission(call: Call) -> Reply:
    """``/file/list_permission``: who has a permission by this folder itself; a bare array."""
    drive_id = call.params.required("drive_id")
    file_id = call.params.required("file_id")
    return await call.service.read(_list_permission, call, drive_id, file_id)


def _list_permission(call: Call, drive_id: str, file_id: str) -> Reply:
    _visible(call, drive_id, file_id)
    return json_reply([_member(call, one) for one in call.store.permissions_on(drive_id, file_id)])


async def list_inherit_permission(call: Call) -> Reply:
    """``/file/list_inherit_permission``: who has a permission by the folders above."""
    drive_id = call.params.required("drive_id")
    file_id = call.params.required("file_id")
    return await call.service.read(_list_inherit_permission, call, drive_id, file_id)


def _list_inherit_permission(call: Call, drive_id: str, file_id: str) -> Reply:
    row = _visible(call, drive_id, file_id)
    above = [] if row is None else call.store.id_path(row).split("/")[:-1]
    items = [
        {"file_id": folder, "member": _member(call, one)}
        for folder in reversed(above)
        for one in call.store.permissions_on(drive_id, folder)
    ]
    return json_reply({"items": items, "next_marker": ""})


def _visible(call: Call, drive_id: str, file_id: str) -> FileRow | None:
    place = find_drive(call, drive_id)
    row = None if file_id == ROOT else find_file(call, place, file_id)
    check_action(call, place, row, "FILE.GET")
    return row


def _member(call: Call, one: Permission) -> dict[str, Any]:
    member = {
        "identity": _shown_identity(call, one),
        "role_id": one.role_id,
        "expire_time": one.expire_time,
        "disinherit_sub_group": one.disinherit_sub_group,
    }
    return member | ({"action_list": one.actions} if one.actions else {})


def _shown_identity(call: Call, one: Permission) -> dict[str, str]:
    if one.identity_type == "IT_User":
        name = (call.store.user(one.identity_id) or {}).get("nick_name", "")
    else:
        name = (call.store.group(one.identity_id) or {}).get("group_name", "")
    return {
        "identity_type": one.identity_type,
        "identity_id": one.identity_id,
        "identity_name": name,
    }


async def list_user_permission(call: Call) -> Reply:
    """``/file/list_user_permission``: all permissions of the caller, or, for an administrator,
    of anybody: those of the user, those through groups, or both."""
    user_id = call.params.required("user_id")
    kind = call.params.choice("type", ("self", "group"))
    check_admin(call, unless=user_id == caller(call).user_id)
    return await call.service.read(_list_user_permission, call, user_id, kind)


def _list_user_permission(call: Call, user_id: str, kind: str | None) -> Reply:
    found = [] if kind == "group" else call.store.permissions_of(user_id)
    if kind != "self":
        found = found + call.store.permissions_through_groups(user_id)
    items = [
        {
            "can_access": True,
            "created_at": one.created_at,
            "creator": one.creator,
            "disinherit_sub_group": one.disinherit_sub_group,
            "domain_id": call.service.domain_id,
            "drive_id": one.drive_id,
            "expire_time": one.expire_time,
            "file_full_path": _full_path(call, one),
            "file_id": one.file_id,
            "identity": _shown_identity(call, one),
            "role_id": one.role_id,
        }
        for one in found
    ]
    return json_reply({"items": items, "next_marker": ""})


def _full_path(call: Call, one: Permission) -> str:
    row = call.store.get_file(one.drive_id, one.file_id)
    return call.store.name_path(row) if row is not None else ROOT


# ---- the folders themselves


async def list_received_file(call: Call) -> Reply:
    """``/file/list_received_file``: the folders that were shared with the caller."""
    paging = Paging.read(call, "received", default=100)
    return await call.service.read(_list_received, call, paging)


def _list_received(call: Call, paging: Paging) -> Reply:
    user_id = caller(call).user_id
    held = call.store.permissions_of(user_id) + call.store.permissions_through_groups(user_id)
    return _folders(call, paging, held)


async def list_sharing_file(call: Call) -> Reply:
    """``/file/list_sharing_file``: the folders that the caller shared, seen with a delay."""
    paging = Paging.read(call, "sharing", default=100)
    return await call.service.read(_list_sharing, call, paging)


def _list_sharing(call: Call, paging: Paging) -> Reply:
    seen_until = (call.service.clock.time() - call.settings.sharing_delay_s) * 1000
    given = call.store.permissions_by(caller(call).user_id)
    return _folders(call, paging, [one for one in given if one.created_at <= seen_until])


def _folders(call: Call, paging: Paging, permissions: Iterable[Permission]) -> Reply:
    """A page of the folders, each once, in the order in which they were shared."""
    paging.bind([caller(call).user_id])
    if paging.is_pause:
        return paging.pause()
    folders = dict.fromkeys((one.drive_id, one.file_id) for one in permissions)
    rows = [call.store.get_file(*folder) for folder in folders]
    shown = [row for row in rows if row is not None and row.findable]
    start, end = paging.after or 0, (paging.after or 0) + paging.take
    items = [_NO_EXTRAS.show(call, Place(row.drive_id), row) for row in shown[start:end]]
    return paging.page(items, end if end < len(shown) else None)


_NO_EXTRAS = Look(frozenset())

OPERATIONS = {
    "/file/add_permission": Operation(add_permission),
    "/file/list_inherit_permission": Operation(list_inherit_permission),
    "/file/list_permission": Operation(list_permission),
    "/file/list_received_file": Operation(list_received_file),
    "/file/list_sharing_file": Operation(list_sharing_file),
    "/file/list_user_permission": Operation(list_user_permission),
    "/file/remove_permission": Operation(remove_permission),
}
