"""What a request wants to see of each file: URLs, thumbnails, paths and other extras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from attrs import field, frozen

from pdsclient.emulator.filetypes import pictured_as
from pdsclient.emulator.handlers.access import Place
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import invalid, wrong_format
from pdsclient.emulator.service import Call
from pdsclient.emulator.store import FileRow, Share

_MOST_THUMBNAILS = 5
_LIFE_S = 900
# Where the service keeps contents. The vendor's tests look for an https address in the URL of a
# thumbnail; the emulator speaks http, so its URL names the address that it stands for.
_STANDS_FOR = "https://data.aliyunpds.com"
_PICTURE = "image/resize,m_fill,h_128,w_128,limit_0"
# How pictures are made when the caller does not say (pds-service.md 11.3).
_RULES = {
    "image_thumbnail_process": _PICTURE,
    "office_thumbnail_process": _PICTURE,
    "video_thumbnail_process": "video/snapshot,t_1000,f_jpg,w_0,h_0,m_fast,ar_auto",
}


@frozen
class Look:
    """The extras that are wanted. ``*`` means all that cost nothing; paths and folder sizes have
    to be named."""

    fields: frozenset[str]
    thumbnail: Mapping[str, str] = field(factory=dict)
    thumbnails: Mapping[str, Mapping[str, str]] = field(factory=dict)
    image_url_process: str | None = None
    url_life_s: int = _LIFE_S

    @classmethod
    def read(cls, call: Call) -> Look:
        """From ``fields``, ``url_expire_sec`` and the parameters about thumbnails."""
        params = call.params
        thumbnails = params.mapping("thumbnail_processes")
        if len(thumbnails) > _MOST_THUMBNAILS:
            raise invalid("thumbnail_processes")
        life_s = params.integer("url_expire_sec", 10, 14_400, _LIFE_S)
        fields = params.names("fields")
        thumbnail = _read_rules(params)
        if thumbnail:
            fields |= {"thumbnail"}
        processes = {name: _read_process(each) for name, each in thumbnails.items()}
        image_url_process = params.text("image_url_process")
        if image_url_process is not None:
            fields |= {"url"}
        return cls(fields, thumbnail, processes, image_url_process, life_s)

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
            extras.update(named(call, call.store.extras(row)))
        elif "user_tags" in self.fields:
            extras.update(call.store.user_tags(row))
        if not self.fields.isdisjoint({"*", "action_list"}):
            extras["action_list"] = sorted(actions)
        if row.type == "file":
            extras.update(self._urls(call, row, actions - place.counted))
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
        wanted = self.fields & {"download_url"}
        if not self.fields.isdisjoint({"*", "url"}):
            wanted = frozenset({"url", "download_url"})
        if wanted and "FILE.DOWNLOAD" in actions:
            urls.update(dict.fromkeys(wanted, self._sign(call, row)))
        rule = _rule_for(row) if "FILE.PREVIEW" in actions else None
        if rule is None:
            return urls
        if "url" in urls and self.image_url_process and rule == "image_thumbnail_process":
            urls["url"] = self._sign(call, row, self.image_url_process)
        if not self.fields.isdisjoint({"*", "thumbnail"}):
            urls["thumbnail"] = self._picture(call, row, rule, self.thumbnail)
        if self.thumbnails:
            urls["thumbnail_urls"] = {
                name: self._picture(call, row, rule, rules)
                for name, rules in self.thumbnails.items()
            }
        return urls

    def _picture(self, call: Call, row: FileRow, rule: str, rules: Mapping[str, str]) -> str:
        return self._sign(call, row, rules.get(rule) or _RULES[rule])

    def _sign(self, call: Call, row: FileRow, process: str | None = None) -> str:
        query = {"x-oss-process": process, "origin": _STANDS_FOR} if process else {}
        return call.url_of(row, self.url_life_s, **query)


def _read_rules(params: Params) -> dict[str, str]:
    """How pictures of each sort of files are to be made, as far as the caller says."""
    said = ((name, params.text(name)) for name in _RULES)
    return {name: rule for name, rule in said if rule is not None}


def _read_process(given: object) -> dict[str, str]:
    if not isinstance(given, dict):
        raise wrong_format("thumbnail_processes")
    return _read_rules(Params(given))


def _rule_for(row: FileRow) -> str | None:
    """The rule that makes a picture of the file, if there is one."""
    kind = pictured_as(row.name, row.content_type)
    return kind and f"{kind}_thumbnail_process"


def named(call: Call, extras: dict[str, Any]) -> dict[str, Any]:
    """The extras with what those who made and changed the file are called."""
    names: dict[str, str] = {}
    for role in ("creator", "last_modifier"):
        user_id = extras.get(f"{role}_id", "")
        if user_id not in names:
            names[user_id] = call.store.nick_name(user_id)
        extras.setdefault(f"{role}_name", names[user_id])
    return extras


def _as_shared(row: FileRow, share: Share) -> bytes:
    """Through a share a file names the share in place of its drive; what is shared lies in
    ``root``, where a listing shows it and the way up ends."""
    own = len(b'{"drive_id":') + len(msgspec.json.encode(row.drive_id))
    shown = b'{"share_id":' + msgspec.json.encode(share.share_id) + row.json[own:]
    if row.file_id not in share.file_ids:
        return shown
    parent = b'"parent_file_id":' + msgspec.json.encode(row.parent_file_id)
    return shown.replace(parent, b'"parent_file_id":"root"', 1)
