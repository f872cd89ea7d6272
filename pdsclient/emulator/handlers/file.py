"""One file: get, get_by_path, update, pre_create_check."""

from __future__ import annotations

from typing import Any

from attrs import evolve, frozen

from pdsclient.emulator.handlers.access import (
    Address,
    check_action,
    find_drive,
    find_file,
    find_place,
    read_address,
)
from pdsclient.emulator.handlers.looks import Look
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.recyclebin import show_trashed
from pdsclient.emulator.handlers.tags import read_labels
from pdsclient.emulator.handlers.work import (
    changed_by,
    clash,
    find_folder,
    find_living,
    read_local_time,
    read_name,
    unclashing,
)
from pdsclient.emulator.replies import (
    Reply,
    ServiceError,
    invalid,
    json_reply,
    missing,
    not_found,
    raw_reply,
)
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow

_LONGEST_DESCRIPTION = 1024


# ---- get, get_by_path


async def get(call: Call) -> Reply:
    """``/file/get``: one file or folder."""
    address = read_address(call)
    file_id = call.params.required("file_id")
    look = _read_look(call)
    # Its URL is had again by asking for the file again (pds-service.md 6.3).
    look = evolve(look, fields=look.fields | {"download_url"})
    return await call.service.read(_get, call, address, file_id, look)


def _read_look(call: Call) -> Look:
    """What is wanted of one file: always its tags, which a listing has to be asked for."""
    look = Look.read(call)
    return evolve(look, fields=look.fields | {"user_tags"})


def _get(call: Call, address: Address, file_id: str, look: Look) -> Reply:
    place = find_place(call, address)
    row = find_file(call, place, file_id)
    check_action(call, place, row, "FILE.GET")
    if row.trashed_at is not None:
        return raw_reply(show_trashed(call, look, row))
    return raw_reply(look.show(call, place, row))


async def get_by_path(call: Call) -> Reply:
    """``/file/get_by_path``: slashes at the end do not count; of several the oldest."""
    drive_id = call.params.required("drive_id")
    path = call.params.required("file_path")
    names = [name for name in path.split("/") if name]
    if not names:
        raise invalid("file_path")
    look = _read_look(call)
    return await call.service.read(_get_by_path, call, drive_id, names, look)


def _get_by_path(call: Call, drive_id: str, names: list[str], look: Look) -> Reply:
    place = find_drive(call, drive_id)
    row = call.store.file_by_path(drive_id, names)
    if row is None:
        raise not_found("file", f"file_path:/{'/'.join(names)}", call.settings.not_found_status)
    check_action(call, place, row, "FILE.GET")
    return raw_reply(look.show(call, place, row))


# ---- update


@frozen
class Update:
    """What a file is to be like.

    Attributes:
        name: None leaves it.
        mode: what happens when the name is taken.
        members: under the names of the wire; None removes one.
        index_key: for ``list_by_custom_index_key``; None leaves it, an empty one removes it.
    """

    name: str | None
    mode: str
    members: dict[str, Any]
    index_key: str | None

    @classmethod
    def read(cls, call: Call) -> Update:
        """From the parameters, checked; the server's own times are not among them."""
        params = call.params
        params.text("description", _LONGEST_DESCRIPTION)
        members: dict[str, Any] = {
            **{name: params.text(name) for name in _TEXTS if params.gives(name)},
            **{name: params.flag(name) for name in _FLAGS if params.flag(name) is not None},
        }
        if params.gives("labels"):
            members["labels"] = read_labels(params) or None
        modified = read_local_time(params, "local_modified_at")
        if modified is not None:
            members["local_modified_at"] = modified
        mode = params.choice("check_name_mode", ("ignore", "auto_rename", "refuse"))
        index_key = params.text("custom_index_key")
        if index_key is None and params.gives("custom_index_key"):
            index_key = ""
        return cls(read_name(call, "name"), mode or "ignore", members, index_key)


_TEXTS = ("description", "encrypt_mode", "meta", "user_meta")
_FLAGS = ("hidden", "starred")


async def update(call: Call) -> Reply:
    """``/file/update``: members that are not sent stay; ``""`` empties a text."""
    address = read_address(call)
    file_id = call.params.required("file_id")
    wanted = Update.read(call)
    return await call.service.write(_update, call, address, file_id, wanted, _read_look(call))


def _update(call: Call, address: Address, file_id: str, wanted: Update, look: Look) -> Reply:
    with call.store.atomic():
        place = find_place(call, address)
        row = find_living(call, place, file_id)
        check_action(call, place, row, "FILE.UPDATE")
        changes = dict(wanted.members)
        if wanted.name is not None and wanted.name != row.name:
            taken, name = _new_name(call, row, wanted.name, wanted.mode)
            if taken is not None:
                return raw_reply(look.show(call, place, taken))
            changes["name"] = name
        if changes:
            changes |= changed_by(call)
            row = call.store.update_file(row.drive_id, row.file_id, changes)
        if wanted.index_key is not None:
            call.store.set_index_key(row.drive_id, row.file_id, wanted.index_key)
    return raw_reply(look.show(call, place, row))


def _new_name(call: Call, row: FileRow, name: str, mode: str) -> tuple[FileRow | None, str]:
    """The name that the file gets; or, by a switch, what has it already."""
    where = row.drive_id, row.parent_file_id
    if mode == "auto_rename":
        return None, unclashing(call, *where, row, name)
    taken = clash(call, *where, row, name) if mode == "refuse" else None
    if taken is not None and call.settings.rename_refused == "error":
        raise ServiceError(
            409,
            "AlreadyExist.File",
            "The resource file has already exists. drive has the same file, can't update, "
            f"file_id {taken.file_id}",
        )
    return taken, name


# ---- pre_create_check


async def pre_create_check(call: Call) -> Reply:
    """``/file/pre_create_check``: whether a name is free; that it is not is no error."""
    address = read_address(call)
    parent = call.params.required("parent_file_id")
    name = read_name(call, "name")
    if name is None:
        raise missing("name")
    kind = call.params.choice("type", ("file", "folder"))
    if kind is None:
        raise missing("type")
    return await call.service.read(_pre_create_check, call, address, parent, name, kind)


def _pre_create_check(call: Call, address: Address, parent: str, name: str, kind: str) -> Reply:
    place = find_place(call, address)
    folder = find_folder(call, place, parent)
    check_action(call, place, folder, "FILE.LIST")
    settings = evolve(call.settings, name_lag_s=call.settings.pre_check_lag_s)
    taken = call.store.clash(place.drive_id, parent, name, kind, settings=settings)
    if taken is None:
        return json_reply({"result_code": "success"})
    return json_reply(
        {
            "result_code": "NameCheckFailed.ExistSameNameFile",
            "name_check_result": {
                "exist_file_id": taken.file_id,
                "exist_file_type": taken.type,
            },
        }
    )


OPERATIONS = {
    "/file/get": Operation(get, "share"),
    "/file/get_by_path": Operation(get_by_path),
    "/file/pre_create_check": Operation(pre_create_check, "share"),
    "/file/update": Operation(update, "share"),
}
