"""``/file/create``: folders, uploads, and files whose content is known already."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from attrs import frozen

from pdsclient._sha import WORDS
from pdsclient.emulator.handlers.access import (
    Address,
    Place,
    check_action,
    find_file,
    find_place,
    read_address,
)
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.parts import (
    PartAsked,
    fetch,
    part_urls,
    read_media_type,
    read_parts,
    where,
)
from pdsclient.emulator.handlers.tags import read_labels, read_tags
from pdsclient.emulator.handlers.work import (
    changed_by,
    check_quota,
    find_folder,
    made_by,
    read_local_time,
    read_name,
)
from pdsclient.emulator.names import free_name
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import (
    Reply,
    invalid,
    json_reply,
    missing,
    not_supported,
    out_of_range,
)
from pdsclient.emulator.rows import revision_of
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow
from pdsclient.emulator.store.uploads import Stored

_MOST_BYTES = 2**63 - 1
_LONGEST_DESCRIPTION = 1024
# Sic (pds-service.md 10.1).
_CONTENT_TYPE = "application/oct-stream"
_HASH = re.compile(r"[0-9A-Fa-f]{40}|[0-9A-Fa-f]{64}")


@frozen
class NewFile:
    """What ``/file/create`` was asked for."""

    parent_file_id: str
    name: str
    type: str
    check_name_mode: str
    file_id: str | None
    size: int | None
    parts: list[PartAsked]
    is_parallel: bool
    hash_name: str
    content_hash: str | None
    pre_hash: str | None
    members: dict[str, Any]

    @classmethod
    def read(cls, call: Call) -> NewFile:
        """From the parameters, checked."""
        params = call.params
        kind = params.required("type")
        if kind not in ("file", "folder"):
            raise invalid("type")
        name = read_name(call, "name")
        if name is None:
            raise missing("name")
        mode = params.choice("check_name_mode", ("ignore", "auto_rename", "refuse"))
        if mode is None and params.flag("auto_rename"):
            mode = "auto_rename"
        size = params.integer("size", 0, _MOST_BYTES, -1)
        hash_name = params.choice("content_hash_name", tuple(WORDS))
        return cls(
            params.required("parent_file_id"),
            name,
            kind,
            mode or "ignore",
            params.text("file_id"),
            None if size < 0 else size,
            read_parts(params) or [PartAsked(1, "", None, None)],
            _is_parallel(call),
            hash_name or call.settings.data_hash_name,
            _hash(params, "content_hash"),
            _hash(params, "pre_hash"),
            _members(params),
        )


def _is_parallel(call: Call) -> bool:
    wanted = call.params.flag("parallel_upload") or False
    if wanted and call.settings.parallel_upload == "refused":
        raise not_supported("parallel_upload")
    return wanted


def _hash(params: Params, name: str) -> str | None:
    value = params.text(name)
    if value is not None and not _HASH.fullmatch(value):
        raise invalid(name)
    return value


_TEXTS = ("description", "encrypt_mode", "meta", "user_meta")
_TIMES = ("local_created_at", "local_modified_at")


def _members(params: Params) -> dict[str, Any]:
    """What the file says besides its name and content."""
    members: dict[str, Any] = {name: params.text(name) for name in _TEXTS}
    if len(members["description"] or "") > _LONGEST_DESCRIPTION:
        raise out_of_range("description")
    members |= {name: read_local_time(params, name) for name in _TIMES}
    members["hidden"] = params.flag("hidden")
    members["content_type"] = read_media_type(params)
    members["labels"] = read_labels(params)
    members["user_tags"] = read_tags(params)
    for name in ("image_media_metadata", "video_media_metadata"):
        members[name] = params.mapping(name)
    return {name: value for name, value in members.items() if value not in (None, [], {})}


async def create(call: Call) -> Reply:
    """``/file/create``: a folder, or a file that is to be uploaded or is known already."""
    address = read_address(call)
    wanted = NewFile.read(call)
    return await call.service.write(_create, call, address, wanted)


def _create(call: Call, address: Address, wanted: NewFile) -> Reply:
    with call.store.atomic():
        place = find_place(call, address)
        parent = find_folder(call, place, wanted.parent_file_id)
        check_action(call, place, parent, "FILE.CREATE")
        name = wanted.name
        clash = _clash_finder(call, place, wanted)
        if wanted.check_name_mode == "refuse":
            there = clash(name)
            if there is not None:
                return _created(call, place, there, exist=True)
        elif wanted.check_name_mode == "auto_rename":
            name = free_name(name, wanted.type, call.service.clock.time(), clash)
        row = {
            **wanted.members,
            **made_by(call),
            "name": name,
            "parent_file_id": wanted.parent_file_id,
        }
        if wanted.type == "folder":
            [file_id] = call.store.add_files([{**row, "type": "folder"}], drive_id=place.drive_id)
            return _created(call, place, fetch(call, place, file_id))
        return _create_file(call, place, wanted, {"content_type": _CONTENT_TYPE, **row})


def _clash_finder(call: Call, place: Place, wanted: NewFile) -> Callable[[str], FileRow | None]:
    def find(name: str) -> FileRow | None:
        return call.store.clash(
            place.drive_id,
            wanted.parent_file_id,
            name,
            wanted.type,
            settings=call.settings,
            but=wanted.file_id,
        )

    return find


def _create_file(call: Call, place: Place, wanted: NewFile, row: dict[str, Any]) -> Reply:
    old = None if wanted.file_id is None else _find_old(call, place, wanted.file_id)
    check_quota(call, place, wanted.size or 0)
    known = _known_content(call, wanted)
    if known is not None:
        return _rapid(call, place, wanted, old or row, known)
    if _head_is_known(call, wanted):
        return _pre_hash_matched(place, row, wanted.pre_hash)
    revision = {} if old is None else {"revision_id": revision_of(old.file_id, call.store.new_id())}
    data = {
        "parallel": wanted.is_parallel,
        "hash_name": wanted.hash_name,
        "domain_hash_name": call.settings.data_hash_name,
        "size": wanted.size,
        "content_hash": wanted.content_hash,
        "members": {} if old is None else wanted.members | changed_by(call) | revision,
    }
    life_s = call.settings.upload_life_s
    file_id, upload_id = call.store.begin_upload(place.drive_id, old or row, data, life_s=life_s)
    shown = fetch(call, place, file_id)
    urls = part_urls(call, shown, upload_id, wanted.parts)
    more = {"upload_id": upload_id, "part_info_list": urls, "rapid_upload": False}
    return _created(call, place, shown, more | revision)


def _find_old(call: Call, place: Place, file_id: str) -> FileRow:
    """The file that gets a new revision."""
    row = find_file(call, place, file_id)
    if row.type == "folder":
        raise invalid("file_id", "it is a folder")
    check_action(call, place, row, "FILE.UPDATE")
    return row


def _known_content(call: Call, wanted: NewFile) -> Stored | None:
    """The content that the file is to have, if the domain has it: nothing need be uploaded."""
    if wanted.content_hash is None:
        return None
    known = call.store.stored(wanted.hash_name, wanted.content_hash)
    if known is None and wanted.size == 0:
        empty = call.store.keep(b"")
        known = empty if wanted.content_hash.upper() in (empty.sha1, empty.sha256) else None
    return known if known is not None and wanted.size in (None, known.size) else None


def _head_is_known(call: Call, wanted: NewFile) -> bool:
    """Whether it is worth the caller's while to hash the whole file."""
    if wanted.pre_hash is None or wanted.content_hash is not None:
        return False
    return call.store.is_known_head(wanted.pre_hash, wanted.size)


def _rapid(
    call: Call, place: Place, wanted: NewFile, file: FileRow | dict[str, Any], known: Stored
) -> Reply:
    """The file with its content, at once."""
    upload_id = call.store.new_id().upper()
    members = known.members(call.settings.data_hash_name) | {"upload_id": upload_id}
    if isinstance(file, FileRow):
        file_id = file.file_id
        call.store.overwrite(
            place.drive_id,
            file_id,
            known.origin,
            {**wanted.members, **changed_by(call), **members},
            keeps_revisions=call.settings.revisions == "kept",
        )
    else:
        new = {**file, **members, "origin": known.origin}
        [file_id] = call.store.add_files([new], drive_id=place.drive_id)
    more = {"upload_id": upload_id, "rapid_upload": True}
    return _created(call, place, fetch(call, place, file_id), more)


def _pre_hash_matched(place: Place, row: dict[str, Any], pre_hash: str | None) -> Reply:
    """Not a failure: the caller is to send the hash of the whole file."""
    return json_reply(
        {
            **where(place),
            "parent_file_id": row["parent_file_id"],
            "file_name": row["name"],
            "pre_hash": pre_hash,
            "code": "PreHashMatched",
            "message": "Pre hash matched.",
        },
        409,
    )


def _created(
    call: Call,
    place: Place,
    row: FileRow,
    more: dict[str, Any] | None = None,
    *,
    exist: bool = False,
) -> Reply:
    revision = {} if row.revision_id is None or exist else {"revision_id": row.revision_id}
    return json_reply(
        {
            "domain_id": call.service.domain_id,
            **where(place),
            "parent_file_id": row.parent_file_id,
            "file_id": row.file_id,
            "file_name": row.name,
            "type": row.type,
            "status": row.status,
            "exist": exist,
            **revision,
            **(more or {}),
        },
        201,
    )


OPERATIONS = {
    "/file/create": Operation(create, "share"),
}
