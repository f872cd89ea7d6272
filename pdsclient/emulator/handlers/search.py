"""Searching: search."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from attrs import frozen

from pdsclient.emulator.handlers.access import Place, find_drive
from pdsclient.emulator.handlers.looks import Look
from pdsclient.emulator.handlers.operation import Operation
from pdsclient.emulator.handlers.pages import Paging
from pdsclient.emulator.markers import refused_marker
from pdsclient.emulator.params import Params
from pdsclient.emulator.replies import Reply, forbidden, invalid, missing, out_of_range, refused
from pdsclient.emulator.service import Call
from pdsclient.emulator.settings import Settings
from pdsclient.errors import InvalidRequest
from pdsclient.query import OrderTerm, Query, parse_order_by, parse_query

_MOST_DRIVES = 10
_LONGEST_QUERY = 4096
_LONGEST_ORDER = 128
_MOST_KEYS = 5
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'')


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
        order_by = read_order(call, settings.search_order)
        return cls(drive_ids, query, order_by, params.flag("recursive") or False)


def read_order(call: Call, default: str) -> str:
    """``order_by``, checked."""
    order_by = call.params.text("order_by") or default
    if len(order_by) > _LONGEST_ORDER:
        raise out_of_range("order_by")
    parse_order(order_by)
    return order_by


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
    places = {drive_id: find_drive(call, drive_id) for drive_id in wanted.drive_ids}
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
            within=_open_folders(places.values()),
        )
    except InvalidRequest as error:
        raise refused("query", error) from None
    return [look.show(call, places[row.drive_id], row) for row in page.rows], page.next


def _open_folders(places: Iterable[Place]) -> dict[str, list[str]]:
    """Where to look in the drives that are not open as a whole."""
    within = {
        place.drive_id: place.rights.tops("FILE.LIST")
        for place in places
        if place.rights is not None
    }
    if not all(within.values()):
        raise forbidden("drive")
    return within


def _count(call: Call, wanted: Search) -> int:
    try:
        within = _open_folders(find_drive(call, drive_id) for drive_id in wanted.drive_ids)
        return call.store.count(
            wanted.drive_ids,
            parse_search(wanted.query),
            recursive=wanted.recursive,
            within=within,
        )
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


OPERATIONS = {"/file/search": Operation(search)}
