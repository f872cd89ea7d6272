"""The recycle bin: trash, restore, list, search_all, clear, clear_all."""

from __future__ import annotations

from typing import Any

from pdsclient._times import parse_time
from pdsclient.emulator.handlers.access import (
    Address,
    Place,
    caller,
    check_action,
    find_drive,
    find_place,
    missing_file,
    read_address,
)
from pdsclient.emulator.handlers.looks import Look
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.pages import Paging
from pdsclient.emulator.handlers.search import parse_order, parse_search, read_order
from pdsclient.emulator.handlers.work import (
    carry_out,
    course,
    done_reply,
    find_living,
    starters,
)
from pdsclient.emulator.markers import refused_marker
from pdsclient.emulator.replies import (
    Reply,
    ServiceError,
    forbidden,
    json_reply,
    out_of_range,
    refused,
)
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow
from pdsclient.errors import InvalidRequest

_MOST = 200
_LONGEST_QUERY = 4096
_GENERAL = Place("")
# No source tells the order of ``list``.
_LIST_ORDER = "updated_at DESC"
_SEARCH_ORDER = "updated_at ASC"


# ---- trash, restore


async def trash(call: Call) -> Reply:
    """``/recyclebin/trash``: a file at once, a folder as a task."""
    address = read_address(call)
    file_id = call.params.required("file_id")
    return await call.service.write(_trash, call, address, file_id)


def _trash(call: Call, address: Address, file_id: str) -> Reply:
    with call.store.atomic():
        place = find_place(call, address)
        row = find_living(call, place, file_id)
        check_action(call, place, row, "FILE.TRASH")
        task_id = carry_out(call, row, "trash", row.drive_id, row.file_id)
        _plan_end(call, row)
    return done_reply(call, place, file_id, task_id)


def _plan_end(call: Call, row: FileRow) -> None:
    """Have the bin delete the file when its time is over."""
    life_s = call.settings.trash_life_s
    if life_s is not None:
        end = call.service.clock.time() + call.settings.task_duration_s + life_s
        call.store.plan_task("expire", row.drive_id, row.file_id, life_s, at=end)


async def restore(call: Call) -> Reply:
    """``/recyclebin/restore``: a file at once, a folder as a task."""
    address = read_address(call)
    file_id = call.params.required("file_id")
    return await call.service.write(_restore, call, address, file_id)


def _restore(call: Call, address: Address, file_id: str) -> Reply:
    with call.store.atomic():
        place = find_place(call, address)
        row = call.store.get_file(place.drive_id, file_id)
        if row is None:
            raise missing_file(call, file_id)
        check_action(call, place, row, "FILE.TRASH")
        if row.trashed_at is None:
            raise ServiceError(
                409, "StateConflict", "User operation is not valid. It is not in the recycle bin."
            )
        task_id = carry_out(call, row, "restore", row.drive_id, row.file_id)
    return done_reply(call, place, file_id, task_id)


# ---- list, search_all


async def list_(call: Call) -> Reply:
    """``/recyclebin/list``: what was trashed in one drive, each by itself."""
    drive_id = call.params.required("drive_id")
    paging = Paging.read(call, "bin", high=_MOST)
    look = Look.read(call)
    return await call.service.read(_list, call, drive_id, paging, look)


def _list(call: Call, drive_id: str, paging: Paging, look: Look) -> Reply:
    _check_bin(call, drive_id)
    paging.bind([drive_id])
    if paging.is_pause:
        return paging.pause()
    page = call.store.list_bin(
        [drive_id], None, parse_order(_LIST_ORDER), limit=paging.take, after=paging.after
    )
    return paging.page([show_trashed(call, look, row) for row in page.rows], page.next)


def _check_bin(call: Call, drive_id: str) -> None:
    """ServiceError when the drive is not open as a whole: its bin has no folders to go by."""
    if find_drive(call, drive_id).rights is not None:
        raise forbidden("drive")


def show_trashed(call: Call, look: Look, row: FileRow) -> bytes:
    """The file with the seconds that it has left."""
    shown = look.show(call, _GENERAL, row)
    since, life_s = parse_time(row.trashed_at or ""), call.settings.trash_life_s
    if since is None or life_s is None:
        return shown
    left = max(0, round(since.timestamp() + life_s - call.service.clock.time()))
    return shown[:-1] + b',"auto_delete_left_sec":%d}' % left


async def search_all(call: Call) -> Reply:
    """``/recyclebin/search_all``: the query may be empty; the index is that of searches."""
    paging = Paging.read(call, "bins", high=_MOST)
    look = Look.read(call)
    drive_id = call.params.text("drive_id")
    wanted = paging.spec or _read_search(call, drive_id)
    if wanted[0] != drive_id:
        raise refused_marker()
    paging.spec = wanted
    if call.service.store.lagging:
        await call.service.write(call.store.catch_up)
    if not call.params.flag("return_total_count"):
        return await call.service.read(_search_all, call, wanted, paging, look, None)
    total = await call.service.count(_count_all, call, wanted)
    return await call.service.read(_search_all, call, wanted, paging, look, total)


def _read_search(call: Call, drive_id: str | None) -> list[Any]:
    query = call.params.text("query")
    if len(query or "") > _LONGEST_QUERY:
        raise out_of_range("query")
    parse_search(query)
    order = read_order(call, _SEARCH_ORDER)
    return [drive_id, query, order, call.params.flag("recursive") or False]


def _search_all(
    call: Call, wanted: list[Any], paging: Paging, look: Look, total: int | None
) -> Reply:
    drive_id, query, order, recursive = wanted
    drive_ids = _bins(call, drive_id)
    if paging.is_pause:
        return paging.pause(total)
    try:
        page = call.store.list_bin(
            drive_ids,
            parse_search(query),
            parse_order(order),
            limit=paging.take,
            after=paging.after,
            recursive=recursive,
            lagged=True,
        )
    except InvalidRequest as error:
        raise refused("query", error) from None
    return paging.page([show_trashed(call, look, row) for row in page.rows], page.next, total)


def _count_all(call: Call, wanted: list[Any]) -> int:
    drive_id, query, _, recursive = wanted
    try:
        return call.store.count_bin(
            _bins(call, drive_id), parse_search(query), recursive=recursive, lagged=True
        )
    except InvalidRequest as error:
        raise refused("query", error) from None


def _bins(call: Call, drive_id: str | None) -> list[str]:
    """The drive that was named, else the caller's own and those that he was let into."""
    if drive_id is None:
        return call.store.drives_open_to(caller(call).user_id)
    _check_bin(call, drive_id)
    return [drive_id]


# ---- clear, clear_all


async def clear(call: Call) -> Reply:
    """``/recyclebin/clear``: always a task."""
    drive_id = call.params.required("drive_id")
    return await call.service.write(_clear, call, drive_id)


def _clear(call: Call, drive_id: str) -> Reply:
    with call.store.atomic():
        _check_bin(call, drive_id)
        return json_reply(_cleared(call, drive_id), 202)


def _cleared(call: Call, drive_id: str) -> dict[str, Any]:
    total = call.store.count_bin([drive_id], None)
    task_id = call.store.start_task(
        "clear", drive_id, total=total, course=course(call), starter=starters(call)[0]
    )
    return {"domain_id": call.service.domain_id, "drive_id": drive_id, "async_task_id": task_id}


async def clear_all(call: Call) -> Reply:
    """``/recyclebin/clear_all``: a task for each of the caller's drives."""
    return await call.service.write(_clear_all, call)


def _clear_all(call: Call) -> Reply:
    with call.store.atomic():
        cleared = [_cleared(call, drive_id) for drive_id in _bins(call, None)]
    items = [{**one, "task_id": one["async_task_id"]} for one in cleared]
    return json_reply({"items": items})


OPERATIONS = {
    "/recyclebin/clear": Operation(clear),
    "/recyclebin/clear_all": Operation(clear_all),
    "/recyclebin/list": Operation(list_),
    "/recyclebin/restore": Operation(restore, "share"),
    "/recyclebin/search_all": Operation(search_all),
    "/recyclebin/trash": Operation(trash, "share"),
}
