"""Downloading several files as one: archive_files.

The zip is made before the reply is sent; the task then takes the time that tasks take.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from pdsclient.emulator.archives import Gone, Member, Packed, pack
from pdsclient.emulator.handlers.access import (
    Address,
    charge_share,
    check_action,
    find_place,
    missing_file,
    read_address,
)
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.work import course, find_living, read_name, starters
from pdsclient.emulator.replies import Reply, json_reply, missing, out_of_range
from pdsclient.emulator.rows import revision_of
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import Task
from pdsclient.emulator.store.archives import ARCHIVES

# pds-service.md 4.2
_MOST_TOPS = 500
_MOST_FILES = 10_000
_MOST_BYTES = 10 * 1024**3
_LIFE_S = 900
# How long the service keeps them is not known.
_KEPT_S = 24 * 3600


async def archive_files(call: Call) -> Reply:
    """``/file/archive_files``: 202 with a task whose end has the URL; both forms of the ids."""
    address = read_address(call)
    file_ids = _read_ids(call)
    name = read_name(call, "name")
    if name is None:
        raise missing("name")
    service = call.service
    drive_id, members = await service.write(_members, call, address, file_ids)
    task_id = await service.use_files(_pack, call, drive_id, members, name)
    return json_reply({"async_task_id": task_id}, 202)


def _read_ids(call: Call) -> list[str]:
    """``file_ids``, and the ``files`` that the JavaScript SDK sends; each file once."""
    params = call.params
    files = [one.required("file_id") for one in params.objects("files")]
    file_ids = [*params.texts("file_ids"), *files]
    if not file_ids:
        raise missing("file_ids")
    if len(file_ids) > _MOST_TOPS:
        raise out_of_range("file_ids")
    return list(dict.fromkeys(file_ids))


def _members(call: Call, address: Address, file_ids: list[str]) -> tuple[str, list[Member]]:
    with call.store.atomic():
        place = find_place(call, address)
        tops = [find_living(call, place, file_id) for file_id in file_ids]
        for row in tops:
            check_action(call, place, row, "FILE.ARCHIVE")
        members = call.store.archive_members(tops, _MOST_FILES)
        size = sum(member.size for member in members)
        if len(members) > _MOST_FILES or size > _MOST_BYTES:
            raise out_of_range("file_ids")
        charge_share(call, place, "download")
    return place.drive_id, members


def _pack(call: Call, drive_id: str, members: list[Member], name: str) -> str:
    """Make the zip and note it in one go, so that it is not lost when the caller leaves."""
    store = call.store
    try:
        packed = pack(store.blobs, members, partial(store.open_content, drive_id))
    except Gone as error:
        raise missing_file(call, str(error)) from None
    return _keep(call, name, len(members), packed)


def _keep(call: Call, name: str, total: int, packed: Packed) -> str:
    store, archive_id = call.store, str(uuid4())
    with store.atomic():
        store.put_archive(archive_id, packed)
        end = call.service.clock.time() + call.settings.task_duration_s + _KEPT_S
        store.plan_task("forget", archive_id, at=end)
        result = archive_id, name, packed.size, packed.crc64
        starter = starters(call)[0]
        return store.start_task(
            "archive", *result, total=total, course=course(call), starter=starter
        )


def result_of(call: Call, task: Task) -> dict[str, Any]:
    """What an archive task has led to: a URL, and what to check the bytes with."""
    if task.task_type != "archive" or task.state not in ("Succeed", "PartialSucceed"):
        return {}
    archive_id, name, size, crc64 = task.args
    file_name = quote(name if name.endswith(".zip") else f"{name}.zip", safe="")
    url = call.service.signer.url(
        call.service.base_url,
        ARCHIVES,
        archive_id,
        revision_of(archive_id),
        life_s=_LIFE_S,
        **{"response-content-disposition": f"attachment; filename*=UTF-8''{file_name}"},
    )
    checks = {"size": size} | ({} if crc64 is None else {"crc64_hash": crc64})
    return {"url": url, "archive_file_result": {"url": url, **checks}}


OPERATIONS = {"/file/archive_files": Operation(archive_files, "share")}
