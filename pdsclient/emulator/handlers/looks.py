"""What a request wants to see of each file: URLs, thumbnails, paths and other extras."""

from __future__ import annotations

from typing import Any

import msgspec
from attrs import frozen

from pdsclient.emulator.filetypes import extension_of, type_of
from pdsclient.emulator.handlers.access import Place
from pdsclient.emulator.replies import invalid
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow, Share

_MOST_THUMBNAILS = 5
_SINGLE = ("image_thumbnail_process", "video_thumbnail_process", "office_thumbnail_process")


@frozen
class Look:
    """The extras that are wanted. ``*`` means all that cost nothing; paths and folder sizes have
    to be named."""

    fields: frozenset[str]
    thumbnails: tuple[str, ...]
    url_life_s: int

    @classmethod
    def read(cls, call: Call) -> Look:
        """From ``fields``, ``url_expire_sec`` and the parameters about thumbnails."""
        params = call.params
        thumbnails = params.mapping("thumbnail_processes")
        if len(thumbnails) > _MOST_THUMBNAILS:
            raise invalid("thumbnail_processes")
        life_s = params.integer("url_expire_sec", 10, 14_400, 900)
        fields = params.names("fields")
        if any(params.text(name) for name in _SINGLE):
            fields |= {"thumbnail"}
        return cls(fields, tuple(thumbnails), life_s)

    def show(self, call: Call, place: Place, row: FileRow) -> bytes:
        """The file as JSON; runs on a thread of the store."""
        shown = row.json if place.share is None else _as_shared(row, place.share)
        if not (self.fields or self.thumbnails):
            return shown
        extras = self._extras(call, place, row)
        return shown[:-1] + b"," + msgspec.json.encode(extras)[1:] if extras else shown

    def _extras(self, call: Call, place: Place, row: FileRow) -> dict[str, Any]:
        extras: dict[str, Any] = {}
        actions = place.actions(row)
        if "*" in self.fields:
            extras.update(call.store.extras(row))
        elif "user_tags" in self.fields:
            extras.update(call.store.user_tags(row))
        if not self.fields.isdisjoint({"*", "action_list"}):
            extras["action_list"] = sorted(actions)
        if row.type == "file":
            extras.update(self._urls(call, row, actions))
        elif "dir_size" in self.fields:
            size, folders, files = call.store.dir_size(row)
            extras["size"] = size
            extras["dir_size_info"] = {"dir_count": folders, "file_count": files}
        if "id_path" in self.fields:
            extras["id_path"] = call.store.id_path(row, place.tops)
        if "name_path" in self.fields:
            extras["name_path"] = call.store.name_path(row, place.tops)
        return extras

    def _urls(self, call: Call, row: FileRow, actions: frozenset[str]) -> dict[str, Any]:
        urls: dict[str, Any] = {}
        wants_url = not self.fields.isdisjoint({"*", "url", "download_url"})
        if wants_url and "FILE.DOWNLOAD" in actions:
            urls["url"] = urls["download_url"] = self._sign(call, row)
        if _is_visual(row) and "FILE.PREVIEW" in actions:
            if not self.fields.isdisjoint({"*", "thumbnail"}):
                urls["thumbnail"] = self._sign(call, row, "thumbnail")
            if self.thumbnails:
                urls["thumbnail_urls"] = {
                    name: self._sign(call, row, name) for name in self.thumbnails
                }
        return urls

    def _sign(self, call: Call, row: FileRow, process: str | None = None) -> str:
        query = {"x-oss-process": process} if process else {}
        service = call.service
        return service.signer.url(
            service.base_url,
            row.drive_id,
            row.file_id,
            row.revision_id,
            life_s=self.url_life_s,
            **query,
        )


def _is_visual(row: FileRow) -> bool:
    """By the media type that it was given, or by its name: uploads often say just octets."""
    by_name = type_of(extension_of(row.name))[1]
    return any(each.startswith(("image/", "video/")) for each in (row.content_type or "", by_name))


def _as_shared(row: FileRow, share: Share) -> bytes:
    """Through a share a file names the share in place of its drive; what is shared lies in
    ``root``, where a listing shows it and the way up ends."""
    own = len(b'{"drive_id":') + len(msgspec.json.encode(row.drive_id))
    shown = b'{"share_id":' + msgspec.json.encode(share.share_id) + row.json[own:]
    if row.file_id not in share.file_ids:
        return shown
    parent = b'"parent_file_id":' + msgspec.json.encode(row.parent_file_id)
    return shown.replace(parent, b'"parent_file_id":"root"', 1)
