"""User tags: put_usertags, delete_usertags."""

from __future__ import annotations

from pdsclient.emulator.handlers.access import Address, check_action, find_place, read_address
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.work import changed_by, find_living
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import Reply, invalid, json_reply, missing, out_of_range
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow

_MOST_TAGS = 1000
_LONGEST_TAG = 2000
_MOST_LABELS = 100
_LONGEST_LABEL = 128


def read_tags(params: Params) -> dict[str, str]:
    """``user_tags``, a list of pairs, as the map that replies have; empty when it is absent."""
    tags: dict[str, str] = {}
    for one in params.objects("user_tags"):
        key, value = one.text("key"), one.text("value") or ""
        if key is None or key in tags or "#" in key + value:
            raise invalid("user_tags")
        if len((key + value).encode(errors="replace")) > _LONGEST_TAG:
            raise out_of_range("user_tags")
        tags[key] = value
    if len(tags) > _MOST_TAGS:
        raise out_of_range("user_tags")
    return tags


def read_labels(params: Params) -> list[str]:
    """``labels``, empty when it is absent."""
    labels = params.texts("labels")
    if len(labels) > _MOST_LABELS or any(len(label) > _LONGEST_LABEL for label in labels):
        raise out_of_range("labels")
    return labels


async def put_usertags(call: Call) -> Reply:
    """``/file/put_usertags``: other tags of the file stay."""
    address = read_address(call)
    file_id = call.params.required("file_id")
    tags = read_tags(call.params)
    if not tags:
        raise missing("user_tags")
    return await call.service.write(_put, call, address, file_id, tags)


def _put(call: Call, address: Address, file_id: str, tags: dict[str, str]) -> Reply:
    with call.store.atomic():
        row = _taggable(call, address, file_id)
        known = call.store.user_tags(row).get("user_tags", {})
        changes = {"user_tags": known | tags, **changed_by(call)}
        call.store.update_file(row.drive_id, row.file_id, changes)
    return json_reply({"file_id": file_id})


async def delete_usertags(call: Call) -> Reply:
    """``/file/delete_usertags``: 204, also for keys that the file has not."""
    address = read_address(call)
    file_id = call.params.required("file_id")
    keys = call.params.texts("key_list")
    if not keys:
        raise missing("key_list")
    if len(keys) > _MOST_TAGS:
        raise out_of_range("key_list")
    return await call.service.write(_delete, call, address, file_id, keys)


def _delete(call: Call, address: Address, file_id: str, keys: list[str]) -> Reply:
    with call.store.atomic():
        row = _taggable(call, address, file_id)
        known = call.store.user_tags(row).get("user_tags", {})
        left = {key: value for key, value in known.items() if key not in keys}
        if left != known:
            changes = {"user_tags": left or None, **changed_by(call)}
            call.store.update_file(row.drive_id, row.file_id, changes)
    return Reply(204)


def _taggable(call: Call, address: Address, file_id: str) -> FileRow:
    place = find_place(call, address)
    row = find_living(call, place, file_id)
    check_action(call, place, row, "FILE.UPDATE")
    return row


OPERATIONS = {
    "/file/delete_usertags": Operation(delete_usertags, "share"),
    "/file/put_usertags": Operation(put_usertags, "share"),
}
