"""Where files are: copy, move, delete."""

from __future__ import annotations

from attrs import frozen

from pdsclient.emulator.changing import new_id
from pdsclient.emulator.handlers.access import (
    Address,
    Place,
    charge_share,
    check_action,
    find_place,
    missing_file,
    read_address,
)
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.work import (
    carry_out,
    changed_by,
    check_quota,
    clash,
    done_reply,
    find_living,
    find_target,
    ids_of,
    made_by,
    read_name,
    unclashing,
)
from pdsclient.emulator.replies import Reply, json_reply, missing, not_match
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow


@frozen
class Journey:
    """What is to go where, as a request says it."""

    address: Address
    file_id: str
    to: Address | None
    to_parent_file_id: str
    name: str | None
    mode: str

    @classmethod
    def read(cls, call: Call) -> Journey:
        """From the parameters, checked."""
        params = call.params
        address = read_address(call)
        mode = params.choice("check_name_mode", ("ignore", "auto_rename", "refuse"))
        return cls(
            address,
            params.required("file_id"),
            _read_target(call),
            params.required("to_parent_file_id"),
            read_name(call, "new_name"),
            mode or ("auto_rename" if params.flag("auto_rename") else "ignore"),
        )

    def target(self, call: Call, source: Place) -> Place:
        """Where it goes; from a share that has to be said."""
        if self.to is not None:
            return find_place(call, self.to)
        if source.share is not None:
            raise missing("to_drive_id")
        return source


def _read_target(call: Call) -> Address | None:
    params = call.params
    share_id, drive_id = params.text("to_share_id"), params.text("to_drive_id")
    if share_id is not None and share_id != call.caller.share_id:
        raise not_match("to_share_id")
    return None if share_id is drive_id is None else Address(drive_id, share_id)


async def copy(call: Call) -> Reply:
    """``/file/copy``: a file at once, a folder as a task; out of a share it is "save"."""
    return await call.service.write(_copy, call, Journey.read(call))


def _copy(call: Call, wanted: Journey) -> Reply:
    with call.store.atomic():
        place = find_place(call, wanted.address)
        row = find_living(call, place, wanted.file_id)
        target = wanted.target(call, place)
        folder = find_target(call, target, wanted.to_parent_file_id, row)
        check_action(call, place, row, "FILE.COPY")
        check_action(call, target, folder, "FILE.CREATE")
        check_quota(call, target, _size(call, row))
        charge_share(call, place, "save")
        to = target.drive_id, wanted.to_parent_file_id
        name = wanted.name or row.name
        if wanted.mode == "auto_rename":
            # A copy beside its source clashes with that.
            name = unclashing(call, *to, row._replace(file_id=""), name)
        copy_id = new_id()
        copies = *to, name, copy_id, made_by(call)
        task_id = carry_out(call, row, "copy", row.drive_id, row.file_id, *copies)
    return json_reply(ids_of(call, target, copy_id, task_id), 202 if task_id else 201)


def _size(call: Call, row: FileRow) -> int:
    return call.store.dir_size(row)[0] if row.type == "folder" else row.size or 0


async def move(call: Call) -> Reply:
    """``/file/move``: 200 whether it is done or has a task."""
    return await call.service.write(_move, call, Journey.read(call))


def _move(call: Call, wanted: Journey) -> Reply:
    with call.store.atomic():
        place = find_place(call, wanted.address)
        row = find_living(call, place, wanted.file_id)
        target = place if wanted.to is None else find_place(call, wanted.to)
        folder = find_target(call, target, wanted.to_parent_file_id, row)
        check_action(call, place, row, "FILE.MOVE")
        check_action(call, target, folder, "FILE.CREATE")
        if target.drive_id != row.drive_id:
            check_quota(call, target, _size(call, row))
        to = target.drive_id, wanted.to_parent_file_id
        name = wanted.name or row.name
        if wanted.mode == "refuse":
            taken = clash(call, *to, row, name)
            if taken is not None:
                return json_reply({**ids_of(call, target, taken.file_id, ""), "exist": True})
        if wanted.mode == "auto_rename":
            name = unclashing(call, *to, row, name)
        moved = to[1], to[0], name, changed_by(call)
        task_id = carry_out(call, row, "move", row.drive_id, row.file_id, *moved)
    return json_reply({**ids_of(call, target, row.file_id, task_id), "exist": False})


async def delete(call: Call) -> Reply:
    """``/file/delete``: for good, also out of the recycle bin, and unfinished uploads."""
    address = read_address(call)
    file_id = call.params.required("file_id")
    return await call.service.write(_delete, call, address, file_id)


def _delete(call: Call, address: Address, file_id: str) -> Reply:
    with call.store.atomic():
        place = find_place(call, address)
        row = call.store.get_file(place.drive_id, file_id)
        if row is None:
            raise missing_file(call, file_id)
        check_action(call, place, row, "FILE.DELETE")
        task_id = carry_out(call, row, "delete", row.drive_id, row.file_id)
    return done_reply(call, place, file_id, task_id)


OPERATIONS = {
    "/file/copy": Operation(copy, "share"),
    "/file/delete": Operation(delete, "share"),
    "/file/move": Operation(move, "share"),
}
