"""The operations on revisions: list, get, update, restore, delete."""

from __future__ import annotations

from typing import Any, NoReturn

import msgspec
from attrs import frozen

from pdsclient.emulator.handlers.access import (
    Address,
    Place,
    check_action,
    find_file,
    find_place,
    read_address,
)
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.pages import Paging
from pdsclient.emulator.handlers.work import changed_by
from pdsclient.emulator.replies import (
    Reply,
    ServiceError,
    invalid,
    json_reply,
    not_found,
    out_of_range,
)
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow, Revision

_MOST_KEPT = 50
_LONGEST_DESCRIPTION = 1024


@frozen
class Asked:
    """A file and one of its revisions, as a request names them."""

    address: Address
    file_id: str
    revision_id: str
    fields: frozenset[str]
    url_life_s: int

    @classmethod
    def read(cls, call: Call) -> Asked:
        """From the parameters."""
        params = call.params
        return cls(
            read_address(call),
            params.required("file_id"),
            params.required("revision_id"),
            params.names("fields"),
            params.integer("url_expire_sec", 10, 86_400, 900),
        )

    def find(self, call: Call, action: str) -> tuple[FileRow, Revision]:
        """Both; ServiceError when one of them is not there."""
        _, row = _find_versioned(call, self.address, self.file_id, action)
        revision = call.store.revision(row.drive_id, row.file_id, self.revision_id)
        if revision is None:
            raise not_found("revision", f"revision_id:{self.revision_id}")
        return row, revision

    def show(self, call: Call, row: FileRow, revision_id: str) -> Reply:
        """A revision as it is now, with a URL."""
        revision = call.store.revision(row.drive_id, row.file_id, revision_id)
        assert revision is not None, "it was there a moment ago"
        url = call.url_of(row, self.url_life_s, revision_id=revision_id)
        shown = _shown(call, row, revision, self.fields)
        return json_reply(shown | {"url": url, "download_url": url})


def _find_versioned(
    call: Call, address: Address, file_id: str, action: str
) -> tuple[Place, FileRow]:
    """The file, which has revisions."""
    place = find_place(call, address)
    row = find_file(call, place, file_id)
    if row.type == "folder":
        raise ServiceError(
            400, "InvalidResource.FileTypeFolder", "The resource file_type folder is not valid. "
        )
    check_action(call, place, row, action)
    return place, row


def _shown(call: Call, row: FileRow, revision: Revision, fields: frozenset[str]) -> dict[str, Any]:
    """What is sent of a revision; who made it for ``fields: "*"`` only."""
    extras = {}
    if "*" in fields:
        creator = revision.data.get("creator_id") or call.store.extras(row).get("creator_id", "")
        extras = {"creator_id": creator, "creator_name": call.store.nick_name(creator)}
    hidden = ("content_type", "creator_id")
    return {
        "domain_id": call.service.domain_id,
        "drive_id": row.drive_id,
        "file_id": row.file_id,
        "revision_id": revision.revision_id,
        "revision_version": revision.version,
        "is_latest_version": revision.is_latest,
        **extras,
        **{name: value for name, value in revision.data.items() if name not in hidden},
    }


async def list_(call: Call) -> Reply:
    """``/file/revision/list``: the revisions of a file, the newest first, without URLs."""
    address = read_address(call)
    file_id = call.params.required("file_id")
    fields = call.params.names("fields")
    paging = Paging.read(call, "revisions")
    return await call.service.read(_list, call, address, file_id, fields, paging)


def _list(
    call: Call, address: Address, file_id: str, fields: frozenset[str], paging: Paging
) -> Reply:
    place, row = _find_versioned(call, address, file_id, "FILE.GET")
    paging.bind([place.key, file_id])
    if paging.is_pause:
        return paging.pause()
    found = call.store.revisions(row.drive_id, file_id, limit=paging.take + 1, before=paging.after)
    page = found[: paging.take]
    following = page[-1].version if len(found) > paging.take else None
    items = [msgspec.json.encode(_shown(call, row, one, fields)) for one in page]
    return paging.page(items, following)


async def get(call: Call) -> Reply:
    """``/file/revision/get``: one revision, with a URL."""
    return await call.service.read(_get, call, Asked.read(call))


def _get(call: Call, asked: Asked) -> Reply:
    row, revision = asked.find(call, "FILE.GET")
    return asked.show(call, row, revision.revision_id)


async def update(call: Call) -> Reply:
    """``/file/revision/update``: describe a revision, or keep it for ever."""
    asked = Asked.read(call)
    changes: dict[str, Any] = {}
    if call.params.gives("revision_description"):
        changes["revision_description"] = call.params.text("revision_description") or ""
        if len(changes["revision_description"]) > _LONGEST_DESCRIPTION:
            raise out_of_range("revision_description")
    keep = call.params.flag("keep_forever")
    if keep is not None:
        changes["keep_forever"] = keep
    return await call.service.write(_update, call, asked, changes)


def _update(call: Call, asked: Asked, changes: dict[str, Any]) -> Reply:
    with call.store.atomic():
        row, revision = asked.find(call, "FILE.UPDATE")
        if changes.get("keep_forever") and not revision.data["keep_forever"]:
            _check_kept(call, row)
        call.store.update_revision(row.drive_id, row.file_id, revision, changes)
        return asked.show(call, row, revision.revision_id)


def _check_kept(call: Call, row: FileRow) -> None:
    kept = [
        one for one in call.store.revisions(row.drive_id, row.file_id) if one.data["keep_forever"]
    ]
    if len(kept) >= _MOST_KEPT:
        raise invalid("keep_forever", f"at most {_MOST_KEPT} revisions of a file are kept")


async def restore(call: Call) -> Reply:
    """``/file/revision/restore``: a new revision that is like an old one."""
    return await call.service.write(_restore, call, Asked.read(call))


def _restore(call: Call, asked: Asked) -> Reply:
    with call.store.atomic():
        row, revision = asked.find(call, "FILE.UPDATE")
        if revision.is_latest:
            _refuse_latest()
        call.store.restore_revision(row.drive_id, row.file_id, revision, changed_by(call))
        newest = call.store.get_file(row.drive_id, row.file_id)
        assert newest is not None, "it was there a moment ago"
        assert newest.revision_id is not None, "only files are restored"
        return asked.show(call, newest, newest.revision_id)


async def delete(call: Call) -> Reply:
    """``/file/revision/delete``: remove an old revision."""
    return await call.service.write(_delete, call, Asked.read(call))


def _delete(call: Call, asked: Asked) -> Reply:
    with call.store.atomic():
        row, revision = asked.find(call, "FILE.DELETE")
        if revision.is_latest:
            _refuse_latest()
        call.store.delete_revision(row.drive_id, row.file_id, revision.revision_id)
    return Reply(204)


def _refuse_latest() -> NoReturn:
    raise ServiceError(
        400,
        "FileLatestRevisionCannotBeRestore",
        "The latest revision of a file can be neither restored nor deleted.",
    )


OPERATIONS = {
    "/file/revision/delete": Operation(delete, "share"),
    "/file/revision/get": Operation(get, "share"),
    "/file/revision/list": Operation(list_, "share"),
    "/file/revision/restore": Operation(restore, "share"),
    "/file/revision/update": Operation(update, "share"),
}
