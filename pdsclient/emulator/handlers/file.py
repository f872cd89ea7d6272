"""The operations on files: search, list, get, scan, get_download_url."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import msgspec
from attrs import frozen

from pdsclient._times import render_time
from pdsclient.emulator.handlers.access import (
    Address,
    Place,
    check_drive,
    find_file,
    find_place,
    missing_file,
    read_address,
)
from pdsclient.emulator.handlers.looks import Look
from pdsclient.emulator.handlers.pages import Paging
from pdsclient.emulator.markers import refused_marker
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import (
    Reply,
    ServiceError,
    invalid,
    json_reply,
    missing,
    out_of_range,
    raw_reply,
    refused,
)
from pdsclient.emulator.service import Call
from pdsclient.emulator.settings import Settings
from pdsclient.emulator.store import FileRow, Page
from pdsclient.errors import InvalidRequest
from pdsclient.query import F, OrderTerm, Query, parse_order_by, parse_query

_MOST_DRIVES = 10
_LONGEST_QUERY = 4096
_LONGEST_ORDER = 128
_MOST_KEYS = 5
_CATEGORIES = ("app", "zip", "image", "doc", "video", "audio", "others")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')
_GENERAL = Place("")


# ---- search


@frozen
class Search:
    """A whole search, as a marker keeps it."""

    drive_ids: tuple[str, ...]
    query: str | None
    order_by: str
    recursive: bool

    def to_list(self) -> list[Any]:
        """For a marker."""
        return [list(self.drive_ids), self.query, self.order_by, self.recursive]

    @classmethod
    def from_list(cls, values: list[Any]) -> Search:
        """From a marker."""
        return cls(tuple(values[0]), *values[1:])

    @classmethod
    def read(cls, call: Call, drive_ids: tuple[str, ...]) -> Search:
        """From the parameters, checked."""
        params, settings = call.params, call.settings
        query = _query_text(params, settings)
        order_by = params.text("order_by") or settings.search_order
        if len(order_by) > _LONGEST_ORDER:
            raise out_of_range("order_by")
        parse_order(order_by)
        return cls(drive_ids, query, order_by, params.flag("recursive") or False)


async def search(call: Call) -> Reply:
    """``/file/search``: with a marker, the query and order of the first page count."""
    drive_ids = _drive_ids(call.params)
    paging = Paging.read(call, "search")
    look = Look.read(call)
    wants_total = call.params.flag("return_total_count")
    wanted = Search.from_list(paging.spec) if paging.spec else Search.read(call, drive_ids)
    if wanted.drive_ids != drive_ids:
        raise refused_marker()
    paging.spec = wanted.to_list()
    if call.service.store.lagging:
        await call.service.write(call.store.catch_up)
    if not wants_total:
        return await call.service.read(_search_page, call, wanted, paging, look)
    page, total = await asyncio.gather(
        call.service.read(_found, call, wanted, paging, look),
        call.service.count(_count, call, wanted),
    )
    return _found_reply(paging, page, total)


Found = tuple[list[bytes], Any]


def _search_page(call: Call, wanted: Search, paging: Paging, look: Look) -> Reply:
    return _found_reply(paging, _found(call, wanted, paging, look), None)


def _found_reply(paging: Paging, found: Found, total: int | None) -> Reply:
    return paging.pause(total) if paging.is_pause else paging.page(*found, total)


def _found(call: Call, wanted: Search, paging: Paging, look: Look) -> Found:
    for drive_id in wanted.drive_ids:
        check_drive(call, drive_id)
    if paging.is_pause:
        return [], None
    try:
        page = call.store.search(
            wanted.drive_ids,
            parse_search(wanted.query),
            parse_order(wanted.order_by),
            limit=paging.take,
            after=paging.after,
            recursive=wanted.recursive,
        )
    except InvalidRequest as error:
        raise refused("query", error) from None
    return [look.show(call, _GENERAL, row) for row in page.rows], page.next


def _count(call: Call, wanted: Search) -> int:
    try:
        query = parse_search(wanted.query)
        return call.store.count(wanted.drive_ids, query, recursive=wanted.recursive)
    except InvalidRequest as error:
        raise refused("query", error) from None


def _drive_ids(params: Params) -> tuple[str, ...]:
    drive_id = params.text("drive_id")
    if drive_id is not None:
        return (drive_id,)
    drive_ids = tuple(dict.fromkeys(params.texts("drive_id_list")))
    if not drive_ids:
        raise missing("drive_id")
    if len(drive_ids) > _MOST_DRIVES:
        raise out_of_range("drive_id_list")
    return drive_ids


def _query_text(params: Params, settings: Settings) -> str | None:
    text = params.text("query")
    if text is None:
        if settings.empty_query == "everything":
            return None
        raise missing("query")
    if len(text) > _LONGEST_QUERY:
        raise out_of_range("query")
    if settings.keywords == "lower-case" and _has_shouted_keyword(text):
        raise invalid("query", "keywords are lower-case")
    parse_search(text)
    return text


def _has_shouted_keyword(text: str) -> bool:
    return any(not word.islower() for word in _KEYWORD.findall(_QUOTED.sub("", text)))


_KEYWORD = re.compile(r"\b(?:and|or|not|in|match|prefix)\b", re.IGNORECASE)


@lru_cache(maxsize=256)
def parse_search(text: str | None) -> Query | None:
    """The query, None for everything; ServiceError when it is malformed."""
    if text is None:
        return None
    try:
        return parse_query(text, lenient=True)
    except InvalidRequest as error:
        raise refused("query", error) from None


@lru_cache(maxsize=256)
def parse_order(text: str) -> tuple[OrderTerm, ...]:
    """The order; ServiceError when it is malformed or names a field that cannot be sorted by."""
    try:
        terms = parse_order_by(text).terms
    except InvalidRequest as error:
        raise refused("order_by", error) from None
    if len(terms) > _MOST_KEYS:
        raise out_of_range("order_by")
    return terms


# ---- list


@frozen
class Listing:
    """What ``/file/list`` was asked for."""

    parent_file_id: str
    order_by: str
    type: str | None
    category: str | None
    status: str
    starred: bool | None

    @classmethod
    def read(cls, call: Call) -> Listing:
        """From the parameters, checked."""
        params = call.params
        parent = params.required("parent_file_id")
        field, direction = call.settings.list_order.split()
        field = params.choice("order_by", ("created_at", "updated_at", "size", "name")) or field
        if params.text("order_by") is not None:
            direction = "ASC"
        direction = params.choice("order_direction", ("ASC", "DESC")) or direction
        return cls(
            parent,
            f"{field} {direction}",
            params.choice("type", ("file", "folder")),
            params.choice("category", _CATEGORIES),
            params.choice("status", ("available", "uploading")) or "available",
            params.flag("starred"),
        )

    @property
    def filter(self) -> Query | None:
        """The conditions beyond the folder."""
        wanted: list[Query] = []
        if self.type is not None:
            wanted.append(F.type == self.type)
        if self.category is not None:
            wanted.append(F.category == self.category)
        if self.starred is not None:
            wanted.append(F.starred if self.starred else ~F.starred)
        both: Query | None = None
        for condition in wanted:
            both = condition if both is None else both & condition
        return both

    def to_list(self, place: Place) -> list[Any]:
        """For a marker."""
        parts = (self.parent_file_id, self.order_by, self.type, self.category)
        return [place.key, *parts, self.status, self.starred]


async def list_(call: Call) -> Reply:
    """``/file/list``: the children of one folder, or what a share shows at its root."""
    address = read_address(call)
    wanted = Listing.read(call)
    paging = Paging.read(call, "list")
    look = Look.read(call)
    return await call.service.read(_list, call, address, wanted, paging, look)


def _list(call: Call, address: Address, wanted: Listing, paging: Paging, look: Look) -> Reply:
    place = find_place(call, address)
    paging.bind(wanted.to_list(place))
    if paging.is_pause:
        return paging.pause()
    page = _children(call, place, wanted, paging)
    return paging.page([look.show(call, place, row) for row in page.rows], page.next)


def _children(call: Call, place: Place, wanted: Listing, paging: Paging) -> Page:
    order = parse_order(wanted.order_by)
    if place.share is not None and wanted.parent_file_id == "root":
        share_id = place.share.share_id
        return call.store.list_share_root(
            share_id,
            order_by=order,
            limit=paging.take,
            after=paging.after,
            query=wanted.filter,
            status=wanted.status,
        )
    if wanted.parent_file_id != "root":
        try:
            _check_folder(call, place, wanted.parent_file_id)
        except ServiceError as error:
            if call.settings.missing_parent == "empty" and error.code.startswith("NotFound"):
                return Page([], None)
            raise
    return call.store.list_children(
        place.drive_id,
        wanted.parent_file_id,
        order_by=order,
        limit=paging.take,
        after=paging.after,
        query=wanted.filter,
        status=wanted.status,
    )


def _check_folder(call: Call, place: Place, file_id: str) -> None:
    row = find_file(call, place, file_id)
    if not row.findable:
        raise missing_file(call, file_id)
    if row.type != "folder":
        raise invalid("parent_file_id", "it is not a folder")


# ---- get, scan, get_download_url


async def get(call: Call) -> Reply:
    """``/file/get``: one file or folder."""
    address = read_address(call)
    file_id = call.params.required("file_id")
    look = Look.read(call)
    return await call.service.read(_get, call, address, file_id, look)


def _get(call: Call, address: Address, file_id: str, look: Look) -> Reply:
    place = find_place(call, address)
    return raw_reply(look.show(call, place, find_file(call, place, file_id)))


async def scan(call: Call) -> Reply:
    """``/file/scan``: every file of a drive, in no promised order, briefly unless ``fields``."""
    drive_id = call.params.required("drive_id")
    paging = Paging.read(call, "scan")
    look = Look.read(call)
    return await call.service.read(_scan, call, drive_id, paging, look)


def _scan(call: Call, drive_id: str, paging: Paging, look: Look) -> Reply:
    check_drive(call, drive_id)
    paging.bind([drive_id])
    if paging.is_pause:
        return paging.pause()
    page = call.store.scan(drive_id, limit=paging.take, after=paging.after, names=bool(look.fields))
    return paging.page([look.show(call, _GENERAL, row) for row in page.rows], page.next)


async def get_download_url(call: Call) -> Reply:
    """``/file/get_download_url``: a signed URL and what to check the content with."""
    address = read_address(call)
    file_id = call.params.required("file_id")
    life_s = call.params.integer("expire_sec", 1, 115_200, 900)
    row = await call.service.read(_downloadable, call, address, file_id)
    url = call.service.signer.url(
        call.service.base_url,
        row.drive_id,
        row.file_id,
        row.revision_id,
        life_s=life_s,
        **_overrides(call.params, row),
    )
    expires = int(call.service.clock.time()) + life_s
    return json_reply(
        {
            "url": url,
            "internal_url": url,
            "cdn_url": url,
            "expiration": render_time(datetime.fromtimestamp(expires, UTC)),
            "method": "GET",
            **await _checks(call, row),
        }
    )


def _downloadable(call: Call, address: Address, file_id: str) -> FileRow:
    place = find_place(call, address)
    row = find_file(call, place, file_id)
    if row.type == "folder":
        raise ServiceError(
            400, "InvalidResource.FileTypeFolder", "The resource file_type folder is not valid. "
        )
    if place.forbids("download"):
        raise ServiceError(400, "ShareLink.Forbidden", "download is disabled by the creator")
    return row


def _overrides(params: Params, row: FileRow) -> dict[str, str]:
    name = quote(params.text("file_name") or row.name, safe="")
    overrides = {"response-content-disposition": f"attachment; filename*=UTF-8''{name}"}
    content_type = params.text("response_content_type")
    if content_type is not None:
        if not content_type.isprintable():
            raise invalid("response_content_type")
        overrides["response-content-type"] = content_type
    return overrides


async def _checks(call: Call, row: FileRow) -> dict[str, Any]:
    """Size and digests; those that the file has not are computed."""
    known = msgspec.json.decode(row.json)
    names = ("size", "crc64_hash", "content_hash", "content_hash_name")
    checks = {name: known[name] for name in names if known.get(name) is not None}
    content = await call.service.read(call.store.open_content, row.drive_id, row.file_id)
    if content is None:
        raise missing_file(call, row.file_id)
    if "crc64_hash" not in checks:
        checks["crc64_hash"] = await call.service.use_files(content.crc64)
    if "content_hash" not in checks:
        sha1 = await call.service.use_files(content.sha1)
        checks |= {"content_hash": sha1, "content_hash_name": sha1 and "sha1"}
    return {name: value for name, value in checks.items() if value is not None}
