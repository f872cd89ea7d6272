"""What operations that change files have in common: finding, naming, doing at once or as a task."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from pdsclient._times import parse_time
from pdsclient.emulator.handlers.access import Place, find_file, missing_file
from pdsclient.emulator.names import free_name
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import Reply, ServiceError, invalid, json_reply, not_found
from pdsclient.emulator.rows import ROOT, check_name
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import Course, FileRow
from pdsclient.emulator.store.tasks import WORKS
from pdsclient.errors import InvalidRequest

_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def read_name(call: Call, parameter: str) -> str | None:
    """A name that a file can have, or None; ServiceError 400 for any other."""
    name = call.params.text(parameter)
    if name is None:
        return None
    try:
        check_name(name)
    except InvalidRequest:
        raise invalid(parameter) from None
    if "\\" in name:
        raise invalid(parameter)
    return name


def read_local_time(params: Params, name: str) -> datetime | None:
    """A time of the client's own, which has to be in UTC."""
    text = params.text(name)
    if text is None:
        return None
    try:
        moment = parse_time(text) if _LOCAL_TIME.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise invalid(name)
    return moment


def made_by(call: Call) -> dict[str, str]:
    """What a new file says of its maker; visitors of a share have no name."""
    user = call.caller.user
    return {} if user is None else {"creator_id": user.user_id, "last_modifier_id": user.user_id}


def changed_by(call: Call) -> dict[str, str]:
    """What a file says of who changes it."""
    user = call.caller.user
    return {} if user is None else {"last_modifier_id": user.user_id}


def find_living(call: Call, place: Place, file_id: str) -> FileRow:
    """A file or folder that can be found; ServiceError 403 for what is in the recycle bin."""
    row = find_file(call, place, file_id)
    if row.findable:
        return row
    if place.share is not None:
        raise missing_file(call, file_id)
    raise ServiceError(
        403, "ForbiddenFileInTheRecycleBin", f"The file is in the recycle bin. {file_id}"
    )


def find_folder(
    call: Call, place: Place, file_id: str, parameter: str = "parent_file_id"
) -> FileRow | None:
    """The folder that a parameter names, None for the top."""
    if file_id == ROOT:
        return None
    row = call.store.get_file(place.drive_id, file_id)
    if row is None or not row.findable:
        status = call.settings.not_found_status
        raise not_found("parent_file_id", f"{parameter}:{file_id}", status)
    if row.type != "folder":
        raise invalid(parameter, "it is not a folder")
    return row


def find_target(call: Call, place: Place, file_id: str, source: FileRow) -> FileRow | None:
    """The folder that something is to go into, None for the top."""
    folder = find_folder(call, place, file_id, "to_parent_file_id")
    if folder is None:
        return None
    is_same_drive = folder.drive_id == source.drive_id
    if is_same_drive and source.file_id in call.store.id_path(folder).split("/"):
        raise invalid("to_parent_file_id", "it lies in what is to go there")
    return folder


def clash(
    call: Call, drive_id: str, parent_file_id: str, row: FileRow, name: str
) -> FileRow | None:
    """What else has the name in the folder already."""
    but = row.file_id if drive_id == row.drive_id else None
    return call.store.clash(
        drive_id, parent_file_id, name, row.type, settings=call.settings, but=but
    )


def unclashing(call: Call, drive_id: str, parent_file_id: str, row: FileRow, name: str) -> str:
    """The name that ``auto_rename`` gives the file in the folder."""
    return free_name(
        name,
        row.type,
        call.service.clock.time(),
        lambda tried: clash(call, drive_id, parent_file_id, row, tried),
    )


def check_quota(call: Call, place: Place, size: int) -> None:
    """ServiceError when the drive has no room for so many bytes more."""
    if not call.store.has_room(place.drive_id, size):
        raise ServiceError(
            call.settings.quota_status,
            "QuotaExhausted.Drive",
            "The resource drive has exceeded the limit. File size exceeded drive capacity",
        )


def carry_out(call: Call, row: FileRow, task_type: str, *args: Any) -> str:
    """Do something with a file at once, or begin a task for it: its id, empty if it is done."""
    tasks = call.settings.tasks
    if tasks == "never" or (tasks == "folders" and row.type != "folder"):
        try:
            WORKS[task_type](call.store, *args)
        except InvalidRequest as error:
            # The drive has a file with that id; ids are unique in a drive only.
            raise ServiceError(409, "AlreadyExist.File", str(error)) from None
        return ""
    total = call.store.tree_size(row.drive_id, row.file_id)
    return call.store.start_task(
        task_type, *args, total=total, course=course(call), starter=starters(call)[0]
    )


def starters(call: Call) -> list[str]:
    """As whom the caller begins tasks, and may ask for them: as the user before the share."""
    user, share_id = call.caller.user, call.caller.share_id
    return [
        *([] if user is None else [f"user:{user.user_id}"]),
        *([] if share_id is None else [f"share:{share_id}"]),
    ]


def course(call: Call) -> Course:
    """How tasks go by the switches."""
    settings = call.settings
    return Course(duration_s=settings.task_duration_s, outcome=settings.task_outcome)


def ids_of(call: Call, place: Place, file_id: str, task_id: str) -> dict[str, Any]:
    """The sparse reply of an operation on a file."""
    where = {"share_id": place.share.share_id} if place.share else {"drive_id": place.drive_id}
    return {
        "domain_id": call.service.domain_id,
        **where,
        "file_id": file_id,
        "async_task_id": task_id,
    }


def done_reply(call: Call, place: Place, file_id: str, task_id: str) -> Reply:
    """The reply of delete, trash and restore: 202 with a task, else 204, or 200 by a switch."""
    if not task_id and call.settings.done_status == 204:
        return Reply(204)
    return json_reply(ids_of(call, place, file_id, task_id), 202 if task_id else 200)
