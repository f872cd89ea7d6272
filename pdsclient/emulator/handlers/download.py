"""Downloading: get_download_url, download."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
from attrs import frozen

from pdsclient._times import render_time
from pdsclient.emulator.content import Content
from pdsclient.emulator.handlers.access import (
    Address,
    charge_share,
    check_action,
    find_file,
    find_place,
    missing_file,
    read_address,
)
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import Reply, ServiceError, invalid, json_reply, not_found
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow

_LIFE_S = 900
_LONGEST_NAME = 1024
_PROCESSES = ("image_thumbnail_process", "video_thumbnail_process", "office_thumbnail_process")


@frozen
class Download:
    """A revision of a file that may be downloaded, and what is said about its content."""

    row: FileRow
    content: Content
    known: Mapping[str, Any]

    def url(self, call: Call, life_s: int, **query: str) -> str:
        """A signed URL of the content."""
        return call.url_of(self.row, life_s, revision_id=self.content.revision_id, **query)


async def get_download_url(call: Call) -> Reply:
    """``/file/get_download_url``: a signed URL and what to check the content with."""
    address = read_address(call)
    file_id = call.params.required("file_id")
    revision_id = call.params.text("revision_id")
    life_s = call.params.integer("expire_sec", 1, 115_200, _LIFE_S)
    name = call.params.text("file_name", _LONGEST_NAME)
    overrides = _read_type(call.params)
    found = await _find(call, address, file_id, revision_id)
    url = found.url(call, life_s, **_attached(name or found.row.name), **overrides)
    expires = int(call.service.clock.time()) + life_s
    return json_reply(
        {
            "url": url,
            "internal_url": url,
            "cdn_url": url,
            "expiration": render_time(datetime.fromtimestamp(expires, UTC)),
            "method": "GET",
            **await _checks(call, found),
        }
    )


async def download(call: Call) -> Reply:
    """``/file/download``: the way to the content, or to a picture of it."""
    address = read_address(call)
    file_id = call.params.required("file_id")
    processes = filter(None, (call.params.text(name) for name in _PROCESSES))
    process = next(processes, None)
    found = await _find(call, address, file_id, None)
    query = {} if process is None else {"x-oss-process": process}
    return Reply(302, b"", {"Location": found.url(call, _LIFE_S, **query)})


async def _find(call: Call, address: Address, file_id: str, revision_id: str | None) -> Download:
    row = await call.service.read(_downloadable, call, address, file_id)
    return await call.service.read(_open, call, row, revision_id)


def _open(call: Call, row: FileRow, revision_id: str | None) -> Download:
    content = call.store.open_content(row.drive_id, row.file_id, revision_id)
    if content is None:
        if revision_id is not None:
            raise not_found("revision", f"revision_id:{revision_id}")
        raise missing_file(call, row.file_id)
    if content.revision_id == row.revision_id:
        return Download(row, content, msgspec.json.decode(row.json))
    revision = call.store.revision(row.drive_id, row.file_id, content.revision_id)
    return Download(row, content, {} if revision is None else revision.data)


def _downloadable(call: Call, address: Address, file_id: str) -> FileRow:
    place = find_place(call, address)
    row = find_file(call, place, file_id)
    if row.type == "folder":
        raise ServiceError(
            400, "InvalidResource.FileTypeFolder", "The resource file_type folder is not valid. "
        )
    check_action(call, place, row, "FILE.DOWNLOAD")
    charge_share(call, place, "download")
    return row


def _attached(name: str) -> dict[str, str]:
    """The member of a URL that has the content saved under a name."""
    return {"response-content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


def _read_type(params: Params) -> dict[str, str]:
    """The member of a URL that the caller's media type makes, if there is one."""
    content_type = params.text("response_content_type")
    if content_type is None:
        return {}
    if not content_type.isprintable():
        raise invalid("response_content_type")
    return {"response-content-type": content_type}


async def _checks(call: Call, found: Download) -> dict[str, Any]:
    """Size and digests; those that are not known are computed."""
    known, content = found.known, found.content
    names = ("crc64_hash", "content_hash", "content_hash_name")
    checks = {name: known[name] for name in names if known.get(name) is not None}
    if "crc64_hash" not in checks:
        checks["crc64_hash"] = await call.service.use_files(content.crc64)
    if "content_hash" not in checks:
        sha1 = await call.service.use_files(content.sha1)
        checks |= {"content_hash": sha1, "content_hash_name": sha1 and "sha1"}
    shown = {name: value for name, value in checks.items() if value is not None}
    return {"size": content.size, **shown}


OPERATIONS = {
    "/file/download": Operation(download, "share", "query"),
    "/file/get_download_url": Operation(get_download_url, "share"),
}
